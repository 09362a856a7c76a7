"""Pictures in pixels of grids that are known by their colours: the boards of `render.svg_strip` as a PNG."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from redraft.draw.svg import EDGE, HAIR, PAPER, Size, cell_styles, marks_after, used
from redraft.errors import ConfigError
from redraft.tasks.base import Grid, Task

BOARD, MARGIN = 540, 24  # in pixels; a board is about BOARD wide


def png_strip(task: Task, question: Grid, grids: Sequence[Grid]) -> bytes:
    """A PNG picture of the board at several steps side by side.

    Cells that changed since the draft before are framed in blue, cells that break a rule in red. Raises ConfigError
    where the cells of the task are not known by their colours: their letters would be missing.
    """
    size = used(question, *grids)
    if not any(fill for grid in grids for row in task.fills(grid) for fill in row):
        raise ConfigError(f"{task.name}: no picture without its letters; name a file that ends in .svg")
    boards = [
        _board(task, question, grid, before, size) for grid, before in zip(grids, [None, *grids[:-1]], strict=True)
    ]
    height, width = boards[0].shape[:2]
    picture = np.empty((height + 2 * MARGIN, MARGIN + len(boards) * (width + MARGIN), 3), np.uint8)
    picture[:] = _rgb(PAPER)
    for i, board in enumerate(boards):
        left = MARGIN + i * (width + MARGIN)
        picture[MARGIN : MARGIN + height, left : left + width] = board
    return png(picture)


def png(pixels: NDArray[np.uint8]) -> bytes:
    """The PNG file of pixels (H, W, 3), red, green and blue."""
    height, width = pixels.shape[:2]
    rows = np.zeros((height, 1 + 3 * width), np.uint8)  # each row begins with its filter: none
    rows[:, 1:] = pixels.reshape(height, -1)
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),  # 8 bits a channel, colour
        (b"IDAT", zlib.compress(rows.tobytes(), 9)),
        (b"IEND", b""),
    )
    file = b"\x89PNG\r\n\x1a\n"
    for name, data in chunks:
        file += struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    return file


def _board(task: Task, question: Grid, grid: Grid, previous: Grid | None, size: Size) -> NDArray[np.uint8]:
    """Pixels (H, W, 3) of a board."""
    cell = max(4, min(BOARD // max(size), 60))
    fills, marks = task.fills(grid), marks_after(question, previous)
    styles = cell_styles(task, question, grid, previous=previous, wrong=task.wrong_cells(question, grid))
    board = np.empty((size[0] * cell + 1, size[1] * cell + 1, 3), np.uint8)
    board[:] = _rgb(PAPER)
    for r in range(size[0]):
        for c in range(size[1]):
            if fills[r][c]:
                area = board[r * cell : (r + 1) * cell, c * cell : (c + 1) * cell]
                area[:] = _rgb(fills[r][c])
                area[0, :] = area[:, 0] = _rgb(HAIR)
                if mark := marks.get(styles[r][c]):
                    thick = max(1, cell // 8)
                    middle = area[1 + thick : -thick, 1 + thick : -thick].copy()
                    area[1:, 1:] = _rgb(mark)
                    area[1 + thick : -thick, 1 + thick : -thick] = middle
    board[-1, :] = board[:, -1] = _rgb(EDGE)
    return board


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
