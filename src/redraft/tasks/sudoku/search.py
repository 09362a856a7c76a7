"""Exact search for Sudoku of any size: solve and count, random full grids, minimal puzzles, difficulty.

One kernel does all the work. It takes flat sequences of integers, so it runs interpreted on Python lists (one puzzle:
no compiler, no waiting) and compiled by Numba on arrays (many puzzles), with identical results.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from threading import Lock
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from redraft.jit import compile_kernel
from redraft.tasks.base import Examples

# size of the grid: rows and columns of a box
BOXES = {4: (2, 2), 6: (2, 3), 8: (2, 4), 9: (3, 3), 10: (2, 5), 12: (3, 4), 14: (2, 7), 15: (3, 5), 16: (4, 4)}
# Up to this size, made puzzles are minimal. The proof that a clue of a larger one can go may take seconds, so it gets
# no more than GUESSES.
MINIMAL, GUESSES = 9, 10
UNLIMITED = 1 << 62
CHECKED = 50_000  # guesses, some ten seconds of them interpreted, to find out whether a puzzle has one solution

# Loading Numba takes about a second when its cache is warm and several when it must compile, so long work starts
# interpreted and changes over when, after PATIENCE seconds, more than WORTH seconds of it seem to remain.
PATIENCE, WORTH = 0.5, 4.0


def _search(state: Any, size: int, limits: Any, tables: Any) -> tuple[int, int]:
    """Counts solutions, writes the first to `found` (bits), returns (count, guesses).

    limits: the most solutions and guesses; the count is -1 where more guesses are needed. `state` and the tables are
    flat sequences of integers, Python lists or int64 arrays:
    state (cells): candidates of each cell, bit d-1 for digit d; a given has one bit; overwritten.
    order (cells): which of equally good cells is branched on first; digits (cells * size): its digits (0-based).
    peers, units: see `_geometry`. ones: number of bits of each mask. work: scratch, see `Search`.
    """
    limit, most = limits
    order, digits, peers, units, ones, work, found = tables
    cells = size * size
    span = len(peers) // cells
    full = (1 << size) - 1
    done = full + 1  # flag on a cell whose digit has been taken from its peers
    frame = cells + 2  # a saved state, the cell branched on, and the number of cells left
    count, guesses, depth, left, waiting = 0, 0, 0, cells, 0
    queue = len(work) - cells  # the last `cells` entries of work: cells with one candidate, not yet propagated
    for cell in range(cells):
        mask = state[cell]
        if mask & (mask - 1) == 0:
            work[queue + waiting] = cell
            waiting += 1
    while True:
        possible = True
        moved = True
        while moved and possible:
            moved = False
            while waiting > 0 and possible:  # a cell with one candidate: no peer may have it
                waiting -= 1
                cell = work[queue + waiting]
                bit = state[cell]
                if bit == 0:
                    possible = False
                    break
                state[cell] = bit | done
                left -= 1
                for k in range(cell * span, cell * span + span):
                    peer = peers[k]
                    mask = state[peer]
                    if mask & bit:
                        mask ^= bit
                        state[peer] = mask
                        if mask & full == 0:
                            possible = False
                            break
                        if mask & (mask - 1) == 0:
                            work[queue + waiting] = peer
                            waiting += 1
            if left == 0 or not possible:
                break
            for unit in range(0, len(units), size):  # a digit with one place in a row, column or box
                once, twice = 0, 0
                for k in range(unit, unit + size):
                    mask = state[units[k]]
                    twice |= once & mask
                    once |= mask
                    if mask > full:
                        twice |= mask
                if once & full != full:
                    possible = False
                    break
                hidden = once & ~twice & full
                if hidden:
                    for k in range(unit, unit + size):
                        cell = units[k]
                        bit = state[cell] & hidden
                        if bit:
                            if bit & (bit - 1):
                                possible = False
                                break
                            if state[cell] != bit:
                                state[cell] = bit
                                work[queue + waiting] = cell
                                waiting += 1
                                moved = True
                    if not possible:
                        break

        if possible and left > 0:  # branch: a cell with few candidates, or a digit with two places in a unit
            if guesses == most:
                return -1, guesses
            best, pick, bit = size + 1, 0, 0
            for k in range(cells):
                cell = order[k]
                mask = state[cell]
                if mask <= full and ones[mask] < best:
                    best, pick = ones[mask], cell
                    if best == 2:
                        break
            for k in range(pick * size, pick * size + size):
                bit = 1 << digits[k]
                if state[pick] & bit:
                    break
            if best > 2:
                for unit in range(0, len(units), size):
                    once, twice, thrice = 0, 0, 0
                    for k in range(unit, unit + size):
                        mask = state[units[k]]
                        thrice |= twice & mask
                        twice |= once & mask
                        once |= mask
                        if mask > full:
                            thrice |= mask
                    pair = twice & ~thrice & full
                    if pair:
                        bit = pair & -pair
                        for k in range(unit, unit + size):
                            pick = units[k]
                            if state[pick] & bit:
                                break
                        break
            state[pick] ^= bit  # to try when this guess fails: the same without it
            base = depth * frame
            work[base : base + cells] = state
            work[base + cells] = pick
            work[base + cells + 1] = left
            depth += 1
            guesses += 1
            state[pick] = bit
            work[queue] = pick
            waiting = 1
            continue
        if possible:
            count += 1
            if count == 1:
                for cell in range(cells):
                    found[cell] = state[cell] & full
            if count >= limit:
                return count, guesses
        if depth == 0:
            return count, guesses
        depth -= 1
        base = depth * frame
        state[:] = work[base : base + cells]
        pick = work[base + cells]
        left = work[base + cells + 1]
        waiting = 0
        if state[pick] & (state[pick] - 1) == 0:
            work[queue] = pick
            waiting = 1


def _dig(masks: Any, cells: Any, limits: Any, state: Any, size: int, tables: Any) -> None:
    """Takes clues from a full grid, one solution remaining, until `clues` are left or none can be spared.

    limits: `clues`, and the most guesses of a search: a clue stays where it needs more. masks (cells): the grid as
    candidates, from which clues are taken in the order of `cells`; state: scratch of the same length.
    """
    clues, guesses = limits
    full = (1 << size) - 1
    kept = len(cells)
    for k in range(len(cells)):
        if kept <= clues:
            break
        cell = cells[k]
        state[:] = masks
        state[cell] ^= full  # every other digit: is there a solution with one of them?
        if _search(state, size, (1, guesses), tables)[0] == 0:
            masks[cell] = full
            kept -= 1


@cache
def _geometry(size: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """peers (cells * P): the cells that share a unit with each; units (3 * size * size); ones (2**size)."""
    tall, wide = BOXES[size]
    index = np.arange(size * size).reshape(size, size)
    boxes = index.reshape(size // tall, tall, size // wide, wide).swapaxes(1, 2).reshape(size, size)
    units = np.concatenate([index, index.T, boxes])
    shared = np.zeros((size * size, size * size), dtype=bool)
    for unit in units:
        shared[np.ix_(unit, unit)] = True
    np.fill_diagonal(shared, False)
    ones = np.array([mask.bit_count() for mask in range(1 << size)])
    return np.nonzero(shared)[1].astype(np.int64), units.ravel().astype(np.int64), ones.astype(np.int64)


class Search:
    """The kernel with its tables for one size; `compiled=False` needs neither Numba nor time to start.

    Not to be shared between threads: it holds the kernel's scratch memory.
    """

    def __init__(self, size: int, *, compiled: bool = False) -> None:
        kernel = compile_kernel(_search) if compiled else None
        self.size, self.cells, self.full = size, size * size, (1 << size) - 1
        self.compiled = kernel is not None
        self._kernel = kernel or _search
        self._digger = (compile_kernel(_dig, _search) if kernel is not None else None) or _dig
        peers, units, ones = (self._flat(table) for table in _geometry(size))
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
        masks = np.where(grid > 0, 1 << np.maximum(np.asarray(grid, np.int64) - 1, 0), self.full)
        count, guesses = self._run(self._flat(masks), limit, most=most)
        return int(count), self._grid(self._found) if count > 0 else None, int(guesses)

    def _grid(self, masks: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int8]:
        """One-bit masks (cells) to digits (size, size); any other mask to a blank."""
        digits = np.zeros(self.full + 1, np.int8)
        digits[1 << np.arange(self.size)] = np.arange(1, self.size + 1)
        grid: NDArray[np.int8] = digits[np.asarray(masks)].reshape(self.size, self.size)
        return grid

    def fill(self, rng: np.random.Generator) -> NDArray[np.int8]:
        """A random full grid (size, size), by a search that visits cells and digits in random order."""
        order = rng.permutation(self.cells)
        digits = np.argsort(rng.random((self.cells, self.size)), axis=1)
        self._run(self._flat(np.full(self.cells, self.full)), 1, (self._flat(order), self._flat(digits)))
        return self._grid(self._found)

    def dig(self, answer: NDArray[np.integer], rng: np.random.Generator, clues: int = 0) -> NDArray[np.int8]:
        """Takes clues from a full grid in random order, one solution remaining, until `clues` are left or none can go.

        Beyond MINIMAL, a clue stays where the proof that it can go takes more than GUESSES.
        """
        masks, state = (self._flat(1 << (np.asarray(answer, np.int64) - 1)) for _ in range(2))
        cells = self._flat(rng.permutation(self.cells))
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
    size: int, count: int, seed: int, clues: int | None = None, *, tries: int = 1, compiled: bool | None = None
) -> Examples:
    """`count` puzzles with one solution each, see `Search.dig`; with `clues` clues where `tries` digs get that far.

    Ratings are the guesses that a search needs. Puzzle i depends on (seed, i) alone: a longer run begins with the
    shorter one. `compiled` None decides by the work.
    """
    questions, answers = np.zeros((2, count, size, size), np.int8)
    guesses = np.zeros(count, np.float32)
    for i, search in _searches(size, count, compiled):
        questions[i], answers[i] = search.make(seed, i, clues, tries)
        guesses[i] = search.solve(questions[i])[2]
    return Examples(questions=questions, answers=answers, ratings=guesses)


def _searches(size: int, count: int, compiled: bool | None) -> Iterator[tuple[int, Search]]:
    """Numbers 0..count-1, each with the Search to use for it: which one changes the time, never the result."""
    search, start, undecided = Search(size, compiled=bool(compiled)), perf_counter(), compiled is None
    for i in range(count):
        passed = perf_counter() - start
        if undecided and passed > PATIENCE and passed * (count - i) > WORTH * i:
            search, undecided = Search(size, compiled=True), False
        yield i, search
