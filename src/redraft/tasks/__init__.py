"""Tasks: kinds of puzzles that can be made, read, encoded, augmented, checked and drawn. NumPy only, never torch."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from redraft.config import from_dict
from redraft.errors import RedraftError
from redraft.naming import known, made
from redraft.tasks.arc.task import Arc
from redraft.tasks.base import Examples, Grid, Puzzle, Task, Verdict, check_task
from redraft.tasks.grids.task import Grids, GridSpec
from redraft.tasks.maze.task import Maze
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

_SIZED: dict[str, Callable[[int, int], Task]] = {  # tasks of any other size
    "maze": Maze,
    "arc": lambda height, width: Arc(height if height == width else 0),
}


def get_task(spec: str | dict[str, Any]) -> Task:
    """The task of a spec: a name in `TASKS`, `module:NAME` for a task of your own, or what `Task.spec` gave.

    `module:NAME` is imported, from the current folder too; NAME is a `Task`, or a class or function that makes one.
    It is run whoever named it: what opens files (`Store.open`, `open_weights`) asks for consent, see `trust.py`.
    Raises RedraftError naming the known tasks.
    """
    if isinstance(spec, dict):
        if spec.get("kind") == "grids":
            return Grids(from_dict(GridSpec, spec, where="task"))
        raise RedraftError(f"unknown kind of task {spec.get('kind')!r}")
    if ":" in spec:
        return _foreign(spec)
    if (size := re.fullmatch(r"(\w+)-(\d+)x(\d+)", spec)) and size[1] in _SIZED:
        return _SIZED[size[1]](int(size[2]), int(size[3]))
    return known(TASKS, spec, what="task")()


def _foreign(path: str) -> Task:
    task: Task = made(path, Task, what="a task", expected="a redraft.tasks.Task or what makes one")
    task.name = path
    return task
