"""Scopes: the sets of cells in which a puzzle's rules hold, as tasks name them and models use them.

A family of scopes is named by `rows`, `columns`, `all`, `blocks-HxW` (boxes of H rows and W columns), `around` (each
cell with its eight neighbours), or `map:` and a letter for every cell, row by row (cells with the same letter share a
scope, as in a jigsaw Sudoku).
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from typing import NamedTuple

from redraft.errors import ConfigError

KNOWN = "rows, columns, all, around, blocks-HxW or map:LETTERS"


class Axes(NamedTuple):
    """Scopes as axes: the L cells are seen as a grid of these sides, and a scope is what lies along these axes of
    (B, *grid, S, d)."""

    grid: tuple[int, ...]
    axes: tuple[int, ...]


def scope_axes(name: str, *, height: int, width: int) -> Axes | None:
    """The scopes of a family as axes of the grid; None where they are no blocks, see `tiling`."""
    block = tiling(name, height=height, width=width)
    if block is None:
        return None
    tall, wide = block
    return Axes((height // tall, tall, width // wide, wide), (2, 4))


def scope_members(name: str, *, height: int, width: int) -> list[list[int]]:
    """The cells that share a scope of this family with each cell of a grid, row by row, itself included.

    Raises ConfigError for an unknown name, or one that does not fit the grid.
    """
    cells = [(row, column) for row in range(height) for column in range(width)]
    if name == "around":
        return [
            [
                r * width + c
                for r in range(max(0, row - 1), min(height, row + 2))
                for c in range(max(0, column - 1), min(width, column + 2))
            ]
            for row, column in cells
        ]
    label = _labels(name, cells, height, width)
    together: dict[Hashable, list[int]] = {}
    for cell, own in enumerate(label):
        together.setdefault(own, []).append(cell)
    return [together[own] for own in label]


def scope_numbers(name: str, *, height: int, width: int) -> list[int]:
    """The number of each cell's scope, from 0 in the order of their first cells; raises as `scope_members`."""
    numbers: dict[tuple[int, ...], int] = {}
    members = scope_members(name, height=height, width=width)
    return [numbers.setdefault(tuple(own), len(numbers)) for own in members]


def tiling(name: str, *, height: int, width: int) -> tuple[int, int] | None:
    """Rows and columns of the blocks that the scopes of a family tile the grid with; None where they are no blocks.

    Raises ConfigError as `scope_members`.
    """
    members = scope_members(name, height=height, width=width)
    tall, wide = members[0][-1] // width + 1, max(cell % width for cell in members[0]) + 1
    if height % tall or width % wide:
        return None
    return (tall, wide) if members == scope_members(f"blocks-{tall}x{wide}", height=height, width=width) else None


def _labels(name: str, cells: Sequence[tuple[int, int]], height: int, width: int) -> Sequence[Hashable]:
    """The scope of each cell in a family that divides the grid into scopes."""
    if name in ("rows", "columns", "all"):
        return [{"rows": row, "columns": column, "all": 0}[name] for row, column in cells]
    if block := re.fullmatch(r"blocks-([1-9]\d*)x([1-9]\d*)", name):
        tall, wide = int(block[1]), int(block[2])
        if height % tall or width % wide:
            raise ConfigError(f"scopes: {name} does not divide a grid of {height}x{width} cells")
        return [(row // tall, column // wide) for row, column in cells]
    if name.startswith("map:"):
        letters = name.removeprefix("map:")
        if len(letters) != len(cells):
            raise ConfigError(f"scopes: {name[:20]} names {len(letters)} cells, the grid has {len(cells)}")
        return letters
    raise ConfigError(f"scopes: unknown {name!r}; expected {KNOWN}")
