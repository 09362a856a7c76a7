"""The kernels of the Sudoku search: one counts solutions, one takes clues away.

They take flat sequences of integers, so they run interpreted on Python lists (one puzzle: no compiler, no waiting) and
compiled by Numba on arrays (many puzzles), with identical results.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

# size of the grid: rows and columns of a box
BOXES = {4: (2, 2), 6: (2, 3), 8: (2, 4), 9: (3, 3), 10: (2, 5), 12: (3, 4), 14: (2, 7), 15: (3, 5), 16: (4, 4)}


def count_solutions(state: Any, size: int, limits: Any, tables: Any) -> tuple[int, int]:
    """Counts solutions, writes the first to `found` (bits), returns (count, guesses).

    limits: the most solutions and guesses; the count is -1 where more guesses are needed. `state` and the tables are
    flat sequences of integers, Python lists or int64 arrays:
    state (cells): candidates of each cell, bit d-1 for digit d; a given has one bit; overwritten.
    order (cells): which of equally good cells is branched on first; digits (cells * size): its digits (0-based).
    peers, units: see `geometry`. ones: number of bits of each mask. work: scratch, see `Search`.
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


def dig_clues(masks: Any, cells: Any, limits: Any, state: Any, size: int, tables: Any) -> None:
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
        if count_solutions(state, size, (1, guesses), tables)[0] == 0:
            masks[cell] = full
            kept -= 1


@cache
def geometry(size: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
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
