"""The model of a board: the symbol of each cell, and whether it is given, filled, changed or wrong; also as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

import numpy as np

from redraft.tasks.base import OUTSIDE, Grid, Task

BLANK = "·"
Size = tuple[int, int]  # rows and columns of a grid that are drawn
Segment = tuple[str, str]  # text and its style: "rule", or as of a cell

PAPER, EDGE, RULE, HAIR, CAPTION = "#ffffff", "#d0d7de", "#3d444d", "#d8dee4", "#57606a"
INK = {"given": "#1f2328", "filled": "#0969da", "changed": "#0550ae", "wrong": "#a40e26", "": "#afb8c1"}
FILL = {"given": "#f3f5f7", "changed": "#ffe8a3", "wrong": "#ffcecb"}
MARK = {"changed": "#0969da", "wrong": "#cf222e"}  # frame of a cell that is known by its colour


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a board.

    Attributes:
        symbol: one character, `·` for a blank and a space for what is no cell.
        colour: `#rrggbb` where the cell is known by its colour, as in a maze; empty elsewhere.
        kind: "given", "filled", or empty for a blank.
        change: "wrong" where it breaks a rule, "changed" where it differs from the draft before, or empty.
        mark: the same, but for what the first draft changes, as that may be all.
    """

    symbol: str
    colour: str
    kind: str
    change: str
    mark: str

    @property
    def style(self) -> str:
        """The first that applies of "wrong", "changed", "given" and "filled"; empty for a blank."""
        return self.change or self.kind

    @property
    def letter(self) -> str:
        """The letter of the cell in a picture: none where it is blank or its colour is enough."""
        return letter_of(self.symbol, self.colour)

    @property
    def ink(self) -> str:
        """The colour of the letter. A given that breaks a rule keeps its own, so that it still reads as a given."""
        return ink_on(self.colour) if self.colour else INK[self.kind if self.bold else self.style]

    @property
    def bold(self) -> bool:
        return self.kind == "given"

    @property
    def fill(self) -> str:
        """The colour of the ground, empty for that of the paper."""
        return self.colour or FILL.get(self.change) or (FILL["given"] if self.bold else "")

    @property
    def frame(self) -> str:
        """The colour of the frame that marks a cell known by its colour; empty for none."""
        return MARK.get(self.mark, "") if self.colour else ""


@dataclass(frozen=True)
class Board:
    """The cells that are drawn, row by row, and after how many rows and columns (`block`) a line is ruled."""

    cells: tuple[tuple[Cell, ...], ...]
    block: Size

    @property
    def size(self) -> Size:
        return len(self.cells), len(self.cells[0])

    @property
    def coloured(self) -> bool:
        """Whether any of its cells is known by its colour."""
        return any(cell.colour for row in self.cells for cell in row)


def board_of(
    task: Task,
    question: Grid,
    grid: Grid,
    *,
    previous: Grid | None = None,
    judge: bool = True,
    size: Size | None = None,
) -> Board:
    """The board of a draft (H, W), of `size` rows and columns, or of what is `used`.

    Cells that differ from `previous` have changed; with `judge`, those that break a rule are wrong.
    """
    height, width = size or used(question, grid)
    given, shown, colours = task.symbols(question), task.symbols(grid), task.fills(grid)
    before = shown if previous is None else task.symbols(previous)
    wrong = task.wrong_cells(question, grid) if judge else np.zeros_like(grid, bool)
    first = previous is not None and np.array_equal(previous, question)

    def cell(r: int, c: int) -> Cell:
        symbol = shown[r][c]
        kind = "" if symbol == BLANK else "given" if symbol == given[r][c] else "filled"
        change = "wrong" if wrong[r, c] else "changed" if symbol != before[r][c] else ""
        return Cell(symbol, colours[r][c], kind, change, "" if first and change == "changed" else change)

    return Board(tuple(tuple(cell(r, c) for c in range(width)) for r in range(height)), task.block)


def boards_of(task: Task, question: Grid, grids: Sequence[Grid]) -> list[Board]:
    """The boards of drafts that follow one another, all of one size."""
    size = used(question, *grids)
    pairs = zip(grids, [None, *grids[:-1]], strict=True)
    return [board_of(task, question, grid, previous=previous, size=size) for grid, previous in pairs]


def used(*grids: Grid) -> Size:
    """Rows and columns to draw: up to the last that is not all OUTSIDE in every grid (H, W)."""
    inside = np.any([np.asarray(grid) != OUTSIDE for grid in grids], axis=0)
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    return (int(rows[-1]) + 1, int(columns[-1]) + 1) if len(rows) else inside.shape


def tokens_of(task: Task) -> list[tuple[str, str]]:
    """Symbol and colour of each token by itself; a blank for one that stands for no symbol."""
    grids = [task.decode(np.full(task.seq_len, token, np.int16)) for token in range(task.vocab_size)]
    return [(task.symbols(grid)[0][0], task.fills(grid)[0][0]) for grid in grids]


def letter_of(symbol: str, colour: str) -> str:
    """The letter of a cell in a picture: a cell known by its colour has only capitals, such as S and G of a maze."""
    return "" if symbol in (BLANK, " ") or (colour and not symbol.isupper()) else symbol


def ink_on(fill: str) -> str:
    """Black or white, whichever is read better on a colour `#rrggbb`."""
    red, green, blue = (int(fill[i : i + 2], 16) for i in (1, 3, 5))
    return "#000000" if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else "#ffffff"


# text
def board_lines(task: Task, grid: Grid) -> list[str]:
    """The grid as lines of plain text, boxes ruled."""
    return ["".join(text for text, _ in line) for line in segments(board_of(task, grid, grid, judge=False))]


def segments(board: Board) -> list[list[Segment]]:
    """Lines of (text, style): "rule" for ruled lines, "" for blanks and spaces, and `Cell.style`."""
    (tall, wide), (_, width) = board.block, board.size
    bars = ["─" * (2 * min(wide, width - start) + 1) for start in range(0, width, wide)]

    def rule(left: str, middle: str, right: str) -> list[Segment]:
        return [(left + middle.join(bars) + right, "rule")]

    lines = [rule("┌", "┬", "┐")]
    for r, row in enumerate(board.cells):
        if r and r % tall == 0:
            lines.append(rule("├", "┼", "┤"))
        line: list[Segment] = []
        for c, cell in enumerate(row):
            if c % wide == 0:
                line += [("│", "rule"), (" ", "")]
            line += [(cell.symbol, cell.style), (" ", "")]
        lines.append(_merged([*line, ("│", "rule")]))
    lines.append(rule("└", "┴", "┘"))
    return lines


def _merged(line: list[Segment]) -> list[Segment]:
    runs = groupby(line, key=itemgetter(1))
    return [("".join(text for text, _ in run), style) for style, run in runs]
