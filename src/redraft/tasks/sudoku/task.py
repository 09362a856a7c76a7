"""Sudoku from 4x4 to 16x16 cells: reads, makes, checks and augments puzzles.

Grids hold 0 for a blank and 1..size for digits, which are written 1-9 and A-G; tokens are padding 0, blank 1, digit d
as d + 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import permutations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from redraft.errors import ConfigError, DataError, PuzzleError, require_at_least
from redraft.tasks.base import Examples, Grid, Tokens, Verdict
from redraft.tasks.sudoku import search as sudoku_search
from redraft.tasks.sudoku.cells import SIGNS
from redraft.tasks.sudoku.kernel import BOXES
from redraft.tasks.sudoku.text import SudokuText
from redraft.tasks.written import Answered, WrittenTask, place_of

FEWEST = {4: 4, 6: 8, 9: 17}  # clues a puzzle with one solution needs at least, where that is proven
# clues that random digging reaches in reasonable time: 1 try in 4, 200, 100, 25, and from 10x10 on 20
REACHED = {4: 4, 6: 8, 8: 17, 9: 22, 10: 31, 12: 45, 14: 71, 15: 79, 16: 92}
TRIES = 3000
COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


class Sudoku(WrittenTask):
    """Sudoku with `size` digits, in boxes as square as possible, see `BOXES`: 2 rows x 3 columns for size 6."""

    notation: SudokuText
    blank = 0

    def __init__(self, size: int) -> None:
        if size not in BOXES:
            raise ConfigError(f"Sudoku sizes are {', '.join(map(str, BOXES))}; got {size}")
        self.size = self.height = self.width = size
        self.name = f"sudoku-{size}x{size}"
        self.vocab_size = size + 2
        tall, wide = BOXES[size]
        self.scopes = ("rows", "columns", f"blocks-{tall}x{wide}")
        self.aliases = {"_": 0, "0": 0}
        self.characters = SIGNS[: size + 1]
        self.expected = f"a digit 1-{size} or a blank (0)"
        self.notation = SudokuText((size,))
        self._counter = sudoku_search.Counter(size)

    @property
    def interchangeable(self) -> range:
        return range(2, self.vocab_size)

    @property
    def open_token(self) -> int:
        return 1

    @property
    def block(self) -> tuple[int, int]:
        return BOXES[self.size]

    def search(self, questions: NDArray[np.int8]) -> Answered:
        """The first solution of each question; its rating is the number of guesses."""
        counts, answers, guesses = sudoku_search.solve_many(questions)
        return Answered(answers, guesses, counts == 1)

    # rules
    def validate(self, question: Grid) -> None:
        """Raises PuzzleError when givens clash, when there is no solution, or when there are several."""
        if problem := self.not_a_grid(question):
            raise PuzzleError(problem)
        if clash := self._clash(question):
            unit, digit, times = clash
            raise PuzzleError(f"{times} {digit}s in {unit}; expected at most one")
        solutions = self._counter.count(question)
        if solutions < 0:
            raise PuzzleError(f"{sudoku_search.CHECKED:,} guesses do not tell whether it has one solution; add clues")
        if solutions == 0:
            raise PuzzleError("no solution; expected exactly one")
        if solutions > 1:
            raise PuzzleError("more than one solution; expected exactly one")

    def check(self, question: Grid, answer: Grid) -> Verdict:
        if problem := self.not_a_grid(answer):
            return Verdict(solved=False, reason=problem)
        changed = np.argwhere((question != 0) & (question != answer))
        if len(changed):
            return Verdict(solved=False, reason=f"changes the given at {place_of(changed[0])}")
        if clash := self._clash(answer):
            unit, digit, times = clash
            return Verdict(solved=False, reason=f"{unit} has {times} {digit}s")
        if blanks := np.count_nonzero(answer == 0):
            return Verdict(solved=False, reason="1 cell is blank" if blanks == 1 else f"{blanks} cells are blank")
        return Verdict(solved=True)

    def check_many(self, questions: NDArray[np.int8], answers: NDArray[np.int8]) -> NDArray[np.bool_]:
        solved = np.empty(len(questions), dtype=bool)
        for start in range(0, len(questions), 1 << 16):  # in parts: millions at once would take gigabytes
            part = slice(start, start + (1 << 16))
            question, answer = questions[part], answers[part]
            good = (((question == 0) | (question == answer)) & (answer >= 1) & (answer <= self.size)).all((1, 2))
            bits = np.left_shift(1, np.clip(answer, 1, self.size).astype(np.uint16) - 1, dtype=np.uint16)
            tall, wide = self.block
            boxes = bits.reshape(-1, self.size // tall, tall, self.size // wide, wide).swapaxes(2, 3)
            full = (1 << self.size) - 1
            for units in (bits, bits.swapaxes(1, 2), boxes.reshape(-1, self.size, self.size)):
                good &= (np.bitwise_or.reduce(units, axis=2) == full).all(1)
            solved[part] = good
        return solved

    def wrong_cells(self, question: Grid, grid: Grid) -> NDArray[np.bool_]:
        """Cells (size, size) that break a rule: givens that were changed, and digits that stand twice in a unit."""
        wrong: NDArray[np.bool_] = (question != 0) & (question != grid)
        for _, cells in self._units():
            digits = grid[cells]
            twice = np.flatnonzero(np.bincount(digits.ravel(), minlength=self.size + 1) > 1)
            wrong[cells] |= np.isin(digits, twice[twice > 0])
        return wrong

    def _units(self) -> Iterator[tuple[str, tuple[slice, slice]]]:
        tall, wide = self.block
        for i in range(self.size):
            yield f"row {i + 1}", (slice(i, i + 1), slice(None))
        for i in range(self.size):
            yield f"column {i + 1}", (slice(None), slice(i, i + 1))
        for r, c in product(range(0, self.size, tall), range(0, self.size, wide)):
            name = f"the box at rows {r + 1}-{r + tall}, columns {c + 1}-{c + wide}"
            yield name, (slice(r, r + tall), slice(c, c + wide))

    def _clash(self, grid: Grid) -> tuple[str, str, str] | None:
        """The first unit with a digit that stands in it several times, the digit, and how many times, in words."""
        for unit, cells in self._units():
            times = np.bincount(grid[cells].ravel(), minlength=self.size + 1)
            times[0] = 0
            if times.max() > 1:
                digit = int(times.argmax())
                found = int(times[digit])
                return unit, SIGNS[digit], COUNTS[found] if found < len(COUNTS) else str(found)
        return None

    # data
    def make(
        self,
        count: int,
        seed: int,
        clues: int | None = None,
        guesses: int | None = None,
        near: NDArray[np.int8] | None = None,
    ) -> Examples:
        """`count` puzzles with one solution: with `clues` clues, or minimal (no clue can be spared).

        Beyond 9x9 they are nearly minimal: a clue also stays where 10 guesses do not prove that it can be spared.
        Ratings are the guesses a search needs, 0 where singles suffice; with `guesses` they are at least as many. With
        `near`, puzzles (N, size, size) int8 with one solution each, new ones are variations of these in turn: one clue
        goes, and those come that one solution then needs. Puzzle i depends on (seed, i) alone, so a longer run begins
        with the shorter one. Large sets of 4x4 puzzles repeat some. Raises ConfigError for a number of clues or guesses
        out of reach, and for puzzles to be near that have not one solution.
        """
        if clues is not None:
            if guesses is not None or near is not None:
                raise ConfigError("clues: expected none with guesses or with puzzles to be near, which are minimal")
            least = REACHED[self.size]
            if not least <= clues < self.seq_len:
                fewest = FEWEST.get(self.size, 0)
                known = f"; no puzzle has fewer than {fewest}" if clues < fewest else ""
                raise ConfigError(f"{self.name}: clues must lie in {least}-{self.seq_len - 1}, got {clues}{known}")
        near = None if near is None else self._one_solution_each(np.asarray(near))
        require_at_least(0, {"guesses": guesses})
        tries = 1 if clues is None and guesses is None else TRIES
        made = sudoku_search.make(self.size, count, seed, clues, guesses, near, tries=tries)
        missed = f"not reached in {tries:,} tries; ask for"
        if clues is not None and count and (most := np.count_nonzero(made.questions, axis=(1, 2)).max()) > clues:
            raise ConfigError(f"{self.name}: {clues} clues {missed} {most} or more")
        if guesses is not None and count and (reached := int(made.ratings.min())) < guesses:
            raise ConfigError(f"{self.name}: {guesses} guesses {missed} {reached} or fewer")
        return made

    def _one_solution_each(self, puzzles: NDArray[Any]) -> NDArray[np.int8]:
        if puzzles.ndim != 3 or not len(puzzles):
            wanted = f"puzzles (N, {self.size}, {self.size})"
            raise ConfigError(f"near: expected {wanted}, got an array of shape {puzzles.shape}")
        puzzles = puzzles.astype(np.int8)
        for i, puzzle in enumerate(puzzles):
            try:
                self.validate(puzzle)
            except PuzzleError as error:
                raise ConfigError(f"near: puzzle {i}: {error.message}") from error
        return puzzles

    def reveal(self, examples: Examples, cells: int, seed: int) -> Examples:
        """The puzzles with `cells` more clues each; more clues include the fewer."""
        questions = examples.questions.reshape(len(examples), self.seq_len)
        blanks = (questions == 0).sum(1)
        if len(examples) and cells >= blanks.min():
            raise DataError(f"{self.name}: cannot give {cells} more cells: a puzzle has only {blanks.min()} blank ones")
        # row by row, so that more puzzles begin with the fewer
        order = np.where(questions == 0, np.random.default_rng(seed).random(questions.shape), 2.0).argsort(1)[:, :cells]
        given = questions.copy()
        np.put_along_axis(given, order, np.take_along_axis(examples.answers.reshape(given.shape), order, 1), 1)
        return Examples(
            questions=given.reshape(examples.questions.shape),
            answers=examples.answers,
            ratings=np.full(len(examples), np.nan, np.float32),
            groups=examples.groups,
        )

    def augment(self, inputs: Tokens, labels: Tokens, rng: np.random.Generator) -> tuple[Tokens, Tokens]:
        """A random Sudoku symmetry for each row of inputs and labels (B, L).

        Digits are renamed; bands, rows in a band, stacks and columns in a stack change places; square boxes are
        transposed half of the time. Padding, blanks and ignored labels keep their value and move with their cell.
        """
        size, batch = self.size, len(inputs)
        row, column = (_line_orders(size, block, batch, rng) for block in self.block)  # (B, size)
        source = row[:, :, None] * size + column[:, None, :]  # (B, size, size): the cell each cell comes from
        if self.block[0] == self.block[1]:
            source = np.where(rng.integers(2, size=(batch, 1, 1)) == 1, source.swapaxes(1, 2), source)
        source = source.reshape(batch, self.seq_len)
        names = np.zeros((batch, self.vocab_size), inputs.dtype)
        names[:, 1] = 1
        names[:, 2:] = np.argsort(rng.random((batch, size)), axis=1) + 2

        def move(tokens: Tokens) -> Tokens:
            moved = np.take_along_axis(tokens, source, axis=1)
            named = np.take_along_axis(names, np.maximum(moved, 0), axis=1)
            return np.where(moved < 0, moved, named)

        return move(inputs), move(labels)


def _line_orders(size: int, block: int, count: int, rng: np.random.Generator) -> NDArray[np.int16]:
    """Random orders of rows (or columns) that keep blocks of `block` lines together: (count, size)."""
    within, blocks = _permutations(block), _permutations(size // block)
    order = rng.integers(len(blocks) * len(within) ** (size // block), size=count)  # its number among all there are
    inner = np.empty((count, size // block, block), np.int16)
    for i in reversed(range(size // block)):
        order, place = np.divmod(order, len(within))
        inner[:, i] = within[place]
    lines: NDArray[np.int16] = (blocks[order][:, :, None] * block + inner).reshape(count, size)
    return lines


@cache
def _permutations(count: int) -> NDArray[np.int16]:
    return np.array(list(permutations(range(count))), np.int16)
