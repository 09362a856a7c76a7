"""What is wrong with a line or a drawing that is no Sudoku, and what is expected of it."""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt

from redraft.tasks.sudoku.cells import bad_character, bare, is_cell, packed, with_dots
from redraft.tasks.sudoku.search import BOXES


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
    """What is wrong with the first character that is no cell; the first of all where each is one."""
    i = next((i for i, sign in enumerate(cells) if not is_cell(sign, size)), 0)
    return bad_character(cells[i], i, size)
