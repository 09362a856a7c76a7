"""Tasks on a board of one size with a character per cell, written in any form in which grids of one's own are."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from redraft.errors import PuzzleError
from redraft.tasks.base import Grid, Task, Tokens
from redraft.tasks.canvas import rename
from redraft.tasks.grids.text import GridText, folded, rows_of, without_gaps
from redraft.tasks.reading import puzzles
from redraft.tasks.written import WrittenTask

COMMENT = ";"  # not #, which may be a symbol


class LetteredTask(WrittenTask):
    """A task whose boards are drawn in rows of `characters`, or stand in one line.

    Attributes:
        shown: what a picture shows of characters that it shows otherwise: a space for what is no cell.
    """

    comment = COMMENT
    shown: Mapping[str, str] = MappingProxyType({})

    def __init__(self, name: str, height: int, width: int) -> None:
        self.name, self.height, self.width = name, height, width
        self.vocab_size = len(self.characters) + 1
        self.aliases: dict[str, int] = {}
        self.notation = GridText(self, varies=False)

    # text
    def parse(self, text: str) -> Grid:
        """The grid (H, W) int8 in a text: rows divided by new lines or `/`, or one line; raises PuzzleError."""
        return self.board(text)

    def board(self, value: object) -> Grid:
        """The grid (H, W) int8 of a board: text, rows of characters (None for a blank), or an array of symbols.

        Raises PuzzleError.
        """
        if puzzles.is_array_of_symbols(value):
            return Task.board(self, value)
        rows = folded(rows_of(without_gaps(value, self.characters[self.blank])), self.height, self.width)
        if (got := (len(rows), len(rows[0]))) != (self.height, self.width):
            raise PuzzleError(f"expected {self.height} x {self.width} cells, got {got[0]} x {got[1]}")
        symbols = {each: i for i, each in enumerate(self.characters)}
        for r, row in enumerate(rows):
            for c, cell in enumerate(row):
                if cell not in symbols:
                    raise PuzzleError(f"{cell!r} at row {r + 1}, column {c + 1} is not {self.expected}")
        return np.array([[symbols[cell] for cell in row] for row in rows], np.int8)

    def draw(self, grid: Grid) -> str:
        """The grid as plain text, a line for each row, which `parse` reads back."""
        return "\n".join("".join(self.characters[symbol] for symbol in row) for row in np.asarray(grid).tolist())

    def symbols(self, grid: Grid) -> list[list[str]]:
        return [[self.shown.get(cell, cell) for cell in row] for row in super().symbols(grid)]

    # data
    def moved(
        self,
        tokens: Tokens,
        sources: NDArray[np.integer],
        names: NDArray[np.int16],
        chosen: NDArray[np.integer],
    ) -> Tokens:
        """Tokens (B, L) under one symmetry each, the `chosen` (B,) of those given.

        Symmetry s takes the token at `sources[s]` (S, L), and writes token t as `names[s, t]` (S, V).
        """
        found = rename(np.take_along_axis(tokens, sources[chosen], axis=1)[:, None], names[chosen])
        return found[:, 0]
