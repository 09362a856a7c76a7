"""Exact search for Sudoku of any size: solve and count, random full grids, minimal, hard and similar puzzles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from threading import Lock
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from redraft.jit import compile_kernel
from redraft.tasks.base import Examples
from redraft.tasks.sudoku.kernel import count_solutions, dig_clues, geometry

# Up to this size, made puzzles are minimal. The proof that a clue of a larger one can go may take seconds, so it gets
# no more than GUESSES.
MINIMAL, GUESSES = 9, 10
UNLIMITED = 1 << 62
CHECKED = 50_000  # guesses, some ten seconds of them interpreted, to find out whether a puzzle has one solution

# Loading Numba takes about a second when its cache is warm and several when it must compile, so long work starts
# interpreted and changes over when, after PATIENCE seconds, more than WORTH seconds of it seem to remain.
PATIENCE, WORTH = 0.5, 4.0


class Search:
    """The kernel with its tables for one size; `compiled=False` needs neither Numba nor time to start.

    Not to be shared between threads: it holds the kernel's scratch memory.
    """

    def __init__(self, size: int, *, compiled: bool = False) -> None:
        kernel = compile_kernel(count_solutions) if compiled else None
        self.size, self.cells, self.full = size, size * size, (1 << size) - 1
        self.compiled = kernel is not None
        self._kernel = kernel or count_solutions
        self._digger = (compile_kernel(dig_clues, count_solutions) if kernel is not None else None) or dig_clues
        peers, units, ones = (self._flat(table) for table in geometry(size))
        self._found = self._flat(np.zeros(self.cells, np.int64))
        frames = self.cells * (self.cells + 2)  # a saved state for each guess, and what was guessed
        self._tables = peers, units, ones, self._flat(np.zeros(frames + self.cells, np.int64)), self._found
        self._natural = self._flat(np.arange(self.cells)), self._flat(np.tile(np.arange(size), self.cells))

    def _flat(self, values: NDArray[np.integer]) -> Any:
        # Indexing an array from the interpreter costs several times as much as indexing a list.
        return np.ascontiguousarray(values.ravel(), dtype=np.int64) if self.compiled else values.ravel().tolist()

    def _run(
        self, state: Any, limit: int, orders: tuple[Any, Any] | None = None, most: int = UNLIMITED
    ) -> tuple[int, int]:
        return self._kernel(state, self.size, (limit, most), (*(orders or self._natural), *self._tables))

    def solve(
        self, grid: NDArray[np.integer], limit: int = 2, most: int = UNLIMITED
    ) -> tuple[int, NDArray[np.int8] | None, int]:
        """Solutions of a grid (size, size; 0 blank) up to `limit`, the first of them, and the guesses it took.

        Where it takes more guesses than `most`, there are -1 solutions.

        With limit 2 the guesses include the proof that there is no second solution: 0 means that naked and hidden
        singles alone solve the puzzle.
        """
        count, guesses = self._run(self._masks(grid), limit, most=most)
        return int(count), self._grid(self._found) if count > 0 else None, int(guesses)

    def _masks(self, grid: NDArray[Any]) -> Any:
        """Digits (0 blank) to candidates, as the kernel takes them."""
        return self._flat(np.where(grid > 0, 1 << np.maximum(np.asarray(grid, np.int64) - 1, 0), self.full))

    def _grid(self, masks: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int8]:
        """One-bit masks (cells) to digits (size, size); any other mask to a blank."""
        digits = np.zeros(self.full + 1, np.int8)
        digits[1 << np.arange(self.size)] = np.arange(1, self.size + 1)
        grid: NDArray[np.int8] = digits[np.asarray(masks)].reshape(self.size, self.size)
        return grid

    def fill(self, rng: np.random.Generator, given: NDArray[np.integer] | None = None) -> NDArray[np.int8]:
        """A random full grid (size, size), with the digits of `given` if any: cells and digits in random order."""
        order = rng.permutation(self.cells)
        digits = np.argsort(rng.random((self.cells, self.size)), axis=1)
        masks = self._masks(np.zeros(self.cells) if given is None else given)
        self._run(masks, 1, (self._flat(order), self._flat(digits)))
        return self._grid(self._found)

    def dig(
        self,
        answer: NDArray[np.integer],
        rng: np.random.Generator,
        clues: int = 0,
        last: NDArray[np.integer] | None = None,
    ) -> NDArray[np.int8]:
        """Takes clues from a full grid in random order, one solution remaining, until `clues` are left or none can go.

        Those of `last` go after all others. Beyond MINIMAL, a clue stays where the proof that it can go takes more than
        GUESSES.
        """
        masks, state = (self._masks(answer) for _ in range(2))
        order = rng.permutation(self.cells)
        if last is not None:
            order = order[np.argsort(last.ravel()[order] > 0, kind="stable")]
        cells = self._flat(order)
        limits = clues, UNLIMITED if self.size <= MINIMAL else GUESSES
        self._digger(masks, cells, limits, state, self.size, (*self._natural, *self._tables))
        return self._grid(masks)

    def make(self, seed: int, index: int, clues: int | None, tries: int) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
        """Puzzle `index` of `seed` and its answer; with `clues`, the sparsest of `tries` if none gets that far."""
        rng = np.random.default_rng([seed, index])
        best: tuple[NDArray[np.int8], NDArray[np.int8]] | None = None
        for _ in range(tries):
            answer = self.fill(rng)
            question = self.dig(answer, rng, clues or 0)
            if best is None or np.count_nonzero(question) < np.count_nonzero(best[0]):
                best = question, answer
            if clues is None or np.count_nonzero(question) <= clues:
                break
        assert best is not None
        return best

    def vary(self, question: NDArray[np.int8], rng: np.random.Generator) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
        """A minimal puzzle near another, and its answer: without a random clue, with what one solution then needs."""
        left = question.copy()
        left.flat[rng.choice(np.flatnonzero(question))] = 0
        answer = self.fill(rng, left)
        return self.dig(answer, rng, last=left), answer

    def climb(
        self, seed: int, index: int, guesses: int, near: NDArray[np.int8] | None, tries: int
    ) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
        """Puzzle `index` of `seed` that takes `guesses` guesses, and its answer: varied from `near`, or a fresh one.

        A variation that takes no fewer guesses than what it came from is varied in its place. The hardest is returned
        where `tries` of them do not take enough.
        """
        rng = np.random.default_rng([seed, index, 1])
        found = self.make(seed, index, None, 1) if near is None else self.vary(near, rng)
        start = found[0] if near is None else near
        level, hardest, most = self.solve(start)[2], found, -1
        for _ in range(tries):
            needed = self.solve(found[0])[2]
            if needed > most:
                hardest, most = found, needed
            if needed >= guesses:
                break
            if needed >= level:
                start, level = found[0], needed
            found = self.vary(start, rng)
        return hardest


class Counter:
    """Counts solutions of one grid after another, in any thread: interpreted at first, compiled after MANY."""

    MANY = 256  # grids whose searches take as long as loading the compiled kernel does

    def __init__(self, size: int) -> None:
        self._search, self._seen = Search(size), 0
        self._lock = Lock()  # a Search has memory of its own

    def count(self, grid: NDArray[np.integer]) -> int:
        """The number of solutions of a grid (size, size), up to 2; -1 where CHECKED guesses do not tell."""
        with self._lock:
            self._seen += 1
            if self._seen == self.MANY:
                self._search = Search(len(grid), compiled=True)
            return self._search.solve(grid, most=CHECKED)[0]


def solve_many(
    grids: NDArray[np.int8], *, compiled: bool | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int8], NDArray[np.int64]]:
    """For grids (N, size, size): solutions (N,) up to 2, the first of each or blanks (N, size, size), guesses (N,)."""
    counts, guesses = np.zeros(len(grids), np.int64), np.zeros(len(grids), np.int64)
    answers = np.zeros_like(grids)
    for row, search in _searches(grids.shape[-1], len(grids), compiled):
        counts[row], answer, guesses[row] = search.solve(grids[row])
        if answer is not None:
            answers[row] = answer
    return counts, answers, guesses


def make(
    size: int,
    count: int,
    seed: int,
    clues: int | None = None,
    guesses: int | None = None,
    near: NDArray[np.int8] | None = None,
    *,
    tries: int = 1,
    compiled: bool | None = None,
) -> Examples:
    """`count` puzzles with one solution each, see `Search.dig`; with `clues` clues where `tries` digs get that far.

    With `guesses` or `near` (N, size, size), taken in turn, see `Search.climb`. Ratings are the guesses that a search
    needs. Puzzle i depends on (seed, i) alone, and on what it is near: a longer run begins with the shorter one.
    `compiled` None decides by the work.
    """
    questions, answers = np.zeros((2, count, size, size), np.int8)
    needed = np.zeros(count, np.float32)
    for i, search in _searches(size, count, compiled):
        if guesses is None and near is None:
            questions[i], answers[i] = search.make(seed, i, clues, tries)
        else:
            other = None if near is None else near[i % len(near)]
            questions[i], answers[i] = search.climb(seed, i, guesses or 0, other, tries)
        needed[i] = search.solve(questions[i])[2]
    return Examples(questions=questions, answers=answers, ratings=needed)


def _searches(size: int, count: int, compiled: bool | None) -> Iterator[tuple[int, Search]]:
    """Numbers 0..count-1, each with the Search to use for it: which one changes the time, never the result."""
    search, start, undecided = Search(size, compiled=bool(compiled)), perf_counter(), compiled is None
    for i in range(count):
        passed = perf_counter() - start
        if undecided and passed > PATIENCE and passed * (count - i) > WORTH * i:
            search, undecided = Search(size, compiled=True), False
        yield i, search
