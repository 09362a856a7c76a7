"""Grids of any size on a canvas (H, W): their tokens, padding behind end markers beyond a grid, and their symmetries.

A grid holds symbols from 0 from the top left corner of its canvas on, and OUTSIDE elsewhere. Tokens are padding 0,
symbol s as s + FIRST, and the end marker 1 in the row below a grid and in the column right of it.
"""

from __future__ import annotations

import math
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from redraft.tasks.base import IGNORE, OUTSIDE, Tokens

END, FIRST = 1, 2  # tokens of the end marker and of symbol 0
# A symmetry of the square: transposed (4), then upside down (2), then left to right (1), where the bit is set.
TRANSPOSED, UPSIDE_DOWN, LEFT_RIGHT = 4, 2, 1
_T = TypeVar("_T", bound=np.integer)


def encode(grids: NDArray[np.int8]) -> Tokens:
    """Canvases (..., H, W) to tokens (..., H x W) int16."""
    grids = np.asarray(grids, np.int16)
    inside = grids != OUTSIDE
    tokens = np.where(inside, grids + FIRST, 0).astype(np.int16)
    end = np.zeros_like(inside)
    end[..., 1:, :] |= inside[..., :-1, :]
    end[..., :, 1:] |= inside[..., :, :-1]
    tokens[end & ~inside] = END
    return tokens.reshape(*grids.shape[:-2], math.prod(grids.shape[-2:]))


def labels_of(tokens: Tokens) -> Tokens:
    """The labels that tokens of answers are: what lies beyond the end markers does not count."""
    return np.where(tokens == 0, np.int16(IGNORE), tokens)


def decode(
    tokens: NDArray[np.integer], height: int, width: int, *, vocab_size: int, of_equals: Literal["flattest", "tallest"]
) -> NDArray[np.int8]:
    """Tokens (..., L) to canvases (..., H, W) int8: the largest rectangle of symbols in the top left corner.

    Without a symbol in the corner the grid is empty. `of_equals` says which of equally large rectangles counts: the
    published evaluation of ARC takes the one with the fewest rows.
    """
    board = np.asarray(tokens).reshape(-1, height, width)
    symbols = (board >= FIRST) & (board < vocab_size)
    reach = np.logical_and.accumulate(symbols, axis=2).sum(2)  # (N, H), symbols at the start of each row
    wide = np.minimum.accumulate(reach, axis=1)  # of the rectangle that ends in a row
    rows = np.arange(height)
    area = wide * (rows + 1)
    last = area.argmax(1) if of_equals == "flattest" else height - 1 - area[:, ::-1].argmax(1)
    wide = wide[np.arange(len(board)), last]
    inside = (rows <= last[:, None])[:, :, None] & (np.arange(width) < wide[:, None])[:, None, :]
    grids = np.where(inside, board - FIRST, OUTSIDE).astype(np.int8)
    return grids.reshape(*np.shape(tokens)[:-1], height, width)


# symmetries
def turn(grid: NDArray[_T], symmetry: int) -> NDArray[_T]:
    """A grid (h, w) under a symmetry of the square."""
    grid = grid.T if symmetry & TRANSPOSED else grid
    return grid[:: -1 if symmetry & UPSIDE_DOWN else 1, :: -1 if symmetry & LEFT_RIGHT else 1]


def sizes(boards: NDArray[np.integer], symmetries: NDArray[np.integer], least: int) -> NDArray[np.int64]:
    """Rows and columns (B, 2), under symmetries (B,), of grids on boards (B, H, W); their cells are `least` or more."""
    found = np.stack([(boards[:, :, 0] >= least).sum(1), (boards[:, 0, :] >= least).sum(1)], axis=1)
    return np.where((symmetries & TRANSPOSED > 0)[:, None], found[:, ::-1], found)


def move(
    boards: NDArray[_T],
    symmetries: NDArray[np.integer],
    sizes: NDArray[np.integer],
    corners: NDArray[np.integer],
    pad: int,
) -> NDArray[_T]:
    """Boards (B, H, W) whose grids have `sizes` (B, 2) under symmetries (B,), and then begin at `corners` (B, 2).

    The line of end markers behind a grid moves with it, whichever way round the others are.
    """
    count, height, width = boards.shape
    turned, flipped, mirrored = (symmetries & bit > 0 for bit in (TRANSPOSED, UPSIDE_DOWN, LEFT_RIGHT))
    # For each row and column of the canvas the line of the old board that it comes from; beyond the grid and its end
    # markers a line of padding, put behind the others.
    rows = _lines(corners[:, 0], sizes[:, 0], flipped, height)
    columns = _lines(corners[:, 1], sizes[:, 1], mirrored, width)
    padded = np.full((count, height + 1, width + 1), pad, boards.dtype)
    padded[:, :height, :width] = boards
    stride = np.where(turned, 1, width + 1)[:, None]  # of rows in the old board; of columns the other of the two
    source = (rows * stride)[:, :, None] + (columns * (width + 2 - stride))[:, None, :]
    moved: NDArray[_T] = padded.ravel()[source + _offsets(padded)]
    return moved


def rename(boards: NDArray[_T], names: NDArray[_T]) -> NDArray[_T]:
    """Boards (B, H, W) with value v of board i written as names[i, v], for names (B, values); negative values stay."""
    renamed: NDArray[_T] = np.where(boards < 0, boards, names.ravel()[np.maximum(boards, 0) + _offsets(names)])
    return renamed


def _lines(
    offset: NDArray[np.integer], length: NDArray[np.integer], reverse: NDArray[np.bool_], side: int
) -> NDArray[np.integer]:
    """The old line (B, side) at each of the canvas when `length` (B,) of them begin at `offset`, maybe in reverse."""
    line = np.arange(side) - offset[:, None]
    length = length[:, None]
    inner = np.where(reverse[:, None], length - 1 - line, line)
    return np.where((line < 0) | (line > length), side, np.where(line == length, length, inner))


def _offsets(arrays: NDArray[np.integer]) -> NDArray[np.int64]:
    """The place of each of B arrays in the flat array of all, (B, 1, 1)."""
    return (np.arange(len(arrays)) * math.prod(arrays.shape[1:]))[:, None, None]
