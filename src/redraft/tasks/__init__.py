"""Tasks: kinds of puzzles that can be made, read, encoded, augmented, checked and drawn. NumPy only, never torch."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from redraft.errors import RedraftError
from redraft.tasks.base import Examples, Grid, Puzzle, Task, Verdict, check_task
from redraft.tasks.sudoku import Sudoku

__all__ = ["TASKS", "Examples", "Grid", "Puzzle", "Task", "Verdict", "check_task", "get_task", "named"]

TASKS: dict[str, Callable[[], Task]] = {
    "sudoku-4x4": lambda: Sudoku(4),
    "sudoku-6x6": lambda: Sudoku(6),
    "sudoku-9x9": lambda: Sudoku(9),
}


def get_task(spec: str | dict[str, Any]) -> Task:
    """The task of a spec: a name in `TASKS`, `module:NAME` for a task of your own, or what `Task.spec` gave.

    `module:NAME` is imported, from the current folder too; NAME is a `Task`, or a class or function that makes one.
    Raises RedraftError naming the known tasks.
    """
    if isinstance(spec, dict):
        raise RedraftError(f"unknown kind of task {spec.get('kind')!r}")
    if ":" in spec:
        return _foreign(spec)
    if spec not in TASKS:
        raise RedraftError(f"unknown task '{spec}'; known tasks: {', '.join(TASKS)}, or your own as module:NAME")
    return TASKS[spec]()


def named(path: str, *, what: str) -> Any:
    """What `module:NAME` names, imported with the current folder on the path; raises RedraftError saying `what`."""
    module, _, name = path.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")  # as `python -m` does
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise RedraftError(f"{path}: expected {what} as module:NAME ({error})") from error


def _foreign(path: str) -> Task:
    found = named(path, what="a task")
    task = found if isinstance(found, Task) else found() if callable(found) else None
    if not isinstance(task, Task):
        raise RedraftError(f"{path}: expected a redraft.tasks.Task or what makes one, got {type(found).__name__}")
    task.name = path
    return task
