"""Mazes as people write them: drawn or in one line, with spaces cut off or added, in the usual signs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from math import isqrt
from typing import Any

import numpy as np

from redraft.errors import PuzzleError
from redraft.tasks.base import Grid
from redraft.tasks.reading import literals
from redraft.tasks.reading.records import Numbered, Record

SYMBOLS = "# SGo"  # wall, free, start, goal, path: 0..4 are written so
FREE_TOO = "."  # a free cell for those whose editor drops spaces
COMMENT = ";"  # not #, which is a wall
SIDES = 4, 64  # least and most rows or columns
WALLS = "#█▓▒■"
CHARACTERS = "# (wall), space or . (free), S (start), G or E (goal), o (path)"
_SIGNS = {"#": "█▓▒■", " ": "·._", "S": "s", "G": "gEe", "o": "O"}  # of other programs
ALWAYS = {sign: symbol for symbol, signs in _SIGNS.items() for sign in signs}
WITHOUT_WALLS = {"1": "#", "0": " ", "*": "#"}  # only where none of WALLS is
_KNOWN = {*SYMBOLS, *ALWAYS, *WITHOUT_WALLS}
_FRAME = re.compile(r"\s*[┌├└╔╠╚+][─═┬┼┴┐┤┘╗╣╝╦╬╩┌├└╔╠╚+ -]*\s*")
_FRAMED = re.compile(r"\s*[│║|](.*)[│║|]\s*")
_SPLIT = re.compile(r"\s*[│║|]\s{2,}[│║|]\s*")
_LETTERS = re.compile(r"[^\W\d_]{2,}")
_LONGEST = 70  # lines of nested lists


class MazeText:
    """The notation of mazes of one size; without one, that of the maze itself."""

    comment = COMMENT

    def __init__(self, size: tuple[int, int] | None = None) -> None:
        self.size = size

    # one maze
    def grid(self, value: Any) -> Grid:
        """The maze (H, W) int8 in a text or in nested lists; raises PuzzleError."""
        if not isinstance(value, str):
            return self._numbers(self.of_lists(value))
        rows = [row.rstrip("\r") for row in value.split("\n")]
        while rows and not rows[0].strip(" \r"):
            if self.size and (len(rows) == self.size[0] or len(rows[0]) == self.size[0] * self.size[1]):
                break
            del rows[0]
        while rows and not rows[-1] and not (self.size and len(rows) == self.size[0] > 1):
            del rows[-1]
        if any(_FRAMED.fullmatch(row) for row in rows) or (rows and literals.begins(rows[0])):
            found = list(self.bare(iter(enumerate(rows, 1)), ""))
            if len(found) == 1 and not found[0].error:
                return self._numbers(str(found[0].question).split("\n"))
        return self._numbers(rows)

    def size_of(self, value: Any) -> tuple[int, int] | None:
        """Rows and columns of a maze; None where it is none."""
        try:
            height, width = self.grid(value).shape
        except PuzzleError:
            return None
        return height, width

    def of_lists(self, value: Any) -> list[str]:
        """Nested lists or an array as rows of text: rows of characters, or texts."""
        rows = value.tolist() if hasattr(value, "tolist") else value
        if not isinstance(rows, list | tuple):
            raise PuzzleError("expected a maze as text or as rows of cells")
        return ["".join(map(str, row)) if isinstance(row, list | tuple) else str(row) for row in rows]

    # texts
    def bare(self, lines: Iterator[Numbered], name: str) -> Iterator[Record]:
        """All mazes of a text, each as soon as it is complete; remarks and titles are skipped."""
        drawing: list[Numbered] = []
        for number, line in lines:
            text = line.expandtabs()
            if _FRAME.fullmatch(text) and not set(text) <= {" "}:
                continue
            if (framed := _FRAMED.fullmatch(text)) is not None:
                parts = _SPLIT.split(framed[1])
                text = parts[0] if len(parts) <= 2 else text
            text = _joined(text)
            if text.lstrip().startswith(self.comment):
                yield from self._drawn(drawing, name)
            elif not text.strip():
                if text and self.size and len(text) == self.size[1]:
                    drawing.append((number, text))
                elif drawing and self._waits(drawing):
                    drawing.append((number, ""))  # a row of free cells whose spaces were cut off, if more comes
                else:
                    yield from self._drawn(drawing, name)
            elif literals.begins(text):
                yield from self._drawn(drawing, name)
                yield from self._literal(number, text, lines, name)
            elif (whole := self._in_a_line(text, drawing)) is not None:
                yield from self._drawn(drawing, name)
                yield Record(f"{name}, line {number}", *whole)
            elif self._is_row(text, drawing):
                drawing.append((number, text))
            else:
                yield from self._drawn(drawing, name)
                if self._is_damaged(text):
                    yield Record(f"{name}, line {number}", text, error=self._expected([text]))
            if self.size and len(drawing) == self.size[0]:
                yield from self._drawn(drawing, name)
        yield from self._drawn(drawing, name)

    def _literal(self, number: int, line: str, lines: Iterator[Numbered], name: str) -> Iterator[Record]:
        place = f"{name}, line {number}"
        try:
            found = literals.nested(literals.whole(line, lines, _LONGEST))
            several = all(isinstance(each, list) and isinstance(next(iter(each), 0), list) for each in found)
            for board in found if several and found else [found]:
                yield Record(place, "\n".join(self.of_lists(board)))
        except literals.LiteralError as error:
            yield Record(place, error=error.message)

    def _in_a_line(self, text: str, drawing: Sequence[Numbered]) -> tuple[str, str | None] | None:
        """The maze that a line holds, and its answer where that stands behind a comma; None where it holds none."""
        for fields in ([text], re.split("[,\t]", text)):
            first = fields[0].strip('"')
            answer = (fields[1].strip('"') or None) if len(fields) > 1 else None
            if len(fields) > 1 and not (len(first) > 8 and _ends(first)):
                continue
            if self.size is not None:
                height, width = self.size
                short = height * width - len(first)
                if 0 <= short < width and len(first) > width and (not short or (_ends(first) and " " in first)):
                    return first.ljust(height * width), answer
                if len(fields) > 1 and len(first) > 2 * width:
                    return first, answer
            elif not drawing and (_is_square(first) or _is_square(first := _squared(first))):
                return first, answer
        return None

    def _is_row(self, text: str, drawing: Sequence[Numbered]) -> bool:
        width = self.size[1] if self.size else len(drawing[0][1]) if drawing else 0
        known = sum(sign in _KNOWN for sign in text)
        cells = len(text.strip())
        if known == len(text):
            least = 3 if any(sign in WALLS for sign in text) else 4
            return bool(drawing) or cells >= least or (len(text) > 3 and not _LETTERS.search(text))
        if cells > 3 and not _LETTERS.search(text) and all(sign in _KNOWN for sign in text if sign.isalnum()):
            return True  # unknown signs: reading will name the first
        usual = sum(sign in WALLS + ". " for sign in text)
        return 4 * known >= 3 * len(text) and 2 * usual > len(text) and (len(text) in (width, width + 1) or not width)

    def _waits(self, drawing: Sequence[Numbered]) -> bool:
        """Whether a drawing before an empty line has only one of S and G, so that it may go on after the line."""
        text = "".join(line for _, line in drawing)
        ends = ("S" in text or "s" in text, any(goal in text for goal in "GgEe"))
        return sum(ends) == 1 and FREE_TOO not in text and bool(drawing[-1][1])

    def _is_damaged(self, text: str) -> bool:
        """Whether a line that is no maze is a damaged one, rather than a remark."""
        return len(text) > 3 and 4 * sum(sign in _KNOWN for sign in text) >= 3 * len(text) and _ends(text)

    def _drawn(self, drawing: list[Numbered], name: str) -> Iterator[Record]:
        """The mazes of the lines of a drawing, which is emptied; an empty line joins two halves, or divides mazes."""
        rows = drawing[:]
        drawing.clear()
        while rows and not rows[-1][1]:
            rows.pop()
        if not rows:
            return
        lines = [line for _, line in rows]
        together = "".join(lines)
        if "" in lines and not (together.count("S") + together.count("s") == 1 and _ends(together)):
            cut = lines.index("")
            yield from self._drawn(rows[:cut], name)
            yield from self._drawn(rows[cut + 1 :], name)
            return
        if len(lines) == 1 and self.size is None and not _ends(lines[0]):
            return  # a line of walls or of a title
        yield Record(f"{name}, line {rows[0][0]}", "\n".join(lines), drawn=len(lines) > 1)

    # rows
    def _numbers(self, rows: list[str]) -> Grid:
        """The maze of rows of signs, or of one row that holds them all; raises PuzzleError."""
        rows = _close(_undented(rows, self.size), self.size)
        if self.size is not None:
            height, width = self.size
            if len(rows) != 1:
                rows = _filled(rows, width, pad=len(rows) == height)
        else:
            height, width = self._shape(rows)
            rows = _filled(rows, width, pad=True) if len(rows) > 1 else rows
        cells = "".join(rows)
        signs = _translated(cells, height, width)
        if len(rows) == height:
            for r, row in enumerate(rows):
                if len(row) != width:
                    hint = "; a free cell at the end of a row may be written as a dot" if len(row) < width else ""
                    raise PuzzleError(f"row {r + 1}: expected {width} cells, got {len(row)}{hint}")
        if len(cells) != height * width or len(rows) not in (1, height):
            raise PuzzleError(self._expected(rows))
        grid = np.array([SYMBOLS.index(sign) for sign in signs], np.int8).reshape(height, width)
        return _with_openings(grid)

    def _shape(self, rows: Sequence[str]) -> tuple[int, int]:
        """Rows and columns of a maze whose size is not known: as drawn, or the square that one line makes."""
        low, high = SIDES
        if len(rows) == 1:
            side = isqrt(len(rows[0]))
            if side * side == len(rows[0]) and low <= side <= high and _ends(rows[0]):
                _translated(rows[0], side, side)
                return side, side
            raise PuzzleError(self._expected(rows))
        bare = [row.rstrip() for row in rows]
        longest, height = max(map(len, bare), default=0), len(rows)
        if len(set(map(len, rows))) == 1:  # as drawn, unless it is square without spaces that all rows end with
            width = height if longest <= height < len(rows[0]) else len(rows[0])
        else:  # spaces were cut off somewhere
            width = height if longest < height and any(len(row) < longest for row in rows) else longest
        if not (low <= height <= high and low <= width <= high):
            raise PuzzleError(self._expected(rows))
        return height, width

    def _expected(self, rows: Sequence[str]) -> str:
        """The mistake in rows that are no maze: the first unknown sign, or the number of cells."""
        if self.size is not None:
            height, width = self.size
            drawn = f" ({height} rows of {width}; got {len(rows)} rows)" if len(rows) > 1 else ""
            return f"expected {height * width} characters, got {sum(map(len, rows))}{drawn}"
        for r, row in enumerate(rows):
            for c, sign in enumerate(row):
                if sign not in _KNOWN:
                    return f"character '{sign}' at row {r + 1}, column {c + 1} is none of {CHARACTERS}"
        got = f"{len(rows)} rows of up to {max(map(len, rows))}" if len(rows) > 1 else f"{len(''.join(rows))} in a line"
        missing = "" if _ends("".join(rows)) else "; S and G are missing" if rows else ""
        return (
            f"expected a maze of {SIDES[0]} to {SIDES[1]} rows and columns, drawn, or in one line if it is square; "
            f"it is made of {CHARACTERS}; got {got}{missing}"
        )


def is_maze_line(line: str) -> bool:
    """Whether a line is plainly of a maze: signs of mazes alone, a wall or a start or goal among them."""
    text = line.strip()
    signs = set(text)
    return len(text) > 3 and signs <= _KNOWN and bool(signs & set(WALLS + "Ss")) and len(signs) > 1


def _translated(cells: str, height: int, width: int) -> str:
    """The cells in SYMBOLS; raises PuzzleError naming the first that is none."""
    signs: Mapping[str, str] = ALWAYS if any(wall in cells for wall in WALLS) else {**ALWAYS, **WITHOUT_WALLS}
    found = "".join(signs.get(cell, cell) for cell in cells)
    for i, sign in enumerate(found):
        if sign not in SYMBOLS:
            where = f"cell {i + 1} (row {i // width + 1}, column {i % width + 1})"
            raise PuzzleError(f"character '{cells[i]}' at {where} is none of {CHARACTERS}")
    return found


def _is_square(text: str) -> bool:
    """Whether a line is a maze of as many rows as columns."""
    return isqrt(len(text)) ** 2 == len(text) >= SIDES[0] ** 2 and _ends(text) and set(text) <= _KNOWN


def _squared(text: str) -> str:
    """A maze in a line with the spaces that were cut off at its end, as many as it lacks of a square."""
    side = isqrt(max(len(text) - 1, 0)) + 1
    return text.ljust(side * side) if " " in text and side * side - len(text) < side else text


def _joined(text: str) -> str:
    """The line without commas, semicolons or tabs, where each of its signs stands between such."""
    for delimiter in ",;\t":
        fields = text.strip().split(delimiter)
        if len(fields) >= SIDES[0] and all(len(field.strip()) <= 1 for field in fields):
            return "".join(field.strip() or " " for field in fields)
    return text


def _ends(text: str) -> bool:
    """Whether one start and one goal stand in the text."""
    starts = text.count("S") + text.count("s")
    return starts == 1 and sum(text.count(goal) for goal in "GgEe") == 1


def _undented(rows: list[str], size: tuple[int, int] | None) -> list[str]:
    """The rows without spaces that all of them begin with, where they are too long by those, or no square for them."""
    height, width = size or (len(rows), len(rows))
    if len(rows) != height or height < SIDES[0] or min(map(len, rows), default=0) == 0:
        return rows
    margin = min(len(row) - len(row.lstrip(" ")) for row in rows)
    excess = max(len(row.rstrip(" ")) for row in rows) - width
    return [row[excess:] for row in rows] if 0 < excess <= margin else rows


def _close(rows: list[str], size: tuple[int, int] | None) -> list[str]:
    """The rows with one sign for each cell, where every cell has a space behind it, as in our own boards, or is two
    signs wide."""
    if size is not None and rows and max(map(len, rows)) <= size[1]:
        return rows
    stripped = [row.strip() for row in rows]
    spread = len(rows) > 1 and all(len(row) > 6 and len(row) % 2 and not row[1::2].strip() for row in stripped)
    spread = spread and all(" " not in row[::2] for row in stripped) and len(set(map(len, stripped))) == 1
    if spread:
        return [row[::2] for row in stripped]
    wide = [row.ljust(len(row) + len(row) % 2) for row in rows]
    doubled = len(rows) > 3 and all(
        row[i] == row[i + 1] or (row[i].isalpha() and row[i + 1] in " .") for row in wide for i in range(0, len(row), 2)
    )
    return [row[::2] for row in wide] if doubled else rows


def _filled(rows: Sequence[str], width: int, *, pad: bool) -> list[str]:
    """The rows with spaces that were added at their ends cut off, and with those that were cut off put back.

    None are put back where free cells are written as dots, or where it is not the last cells that are missing.
    """
    with_spaces = any(" " in row for row in rows) or not any(FREE_TOO in row for row in rows)
    cut = [row[:width] + row[width:].rstrip() for row in rows]
    return [row.ljust(width) if pad and with_spaces else row for row in cut]


def _with_openings(grid: Grid) -> Grid:
    """The maze with S and G at the two openings of its border, where it has no S and no G but these."""
    if ((grid == SYMBOLS.index("S")) | (grid == SYMBOLS.index("G"))).any():
        return grid
    border = np.ones(grid.shape, bool)
    border[1:-1, 1:-1] = False
    openings = np.argwhere(border & (grid == SYMBOLS.index(" ")))
    if len(openings) != 2:
        return grid
    opened = grid.copy()
    opened[tuple(openings[0])], opened[tuple(openings[1])] = SYMBOLS.index("S"), SYMBOLS.index("G")
    return opened
