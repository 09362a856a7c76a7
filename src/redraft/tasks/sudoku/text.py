"""Sudoku as people write it: in a line or drawn, with any blanks, frames, titles and remarks around it.

A line of cells is read in whichever way gives as many cells as expected, a drawing whose blanks are spaces by its
columns (`cells`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from redraft.errors import PuzzleError
from redraft.tasks.base import Grid
from redraft.tasks.reading import literals
from redraft.tasks.reading.records import Numbered, Record
from redraft.tasks.sudoku import cells
from redraft.tasks.sudoku.cells import BLANKS, SIGNS, VALUE, WORD, cells_of, packed, with_dots
from redraft.tasks.sudoku.kernel import BOXES

# Large first: the letters of a large Sudoku divide it into runs that may be as long as a small one.
_RUNS = {
    large: re.compile(rf"[1-9{'A-Ga-g' * large}{re.escape(BLANKS + cells.OTHER_BLANKS)}]{{{100 if large else 10},}}")
    for large in (True, False)
}
COMMON = (4, 6, 9)  # sizes that are accepted whatever is in the cells
ROW = 18  # cells in a row of two 9x9 side by side: the most in a row whose cells are not read yet
_LONGEST = 60  # lines of nested lists


class Written(NamedTuple):
    """A puzzle as found: `question` and `answer` as strings of digits with `.` for blanks, or as they stand."""

    question: str
    answer: str | None = None


class SudokuText:
    """The notation of Sudoku of the given sizes; with several, the puzzle itself decides."""

    comment = "#"

    def __init__(self, sizes: Sequence[int] = tuple(BOXES)) -> None:
        self.sizes = tuple(sorted(sizes, reverse=True))
        self.squares = {size * size: size for size in self.sizes}
        self.large = [size for size in self.sizes if size > 9]

    # one puzzle
    def grid(self, value: Any) -> Grid:
        """The grid (size, size) int8 of a text or of nested lists; raises PuzzleError."""
        text = value if isinstance(value, str) else self.of_lists(value)
        if literals.begins(text):
            text = self.of_lists(literals.nested(text))
        if len(text) in self.squares and (found := cells.grid_of(text, self.squares[len(text)])) is not None:
            return found
        lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
        if len(lines) == 1:
            written = self._in_a_line(lines[0][1])
            return self._digits((written.question if written else None) or lines[0][1])
        found_records = list(self.bare(iter(lines), ""))
        if len(found_records) > 1:
            raise PuzzleError(f"expected one puzzle, got {len(found_records)}")
        if not found_records:
            raise PuzzleError(cells.wrong_line(cells.bare(text), self.sizes))
        if found_records[0].error:
            raise PuzzleError(found_records[0].error)
        return self._digits(found_records[0].question)

    def size_of(self, value: Any) -> tuple[int, int] | None:
        """Rows and columns of a puzzle, even of one with a wrong character; None for no known size."""
        try:
            size = len(self.grid(value))
        except PuzzleError:
            text = value if isinstance(value, str) else ""
            size = self.squares.get(len(cells.bare(text)), 0)
            known = "".join(sign for sign in cells.bare(text) if cells.is_cell(sign, size))
            if size not in COMMON and not (self._fits(known, size) and len(text.split("\n")) in (1, size)):
                return None
        return (size, size) if size else None

    def holds(self, line: str) -> bool:
        """Whether a line is plainly of a Sudoku: a whole one, or a row with digits that are in no maze."""
        text = line.strip()
        if text.startswith(self.comment) or not text:
            return False
        digits = sum(text.count(digit) for digit in "23456789")
        return self._in_a_line(line) is not None or (digits > 0 and not WORD.search(text) and len(packed(text)) > 3)

    def of_lists(self, value: Any) -> str:
        """Nested lists or an array as one string, see `signs_of_lists`; raises PuzzleError."""
        rows = value.tolist() if hasattr(value, "tolist") else value
        if not isinstance(rows, list | tuple):
            raise PuzzleError(f"expected a board as text or as lists of cells, got {repr(value)[:40]}")
        return cells.signs_of_lists(rows, self.sizes)

    # texts
    def bare(self, lines: Iterator[Numbered], name: str) -> Iterator[Record]:
        """All puzzles of a text, each as soon as it is complete; remarks, titles and ruled lines are skipped."""
        drawing: list[Numbered] = []
        skipping = False
        for number, line in lines:
            text = line.strip()
            if section := cells.SECTION.fullmatch(text):
                yield from self._drawn(drawing, name)
                skipping = section[1].lower() not in ("puzzle", "sudoku")
            elif skipping:
                continue
            elif not text:
                if drawing and self._is_row_of_spaces(line, drawing):
                    drawing.append((number, line))
                elif (size := self._size_of_row(drawing)) and _last_block(drawing) == BOXES[size][0]:
                    drawing.append((number, ""))  # between the bands of one
                else:
                    yield from self._drawn(drawing, name)
            elif text.startswith(self.comment) and not (len(text) in self.squares and with_dots(text, max(self.sizes))):
                yield from self._drawn(drawing, name)
            elif literals.begins(text):
                yield from self._drawn(drawing, name)
                yield from self._literal(number, line, lines, name)
            elif (written := self._in_a_line(line)) and not self._is_wide_row(line, written.question, drawing):
                yield from self._drawn(drawing, name)
                yield Record(f"{name}, line {number}", written.question, written.answer)
            elif cells.RULED.fullmatch(line) and not self._is_blank_row(text, drawing):
                continue
            elif self._is_row(line, drawing):
                if "" in _texts(drawing) and _last_block(drawing) >= self._band(drawing):
                    yield from self._drawn(drawing, name)  # not divided into bands after all
                drawing.append((number, line))
                if self._is_complete(drawing):
                    yield from self._drawn(drawing, name)
            else:
                yield from self._drawn(drawing, name)
                if cells.is_damaged(text):
                    yield Record(f"{name}, line {number}", text, error=cells.wrong_line(text, self.sizes))
        yield from self._drawn(drawing, name)

    def _literal(self, number: int, line: str, lines: Iterator[Numbered], name: str) -> Iterator[Record]:
        """The puzzles of nested lists that begin in a line: a board, or a list of boards or of texts."""
        place = f"{name}, line {number}"
        try:
            found = literals.nested(literals.whole(line, lines, _LONGEST))
        except PuzzleError as error:
            yield Record(place, error=error.message)
            return
        for board in self._boards(found):
            try:
                yield Record(place, self.of_lists(board) if not isinstance(board, str) else board)
            except PuzzleError as error:
                yield Record(place, error=error.message)

    def _boards(self, found: list[Any]) -> list[Any]:
        """The boards of nested lists: one, or each of a list of boards or texts."""
        lengths = {len(each) if isinstance(each, list | str) else 0 for each in found}
        if lengths == {len(found)} and len(found) in self.sizes:
            return [found]
        if any(isinstance(each, list) and any(isinstance(row, list) for row in each) for each in found):
            return found
        if all(isinstance(each, str) and self.size_of(each) for each in found):
            return found
        return found if all(isinstance(each, list) for each in found) and lengths <= {*self.squares} else [found]

    # lines
    def _in_a_line(self, line: str) -> Written | None:
        """The puzzle in a line, and its answer where that stands behind it; None where there is none."""
        text = line.strip()
        if text.startswith(":"):  # HoDoKu: + marks a digit that is no given, but was filled in
            text = re.sub(r"\+\d", ".", text)
        for large in (True, False) if self.large else (False,):
            runs = [run[0] for run in _RUNS[large].finditer(text)]
            for i, run in enumerate(runs):
                size = self.squares.get(len(run), 0)
                question = with_dots(run, size) if size and (size > 9) == large else None
                if question and self._fits(question, size):
                    return Written(question, next((each for each in runs[i + 1 :] if 2 * len(each) > len(run)), None))
        words = text.translate(cells.BARS).split()
        even = len({len(word) for word in words}) == 1
        fields = _fields(text)
        for square, size in self.squares.items():
            question = None
            if even or fields >= square or len(words) == square:
                question = "".join(cells_of(text, square, size) or "")
            if not question and len(text) == square:
                question = with_dots(text, size)
            if question and self._fits(question, size):
                return Written(question)
        return None

    def _fits(self, signs: str, size: int) -> bool:
        """Whether signs may be a puzzle of this size: one with a single solution has all digits, or all but one."""
        return size in COMMON or len(self.sizes) == 1 or len(set(signs.upper()) - set(BLANKS)) >= size - 1

    def _is_wide_row(self, line: str, question: str, drawing: Sequence[Numbered]) -> bool:
        """Whether 16 cells are a row of a 16x16, or of two 8x8 side by side, rather than a 4x4 in a line."""
        if len(question) != 16 or self.sizes == (4,):
            return False
        clues = [sign for sign in question if sign not in BLANKS]
        more = drawing and cells_of(drawing[-1][1], 16, 16) is not None
        unlike = len(set(clues)) == len(clues) and (len(clues) < 4 or more)  # a 4x4 needs four clues
        return max(clues, default="") > "4" or unlike or line.strip()[0] in "|│┃║"

    def _is_row(self, line: str, drawing: Sequence[Numbered]) -> bool:
        text = line.strip()
        length = len(packed(text))
        if any(cells_of(line, count, size) for size in self.large for count in (size, 2 * size)):
            return True
        letters = set(SIGNS[10:]) if self.large and not text.isalpha() else set[str]()
        if any(not VALUE.fullmatch(word[0]) and not set(word[0]) <= letters for word in WORD.finditer(text)):
            known = sum(text.count(sign) for sign in "123456789" + BLANKS)
            return bool(drawing) and 2 * known >= length and length == len(packed(drawing[0][1]))
        if not drawing and cells.NUMBER.fullmatch(text) and len(text) < min(self.sizes) and len(line) < min(self.sizes):
            return False
        signs = set(text) - set(" |")
        if len(signs) == 1 and length < min(self.sizes) and not signs & set("123456789" + BLANKS):
            return False  # ``` and the like
        most = ROW if 9 in self.sizes else 2 * self.sizes[0]
        return length <= most or 1 < len(text.translate(cells.BARS).split()) <= most or 1 < _fields(text) <= most

    def _is_blank_row(self, text: str, drawing: Sequence[Numbered]) -> bool:
        """Whether a line of dashes or dots is a row of blank cells rather than a ruled line."""
        signs = set(packed(text))
        used = {sign for _, line in drawing for sign in line}
        count = len(packed(text))
        return count in self.sizes and len(signs) == 1 and (signs <= set(BLANKS) or signs <= used)

    def _is_row_of_spaces(self, line: str, drawing: Sequence[Numbered]) -> bool:
        """Whether an empty line is a row whose blanks are spaces: where others are so, too."""
        return len(line) >= min(self.sizes) and any(cells_of(row, len(row.strip()), 16) is None for _, row in drawing)

    def _is_complete(self, drawing: Sequence[Numbered]) -> bool:
        rows = [line for line in _texts(drawing) if line]
        size = len(rows)
        if size not in self.sizes or any("  " in line.strip().translate(cells.BARS).strip() for line in rows):
            return False
        return all(cells_of(line, size, size) is not None for line in rows)

    def _band(self, drawing: Sequence[Numbered]) -> int:
        """The most rows that a band of the puzzle of a drawing may have."""
        size = self._size_of_row(drawing) or 0
        small = [each for each in self.sizes if each <= 9]
        return BOXES[size][0] if size > 9 or not small else max(BOXES[each][0] for each in small)

    def _size_of_row(self, drawing: Sequence[Numbered]) -> int | None:
        """The size of a puzzle with as many cells in a row as the last row of a drawing; None for no size."""
        last = next((line for line in reversed(_texts(drawing)) if line), "")
        return next((size for size in self.sizes if cells_of(last, size, size) is not None), None)

    # drawings
    def _drawn(self, drawing: list[Numbered], name: str) -> Iterator[Record]:
        """The puzzles of the lines of a drawing, which is emptied: one, several below one another, or an error."""
        blocks = [list(block) for filled, block in groupby(drawing, lambda each: each[1] != "") if filled]
        rows = [row for block in blocks for row in block]
        drawing.clear()
        if not rows:
            return
        if len(blocks) > 1 and not (len(rows) in self.sizes and {*map(len, blocks)} == {BOXES[len(rows)][0]}):
            for block in blocks:
                yield from self._drawn(block, name)
            return
        lines, places = _texts(rows), [f"{name}, line {number}" for number, _ in rows]
        for size in sorted(self.sizes, key=lambda size: (size != len(lines), -size)):
            if len(lines) % size == 0:
                found = [self._board(lines[start : start + size], size) for start in range(0, len(lines), size)]
                boards = [board for board in found if board and self._fits(board.question, size)]
                if len(boards) == len(found):
                    for place, board in zip(places[::size], boards, strict=True):
                        yield Record(place, board.question, board.answer, drawn=True)
                    return
        if all(map(self._in_a_line, lines)):  # rows of 16 cells that made no board
            yield from map(Record, places, lines)
        else:
            yield Record(places[0], "\n".join(lines), error=cells.wrong_drawing(lines, self.sizes))

    def _board(self, lines: Sequence[str], size: int) -> Written | None:
        rows = [cells_of(line, size, size) for line in lines]
        if good := cells.complete(rows):
            return Written("".join("".join(row) for row in good))
        pairs = cells.complete([cells_of(line, 2 * size, size) for line in lines])
        if pairs:  # question and answer side by side, as `redraft solve` shows them
            question, answer = ("".join("".join(row[i : i + size]) for row in pairs) for i in (0, size))
            return Written(question, None if "." in answer else answer)
        together = "".join(packed(line) for line in lines)
        if len(together) == size * size and all(len(packed(line)) == size for line in lines):
            signs = with_dots(together, size)
            return Written(signs) if signs else None
        if any(blank in line for line in lines for blank in BLANKS):
            return None  # then spaces are no blanks
        columns = cells.by_columns(lines, size) or []
        empty = any(set(column) == {"."} for column in zip(*columns, strict=True))
        meant = size in COMMON or len(self.sizes) == 1 or not empty
        return Written("".join(columns)) if columns and meant else None

    def _digits(self, text: str) -> Grid:
        """The grid of a string of as many signs as a puzzle has cells; raises PuzzleError."""
        bare = cells.bare(text)
        size = self.squares.get(len(bare), 0)
        signs = with_dots(bare, size) if size else None
        if signs is None:
            raise PuzzleError(cells.wrong_line(text, self.sizes))
        found = cells.grid_of(signs, size)
        assert found is not None
        return found


def _texts(drawing: Sequence[Numbered]) -> list[str]:
    return [line for _, line in drawing]


def _last_block(drawing: Sequence[Numbered]) -> int:
    """The number of lines after the last empty one."""
    lines = _texts(drawing)
    return lines[::-1].index("") if "" in lines else len(lines)


def _fields(text: str) -> int:
    return max(map(text.count, ",;\t")) + 1
