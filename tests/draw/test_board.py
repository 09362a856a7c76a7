"""The model of a board: what is given, filled in, changed and wrong, and how pictures and text show it."""

import numpy as np
import pytest

from redraft.draw.board import (
    FILL,
    INK,
    MARK,
    Cell,
    board_lines,
    board_of,
    boards_of,
    ink_on,
    segments,
    tokens_of,
    used,
)
from redraft.tasks.base import OUTSIDE
from redraft.tasks.maze.task import FILLS, Maze
from redraft.tasks.sudoku.task import Sudoku

TASK = Sudoku(4)
ANSWER = TASK.parse("1234 3412 2143 4321")
QUESTION = np.where(np.eye(4, dtype=bool), ANSWER, 0).astype(np.int8)
MAZE = Maze(4, 5)
WALLED = MAZE.parse("S.#..\n..#..\n.##..\n....G")
PATH = MAZE.parse("S.#..\no.#..\no##..\nooooG")


def test_cells_are_given_filled_changed_or_wrong() -> None:
    grid, before = ANSWER.copy(), ANSWER.copy()
    grid[0, 1], grid[3, 3], before[0, 2] = 0, 2, 4
    cells = board_of(TASK, QUESTION, grid, previous=before).cells
    assert [cell.style for cell in cells[0]] == ["given", "changed", "changed", "filled"]
    assert cells[3][3].style == "wrong" and board_of(TASK, QUESTION, grid, judge=False).cells[3][3].style == "filled"
    assert board_of(TASK, QUESTION, QUESTION).cells[0][1].style == ""


@pytest.mark.parametrize(
    ("cell", "letter", "ink", "fill", "frame"),
    [
        (Cell("4", "", "given", "", ""), "4", INK["given"], FILL["given"], ""),
        (Cell("4", "", "given", "wrong", "wrong"), "4", INK["given"], FILL["wrong"], ""),
        (Cell("4", "", "filled", "changed", "changed"), "4", INK["changed"], FILL["changed"], ""),
        (Cell("4", "", "filled", "", ""), "4", INK["filled"], "", ""),
        (Cell("·", "", "", "", ""), "", INK[""], "", ""),
        (Cell("o", "#f2a83b", "filled", "changed", "changed"), "", "#000000", "#f2a83b", MARK["changed"]),
        (Cell("o", "#f2a83b", "filled", "changed", ""), "", "#000000", "#f2a83b", ""),
        (Cell("S", "#2d333b", "given", "wrong", "wrong"), "S", "#ffffff", "#2d333b", MARK["wrong"]),
    ],
)
def test_how_a_cell_is_drawn(cell: Cell, letter: str, ink: str, fill: str, frame: str) -> None:
    assert (cell.letter, cell.ink, cell.fill, cell.frame) == (letter, ink, fill, frame)


def test_what_the_first_draft_changes_is_not_marked() -> None:
    first, second = boards_of(MAZE, WALLED, [WALLED, PATH, WALLED])[1:]
    assert first.cells[1][0].change == "changed" and first.cells[1][0].mark == ""
    assert second.cells[1][0].mark == "changed" and second.coloured


def test_what_lies_outside_is_not_drawn() -> None:
    question = np.full((4, 4), OUTSIDE, np.int8)
    question[:2, :3] = 1
    draft = question.copy()
    draft[2, 0] = 2
    assert used(question) == (2, 3) and used(question, draft) == (3, 3) and used(draft[:, :1]) == (3, 1)
    assert used(np.full((4, 4), OUTSIDE)) == (4, 4)
    assert board_of(TASK, question.clip(0), question.clip(0), judge=False, size=(3, 2)).size == (3, 2)


def test_symbols_and_colours_of_tokens() -> None:
    assert tokens_of(TASK)[1:] == [("·", ""), ("1", ""), ("2", ""), ("3", ""), ("4", "")]
    assert {colour for _, colour in tokens_of(MAZE)} == set(FILLS.values())


def test_ink_can_be_read_on_any_fill() -> None:
    assert ink_on("#000000") == ink_on("#2d333b") == "#ffffff" and ink_on("#ffffff") == ink_on("#f2a83b") == "#000000"


# in characters


def test_board_lines() -> None:
    assert board_lines(TASK, QUESTION) == [
        "┌─────┬─────┐",
        "│ 1 · │ · · │",
        "│ · 4 │ · · │",
        "├─────┼─────┤",
        "│ · · │ 4 · │",
        "│ · · │ · 1 │",
        "└─────┴─────┘",
    ]
    lines = board_lines(Sudoku(6), np.zeros((6, 6), np.int8))
    assert len(lines) == 10 and lines[3] == "├───────┼───────┤"


def test_pieces_carry_styles() -> None:
    grid = ANSWER.copy()
    grid[3, 3] = 2
    lines = segments(board_of(TASK, QUESTION, grid))
    assert ["".join(text for text, _ in line) for line in lines] == board_lines(TASK, grid)
    assert lines[0] == [("┌─────┬─────┐", "rule")]
    styles = [[style for text, style in line if text.strip() and style != "rule"] for line in lines]
    assert styles[1] == ["given", "filled", "filled", "filled"] and styles[5][3] == "wrong"
    assert segments(board_of(TASK, QUESTION, QUESTION))[1][2:5] == [("1", "given"), (" · ", ""), ("│", "rule")]
