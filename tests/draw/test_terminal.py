"""Boards in the terminal: tiles where cells are known by their colour, plain symbols where there are no colours."""

import numpy as np
import pytest

from redraft.draw.board import board_of
from redraft.draw.terminal import board_text, legend
from redraft.tasks import get_task
from redraft.tasks.maze.task import Maze

TASK = Maze(4, 5)
QUESTION = TASK.parse("S.#..\n..#..\n.##..\n....G")
DONE = TASK.parse("S.#..\no.#..\no##..\nooooG")
SUDOKU = get_task("sudoku-4x4")


def test_marks_of_changed_and_wrong_cells() -> None:
    draft = DONE.copy()
    draft[1, 0] = 1
    text = board_text(board_of(TASK, QUESTION, draft, previous=DONE), colours=True).plain
    assert text.count("∙") == 1 and text.count("×") == 1
    text = board_text(board_of(TASK, QUESTION, draft, previous=QUESTION), colours=True).plain
    assert "∙" not in text, "what the first draft changes is not marked: it may be all"
    assert [len(line) for line in text.splitlines()] == [10] * 4


def test_other_tasks_have_ruled_boxes() -> None:
    made = SUDOKU.make(1, 0)
    board = board_of(SUDOKU, made.questions[0], made.answers[0])
    assert board_text(board).plain == board_text(board, colours=True).plain
    assert board_text(board).plain.startswith("┌─────┬─────┐")


def test_half_a_line_for_each_row() -> None:
    odd = board_text(board_of(Maze(5, 4), QUESTION.T, QUESTION.T), colours=True, dense=True)
    assert [len(line) for line in odd.plain.splitlines()] == [4, 4, 4]
    assert {span.style.bgcolor for span in odd.spans[-4:] if not isinstance(span.style, str)} == {None}


@pytest.mark.parametrize(("judged", "signs"), [(True, 2), (False, 1)])
def test_a_legend_says_what_marks_mean(judged: bool, signs: int) -> None:
    maze, sudoku = board_of(TASK, QUESTION, DONE), board_of(SUDOKU, *np.zeros((2, 4, 4), np.int8))
    line = legend(maze, judged=judged).plain
    assert len(line.split("  ")) == signs and ("×" in line) == judged
    assert len(legend(maze, judged=judged, dense=True).plain) > 0 or not judged
    styles = [str(span.style) for span in legend(sudoku, judged=judged).spans]
    assert ("white on red" in styles) == judged and "black on yellow" in styles
