"""Grids of any size on a canvas (H, W), and their tokens: what lies beyond a grid is padding behind end markers.

A grid holds symbols from 0 from the top left corner of its canvas on, and OUTSIDE elsewhere. Tokens are padding 0,
symbol s as s + FIRST, and the end marker 1 in the row below a grid and in the column right of it.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from redraft.tasks.base import IGNORE, OUTSIDE, Tokens

END, FIRST = 1, 2  # tokens of the end marker and of symbol 0


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
