"""Futoshiki: digits 1 to size, each once in every row and column, and signs between cells that say which is smaller.

The board has the cells in every other row and column, and the signs between them: `<` and `>` between two cells of a
row, `^` (the upper one is smaller) and `v` (the lower one is) between two of a column. Grids hold 0 for an open cell
`.`, 1..size for digits, then `<`, `>`, `^`, `v`, and `-` where no sign stands; tokens are padding 0 and symbol + 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, cached_property
from itertools import chain, permutations
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from redraft.errors import ConfigError
from redraft.tasks.base import Examples, Grid, Tokens
from redraft.tasks.canvas import LEFT_RIGHT, TRANSPOSED, UPSIDE_DOWN, turn
from redraft.tasks.filled import OPEN, FilledTask
from redraft.tasks.written import place_of

SIZES = (3, 5)  # from and to: of size 5 there are 161,280 squares, of size 6 already 812,851,200
SIGNS = "<>^v"
NONE = "-"
GIVEN = 5  # a made puzzle begins with fewer digits than this

Bools = NDArray[np.bool_]


class Squares(NamedTuple):
    """All Latin squares of a size, M of them, in order.

    Attributes:
        digits: of each cell, (cells, M) int8.
        pairs: cells that are neighbours (P, 2), the left or the upper one first, those of rows before those of columns.
        less: whether the first of each pair is smaller (P, M).
    """

    digits: NDArray[np.int8]
    pairs: NDArray[np.intp]
    less: Bools


class Futoshiki(FilledTask):
    """Futoshiki with digits 1 to `size`, whose squares are so few that answers are looked up among all of them."""

    shown = MappingProxyType({NONE: " "})
    unique = True

    def __init__(self, size: int) -> None:
        if not SIZES[0] <= size <= SIZES[1]:
            raise ConfigError(f"Futoshiki sizes are {SIZES[0]} to {SIZES[1]}; got {size}")
        self.size = size
        self.characters = "." + "12345"[:size] + SIGNS + NONE
        self.expected = f"an open cell (.), a digit 1-{size}, a sign ({' '.join(SIGNS)}) or no sign ({NONE})"
        super().__init__(f"futoshiki-{size}x{size}", 2 * size - 1, 2 * size - 1)
        self._less, self._greater, self._above, self._below, self._none = range(size + 1, size + 6)
        places = np.arange(self.seq_len).reshape(self.height, self.width)
        self.scopes = ("rows", "columns", *_pairs_of(self.height))
        self._cells = places[::2, ::2].ravel()
        self._between = np.concatenate([places[::2, 1::2].ravel(), places[1::2, ::2].ravel()])  # of `Squares.pairs`

    # rules
    def not_a_grid(self, grid: Grid) -> str:
        """The first cell that holds what may not stand there; empty for a grid of this task."""
        if problem := super().not_a_grid(grid):
            return problem
        for row, column in np.ndindex(grid.shape):
            allowed = (f".{self.characters[1 : self.size + 1]}", "<>-", "^v-", "-")[row % 2 * 2 + column % 2]
            if (found := self.characters[grid[row, column]]) not in allowed:
                return f"'{found}' at {place_of(np.array([row, column]))}; expected one of {' '.join(allowed)}"
        return ""

    def faults(self, grids: NDArray[np.int8]) -> dict[str, Bools]:
        odd, twice, against = (np.zeros(grids.shape, bool) for _ in range(3))
        cells = grids[:, ::2, ::2]
        odd[:, ::2, ::2] = cells > self.size
        for digit in range(1, self.size + 1):
            here = cells == digit
            twice[:, ::2, ::2] |= here & ((here.sum(1, keepdims=True) > 1) | (here.sum(2, keepdims=True) > 1))
        sides = (
            ((slice(None), slice(0, None, 2), slice(1, None, 2)), cells[:, :, :-1], cells[:, :, 1:]),
            ((slice(None), slice(1, None, 2), slice(0, None, 2)), cells[:, :-1], cells[:, 1:]),
        )
        for places, first, second in sides:
            sign, both = grids[places], (first != OPEN) & (second != OPEN)
            smaller, larger = ((sign == one) | (sign == other) for one, other in self._senses)
            against[places] = both & ((smaller & (first > second)) | (larger & (first < second)))
        return {
            "a digit twice in a row or column": twice,
            "a sign that its digits contradict": against,
            "no digit": odd,
        }

    @property
    def _senses(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """The signs, of rows and of columns, by which the first cell is smaller, and those by which it is larger."""
        return (self._less, self._above), (self._greater, self._below)

    def answered(self, questions: NDArray[np.int8]) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
        squares, (smaller, _) = _squares(self.size), self._senses
        counts, answers = np.zeros(len(questions)), questions.copy()
        for row, question in enumerate(questions.reshape(-1, self.seq_len)):
            fits = np.ones(squares.digits.shape[1], bool)
            for digits, digit in zip(squares.digits, question[self._cells], strict=True):
                if digit != OPEN:
                    fits &= digits == digit
            for less, sign in zip(squares.less, question[self._between], strict=True):
                if sign != self._none:
                    fits &= less if sign in smaller else ~less
            counts[row] = np.count_nonzero(fits)
            if counts[row]:
                answers[row, ::2, ::2] = squares.digits[:, fits.argmax()].reshape(self.size, self.size)
        return counts, answers

    # data
    def make(self, count: int, seed: int) -> Examples:
        """`count` puzzles with one solution, in which no sign and no digit can be spared.

        Clues of a random square are added in random order, up to GIVEN - 1 digits first, then signs, then digits, until
        one solution is left; then those that can be spared go. Puzzle i depends on (seed, i) alone, so a longer run
        begins with the shorter one.
        """
        squares, cells, between = _squares(self.size), self._cells, self._between
        signs = np.repeat([[self._less, self._greater], [self._above, self._below]], len(between) // 2, axis=0)
        questions = np.full((count, self.seq_len), self._none, np.int8)
        questions[:, cells] = OPEN
        answers = questions.copy()
        for i in range(count):
            rng = np.random.default_rng((seed, i))
            square = int(rng.integers(squares.digits.shape[1]))
            clues = np.array(_clues(squares, square, rng))
            given, pairs = clues[clues < len(cells)], clues[clues >= len(cells)] - len(cells)
            questions[i, between[pairs]] = signs[pairs, 1 - squares.less[pairs, square]]
            answers[i] = questions[i]
            questions[i, cells[given]] = squares.digits[given, square]
            answers[i, cells] = squares.digits[:, square]
        shape, ratings = (count, self.height, self.width), np.full(count, np.nan, np.float32)
        return Examples(questions=questions.reshape(shape), answers=answers.reshape(shape), ratings=ratings)

    def augment(self, inputs: Tokens, labels: Tokens, rng: np.random.Generator) -> tuple[Tokens, Tokens]:
        """A random symmetry of the square for each row of inputs and labels (B, L); half of them with digit d as
        size + 1 - d. Signs turn with what they say."""
        chosen = rng.integers(len(self._symmetries[0]), size=len(inputs))
        return self.moved(inputs, *self._symmetries, chosen), self.moved(labels, *self._symmetries, chosen)

    @cached_property
    def _symmetries(self) -> tuple[NDArray[np.intp], NDArray[np.int16]]:
        """Where each symmetry takes the token of each place from (S, L), and how it writes each token (S, V)."""
        board = np.arange(self.seq_len).reshape(self.height, self.width)
        less, greater, above, below = (sign + 1 for sign in range(self._less, self._none))
        reverse = ((less, greater), (above, below))
        swaps = {TRANSPOSED: ((less, above), (greater, below)), UPSIDE_DOWN: reverse[1:], LEFT_RIGHT: reverse[:1]}
        sources, names = [], []
        for symmetry in range(8):
            turned = np.arange(self.vocab_size, dtype=np.int16)
            for pairs in (pairs for bit, pairs in swaps.items() if symmetry & bit):
                turned = _swap(pairs, self.vocab_size)[turned]
            complement = _swap(reverse, self.vocab_size)
            complement[2 : self.size + 2] = complement[2 : self.size + 2][::-1].copy()
            sources += [turn(board, symmetry).ravel()] * 2
            names += [turned, complement[turned]]
        return np.array(sources), np.array(names)


@cache
def _squares(size: int) -> Squares:
    """All Latin squares of a size, row by row: each row fits those above it in no column."""
    rows = np.array(list(permutations(range(1, size + 1))), np.int8)
    apart = (rows[:, None] != rows).all(2)
    chosen, fits = np.zeros((1, 0), np.intp), np.ones((1, len(rows)), bool)
    for _ in range(size):
        square, row = np.nonzero(fits)
        chosen = np.column_stack([chosen[square], row])
        fits = fits[square] & apart[row]
    digits = np.ascontiguousarray(rows[chosen].reshape(len(chosen), -1).T)
    cells = np.arange(size * size).reshape(size, size)
    beside, below = np.stack([cells[:, :-1], cells[:, 1:]], 2), np.stack([cells[:-1], cells[1:]], 2)
    pairs = np.concatenate([beside.reshape(-1, 2), below.reshape(-1, 2)])
    return Squares(digits, pairs, digits[pairs[:, 0]] < digits[pairs[:, 1]])


def _clues(squares: Squares, square: int, rng: np.random.Generator) -> list[int]:
    """Clues that leave this square alone, and none of which can be spared.

    Each is a place in `digits` or, behind those, in `pairs`.
    """
    cells = len(squares.digits)
    first, last = np.split(rng.permutation(cells), [rng.integers(GIVEN)])
    left, against = np.ones(squares.digits.shape[1], bool), {}
    for clue in [*first, *(cells + rng.permutation(len(squares.pairs))), *last]:
        of = squares.digits[clue] if clue < cells else squares.less[clue - cells]
        other = of != of[square]
        if (left & other).any():
            against[int(clue)] = other
            left &= ~other
        if np.count_nonzero(left) == 1:
            break
    times = np.sum(list(against.values()), axis=0, dtype=np.int8)  # clues that each square contradicts
    for clue, other in list(against.items()):
        if not (other & (times == 1)).any():
            times -= against.pop(clue)
    return list(against)


def _pairs_of(side: int) -> list[str]:
    """Scopes that join a cell with the sign on its right, on its left, below it and above it, each a family."""
    row, column = np.indices((side, side))
    families = ((row, (column + after) // 2) for after in (0, 1)), (((row + after) // 2, column) for after in (0, 1))
    labels = [np.unique(rows * side + columns, return_inverse=True)[1].ravel() for rows, columns in chain(*families)]
    return ["map:" + "".join(chr(ord("A") + label) for label in each) for each in labels]


def _swap(pairs: Sequence[tuple[int, int]], count: int) -> NDArray[np.int16]:
    """The numbers below `count` with those of each pair in each other's place."""
    names = np.arange(count, dtype=np.int16)
    for one, other in pairs:
        names[[one, other]] = other, one
    return names
