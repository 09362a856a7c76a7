"""Mazes as others write them: their characters, for `puzzle_files` to read texts and CSV files by, and their sizes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isqrt

import numpy as np

from redraft.errors import PuzzleError
from redraft.tasks.base import Grid
from redraft.tasks.puzzle_files import Answered, Notation, fields

SYMBOLS = "# SGo"  # wall, free, start, goal, path: what 0..4 are written as
FREE_TOO = "."  # a free cell for those whose editor drops spaces
COMMENT = ";"  # not #, which is a wall
SIDES = 4, 64  # least and most rows or columns
CHARACTERS = "# (wall), space or . (free), S, G or o (path)"
_SKIPPED = dict.fromkeys(map(ord, "\r\n\ufeff"))


def bare(text: str) -> str:
    """The characters of a text that stand for cells, `·` as a dot."""
    return text.translate({**_SKIPPED, ord("·"): FREE_TOO})


def bad_character(character: str, i: int, width: int) -> str:
    """What is wrong with a character that stands for nothing in a maze, in cell `i`."""
    where = f"cell {i + 1} (row {i // width + 1}, column {i % width + 1})"
    return f"character '{character}' at {where} is none of {CHARACTERS}"


def notation(width: int, search: Callable[..., Answered]) -> Notation:
    """How mazes with rows of `width` cells are written."""
    values = np.full(256, -1, np.int8)
    values[[ord(symbol) for symbol in SYMBOLS]] = np.arange(len(SYMBOLS))
    values[ord(FREE_TOO)] = SYMBOLS.index(" ")
    return Notation(
        values=values,
        skipped=_SKIPPED,
        comment=COMMENT,
        wrong=lambda character, i: bad_character(character, i, width),
        search=search,
    )


def parse(text: str, height: int, width: int) -> Grid:
    """The maze (height, width) int8 in a text: one line of cells, or a line for each row; raises PuzzleError."""
    rows = [row for row in map(bare, text.splitlines()) if row]
    cells = "".join(rows)
    if len(rows) == height:
        for r, row in enumerate(rows):
            if len(row) != width:
                hint = "; a free cell at the end of a row may be written as a dot" if len(row) < width else ""
                raise PuzzleError(f"row {r + 1}: expected {width} cells, got {len(row)}{hint}")
    if len(cells) != height * width or len(rows) not in (1, height):
        drawn = f" ({height} rows of {width}; got {len(rows)} rows)" if len(rows) > 1 else ""
        raise PuzzleError(f"expected {height * width} characters, got {len(cells)}{drawn}")
    symbols = [SYMBOLS.find(" " if cell == FREE_TOO else cell) for cell in cells]
    if -1 in symbols:
        i = symbols.index(-1)
        raise PuzzleError(bad_character(cells[i], i, width))
    return np.array(symbols, dtype=np.int8).reshape(height, width)


def size_of(texts: Sequence[str]) -> tuple[int, int]:
    """Rows and columns of the first maze in the texts (a puzzle or a whole file each); PuzzleError where none has any.

    A drawing tells both; a maze written in one line is taken to be square.
    """
    for text in texts:
        if "S" not in text or "G" not in text:
            continue
        lines = [line for line in map(bare, text.splitlines()) if not line.startswith(COMMENT)]
        while lines and not lines[0]:
            del lines[0]
        drawing = lines[: lines.index("")] if "" in lines else lines
        if (size := _drawn(drawing)) is not None:
            return size
        for part in (part for line in lines for part in (line, *fields(line))):
            side = isqrt(len(part))
            if side * side == len(part) and SIDES[0] <= side <= SIDES[1] and _is_maze(part):
                return side, side
    if not texts:
        raise PuzzleError("no puzzle given; expected at least one")
    raise PuzzleError(
        f"expected a maze of {SIDES[0]} to {SIDES[1]} rows and columns, drawn, or in one line if it is square; "
        f"it is made of {CHARACTERS}"
    )


def _drawn(lines: Sequence[str]) -> tuple[int, int] | None:
    """Size of the maze that lines draw; None where they do not, as when each is a maze of its own."""
    low, high = SIDES
    sized = low <= len(lines) <= high and low <= len(lines[0]) <= high and len(set(map(len, lines))) == 1
    return (len(lines), len(lines[0])) if sized and _is_maze("".join(lines)) else None


def _is_maze(text: str) -> bool:
    return text.count("S") == text.count("G") == 1 and set(text) <= {*SYMBOLS, FREE_TOO}
