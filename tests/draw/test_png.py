"""Pictures in pixels: valid files with the colours in their places."""

import struct
import zlib

import numpy as np
from helpers.failing import raises
from numpy.typing import NDArray

from redraft.draw.png import MARGIN, png, png_strip
from redraft.errors import ConfigError
from redraft.tasks.maze.task import FILLS, Maze
from redraft.tasks.sudoku.task import Sudoku

TASK = Maze(4, 5)
QUESTION = TASK.parse("S.#..\n..#..\n.##..\n....G")
ANSWER = TASK.parse("S.#..\no.#..\no##..\nooooG")


def pixels(file: bytes) -> NDArray[np.uint8]:
    """What a PNG of 8 bits a channel without filters shows (H, W, 3); fails where a checksum is wrong."""
    assert file[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(file):
        length = struct.unpack(">I", file[at : at + 4])[0]
        name, data = file[at + 4 : at + 8], file[at + 8 : at + 8 + length]
        assert struct.unpack(">I", file[at + 8 + length : at + 12 + length])[0] == zlib.crc32(name + data)
        chunks[name] = data
        at += 12 + length
    width, height = struct.unpack(">II", chunks[b"IHDR"][:8])
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, 1 + 3 * width)
    assert not rows[:, 0].any()
    return rows[:, 1:].reshape(height, width, 3)


def test_png_keeps_every_pixel() -> None:
    shown = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    assert np.array_equal(pixels(png(shown)), shown)


def test_a_strip_shows_question_and_answer() -> None:
    shown = pixels(png_strip(TASK, QUESTION, [QUESTION, ANSWER]))
    cell = 60
    assert shown.shape == (4 * cell + 1 + 2 * MARGIN, MARGIN + 2 * (5 * cell + 1 + MARGIN), 3)
    for i, grid in enumerate((QUESTION, ANSWER)):
        left = MARGIN + i * (5 * cell + 1 + MARGIN)
        for (r, c), symbol in np.ndenumerate(grid):
            middle = shown[MARGIN + r * cell + cell // 2, left + c * cell + cell // 2]
            assert "#" + bytes(middle).hex() == FILLS[int(symbol)], (r, c)


def test_tasks_that_need_letters_are_refused() -> None:
    blank = np.zeros((4, 4), np.int8)
    with raises(ConfigError, "sudoku-4x4"):
        png_strip(Sudoku(4), blank, [blank])
