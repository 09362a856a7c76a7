"""Boards in pixels: the colours in their places, letters that can be told apart, dots that count the steps."""

import numpy as np
import pytest

from redraft.draw.boards import BOARD, MARGIN, animation, strip
from redraft.draw.letters import STROKES, letter
from redraft.errors import ConfigError
from redraft.tasks import get_task
from redraft.tasks.maze.task import FILLS

SUDOKU, MAZE = get_task("sudoku-4x4"), get_task("maze-4x5")
MADE = SUDOKU.make(1, 0)
QUESTION, ANSWER = MADE.questions[0], MADE.answers[0]
CELL = 64  # pixels: as large as they get on small boards


def hex_of(pixel: np.ndarray) -> str:
    return "#" + bytes(pixel).hex()


def test_letters_differ_and_stay_inside() -> None:
    drawn = {symbol: letter(symbol, 40) for symbol in STROKES}
    for symbol, ink in drawn.items():
        assert ink.shape == (40, 40) and 0.3 < ink.max() <= 1 and ink.min() == 0, symbol
        assert ink[0].max() == ink[-1].max() == ink[:, 0].max() == ink[:, -1].max() == 0, symbol
        assert letter(symbol, 40, bold=True).sum() > ink.sum()
    names = list(drawn)
    for i, one in enumerate(names):
        for other in names[:i]:
            assert np.abs(drawn[one] - drawn[other]).sum() > 4, f"{one} looks like {other}"
    assert letter("a", 40).sum() < letter("A", 40).sum(), "a small letter is a small capital"


def test_what_cannot_be_drawn_is_named() -> None:
    with pytest.raises(ConfigError, match=r"'é' .*\.svg"):
        letter("é", 40)


def test_an_animation_of_a_sudoku() -> None:
    draft = ANSWER.copy()
    open_cells = np.argwhere(QUESTION == 0)
    draft[tuple(open_cells[0])] = ANSWER[tuple(open_cells[0])] % 4 + 1
    sure = [np.full((4, 4), 0.5), np.ones((4, 4))]
    frames = animation(SUDOKU, QUESTION, [draft, ANSWER], sure, solved=True)
    assert len(frames) == 3 and len({frame.shape for frame in frames}) == 1
    assert frames[0].shape[1] == 4 * CELL + 1 + 2 * MARGIN

    def ground(frame: np.ndarray, cell: np.ndarray) -> str:
        return hex_of(frame[MARGIN + cell[0] * CELL + 6, MARGIN + cell[1] * CELL + 6])

    assert all(ground(frame, np.argwhere(QUESTION)[0]) in ("#f3f5f7", "#ffcecb") for frame in frames), "a given"
    assert [ground(frame, open_cells[0]) for frame in frames] == ["#ffffff", "#ffcecb", "#ffe8a3"]
    last = frames[-1][-MARGIN:].reshape(-1, 3)
    assert not (frames[1] == (26, 127, 55)).all(-1).any() and last.size
    assert (frames[-1] == (26, 127, 55)).all(-1).any(), "solved: the dots are green"
    darkest = [
        frame[MARGIN + c[0] * CELL :, MARGIN + c[1] * CELL :][8 : CELL - 8, 8 : CELL - 8].min()
        for frame, c in ((frames[1], open_cells[1]), (frames[2], open_cells[1]))
    ]
    assert darkest[0] > darkest[1], "unsure: fainter"


def test_a_strip_of_a_maze_keeps_its_colours() -> None:
    question = MAZE.parse("S.#..\n..#..\n.##..\n....G")
    answer = MAZE.parse("S.#..\no.#..\no##..\nooooG")
    shown = strip(MAZE, question, [answer])
    assert shown.shape == (4 * CELL + 1 + 2 * MARGIN, 2 * (5 * CELL + 1) + 3 * MARGIN, 3)
    for i, grid in enumerate((question, answer)):
        for (r, c), symbol in np.ndenumerate(grid):
            corner = shown[MARGIN + r * CELL + 14, MARGIN + i * (5 * CELL + 1 + MARGIN) + c * CELL + 14]
            assert hex_of(corner) == FILLS[int(symbol)], (i, r, c)


def test_large_boards_have_small_cells() -> None:
    maze = get_task("maze-30x30")
    question = np.ones((30, 30), np.int8)
    assert strip(maze, question, []).shape[0] == 30 * (BOARD // 30) + 1 + 2 * MARGIN
