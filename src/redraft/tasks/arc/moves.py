"""What may be done to ARC grids: the eight symmetries of the square, other colours, another place on the canvas."""

from __future__ import annotations

from math import isqrt
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from redraft.tasks import canvas
from redraft.tasks.arc.files import COLOURS
from redraft.tasks.base import IGNORE, Tokens

Colours = NDArray[np.uint8]  # (..., 10), what each colour becomes
_T = TypeVar("_T", bound=np.integer)

# The symmetries of the square by their published numbers (0 none, 1-3 quarter turns to the left, 4 left to right,
# 5 upside down, 6 transpose, 7 the other diagonal) as those of `tasks.canvas`.
SYMMETRIES = np.array([0, 6, 3, 5, 1, 2, 4, 7])
UNDOES = (0, 3, 2, 1, 4, 5, 6, 7)  # which takes each back

# Share of pairs that are not moved: published sets leave one pair of each view in place, where all questions stand
# when the model is asked.
STAYS = 0.25


def turn(grid: NDArray[_T], symmetry: int) -> NDArray[_T]:
    """A grid (h, w) under one of the eight symmetries of the square, by its published number."""
    return canvas.turn(grid, int(SYMMETRIES[symmetry]))


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
    names = np.zeros((len(inputs), COLOURS + canvas.FIRST), inputs.dtype)  # for each token
    names[:, canvas.END], names[:, canvas.FIRST :] = canvas.END, colours + canvas.FIRST
    side, moves = isqrt(inputs.shape[1]), SYMMETRIES[symmetries]
    boards = [np.asarray(tokens).reshape(-1, side, side) for tokens in (inputs, labels)]
    sizes = [canvas.sizes(board, moves, canvas.FIRST) for board in boards]
    corners = np.zeros((len(inputs), 2), np.int64)
    if rng is not None:
        corners = rng.integers(side + 1 - np.maximum(*sizes))
        corners[rng.random(len(corners)) < STAYS] = 0
    question, answer = (
        canvas.rename(canvas.move(board, moves, size, corners, pad), names).reshape(-1, side * side)
        for board, size, pad in zip(boards, sizes, (0, IGNORE), strict=True)
    )
    return question, answer
