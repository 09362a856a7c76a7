"""Cells and lines of Sudoku as people write them: signs of digits and blanks, rows, and what stands between them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from redraft.errors import PuzzleError
from redraft.tasks.base import Grid
from redraft.tasks.reading.records import Numbered

SIGNS = ".123456789ABCDEFG"  # of a blank and the digits
BLANKS = ".0_·"  # always a blank; any other sign may be, where it is the only blank in a puzzle
OTHER_BLANKS = "-xX*?"  # the usual ones
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

    `size` is that of the puzzle. Cells are fields between commas, semicolons or tabs; or characters, with white space
    and bars between; or words, of which -1 and None are blanks, and several digits a number up to `size` or else the
    candidates of a cell.
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
    """The signs of cells that stand apart; None where one is none, or where there are several signs for a blank."""
    odd = {cell for cell in cells if cell and cell in OTHER_BLANKS}
    if len(odd) > 1 or (odd and any(cell and cell in BLANKS for cell in cells)):
        return None
    return complete([sign_of(cell, size) for cell in cells])


def sign_of(field: str, size: int) -> str | None:
    """The sign of a cell that stands by itself: a digit, `.` for a blank or for candidates; None for neither."""
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
    """The list, None where one of it is missing."""
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
    """What is wrong with a character that is no digit of a `size` x `size` Sudoku and stands in cell `i`."""
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


def texts_of(drawing: Sequence[Numbered]) -> list[str]:
    return [line for _, line in drawing]


def blocks_of(drawing: Sequence[Numbered]) -> list[list[Numbered]]:
    """The lines of a drawing between its empty lines."""
    blocks: list[list[Numbered]] = [[]]
    for number, line in drawing:
        if line:
            blocks[-1].append((number, line))
        elif blocks[-1]:
            blocks.append([])
    return [block for block in blocks if block]


def last_block(drawing: Sequence[Numbered]) -> int:
    """How many lines stand after the last empty one."""
    lines = texts_of(drawing)
    return lines[::-1].index("") if "" in lines else len(lines)


def fields_in(text: str) -> int:
    return max(map(text.count, ",;\t")) + 1


def is_damaged(text: str) -> bool:
    """Whether a line that is no puzzle, row or ruled line was meant as one, rather than as a remark."""
    longest = max(text.split(), key=len)
    signs = sum(longest.count(sign) for sign in "123456789" + BLANKS)
    if len(longest) >= 16 and 2 * signs > len(longest):
        return True
    return not WORD.search(text) and len(bare(text)) > 10
