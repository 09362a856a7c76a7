"""Puzzles of a task from the records of a text or a file."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from redraft.errors import PuzzleError
from redraft.tasks.base import Puzzle, Task
from redraft.tasks.reading.records import Notation, Record, is_parquet, parquet_records, records
from redraft.tasks.reading.source import STDIN, lines_of, name_of


def read(task: Task, notation: Notation, lines: Iterable[str], name: str) -> Iterator[Puzzle | PuzzleError]:
    """The puzzles of a text, in order, each as soon as its last line has come. See `records`."""
    for record in records(lines, name, notation):
        yield puzzle_of(task, record)


def puzzle_of(task: Task, record: Record) -> Puzzle | PuzzleError:
    """The puzzle of a record, or its error."""
    what = ""
    try:
        if record.error:
            raise PuzzleError(record.error)
        if record.question is None:
            raise PuzzleError("the question is missing")
        question, answer = task.board(record.question), None
        if record.answer is not None:
            what = "answer: "
            answer = task.board(record.answer)
            if task.judges and (reason := task.check(question, answer).reason):
                raise PuzzleError(reason)
        what = ""
        rating = rating_of(record)
    except PuzzleError as error:
        return PuzzleError(what + error.message, record.place)
    return Puzzle(
        question=question,
        answer=answer,
        rating=None if math.isnan(rating) else rating,
        place=record.place,
        drawn=record.drawn,
    )


def rating_of(record: Record) -> float:
    """The rating of a record, NaN where it has none; raises PuzzleError for anything but a number."""
    given = record.rating
    if given is None or (isinstance(given, str) and not given.strip()):
        return math.nan
    try:
        decimal = isinstance(given, str) and re.fullmatch(r"\s*[+-]?\d+,\d+\s*", given)
        return float(given.replace(",", ".") if decimal else given)
    except (TypeError, ValueError):
        wrong = f"rating {given!r} is not a number; expected one such as 2.5, or nothing"
        raise PuzzleError(wrong, record.place) from None


def records_of(path: str | Path, notation: Notation | None) -> Iterator[Record]:
    """The records of a file (`-`: standard input): a text in any form, or a table in Parquet. Raises DataError."""
    if str(path) != STDIN and is_parquet(Path(path)):
        return parquet_records(Path(path))
    return records(lines_of(path), name_of(path), notation)


def nothing_in(file: Path) -> str:
    """The reason why no record came out of a file."""
    return "no puzzles in this file" if any(map(str.strip, lines_of(file))) else "the file is empty"


def is_array_of_symbols(value: object) -> bool:
    """Whether a board is an array (H, W) of whole numbers from 0: a grid in the task's own symbols."""
    if not isinstance(value, np.ndarray) or value.ndim != 2 or value.dtype.kind not in "iubf":
        return False
    return bool((value >= 0).all() and (value == np.floor(value)).all())
