"""Puzzles and examples of a task from the records of a text, a file, a folder or the Hugging Face Hub."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from redraft import hub
from redraft.errors import DataError, PuzzleError
from redraft.tasks.base import Examples, Grid, Puzzle, Task
from redraft.tasks.reading.parquet import is_parquet, parquet_records
from redraft.tasks.reading.records import Notation, Record, records
from redraft.tasks.reading.source import STDIN, lines_of, name_of

ENDINGS = (".csv", ".txt", ".csv.gz", ".txt.gz", ".tsv", ".jsonl", ".json", ".parquet", ".sdm")
FORMATS = "expected puzzles one a line, drawn, or in a CSV with the columns question and answer"
NO_NUMBER = "is not a number; expected one such as 2.5, or nothing"
BATCH = 1 << 12  # records that are made arrays of at once


class Answered(NamedTuple):
    """The result of a search for N answers: answers (N, H, W), ratings (N,), and which have the answer they should."""

    answers: NDArray[np.int8]
    ratings: NDArray[np.floating | np.integer]
    sound: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How the puzzles of a task are read.

    Attributes:
        notation: of bare puzzles.
        values: the symbol of each ASCII character (128,), -1 for those that need a closer look.
        search: answers questions (N, H, W) that come without.
    """

    notation: Notation
    values: NDArray[np.int8]
    search: Callable[[NDArray[np.int8]], Answered]


def values_of(symbols: Mapping[str, int]) -> NDArray[np.int8]:
    """The table (128,) of `Reading.values` for these characters."""
    values = np.full(128, -1, np.int8)
    for character, symbol in symbols.items():
        if character.isascii():
            values[ord(character)] = symbol
    return values


def read(task: Task, notation: Notation, lines: Iterable[str], name: str) -> Iterator[Puzzle | PuzzleError]:
    """The puzzles of a text, in order, each as soon as its last line has come. See `records`."""
    for record in records(lines, name, notation):
        yield puzzle_of(task, record)


def puzzle_of(task: Task, record: Record) -> Puzzle | PuzzleError:
    """The puzzle of a record, or what is wrong with it."""
    what = ""
    try:
        if record.error:
            raise PuzzleError(record.error)
        if record.question is None:
            raise PuzzleError("the question is missing")
        question, answer = _board(task, record.question), None
        if record.answer is not None:
            what = "answer: "
            answer = _board(task, record.answer)
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


def _board(task: Task, value: Any) -> Grid:
    return task.parse(value) if isinstance(value, str) else task.board(value)


def rating_of(record: Record) -> float:
    """The rating of a record, NaN where it has none; raises PuzzleError for what is no number."""
    given = record.rating
    if given is None or (isinstance(given, str) and not given.strip()):
        return math.nan
    try:
        decimal = isinstance(given, str) and re.fullmatch(r"\s*[+-]?\d+,\d+\s*", given)
        return float(given.replace(",", ".") if decimal else given)
    except (TypeError, ValueError):
        raise PuzzleError(f"rating {given!r} {NO_NUMBER}", record.place) from None


def load(task: Task, reading: Reading, path: str, *, split: str = "train", limit: int | None = None) -> Examples:
    """Examples from a file, a folder with `{split}.csv` or another of ENDINGS, or `hf:OWNER/NAME`.

    Puzzles without answers are answered by search. Raises DataError with file and line for anything that is not a
    puzzle with its right answer.
    """
    file = hub.data_file(path, split) if path.startswith(hub.PREFIX) else Path(path)
    file = file_in(file, split)
    found = islice(records_of(file, reading.notation), limit)
    parts = []
    while batch := list(islice(found, BATCH)):
        parts.append(_examples(task, reading, batch))
    if not parts:
        raise DataError(f"{file}: {nothing_in(file)}; {FORMATS}")
    return Examples(
        questions=np.concatenate([part.questions for part in parts]),
        answers=np.concatenate([part.answers for part in parts]),
        ratings=np.concatenate([part.ratings for part in parts]),
    )


def records_of(path: str | Path, notation: Notation | None) -> Iterator[Record]:
    """The records of a file (`-`: standard input): a text in any form, or a table in Parquet. Raises DataError."""
    if str(path) != STDIN and is_parquet(Path(path)):
        return parquet_records(Path(path))
    return records(lines_of(path), name_of(path), notation)


def nothing_in(file: Path) -> str:
    """The reason why no record came out of a file."""
    return "no puzzles in this file" if any(map(str.strip, lines_of(file))) else "the file is empty"


def file_in(path: Path, split: str, endings: Sequence[str] = ENDINGS) -> Path:
    """The file itself, or that of a folder which holds a split; raises DataError where the folder has none."""
    if not path.is_dir():
        return path
    files = [path / f"{split}{ending}" for ending in endings]
    if (file := next((each for each in files if each.is_file()), None)) is not None:
        return file
    names = f"neither {files[0].name} nor {files[1].name} in this folder"
    raise DataError(f"{path}: {names}; give a folder with one of them, or the path of a file")


def _examples(task: Task, reading: Reading, batch: Sequence[Record]) -> Examples:
    """The examples of some records, in few operations where they are written plainly."""
    for record in batch:
        if record.error:
            raise DataError(f"{record.place}: {record.error}")
        if record.question is None:
            raise DataError(f"{record.place}: the question is missing")
    questions = _grids(task, reading, batch, [record.question for record in batch], "")
    known = np.array([record.answer is not None for record in batch])
    answers = questions.copy()
    rows = np.flatnonzero(known)
    given = _grids(
        task, reading, [batch[row] for row in rows.tolist()], [batch[row].answer for row in rows.tolist()], "answer: "
    )
    answers[rows] = given
    if wrong := rows[~task.check_many(questions[rows], given)].tolist():
        reason = task.check(questions[wrong[0]], answers[wrong[0]]).reason
        raise DataError(f"{batch[wrong[0]].place}: answer: {reason}")
    try:
        ratings = np.array([rating_of(record) for record in batch], np.float32)
    except PuzzleError as error:
        raise DataError(str(error)) from None
    _answer(task, reading, batch, questions, answers, ratings, np.flatnonzero(~known))
    return Examples(questions=questions, answers=answers, ratings=ratings)


def _grids(
    task: Task, reading: Reading, batch: Sequence[Record], written: Sequence[Any], what: str
) -> NDArray[np.int8]:
    """Grids (N, H, W) of what stands in records; raises DataError, which says with `what` where."""
    grids = np.empty((len(written), task.height, task.width), np.int8)
    size = task.seq_len
    texts = [each if isinstance(each, str) and len(each) == size else str(each).strip() for each in written]
    plain = np.array([len(text) == size and text.isascii() for text in texts], bool)
    if plain.any():
        joined = "".join(text for text, good in zip(texts, plain, strict=True) if good).encode("ascii")
        values = reading.values[np.frombuffer(joined, np.uint8)].reshape(-1, size)
        grids[plain] = values.reshape(-1, task.height, task.width)
        plain[np.flatnonzero(plain)[(values < 0).any(1)]] = False
    for row in np.flatnonzero(~plain).tolist():
        try:
            grids[row] = _board(task, written[row])
        except PuzzleError as error:
            raise DataError(f"{batch[row].place}: {what}{error.message}") from None
    return grids


def _answer(
    task: Task,
    reading: Reading,
    batch: Sequence[Record],
    questions: NDArray[np.int8],
    answers: NDArray[np.int8],
    ratings: NDArray[np.float32],
    rows: NDArray[np.intp],
) -> None:
    """Finds, in place, the answers and ratings of rows that came without; raises DataError where one has none."""
    if not len(rows):
        return
    found = reading.search(questions[rows])
    for row in rows[~found.sound].tolist():
        try:
            task.validate(questions[row])
        except PuzzleError as error:
            raise DataError(f"{batch[row].place}: {error.message}") from None
    answers[rows] = found.answers
    ratings[rows] = np.where(np.isnan(ratings[rows]), found.ratings, ratings[rows])


def is_array_of_symbols(value: object) -> bool:
    """Whether a board is an array (H, W) of whole numbers from 0: a grid in the task's own symbols."""
    if not isinstance(value, np.ndarray) or value.ndim != 2 or value.dtype.kind not in "iubf":
        return False
    return bool((value >= 0).all() and (value == np.floor(value)).all())
