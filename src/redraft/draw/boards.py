"""Boards in pixels, letters included, of any task: the frames of an animation, or a strip of drafts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from redraft.draw.gif import Pixels
from redraft.draw.letters import letter
from redraft.draw.svg import BLANK, FILL, HAIR, INK, PAPER, RULE, Size, cell_styles, ink_on, marks_after, used
from redraft.tasks import Grid, Task

BOARD, MARGIN, FOOT = 420, 20, 30  # in pixels; a board is about BOARD wide
SURE, UNSURE, SOLVED = "#0969da", "#d8dee4", "#1a7f37"
FAINT = 0.35  # of its ink is left of a symbol that the model holds for impossible


def animation(
    task: Task, question: Grid, grids: Sequence[Grid], confidence: Sequence[NDArray[np.floating]], *, solved: bool
) -> list[Pixels]:
    """The question, then each draft: faint where the model is not sure (`confidence`, (H, W) each).

    Below the board stands a dot for each draft, filled as they come; all turn green at the end if it is `solved`.
    """
    size = used(question, *grids)
    boards = [_board(task, question, question, None, None, size)]
    boards += [
        _board(task, question, grid, before, sure, size)
        for (before, grid), sure in zip(pairwise([question, *grids]), confidence, strict=True)
    ]
    frames = []
    for number, board in enumerate(boards):
        height, width = board.shape[:2]
        frame = _paper(height + 2 * MARGIN + FOOT, width + 2 * MARGIN)
        frame[MARGIN : MARGIN + height, MARGIN : MARGIN + width] = board
        done = SOLVED if solved and number == len(grids) else SURE
        _dots(frame, number, len(grids), done, middle=MARGIN + height + (MARGIN + FOOT) // 2)
        frames.append(frame)
    return frames


def strip(task: Task, question: Grid, grids: Sequence[Grid]) -> Pixels:
    """Drafts side by side, the question first."""
    size = used(question, *grids)
    boards = [_board(task, question, question, None, None, size)]
    boards += [_board(task, question, grid, before, None, size) for before, grid in pairwise([question, *grids])]
    height, width = boards[0].shape[:2]
    picture = _paper(height + 2 * MARGIN, MARGIN + len(boards) * (width + MARGIN))
    for i, board in enumerate(boards):
        left = MARGIN + i * (width + MARGIN)
        picture[MARGIN : MARGIN + height, left : left + width] = board
    return picture


def _board(
    task: Task, question: Grid, grid: Grid, before: Grid | None, sure: NDArray[np.floating] | None, size: Size
) -> Pixels:
    """Pixels of a board, coloured as in `tasks.render`."""
    cell = min(max(BOARD // max(size), 6), 64)
    symbols, colours = task.symbols(grid), task.fills(grid)
    styles = cell_styles(task, question, grid, previous=before, wrong=task.wrong_cells(question, grid))
    inks, marks = cell_styles(task, question, grid), marks_after(question, before)
    board = np.empty((size[0] * cell + 1, size[1] * cell + 1, 3))
    board[:] = _rgb(PAPER)
    for r in range(size[0]):
        for c in range(size[1]):
            area = board[r * cell : (r + 1) * cell + 1, c * cell : (c + 1) * cell + 1]
            shown = 1.0 if sure is None or inks[r][c] == "given" else FAINT + (1 - FAINT) * float(sure[r, c])
            plain = FILL["given"] if inks[r][c] == "given" else PAPER
            paper = _rgb(colours[r][c] or FILL.get(styles[r][c], plain))
            area[:] = paper if not colours[r][c] else shown * paper + (1 - shown) * _rgb(PAPER)
            if colours[r][c] and (mark := marks.get(styles[r][c])):
                thick = max(1, cell // 8)
                inner = area[thick + 1 : -thick - 1, thick + 1 : -thick - 1].copy()
                area[1:-1, 1:-1] = _rgb(mark)
                area[thick + 1 : -thick - 1, thick + 1 : -thick - 1] = inner
            symbol = symbols[r][c]
            if symbol not in (BLANK, " ") and (not colours[r][c] or symbol.isupper()):
                style = inks[r][c] if inks[r][c] == "given" else styles[r][c]
                ink = _rgb(ink_on(colours[r][c]) if colours[r][c] else INK[style])
                covered = letter(symbol, cell + 1, bold=inks[r][c] == "given")[:, :, None] * shown
                area[:] = covered * ink + (1 - covered) * area
    (tall, wide), (height, width) = task.block, size
    for bold in (False, True):  # the bold lines lie over the others
        for count, block, across in ((height, tall, False), (width, wide, True)):
            for i in range(count + 1):
                if bold == (i % block == 0 or i == count):
                    _line(board, i * cell, across=across, bold=bold)
    return np.round(board).astype(np.uint8)


def _line(board: NDArray[np.float64], at: int, *, across: bool, bold: bool) -> None:
    """A ruled line down (`across`: at a column) or along a row of pixels."""
    thick = slice(max(0, at - 1), at + 1) if bold else slice(at, at + 1)
    if across:
        board[:, thick] = _rgb(RULE if bold else HAIR)
    else:
        board[thick] = _rgb(RULE if bold else HAIR)


def _dots(frame: Pixels, number: int, steps: int, colour: str, *, middle: int) -> None:
    """A row of dots, `number` of `steps` filled."""
    gap = min(20.0, (frame.shape[1] - 2 * MARGIN) / steps)
    radius = 0.28 * gap
    y, x = np.mgrid[: frame.shape[0], : frame.shape[1]] + 0.5
    for i in range(steps):
        away = np.hypot(x - frame.shape[1] / 2 - (i - (steps - 1) / 2) * gap, y - middle)
        covered = np.clip(radius - away + 0.5, 0, 1)[:, :, None]
        dot = _rgb(colour if i < number else UNSURE)
        frame[:] = np.round(covered * dot + (1 - covered) * frame).astype(np.uint8)


def _paper(height: int, width: int) -> Pixels:
    paper = np.empty((height, width, 3), np.uint8)
    paper[:] = _rgb(PAPER)
    return paper


def _rgb(colour: str) -> NDArray[np.float64]:
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], float)
