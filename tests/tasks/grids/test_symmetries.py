"""Symmetries of grids: what names stand for, turning within the canvas, and keys that symmetries do not change."""

import numpy as np
import pytest
from helpers.failing import raises
from hypothesis import given
from hypothesis import strategies as st

from redraft.errors import ConfigError
from redraft.tasks.canvas import rename
from redraft.tasks.grids.symmetries import Symmetries, keys, move, random_names, understood


@pytest.mark.parametrize(
    ("names", "moves"),
    [
        ((), (0,)),
        (("flip-h",), (0, 1)),
        (("flip-v",), (0, 2)),
        (("flip-h", "flip-v"), (0, 1, 2, 3)),
        (("transpose",), (0, 4)),
        (("rotate",), (0, 3, 5, 6)),
        (("dihedral",), tuple(range(8))),
        (("rotate", "flip-h"), tuple(range(8))),
        (("flip-h", "transpose"), tuple(range(8))),
    ],
)
def test_what_names_stand_for(names: tuple[str, ...], moves: tuple[int, ...]) -> None:
    assert understood(names, "ab").moves == moves


def test_symbols_that_change_places() -> None:
    assert understood(["symbols:bc"], "abc").classes == ((1, 2),)
    assert understood(["symbols:10,2"], ("2", "3", "10")).classes == ((2, 0),)
    names = random_names(Symmetries(classes=((1, 2), (3, 4))), 6, 200, np.random.default_rng(0))
    assert {tuple(row) for row in names.tolist()} == {
        (0, *first, *second, 5) for first in ((1, 2), (2, 1)) for second in ((3, 4), (4, 3))
    }


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("mirror", ("'mirror'", "flip-h, flip-v, transpose, rotate, dihedral")),
        ("symbols:ax", ("symbols:ax", "'x'", "a b c")),
        ("symbols:a", "symbols:a"),
        ("symbols:", "symbols:"),
        ("symbols:aba", ("symmetries", "'a'")),
    ],
)
def test_mistakes(name: str, parts: object) -> None:
    with raises(ConfigError, parts):
        understood([name], "abc")


def test_moves_of_a_full_grid() -> None:
    grid = np.arange(9, dtype=np.int8).reshape(3, 3)
    moved = move(np.stack([grid] * 8), np.arange(8), varies=False)
    for each, found in enumerate(moved):
        wanted = grid.T if each & 4 else grid
        wanted = wanted[::-1] if each & 2 else wanted
        assert np.array_equal(found, wanted[:, ::-1] if each & 1 else wanted), each
    assert np.array_equal(moved[6], np.rot90(grid)), "rotate is a quarter turn"


def test_a_small_grid_turns_within_its_own_extent() -> None:
    grid = np.full((3, 3), -1, np.int8)
    grid[:1, :2] = [[5, 7]]
    turned, mirrored = move(np.stack([grid, grid]), np.array([4, 1]), varies=True)
    assert turned.tolist() == [[5, -1, -1], [7, -1, -1], [-1, -1, -1]]
    assert mirrored.tolist() == [[7, 5, -1], [-1, -1, -1], [-1, -1, -1]]


@given(st.integers(0, 2**32), st.sampled_from([(), ("dihedral",), ("rotate", "symbols:bcd"), ("symbols:ab,",)]))
def test_keys_do_not_see_symmetries_and_see_all_else(seed: int, names: tuple[str, ...]) -> None:
    rng = np.random.default_rng(seed)
    symmetries = understood([name.rstrip(",") for name in names], "abcd")
    grids = rng.integers(4, size=(20, 4, 4), dtype=np.int8)
    sizes = rng.integers(1, 5, size=(20, 2))
    for grid, (height, width) in zip(grids, sizes, strict=True):
        grid[height:], grid[:, width:] = -1, -1
    moved = move(grids, rng.choice(symmetries.moves, size=20), varies=True)
    moved = rename(moved, random_names(symmetries, 4, 20, rng))
    assert np.array_equal(keys(moved, symmetries, varies=True), keys(grids, symmetries, varies=True))
    different = len({grid.tobytes() for grid in grids})
    assert len(set(keys(grids, Symmetries(), varies=True).tolist())) == different
