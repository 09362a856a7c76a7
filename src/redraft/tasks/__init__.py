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
from redraft.tasks.base import Examples, Grid, Puzzle, Task, Verdict
from redraft.tasks.check import check_task
from redraft.tasks.futoshiki import SIZES, Futoshiki
from redraft.tasks.grids.task import Grids, GridSpec
from redraft.tasks.maze.task import Maze
from redraft.tasks.maze.text import SIDES
from redraft.tasks.roster import DAYS, PEOPLE, Roster
from redraft.tasks.sokoban import BOARDS, Sokoban
from redraft.tasks.sudoku.kernel import BOXES
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
    "futoshiki-4x4": lambda: Futoshiki(4),
    "futoshiki-5x5": lambda: Futoshiki(5),
    "sokoban-6x6": Sokoban,
    "roster-5x7": Roster,
    "arc": Arc,
}


_SQUARE: dict[str, Callable[[int], Task]] = {"sudoku": Sudoku, "arc": Arc, "futoshiki": Futoshiki, "sokoban": Sokoban}
_OBLONG: dict[str, Callable[[int, int], Task]] = {"maze": Maze, "roster": Roster}
ANY_SIZE = {  # names of tasks of other sizes, and the sizes
    "sudoku-NxN": f"N one of {', '.join(map(str, BOXES))}; digits beyond 9 are the letters from A",
    "maze-HxW": f"{SIDES[0]} to {SIDES[1]} rows and columns",
    "arc-NxN": f"a canvas of up to {SIDE} rows and columns",
    "futoshiki-NxN": f"digits 1 to N, N from {SIZES[0]} to {SIZES[1]}",
    "sokoban-NxN": f"{BOARDS[0]} to {BOARDS[1]} rows and columns",
    "roster-HxW": f"{PEOPLE[0]} to {PEOPLE[1]} people, {DAYS[0]} to {DAYS[1]} days",
}


def get_task(spec: str | dict[str, Any]) -> Task:
    """The task of a spec: a name in `TASKS` or of another size, `module:NAME` for your own, or a `Task.spec`.

    A name may end in the version of its generator, `sudoku-9x9-v1`, as in `Task.id`; without, it is the newest.
    `module:NAME` is imported, from the current folder too; NAME is a `Task`, or a class or function that makes one.
    It runs without consent: functions that open files (`Store.open`, `open_weights`) ask for it, see `trust.py`.
    Raises RedraftError naming the known tasks, or the known version.
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
    if size := re.fullmatch(rf"({'|'.join((*_SQUARE, *_OBLONG))})-(\d+)x(\d+)", name):
        height, width = int(size[2]), int(size[3])
        try:
            if size[1] in _OBLONG:
                return _OBLONG[size[1]](height, width)
            if height != width:
                raise ConfigError("expected as many rows as columns")
            return _SQUARE[size[1]](height)
        except ConfigError as error:
            raise ConfigError(f"task '{name}': {error}") from None
    known = ", ".join((*TASKS, *ANY_SIZE))
    raise RedraftError(f"unknown task '{name}'; known tasks: {known}, or your own as module:NAME")
