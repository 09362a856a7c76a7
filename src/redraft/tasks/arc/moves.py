"""What may be done to ARC grids: the eight symmetries of the square, other colours, another place on the canvas."""

from __future__ import annotations

from math import isqrt
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from redraft.tasks.arc.files import COLOURS
from redraft.tasks.base import IGNORE, Tokens

Colours = NDArray[np.uint8]  # (..., 10), what each colour becomes
_T = TypeVar("_T", bound=np.integer)

# The symmetries of the square by their published numbers: 0 none, 1-3 quarter turns to the left, 4 left to right,
# 5 upside down, 6 transpose, 7 the other diagonal. Cell (r, c) of the new grid comes from the cell of the old one that
# is found when, if these say so, r and c change places, then r is counted from the end, then c.
SWAPS = np.array([0, 1, 0, 1, 0, 0, 1, 1], dtype=bool)
FLIPS = np.array([0, 0, 1, 1, 0, 1, 0, 1], dtype=bool)
MIRRORS = np.array([0, 1, 1, 0, 1, 0, 0, 1], dtype=bool)
UNDOES = (0, 3, 2, 1, 4, 5, 6, 7)  # which takes each back

# Share of pairs that are not moved: published sets leave one pair of each view in place, where all questions stand
# when the model is asked.
STAYS = 0.25


def turn(grid: NDArray[_T], symmetry: int) -> NDArray[_T]:
    """A grid (h, w) under one of the eight symmetries of the square, by its published number."""
    grid = grid[:: -1 if FLIPS[symmetry] else 1, :: -1 if MIRRORS[symmetry] else 1]
    return grid.T if SWAPS[symmetry] else grid


def draw(rng: np.random.Generator, count: int) -> tuple[NDArray[np.uint8], Colours]:
    """`count` random symmetries (count,) and orders of the colours (count, 10) in which 0 stays."""
    symmetries = rng.integers(8, size=count, dtype=np.uint8)
    colours = np.tile(np.arange(COLOURS, dtype=np.uint8), (count, 1))
    colours[:, 1:] = rng.permuted(colours[:, 1:], axis=1)
    return symmetries, colours


def transform(
    inputs: Tokens,
    labels: Tokens,
    symmetries: NDArray[np.uint8],
    colours: Colours,
    rng: np.random.Generator | None = None,
) -> tuple[Tokens, Tokens]:
    """Pairs of grids (B, L) in the top left corner of a canvas, L = S x S, each under a symmetry (B,)
    and colours (B, 10).

    With `rng`, each pair is moved to a random place where both grids lie on the canvas, or stays, one in four.
    """
    names = np.zeros((len(inputs), COLOURS + 2), inputs.dtype)  # what each token becomes
    names[:, 1], names[:, 2:] = 1, colours + 2
    side = isqrt(inputs.shape[1])
    boards = [np.asarray(tokens).reshape(-1, side, side) for tokens in (inputs, labels)]
    sizes = [_sizes(board, SWAPS[symmetries]) for board in boards]
    corner = np.zeros((len(inputs), 2), np.int64)
    if rng is not None:
        corner = rng.integers(side + 1 - np.maximum(*sizes))
        corner[rng.random(len(corner)) < STAYS] = 0
    question, answer = (
        _named(_moved(board, symmetries, size, corner, pad), names).reshape(-1, side * side)
        for board, size, pad in zip(boards, sizes, (0, IGNORE), strict=True)
    )
    return question, answer


def _moved(
    boards: Tokens, symmetries: NDArray[np.uint8], sizes: NDArray[np.int64], corner: NDArray[np.int64], pad: int
) -> Tokens:
    """Boards (B, S, S) whose grids have `sizes` (B, 2) under symmetries (B,), and then begin at `corner` (B, 2)."""
    swaps, flips, mirrors = SWAPS[symmetries], FLIPS[symmetries], MIRRORS[symmetries]
    # For each row and column of the canvas the line of the old board that it comes from; S, a line of padding put
    # there for it, where that is beyond the grid and its end markers.
    side = boards.shape[1]
    rows = _lines(corner[:, 0], sizes[:, 0], np.where(swaps, mirrors, flips), side)
    columns = _lines(corner[:, 1], sizes[:, 1], np.where(swaps, flips, mirrors), side)
    padded = np.full((len(boards), side + 1, side + 1), pad, boards.dtype)
    padded[:, :side, :side] = boards
    stride = np.where(swaps, 1, side + 1)[:, None]  # of rows in the old board; of columns the other of the two
    source = (rows * stride)[:, :, None] + (columns * (side + 2 - stride))[:, None, :]
    return padded.ravel()[source + _offsets(padded)]


def _named(boards: Tokens, names: Tokens) -> Tokens:
    """Boards (B, S, S) with each token called by its place in names (B, 12); labels that do not count stay."""
    return np.where(boards < 0, boards, names.ravel()[np.maximum(boards, 0) + _offsets(names)])


def _offsets(arrays: NDArray[np.integer]) -> NDArray[np.int64]:
    """Where each of B arrays begins in the flat array of all, (B, 1, 1)."""
    size = int(np.prod(arrays.shape[1:]))
    return (np.arange(len(arrays)) * size)[:, None, None]


def _sizes(boards: Tokens, swaps: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Rows and columns (B, 2) that the grids on these boards (B, S, S) have once the `swaps` are transposed."""
    sizes = np.stack([(boards[:, :, 0] > 1).sum(1), (boards[:, 0, :] > 1).sum(1)], axis=1)
    return np.where(swaps[:, None], sizes[:, ::-1], sizes)


def _lines(
    offset: NDArray[np.int64], length: NDArray[np.int64], reverse: NDArray[np.bool_], side: int
) -> NDArray[np.int64]:
    """The old line (B, S) at each of the canvas when `length` (B,) of them begin at `offset`, maybe in reverse."""
    line = np.arange(side) - offset[:, None]
    length = length[:, None]
    inner = np.where(reverse[:, None], length - 1 - line, line)
    # the line after the last holds the end markers, whichever way round the others are
    return np.where((line < 0) | (line > length), side, np.where(line == length, length, inner))
