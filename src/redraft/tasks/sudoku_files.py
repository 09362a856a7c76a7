"""Sudoku as others write it: its characters, for `puzzle_files` to read texts and CSV files by."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from redraft.errors import PuzzleError
from redraft.tasks import puzzle_files, sudoku_search
from redraft.tasks.base import Examples, Puzzle, Task
from redraft.tasks.puzzle_files import Answered, Notation, fields

__all__ = ["BLANKS", "bad_character", "bare", "fields", "load", "read"]

BLANKS = ".0_·"
SEPARATORS = dict.fromkeys([*map(ord, " \t\r\n\f\v|!-+=,;\"'\ufeff\u00a0"), *range(0x2500, 0x2580)])


def bare(text: str) -> str:
    """The characters of a text that stand for cells, separators and ruled lines left out."""
    return text.translate(SEPARATORS)


def bad_character(character: str, i: int, size: int) -> str:
    """What is wrong with a character that is no digit of a `size` x `size` Sudoku and stands in cell `i`."""
    where = f"cell {i + 1} (row {i // size + 1}, column {i % size + 1})"
    return f"character '{character}' at {where} is not a digit 1-{size} or a blank ({' '.join(BLANKS)})"


def notation(size: int) -> Notation:
    """How a Sudoku with `size` digits is written."""
    values = np.full(256, -1, np.int8)
    values[[ord(blank) for blank in BLANKS if blank.isascii()]] = 0
    values[ord("1") : ord("1") + size] = np.arange(1, size + 1)
    return Notation(
        values=values,
        skipped=SEPARATORS,
        comment="#",
        wrong=lambda character, i: bad_character(character, i, size),
        search=_search,
    )


def _search(questions: NDArray[np.int8]) -> Answered:
    counts, answers, guesses = sudoku_search.solve_many(questions)
    return Answered(answers, guesses, counts == 1)


def read(task: Task, lines: Iterable[str], name: str) -> list[Puzzle | PuzzleError]:
    """All puzzles of a text; lines starting with `#` divide drawings. See `puzzle_files.read`."""
    return puzzle_files.read(task, notation(task.width), lines, name)


def load(task: Task, path: str, *, split: str = "train", limit: int | None = None) -> Examples:
    """Examples from a file, a folder or the Hugging Face Hub. See `puzzle_files.load`."""
    return puzzle_files.load(task, notation(task.width), path, split=split, limit=limit)
