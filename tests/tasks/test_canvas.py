"""Grids of any size on a canvas: tokens with end markers, and which rectangle of a draft is its grid."""

from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from redraft.tasks import canvas
from redraft.tasks.base import IGNORE, OUTSIDE


def on_canvas(rows: int, columns: int, height: int = 4, width: int = 5) -> np.ndarray:
    grid = np.full((height, width), OUTSIDE, np.int8)
    grid[:rows, :columns] = np.arange(rows * columns).reshape(rows, columns) % 3
    return grid


def test_end_markers_stand_below_and_right_of_a_grid() -> None:
    tokens = canvas.encode(on_canvas(2, 3)).reshape(4, 5)
    assert tokens.tolist() == [[2, 3, 4, 1, 0], [2, 3, 4, 1, 0], [1, 1, 1, 0, 0], [0] * 5]
    assert (canvas.labels_of(tokens) == np.where(tokens == 0, IGNORE, tokens)).all()


@given(st.integers(0, 4), st.integers(0, 5), st.sampled_from(["flattest", "tallest"]))
def test_decoding_undoes_encoding(rows: int, columns: int, of_equals: Literal["flattest", "tallest"]) -> None:
    grids = np.stack([on_canvas(rows, columns), on_canvas(4, 5)])
    assert np.array_equal(canvas.decode(canvas.encode(grids), 4, 5, vocab_size=5, of_equals=of_equals), grids)


@pytest.mark.parametrize(("of_equals", "size"), [("flattest", (1, 4)), ("tallest", (4, 1))])
def test_of_equally_large_rectangles_the_named_one_counts(
    of_equals: Literal["flattest", "tallest"], size: tuple[int, int]
) -> None:
    tokens = canvas.encode(np.stack([on_canvas(1, 4), on_canvas(4, 1)])).max(0)  # both at once: 4 cells either way
    tokens[tokens == canvas.END] = 0
    grid = canvas.decode(tokens, 4, 5, vocab_size=5, of_equals=of_equals)
    inside = np.argwhere(grid != OUTSIDE)
    assert tuple(inside.max(0) + 1) == size and len(inside) == 4


def test_no_grids_at_all() -> None:
    assert canvas.encode(np.empty((0, 30, 30), np.int8)).shape == (0, 900)
