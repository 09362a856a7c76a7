"""Grids as people write them, in text or as nested lists, whatever their symbols are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from redraft.errors import PuzzleError
from redraft.tasks.base import Grid, Task
from redraft.tasks.reading import literals
from redraft.tasks.reading.records import Numbered, Record

# Rows of cells. A row written without separators is left as it is: its characters are its cells.
Rows = list[Sequence[str]]

BETWEEN_CELLS = re.compile(r"\s*,\s*|\s+")
SEPARATED = re.compile(r"[^\S\n]|,")  # a comma, or white space within a row
BARRED = re.compile(r"[\s,/]")  # stand between cells or rows, and so cannot be symbols
# Not every text in brackets is a list: brackets may be symbols.
LIST = re.compile(
    r"""(?:[A-Za-z_][\w.]*\s*\(\s*)?(?:\[[\[(\s]*|\([\[(\s]*(?=[^,]*,))(?:["'\d+.-]|None\b|null\b|nan\b)"""
)
_LONGEST = 40  # lines of a nested list
FORMS = "a grid as text, rows divided by / or new lines, or as a list of lists"


def rows_of(value: object) -> Rows:
    """The cells of a grid, row by row; every row has as many.

    Text has its rows divided by `/` or new lines; cells are characters, or stand between spaces or commas where
    there are any; or it is a list as JSON, Python or NumPy write one. A list has rows, each a list of symbols or whole
    numbers, or each a text of as many characters; a plain list is a single row. Raises PuzzleError naming row and
    column.
    """
    if isinstance(value, str):
        text = value.strip()
        if not LIST.match(text):
            return _of_text(text)
        value = literals.nested(text)
    elif hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return _of_lists(list(value))
    raise PuzzleError(f"expected {FORMS}, got {_short(value)}")


def without_gaps(value: object, blank: str) -> object:
    """A board in which None in lists of cells, as JSON has null, became the blank."""
    if not isinstance(value, list | tuple):
        return value
    return [
        [blank if cell is None else cell for cell in row] if isinstance(row, list | tuple) else row for row in value
    ]


def folded(rows: Rows, height: int, width: int) -> Rows:
    """The rows, of a grid of this size whose cells may all stand in a single row."""
    if len(rows) == 1 < height and len(rows[0]) == height * width:
        return [rows[0][start : start + width] for start in range(0, height * width, width)]
    return rows


def text_of(rows: Sequence[Sequence[str]]) -> str:
    """One line that `rows_of` reads back: characters where all cells are, else cells between spaces, else JSON."""
    if all(len(cell) == 1 for row in rows for cell in row):
        text = "/".join("".join(row) for row in rows)
    elif len(rows[0]) > 1:
        text = "/".join(" ".join(row) for row in rows)
    else:  # no space would show where a cell ends
        text = "["
    return text if not text.startswith("[") else json.dumps([list(row) for row in rows], ensure_ascii=False)


def require_symbol(cell: str) -> None:
    """Raises PuzzleError for what cannot be a symbol, because it could not be written down."""
    if not cell or BARRED.search(cell):
        raise PuzzleError(f"{cell!r} cannot be a symbol, which has no space, comma or slash; write it as another")


def _of_text(text: str) -> Rows:
    text = text.strip("/ \t\r\n")
    if not text:
        raise PuzzleError(f"an empty grid; expected {FORMS}")
    lines = text.replace("\n", "/").split("/")
    if not SEPARATED.search(text):
        return _even([*lines])
    lines = [line.strip() for line in lines]
    if not any(map(SEPARATED.search, lines)):
        return _even([*lines])
    rows = [BETWEEN_CELLS.split(line) if line else [] for line in lines]
    for r, row in enumerate(rows):
        if "" in row:
            raise PuzzleError(f"row {r + 1}, column {row.index('') + 1}: the cell is empty")
    return _even([*rows])


def _of_lists(value: list[Any]) -> Rows:
    if not value:
        raise PuzzleError(f"an empty grid; expected {FORMS}")
    if len(value) > 1 and all(isinstance(row, str) and len(row) == len(value[0]) > 1 for row in value):
        return _of_text("\n".join(value))
    rows = value if isinstance(value[0], list | tuple) else [value]
    found: Rows = []
    for r, row in enumerate(rows):
        if not isinstance(row, list | tuple):
            raise PuzzleError(f"row {r + 1}: expected a list of cells as in row 1, got {_short(row)}")
        found.append([_symbol(cell, r, c) for c, cell in enumerate(row)])
    return _even(found)


def _symbol(cell: object, r: int, c: int) -> str:
    if isinstance(cell, int) and not isinstance(cell, bool):
        return str(cell)
    if isinstance(cell, float) and cell.is_integer():  # as tables have whole numbers with a gap among them
        return str(int(cell))
    where = f"row {r + 1}, column {c + 1}"
    if not isinstance(cell, str):
        raise PuzzleError(f"{where}: expected a symbol or a whole number, got {_short(cell)}")
    try:
        require_symbol(cell)
    except PuzzleError as error:
        raise PuzzleError(f"{where}: {error.message}") from None
    return cell


def _even(rows: Rows) -> Rows:
    """The rows, all of one length; raises PuzzleError naming the first that has another."""
    width = len(rows[0])
    if width and len(set(map(len, rows))) == 1:
        return rows
    for r, row in enumerate(rows):
        if len(row) != width or not width:
            expected = f"{width} cells as in row 1" if width else "cells"
            raise PuzzleError(f"row {r + 1}: expected {expected}, got {len(row) or 'none'}")
    return rows


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


# texts of many grids
class GridText:
    """The notation of grids: lines that hold a whole one each, or as many lines as there are until a blank one."""

    comment = ""  # any character may be a symbol

    def __init__(self, task: Task, *, varies: bool) -> None:
        self.task, self.varies = task, varies

    def grid(self, value: Any) -> Grid:
        """The grid (H, W) int8 of a text or of nested lists; raises PuzzleError."""
        return self.task.board(value)

    def bare(self, lines: Iterator[Numbered], name: str) -> Iterator[Record]:
        """All grids of a text, each as soon as it is complete. Places are `NAME, line N`."""
        height, width = self.task.height, self.task.width
        block: list[Numbered] = []
        for number, line in lines:
            text = line.strip()
            if is_list := LIST.match(text) is not None:
                text = literals.whole(text, lines, _LONGEST)
            alone = is_list or "/" in text or height == 1 or (not self.varies and _length(text) == height * width)
            if block and (alone or not text):
                yield _drawn(block, name)
                block = []
            if alone and text:
                yield Record(f"{name}, line {number}", text)
            elif text:
                block.append((number, line))
                if not self.varies and len(block) == height:
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
