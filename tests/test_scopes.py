"""Scopes: which cells the families put together."""

import numpy as np
import pytest

from redraft.errors import ConfigError
from redraft.scopes import scope_members, scope_numbers, tiling
from redraft.tasks import TASKS, get_task


def test_families_of_a_4x4_sudoku() -> None:
    def of(name: str) -> list[list[int]]:
        return scope_members(name, height=4, width=4)

    assert of("rows")[5] == [4, 5, 6, 7]
    assert of("columns")[5] == [1, 5, 9, 13]
    assert of("blocks-2x2")[5] == [0, 1, 4, 5]
    assert of("all")[5] == list(range(16))
    assert of("around")[5] == [0, 1, 2, 4, 5, 6, 8, 9, 10]
    assert of("around")[0] == [0, 1, 4, 5], "a corner has three neighbours"


def test_a_jigsaw_is_a_map_of_letters() -> None:
    members = scope_members("map:aabbab", height=2, width=3)
    assert members[0] == [0, 1, 4] and members[5] == [2, 3, 5]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("boxes", "'boxes'.*rows, columns"),
        ("blocks-0x2", "'blocks-0x2'.*rows, columns"),
        ("blocks-2x4", "blocks-2x4 .*6x6"),
        ("map:abc", "3 cells.* 36"),
    ],
)
def test_names_that_are_none(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        scope_members(name, height=6, width=6)


@pytest.mark.parametrize("name", TASKS)
def test_scopes_that_tasks_declare_fit_their_grids(name: str) -> None:
    task = get_task(name)
    for scope in task.scopes:
        members = scope_members(scope, height=task.height, width=task.width)
        assert len(members) == task.seq_len
        assert all(cell in cells for cell, cells in enumerate(members)), "a cell hears itself"


def test_scopes_of_a_sudoku_are_its_units() -> None:
    """Two cells share a scope if and only if they may not hold the same digit."""
    task = get_task("sudoku-6x6")
    families = [scope_members(name, height=6, width=6) for name in task.scopes]
    for a in range(36):
        for b in range(a + 1, 36):
            grid = np.zeros(36, np.int8)
            grid[[a, b]] = 1
            clash = bool(task.wrong_cells(np.zeros((6, 6), np.int8), grid.reshape(6, 6)).any())
            assert clash == any(b in members[a] for members in families), (a, b)


def test_what_tiles_a_grid() -> None:
    blocks = {"rows": (1, 6), "columns": (6, 1), "all": (6, 6), "blocks-2x3": (2, 3), "around": None}
    assert {name: tiling(name, height=6, width=6) for name in blocks} == blocks
    assert tiling("map:aabbaabb", height=2, width=4) == (2, 2)
    assert tiling("map:aabbabab", height=2, width=4) is None


def test_numbers_of_scopes() -> None:
    assert scope_numbers("blocks-2x3", height=2, width=6) == [0, 0, 0, 1, 1, 1] * 2
    assert scope_numbers("map:baab", height=2, width=2) == [0, 1, 1, 0]
    assert scope_numbers("around", height=2, width=3) == [0, 1, 2, 0, 1, 2], (
        "cells with the same neighbourhood share it"
    )
