"""Tasks: kinds of puzzles that can be made, read, encoded, augmented, checked and drawn. NumPy only, never torch."""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import copy
from typing import Any

from redraft.config import from_dict
from redraft.errors import ConfigError, RedraftError
from redraft.naming import VERSION, made, unversioned
from redraft.tasks.arc.files import SIDE
from redraft.tasks.arc.task import Arc
from redraft.tasks.base import Examples, Grid, Puzzle, Task, Verdict, check_task
from redraft.tasks.grids.task import Grids, GridSpec
from redraft.tasks.maze.task import Maze
from redraft.tasks.maze.text import SIDES
from redraft.tasks.sudoku.search import BOXES
from redraft.tasks.sudoku.task import Sudoku

__all__ = ["TASKS", "Examples", "Grid", "Puzzle", "Task", "Verdict", "check_task", "get_task"]

TASKS: dict[str, Callable[[], Task]] = {
    "sudoku-4x4": lambda: Sudoku(4),
    "sudoku-6x6": lambda: Sudoku(6),
    "sudoku-9x9": lambda: Sudoku(9),
    "maze-8x8": lambda: Maze(8, 8),
    "maze-10x10": lambda: Maze(10, 10),
    "maze-15x15": lambda: Maze(15, 15),
    "maze-30x30": lambda: Maze(30, 30),
    "arc": Arc,
}


def _side(height: int, width: int, of: str) -> int:
    if height != width:
        raise ConfigError(f"unknown task '{of}-{height}x{width}': expected as many rows as columns")
    return height


_SIZED: dict[str, Callable[[int, int], Task]] = {
    "sudoku": lambda height, width: Sudoku(_side(height, width, "sudoku")),
    "maze": Maze,
    "arc": lambda height, width: Arc(_side(height, width, "arc")),
}
ANY_SIZE = {  # what tasks of other sizes are called, and which there are
    "sudoku-NxN": f"N one of {', '.join(map(str, BOXES))}; digits beyond 9 are the letters from A",
    "maze-HxW": f"{SIDES[0]} to {SIDES[1]} rows and columns",
    "arc-NxN": f"a canvas of up to {SIDE} rows and columns",
}


def get_task(spec: str | dict[str, Any]) -> Task:
    """The task of a spec: a name in `TASKS` or of another size, `module:NAME` for your own, or what `Task.spec` gave.

    A name may end in the version of its generator, `sudoku-9x9-v1`, as `Task.id` has it; without, it is the newest.
    `module:NAME` is imported, from the current folder too; NAME is a `Task`, or a class or function that makes one.
    It is run whoever named it: what opens files (`Store.open`, `open_weights`) asks for consent, see `trust.py`.
    Raises RedraftError naming the known tasks, or the version there is.
    """
    if isinstance(spec, dict):
        if spec.get("kind") == "grids":
            return Grids(from_dict(GridSpec, spec, where="task"))
        raise RedraftError(f"unknown kind of task {spec.get('kind')!r}")
    task = _of_name(unversioned(spec))
    if (version := VERSION.search(spec)) and int(version[1]) != task.version:
        raise RedraftError(f"unknown version {version[1]} of {task.name}; known: {task.id}")
    return task


def _of_name(name: str) -> Task:
    if ":" in name:
        task: Task = copy(made(name, Task, what="a task", expected="a redraft.tasks.Task or what makes one"))
        task.name = name
        return task
    if name in TASKS:
        return TASKS[name]()
    if (size := re.fullmatch(r"(\w+)-(\d+)x(\d+)", name)) and size[1] in _SIZED:
        try:
            return _SIZED[size[1]](int(size[2]), int(size[3]))
        except ConfigError as error:
            raise ConfigError(f"task '{name}': {error}") from None
    known = ", ".join((*TASKS, *ANY_SIZE))
    raise RedraftError(f"unknown task '{name}'; known tasks: {known}, or your own as module:NAME")
