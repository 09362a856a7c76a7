"""Cells and rows of Sudoku as people write them: signs of digits and blanks, spaces as blanks, and what is wrong."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from math import isqrt
from typing import Any, NamedTuple

import numpy as np

from redraft.errors import PuzzleError
from redraft.tasks.base import Grid
from redraft.tasks.sudoku.kernel import BOXES

SIGNS = ".123456789ABCDEFG"  # of a blank and the digits
BLANKS = ".0_·"  # always blanks; another sign is one where it is the only blank in a puzzle
OTHER_BLANKS = "-xX*?"  # the usual ones
UPRIGHT = "|!¦│┃║┆┊"  # bars between columns
BARS = dict.fromkeys([*map(ord, "|!¦/"), *range(0x2500, 0x2580)], " ")  # stand between cells
WORD = re.compile(r"[^\W\d_]{2,}")
RULED = re.compile(r"(?=.*[-=─━═]{3})[-=+*.:'`,|!─-╿\s]+|\|?(?:\s*:?-+:?\s*\|)+(?:\s*:?-+:?)?\s*")
SECTION = re.compile(r"\[\s*([A-Za-z][\w ]*)\]")  # of SadMan's files
NUMBER = re.compile(r"[\d.#)(:]{1,4}")  # numbers the puzzle that comes next
VALUE = re.compile(r"none|null|nan|na", re.IGNORECASE)  # a word that stands for a blank
_NOTHING = {"", "-1", "none", "null", "nan", "na"}
_WHOLE = re.compile(r"(\d|[1-9]\d)(\.0+)?")  # a number, maybe as tables write it where others are missing
_VALUES = np.full(256, -1, np.int8)  # of characters in Latin-1
_VALUES[[ord(blank) for blank in BLANKS]] = 0
for _value, _sign in enumerate(SIGNS[1:], 1):
    _VALUES[[ord(_sign), ord(_sign.lower())]] = _value


def packed(text: str) -> str:
    """The text without bars and white space."""
    return "".join(text.translate(BARS).split())


def bare(text: str) -> str:
    """The characters of a text that may stand for cells, without all that may stand between them."""
    return "".join(sign for sign in packed(text) if sign not in ",;\"'=+")


def cells_of(line: str, count: int, size: int) -> list[str] | None:
    """The signs of the `count` cells of a line, in whichever way it has as many; None where it has not.

    Cells are fields between commas, semicolons or tabs; or characters, with white space and bars between; or words, of
    which -1 and None are blanks, and several digits a number up to the puzzle's `size` or else candidates of a cell.
    """
    line = line.strip(" \r\n\"'")  # a tab may stand before a cell or after one
    for delimiter in ",;\t":
        if line.count(delimiter) >= count - 1:
            fields = [field.strip().strip("\"'") for field in line.split(delimiter)]
            fields = fields[:-1] if len(fields) == count + 1 and not fields[-1] else fields
            if len(fields) == count and (signs := signs_of(fields, size)):
                return signs
    words = line.translate(BARS).split()
    together = "".join(words)
    if len(together) == count and "-1" not in words and (signs := signs_of(together, size)):
        return signs
    return signs_of(words, size) if len(words) == count else None


def signs_of(cells: Sequence[str], size: int) -> list[str] | None:
    """The signs of separate cells; None where one is unknown, or where there are several signs for a blank."""
    odd = {cell for cell in cells if cell and cell in OTHER_BLANKS}
    if len(odd) > 1 or (odd and any(cell and cell in BLANKS for cell in cells)):
        return None
    return complete([sign_of(cell, size) for cell in cells])


def sign_of(field: str, size: int) -> str | None:
    """The sign of a separate cell: a digit, `.` for a blank or for candidates; None for neither."""
    field = field.strip().strip("\"'")
    if len(field) == 1:
        return "." if field in BLANKS + OTHER_BLANKS else field if is_cell(field, max(size, 9)) else None
    if field.lower() in _NOTHING:
        return "."
    if (number := _WHOLE.fullmatch(field)) and (int(number[1]) <= size or (number[2] and len(number[1]) == 1)):
        return SIGNS[int(number[1])]
    candidates = field.isascii() and field.isdigit() and "0" not in field and list(field) == sorted(set(field))
    return "." if candidates else None


def complete(found: Sequence[Any]) -> list[Any] | None:
    """The list; None where an item is missing."""
    return None if None in found else list(found)


def with_dots(text: str, size: int) -> str | None:
    """The text with `.` for its blanks: BLANKS, or whatever other sign is the only one; None where there are more."""
    odd = {sign for sign in text if not is_cell(sign, size)}
    if not odd:
        return text
    if len(odd) > 1 or any(blank in text for blank in BLANKS) or next(iter(odd)).isdigit():
        return None
    return text.replace(odd.pop(), ".")


def is_cell(sign: str, size: int) -> bool:
    """Whether a character is a digit from 1 to `size`, or always a blank."""
    return sign in BLANKS or sign.upper() in SIGNS[1 : size + 1]


def grid_of(text: str, size: int) -> Grid | None:
    """The grid (size, size) int8 of a string of digits and BLANKS; None where there is another sign in it."""
    values = _VALUES[np.frombuffer(text.encode("latin-1", "replace"), np.uint8)]
    return None if (values < 0).any() or values.max() > size else values.reshape(size, size)


def signs_of_lists(rows: Sequence[Any], sizes: Sequence[int]) -> str:
    """Nested lists as one string: a board of cells, of rows written together, or all cells in one list.

    Raises PuzzleError naming a cell that is none.
    """
    cells: list[str] = []
    for row in rows:
        if isinstance(row, str) and len(rows) in sizes and len(row) > 1:
            cells += cells_of(row, len(rows), len(rows)) or [row]
        else:
            cells += map(_text_of, row if isinstance(row, list | tuple) else [row])
    size = next((size for size in sizes if size * size == len(cells)), max(sizes))
    signs = [sign_of(cell, size) for cell in cells]
    if None in signs:  # one other sign may stand for all blanks
        odd = {cell for cell, sign in zip(cells, signs, strict=True) if sign is None}
        if len(odd) > 1 or "." in signs or any(map(str.isdigit, odd.pop())):
            i = signs.index(None)
            raise PuzzleError(bad_character(cells[i], i, size))
    return "".join(sign or "." for sign in signs)


def bad_character(character: str, i: int, size: int) -> str:
    """The error of a character in cell `i` that is no digit of a `size` x `size` Sudoku."""
    where = f"cell {i + 1} (row {i // size + 1}, column {i % size + 1})"
    digits = digits_of(size).replace(" to ", "-")
    return f"character '{character}' at {where} is not a digit {digits} or a blank ({' '.join(BLANKS)})"


def digits_of(size: int) -> str:
    """The digits of a size, in words: `1 to 9`, or `1 to 9 and A to C`."""
    letters = f" and A to {SIGNS[size]}" if size > 10 else " and A"
    return f"1 to {min(size, 9)}" + (letters if size > 9 else "")


def _text_of(cell: Any) -> str:
    if cell is None or (isinstance(cell, float) and cell != cell):
        return ""
    if isinstance(cell, float | np.floating) and float(cell).is_integer():
        return str(int(cell))
    return str(cell).strip()


# spaces as blanks
class _Layout(NamedTuple):
    """Where the cells of a box stand in its text: from `start`, every `step` characters."""

    start: int
    step: int

    def signs(self, line: str, count: int) -> str:
        places = range(self.start, self.start + self.step * count, self.step)
        return "".join(line[c] if c < len(line) and line[c] != " " else "." for c in places)


def by_columns(lines: Sequence[str], size: int) -> list[str] | None:
    """The rows of a drawing, `size` signs each with `.` for blanks; None where it cannot be read so.

    Bars that stand in the same columns of every line divide it into boxes of equally many cells. Cells stand side by
    side or with a space between, in all boxes alike.
    """
    lines = [line.expandtabs().rstrip() for line in lines]
    width = max(map(len, lines), default=0)
    padded = [line.ljust(width) for line in lines]
    bars = [c for c in range(width) if any(line[c] in UPRIGHT for line in padded)]
    if any(line[c] not in UPRIGHT for c in bars for line in padded):
        return None
    edges = [-1, *bars, width]
    spans = [(left + 1, right) for left, right in pairwise(edges) if right - left > 1]
    boxes = [[line[left:right] for line in padded] for left, right in spans]
    behind_bar = [left - 1 in bars for left, _ in spans]
    if len(boxes) > 1 and not behind_bar[0] and bars[-1] == width - 1 and not any(map(str.strip, boxes[0])):
        boxes, behind_bar = boxes[1:], behind_bar[1:]  # the margin before a frame
    if not boxes or size % len(boxes):
        return None
    count = size // len(boxes)
    framed = [line for box, behind in zip(boxes, behind_bar, strict=True) if behind for line in box]
    inner = _layout(framed, count, margin=None) if framed else None
    outer = None if all(behind_bar) else _layout(boxes[0], count, margin=0, step=inner.step if inner else None)
    if (framed and inner is None) or (not all(behind_bar) and outer is None):
        return None
    rows = [""] * len(lines)
    for box, behind in zip(boxes, behind_bar, strict=True):
        layout = inner if behind else outer
        assert layout is not None
        rows = [row + layout.signs(line, count) for row, line in zip(rows, box, strict=True)]
    return rows if all(is_cell(sign, max(size, 9)) for row in rows for sign in row) else None


def _layout(lines: Sequence[str], count: int, *, margin: int | None, step: int | None = None) -> _Layout | None:
    """The layout with a place for every sign, with the likeliest margin (None: in the middle) and step."""
    width = max(map(len, lines))
    used = {c for line in lines for c, sign in enumerate(line) if sign != " "}
    likely = 1 if width <= count + 2 else 2
    found = []
    for each in (step,) if step is not None else (1, 2, 3, 4):
        span = each * (count - 1) + 1
        for start in range(max(0, max(used, default=0) - span + 1), min(used, default=0) + 1):
            if used <= set(range(start, start + span, each)):
                wanted = (max(width, span) - span) / 2 if margin is None else margin
                found.append((each != likely, abs(start - wanted), start, each))
    return _Layout(*min(found)[2:]) if found else None


# mistakes
def wrong_line(text: str, sizes: Sequence[int]) -> str:
    """A character that is no cell, or another length than that of a Sudoku of one of the sizes."""
    cells, squares = bare(text), {size * size: size for size in sizes}
    got = f"got {len(cells)}"
    if (size := squares.get(len(cells))) is not None:
        if with_dots(cells, size) is None:
            return _odd_cell(cells, size)
        return f"expected {size - 1} different digits or more, as a {size}x{size} Sudoku has"
    if (side := isqrt(len(cells))) ** 2 == len(cells) and side in (*BOXES, 25):
        got += f", as a Sudoku of {side}x{side} cells has"
    elif len(cells) == 729:
        got += ", as candidates of 81 cells have; give digits and blanks alone"
    if cells.isdigit() and "0" in cells and any(0 < square - len(cells) <= 8 for square in squares):
        got += "; zeros at its front may be lost, as spreadsheets do with numbers: save the column as text"
    *others, last = map(str, sorted(squares))
    if not others:
        return f"expected {last} characters, {got}"
    return f"expected {', '.join(others)} or {last} characters (a Sudoku of 4x4 to 16x16), {got}"


def wrong_drawing(lines: Sequence[str], sizes: Sequence[int]) -> str:
    """Too many or few rows, a row that is too long or short, or a character that is no cell."""
    if len(lines) == 1:
        return wrong_line(lines[0], sizes)
    cells = [packed(line) for line in lines]
    usual = max(sizes, key=lambda size: (sum(len(row) == size for row in cells), size == len(lines), size))
    if len(lines) != usual:
        drawn = f"{usual} rows of {usual}; got {len(lines)} rows"
        return f"expected {usual * usual} characters, got {sum(map(len, cells))} ({drawn})"
    for r, row in enumerate(cells):
        if len(row) != usual:
            hint = "; write blanks as dots" if "  " in lines[r].strip() else ""
            return f"row {r + 1}: expected {usual} cells, got {len(row)}{hint}"
    return _odd_cell("".join(cells), usual)


def _odd_cell(cells: str, size: int) -> str:
    """The error of the first character that is no cell; of the first of all where each is one."""
    i = next((i for i, sign in enumerate(cells) if not is_cell(sign, size)), 0)
    return bad_character(cells[i], i, size)


def is_damaged(text: str) -> bool:
    """Whether a line that is no puzzle, row or ruled line is a damaged one, rather than a remark."""
    longest = max(text.split(), key=len)
    signs = sum(longest.count(sign) for sign in "123456789" + BLANKS)
    if len(longest) >= 16 and 2 * signs > len(longest):
        return True
    return not WORD.search(text) and len(bare(text)) > 10
