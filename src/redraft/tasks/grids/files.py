"""Pairs of grids in files: read one by one, surveyed for their symbols and sizes, and encoded as arrays."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from math import isqrt
from pathlib import Path
from typing import NamedTuple

import numpy as np

from redraft.errors import DataError, DataWarning, PuzzleError
from redraft.tasks.base import OUTSIDE, Examples
from redraft.tasks.grids.text import Rows, rows_of
from redraft.tasks.reading.puzzles import nothing_in, rating_of, records_of
from redraft.tasks.reading.records import Record
from redraft.tasks.reading.source import STDIN

ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".csv.gz", ".jsonl.gz", ".json.gz", ".parquet")
EXPECTED = "expected pairs of grids in a CSV, JSONL or JSON file with input and output, or a folder of such files"
MOST_SYMBOLS = 127  # grids are int8
MOST_CELLS = 900  # 30 x 30, the most for a tiny model
# Leftovers of lists, quotes or code; symbols only where the alphabet is stated.
_LEFT_OVER = re.compile(r"""[\[\](){}"'`]|.[=;:|<>]|[=;:|<>].""")

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
    """The first `limit` pairs of a file or folder; raises DataError with file and line for anything else.

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
    """The rows; a single one with as many cells as the shape is cut into its rows."""
    if shape is None or len(rows) != 1 or len(rows[0]) != shape[0] * shape[1]:
        return rows
    return [rows[0][start : start + shape[1]] for start in range(0, len(rows[0]), shape[1])]


# survey
@dataclass(kw_only=True)
class Survey:
    """A survey of the pairs of one source, or of several one after the other.

    Attributes:
        alphabet: symbols that are allowed; None for all but leftovers of lists and quotes.
        shape: rows and columns that grids in a single row of as many cells are folded into.
        canvas: height and width of grids, and whether they may be smaller; None for any.
        symbols: those seen.
        rows: number of pairs in all.
        heights, widths: least and largest, over questions and answers.
    """

    alphabet: tuple[str, ...] | None = None
    shape: Shape | None = None
    canvas: tuple[int, int, bool] | None = None
    symbols: set[str] = field(default_factory=set)
    rows: int = 0
    heights: tuple[int, int] = (MOST_CELLS, 0)
    widths: tuple[int, int] = (MOST_CELLS, 0)

    def add(self, source: Path, *, limit: int | None = None) -> int:
        """Surveys a source and returns its number of pairs; raises DataError with file and line."""
        before = self.rows
        grouped: bool | None = None
        for pair in pairs(source, limit=limit, shape=self.shape):
            self.rows += 1
            if grouped is None:
                grouped = pair.group is not None
            elif grouped != (pair.group is not None):
                names, other = ("names its group", "do not") if pair.group is not None else ("names no group", "do")
                raise DataError(f"{pair.place}: {names}, but the pairs before it {other}; expected all or none")
            for what, grid in (("input", pair.question), ("output", pair.answer)):
                self._see(grid, f"{pair.place}: {what}")
        if self.rows == before:
            raise DataError(f"{source}: no pairs in it; {EXPECTED}")
        return self.rows - before

    def require_plausible(self, source: Path) -> None:
        """Raises DataError where all grids are single rows that are likely to be squares written in a line.

        Warns where they are numbers of different lengths, which may have lost zeros at their front.
        """
        if self.shape is not None or self.heights != (1, 1) or self.width < 4:
            return
        side = isqrt(self.width)
        if not self.varies and side * side == self.width:
            raise DataError(
                f"{source}: all grids are single rows of {self.width} cells; if they are {side} x {side} cells, give "
                f"--shape {side}x{side}; if they are rows indeed, --shape 1x{self.width}"
            )
        if self.varies and self.symbols <= set("0123456789") and "0" in self.symbols:
            warnings.warn(
                f"{source}: the grids are numbers of {self.widths[0]} to {self.width} digits; zeros at their front may "
                "be lost, as spreadsheets do with numbers: save the columns as text",
                DataWarning,
                stacklevel=2,
            )

    def _see(self, grid: Rows, where: str) -> None:
        height, width = len(grid), len(grid[0])
        if self.canvas is not None:
            tall, wide, varies = self.canvas
            if (height, width) != (tall, wide) and (not varies or height > tall or width > wide):
                expected = f"{'at most ' * varies}{tall} x {wide} cells"
                raise DataError(f"{where}: expected {expected}, got {height} x {width}")
        if height * width > MOST_CELLS:
            raise DataError(f"{where}: {height} x {width} cells; at most 30 x 30 or {MOST_CELLS} in all are possible")
        (low, high), (narrow, wide) = self.heights, self.widths
        if not (low <= height <= high and narrow <= width <= wide):
            self.heights, self.widths = (min(low, height), max(high, height)), (min(narrow, width), max(wide, width))
            if self.height * self.width > MOST_CELLS:
                canvas = f"a canvas of {self.height} x {self.width} cells for all the grids so far"
                raise DataError(f"{where}: {height} x {width} cells would need {canvas}; at most {MOST_CELLS} fit")
        known = len(self.symbols)
        self.symbols.update(*grid)
        if len(self.symbols) > known:
            self._require_alphabet(grid, where)

    def _require_alphabet(self, grid: Rows, where: str) -> None:
        if self.alphabet is not None and not self.symbols <= set(self.alphabet):
            where, symbol = next(
                (f"{where}: row {r + 1}, column {c + 1}", cell)
                for r, row in enumerate(grid)
                for c, cell in enumerate(row)
                if cell not in self.alphabet
            )
            raise DataError(f"{where}: {symbol!r} is not in the alphabet {' '.join(self.alphabet)}")
        if self.alphabet is None and (odd := sorted(filter(_LEFT_OVER.search, self.symbols))):
            raise DataError(
                f"{where}: {odd[0]!r} seems to be left over from a list or quotes that were not read; expected rows "
                "divided by / or new lines, or a list of lists; if it is a symbol, state all symbols with --alphabet"
            )
        if len(self.symbols) > MOST_SYMBOLS:
            some = " ".join(sorted_symbols(self.symbols)[:12])
            raise DataError(
                f"{where}: more than {MOST_SYMBOLS} different symbols ({some} …); separate cells by spaces or commas "
                "where they are longer than a character, rows by /"
            )

    @property
    def height(self) -> int:
        return self.heights[1]

    @property
    def width(self) -> int:
        return self.widths[1]

    @property
    def varies(self) -> bool:
        """Whether some grid is smaller than the canvas that holds them all."""
        return self.heights[0] < self.heights[1] or self.widths[0] < self.widths[1]


def sorted_symbols(symbols: Iterable[str]) -> tuple[str, ...]:
    """Symbols in a sensible order: blanks, numbers by their value, all others."""

    def key(symbol: str) -> tuple[int, int, str]:
        number = symbol.removeprefix("-")
        if number.isascii() and number.isdigit():
            return 1, int(symbol), symbol
        return (0 if symbol in "._·" else 2), 0, symbol

    return tuple(sorted(symbols, key=key))


def encode(
    source: Path, rows: int, *, alphabet: Sequence[str], height: int, width: int, shape: Shape | None = None
) -> tuple[Examples, dict[str, int]]:
    """The first `rows` pairs of a source that has been surveyed, on a canvas of height x width cells.

    Also the numbers of the groups by name; empty, and the examples without groups, where none are named.
    """
    names: dict[str, int] = {}
    index = {symbol: i for i, symbol in enumerate(alphabet)}
    grids = np.full((2, rows, height, width), OUTSIDE, np.int8)
    ratings, groups = np.empty(rows, np.float32), np.zeros(rows, np.int32)
    count = 0
    for i, pair in enumerate(pairs(source, limit=rows, shape=shape)):
        for canvas, grid in zip(grids[:, i], (pair.question, pair.answer), strict=True):
            try:
                cells = bytes([index[cell] for row in grid for cell in row])
                canvas[: len(grid), : len(grid[0])] = np.frombuffer(cells, np.int8).reshape(len(grid), -1)
            except (KeyError, ValueError):
                raise DataError(f"{pair.place}: has changed while it was read; try again") from None
        ratings[i] = pair.rating
        if pair.group is not None:
            groups[i] = names.setdefault(pair.group, len(names))
        count += 1
    if count < rows:
        raise DataError(f"{source}: has changed while it was read; try again")
    named = groups if names else None
    return Examples(questions=grids[0], answers=grids[1], ratings=ratings, groups=named), names


def place_of(source: Path, row: int) -> str:
    """The place of pair `row` of a source, in words."""
    return next((pair.place for pair in islice(pairs(source), row, None)), str(source))


def blank_of(examples: Examples, alphabet: Sequence[str]) -> str | None:
    """The symbol of open cells: no answer holds it, and answers keep all other cells; None unless just one is so."""
    found = []
    for i, symbol in enumerate(alphabet):
        asked = examples.questions == i
        kept = (asked | (examples.questions == examples.answers)).all()
        if kept and asked.any() and not (examples.answers == i).any():
            found.append(symbol)
    return found[0] if len(found) == 1 else None
