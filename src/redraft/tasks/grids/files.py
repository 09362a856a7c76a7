"""Grids in files: pairs in a CSV, JSONL, JSON or a folder of such files, and questions written or drawn in a text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from redraft.errors import DataError, PuzzleError
from redraft.tasks.grids.text import LIST, Rows, rows_of
from redraft.tasks.reading import literals
from redraft.tasks.reading.puzzles import nothing_in, rating_of, records_of
from redraft.tasks.reading.records import Numbered, Record
from redraft.tasks.reading.source import STDIN

ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".csv.gz", ".jsonl.gz", ".json.gz", ".parquet")
EXPECTED = "expected pairs of grids in a CSV, JSONL or JSON file with input and output, or a folder of such files"
_LONGEST = 40  # lines of a nested list that are waited for

Shape = tuple[int, int]


class GridPair(NamedTuple):
    """A question and its answer, the name of the group it belongs to, and its rating (NaN where unknown)."""

    place: str
    question: Rows
    answer: Rows
    group: str | None
    rating: float


def files_of(source: Path) -> list[Path]:
    """The file, or the files of a folder that may hold pairs, by name; raises DataError where there are none."""
    if str(source) == STDIN or (source.exists() and not source.is_file() and not source.is_dir()):
        raise DataError(f"{source}: pairs are read twice, which a pipe cannot be; save them to a file first")
    if not source.is_dir():
        return [source]
    files = sorted(each for each in source.iterdir() if each.name.lower().endswith(ENDINGS) and each.is_file())
    files = [each for each in files if not each.name.startswith(".")]
    if not files:
        raise DataError(f"{source}: no file in this folder ends in {', '.join(ENDINGS)}; {EXPECTED}")
    return files


def pairs(source: Path, *, limit: int | None = None, shape: Shape | None = None) -> Iterator[GridPair]:
    """The first `limit` pairs of a file or folder; raises DataError with file and line for what is not a pair.

    With a `shape`, grids in a single row of as many cells are folded into its rows and columns.
    """
    return islice((_pair(record, shape) for file in files_of(source) for record in _of_file(file)), limit)


def _of_file(file: Path) -> Iterator[Record]:
    empty = True
    for record in records_of(file, None):
        empty = False
        if record.error:
            raise DataError(f"{record.place}: {record.error}; {EXPECTED}")
        yield record
    if empty and (nothing := nothing_in(file)) == "the file is empty":
        raise DataError(f"{file}: {nothing}; {EXPECTED}")


def _pair(record: Record, shape: Shape | None) -> GridPair:
    rows = []
    for what, value in (("input", record.question), ("output", record.answer)):
        if value is None:
            raise DataError(f"{record.place}: the {what} is missing; expected a pair of grids")
        try:
            rows.append(folded(rows_of(value), shape))
        except PuzzleError as error:
            raise DataError(f"{record.place}: {what}: {error.message}") from None
    try:
        rating = rating_of(record)
    except PuzzleError as error:
        raise DataError(str(error)) from None
    group = None if record.group is None else str(record.group).strip()
    return GridPair(record.place, rows[0], rows[1], group, rating)


def folded(rows: Rows, shape: Shape | None) -> Rows:
    """The rows, or where they are a single one of as many cells as the shape has, that one cut into its rows."""
    if shape is None or len(rows) != 1 or len(rows[0]) != shape[0] * shape[1]:
        return rows
    return [rows[0][start : start + shape[1]] for start in range(0, len(rows[0]), shape[1])]


# questions
class Canvas(Protocol):
    """The part of a task of grids that decides how its questions are read."""

    height: int
    width: int

    @property
    def varies(self) -> bool: ...

    def board(self, value: object) -> NDArray[np.int8]: ...


class GridText:
    """The notation of grids: lines that hold a whole one each, or as many lines as there are until a blank one."""

    comment = ""  # any character may be a symbol

    def __init__(self, canvas: Canvas) -> None:
        self.canvas = canvas

    def grid(self, value: Any) -> NDArray[np.int8]:
        """The grid (H, W) int8 of a text or of nested lists; raises PuzzleError."""
        return self.canvas.board(value)

    def bare(self, lines: Iterator[Numbered], name: str) -> Iterator[Record]:
        """All grids of a text, each as soon as it is complete. Places are `NAME, line N`."""
        canvas, block = self.canvas, list[Numbered]()
        for number, line in lines:
            text = line.strip()
            if text and LIST.match(text):
                while literals.depth(text) > 0 and text.count("\n") < _LONGEST and (more := next(lines, None)):
                    text += "\n" + more[1]
            alone = "/" in text or canvas.height == 1 or LIST.match(text) is not None
            alone = alone or (not canvas.varies and _length(text) == canvas.height * canvas.width)
            if block and (alone or not text):
                yield _drawn(block, name)
                block = []
            if alone and text:
                yield Record(f"{name}, line {number}", text)
            elif text:
                block.append((number, line))
                if not canvas.varies and len(block) == canvas.height:
                    yield _drawn(block, name)
                    block = []
        if block:
            yield _drawn(block, name)


def _drawn(block: Sequence[Numbered], name: str) -> Record:
    text = "\n".join(line for _, line in block)
    return Record(f"{name}, line {block[0][0]}", text, drawn=len(block) > 1)


def _length(line: str) -> int:
    """Cells of a line that holds a single row; 0 where it cannot be read."""
    try:
        return len(rows_of(line)[0])
    except PuzzleError:
        return 0
