"""Boards in pixels: files that open, the colours in their places, letters, dots that count the steps."""

from collections.abc import Sequence
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from redraft.draw.pixels import BOARD, FOOT, MARGIN, SOLVED, gif_animation, png_strip, require_letters
from redraft.errors import ConfigError
from redraft.tasks import get_task
from redraft.tasks.maze.task import FILLS
from redraft.tasks.sudoku.task import Sudoku

SUDOKU, MAZE = get_task("sudoku-4x4"), get_task("maze-4x5")
MADE = SUDOKU.make(1, 0)
QUESTION, ANSWER = MADE.questions[0], MADE.answers[0]
OPEN = np.argwhere(QUESTION == 0)
CELL = 64  # pixels: as large as they get on small boards


class Accented(Sudoku):
    """Sudoku of a symbol that Pillow's font lacks."""

    def symbols(self, grid: NDArray[np.int8]) -> list[list[str]]:
        return [["é" if cell == 4 else str(cell) for cell in row] for row in grid.tolist()]


def pixels(file: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(BytesIO(file)).convert("RGB"))


def frames_of(file: bytes) -> tuple[list[NDArray[np.uint8]], list[int]]:
    """What each frame shows, and for how many milliseconds."""
    picture, frames, times = Image.open(BytesIO(file)), list[NDArray[np.uint8]](), list[int]()
    for number in range(getattr(picture, "n_frames", 1)):
        picture.seek(number)
        frames.append(np.array(picture.convert("RGB")))
        times.append(picture.info["duration"])
    assert picture.format == "GIF" and picture.info["loop"] == 0, "over and over"
    return frames, times


def ground(frame: NDArray[np.uint8], cell: Sequence[int], left: int = MARGIN) -> str:
    """The colour near the corner of a cell, where no letter and no frame is."""
    return "#" + bytes(frame[MARGIN + cell[0] * CELL + 12, left + cell[1] * CELL + 12]).hex()


def inside(frame: NDArray[np.uint8], cell: Sequence[int]) -> NDArray[np.uint8]:
    top, left = MARGIN + cell[0] * CELL, MARGIN + cell[1] * CELL
    return frame[top + 8 : top + CELL - 8, left + 8 : left + CELL - 8]


def test_a_strip_has_letters_and_captions() -> None:
    shown = pixels(png_strip(SUDOKU, QUESTION, [QUESTION, ANSWER], ["the question", "step 1"]))
    assert shown.shape == (4 * CELL + 1 + 2 * MARGIN + FOOT, MARGIN + 2 * (4 * CELL + 1 + MARGIN), 3)
    bold = inside(shown, np.argwhere(QUESTION)[0])
    assert ground(shown, np.argwhere(QUESTION)[0]) == "#f3f5f7" and bold.min() < 60, "a given"
    assert ground(shown, OPEN[0]) == "#ffffff" and inside(shown, OPEN[0]).min() == 255, "a blank"
    second = shown[:, 4 * CELL + 1 + MARGIN :]
    assert ground(second, OPEN[0]) == "#ffe8a3" and inside(second, OPEN[0])[:, :, 0].min() < 60, "filled in"
    assert (shown[-FOOT - MARGIN + 5 :] < 128).any(), "captions"


def test_a_strip_of_a_maze_keeps_its_colours() -> None:
    question = MAZE.parse("S.#..\n..#..\n.##..\n....G")
    answer = MAZE.parse("S.#..\no.#..\no##..\nooooG")
    shown = pixels(png_strip(MAZE, question, [question, answer, question], ["", "", ""]))
    for i, grid in enumerate((question, answer)):
        for (r, c), symbol in np.ndenumerate(grid):
            assert ground(shown, (r, c), MARGIN + i * (5 * CELL + 1 + MARGIN)) == FILLS[int(symbol)], (i, r, c)
    left = MARGIN + 2 * (5 * CELL + 1 + MARGIN)
    assert bytes(shown[MARGIN + CELL + 4, left + CELL // 2]).hex() == "0969da", "framed: changed since the draft before"


def test_large_boards_have_small_cells() -> None:
    maze = get_task("maze-30x30")
    question = np.ones((30, 30), np.int8)
    height = pixels(png_strip(maze, question, [question], ["a caption"])).shape[0]
    assert height == 30 * (BOARD // 30) + 1 + 2 * MARGIN + FOOT


def test_an_animation_of_a_sudoku() -> None:
    draft = ANSWER.copy()
    draft[tuple(OPEN[0])] = ANSWER[tuple(OPEN[0])] % 4 + 1
    sure = [np.full((4, 4), 0.5), np.ones((4, 4))]
    frames, times = frames_of(gif_animation(SUDOKU, QUESTION, [draft, ANSWER], sure, solved=True))
    assert times == [1200, 700, 2500]
    assert {frame.shape for frame in frames} == {(4 * CELL + 1 + 2 * MARGIN + FOOT, 4 * CELL + 1 + 2 * MARGIN, 3)}
    assert [ground(frame, OPEN[0]) for frame in frames] == ["#ffffff", "#ffcecb", "#ffe8a3"]
    green = [(frame == tuple(bytes.fromhex(SOLVED[1:]))).all(-1).any() for frame in frames]
    assert green == [False, False, True], "solved: the dots are green"
    unsure, sure_of = (inside(frame, OPEN[1]).min() for frame in frames[1:])
    assert unsure > sure_of, "unsure: fainter"


def test_an_animation_of_many_shades_keeps_its_grounds() -> None:
    sure = [np.random.default_rng(seed).random((4, 4)) for seed in range(12)]
    frames, times = frames_of(gif_animation(SUDOKU, QUESTION, [ANSWER] * 12, sure, solved=False))
    assert len(frames) == 13 and sum(times) == 1200 + 11 * 700 + 2500
    assert all(ground(frame, np.argwhere(QUESTION)[0]) == "#f3f5f7" for frame in frames)
    assert all(frame[0, 0].tolist() == [255] * 3 for frame in frames)


def test_letters_that_cannot_be_drawn_are_named() -> None:
    for name in ("sudoku-9x9", "maze-8x8", "arc"):
        require_letters(get_task(name))
    for draw in (
        lambda task: require_letters(task),
        lambda task: png_strip(task, QUESTION, [QUESTION], ["a"]),
        lambda task: gif_animation(task, QUESTION, [ANSWER], [np.ones((4, 4))], solved=True),
    ):
        with pytest.raises(ConfigError, match=r"'é' .*\.svg"):
            draw(Accented(4))
