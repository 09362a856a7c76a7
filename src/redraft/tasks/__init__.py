"""Tasks: kinds of puzzles that can be made, read, encoded, augmented, checked and drawn. NumPy only, never torch."""

from collections.abc import Callable

from redraft.errors import RedraftError
from redraft.tasks.base import Examples, Grid, Puzzle, Task, Verdict, check_task
from redraft.tasks.sudoku import Sudoku

__all__ = ["TASKS", "Examples", "Grid", "Puzzle", "Task", "Verdict", "check_task", "get_task"]

TASKS: dict[str, Callable[[], Task]] = {
    "sudoku-4x4": lambda: Sudoku(4),
    "sudoku-6x6": lambda: Sudoku(6),
    "sudoku-9x9": lambda: Sudoku(9),
}


def get_task(name: str) -> Task:
    """The task called `name`; raises RedraftError naming the known ones."""
    if name not in TASKS:
        raise RedraftError(f"unknown task '{name}'; known tasks: {', '.join(TASKS)}")
    return TASKS[name]()
