"""Boards of one size with a character per cell: the forms they are written in, and what is said of bad ones."""

import numpy as np
import pytest
from helpers.failing import raises

from redraft.errors import PuzzleError
from redraft.tasks import Puzzle, get_task

NAMES = ("futoshiki-5x5", "sokoban-6x6", "roster-5x7")


@pytest.mark.parametrize("name", NAMES)
def test_every_form_reads_as_the_same_board(name: str) -> None:
    task = get_task(name)
    made = task.make(2, 3)
    for grid in (*made.questions, *made.answers):
        rows = task.draw(grid).split("\n")
        cells = [[None if cell == task.characters[task.blank] else cell for cell in row] for row in rows]  # type: ignore[attr-defined]
        forms = (task.format(grid), "\n".join(rows), "/".join(rows), "\n".join(map(" ".join, rows)), rows)
        for form in (*forms, [list(row) for row in rows], cells, grid.astype(float)):
            assert np.array_equal(task.board(form), grid), form


@pytest.mark.parametrize("name", NAMES)
def test_a_text_holds_puzzles_in_lines_and_drawn(name: str) -> None:
    task = get_task(name)
    questions = task.make(3, 5).questions
    lines = [task.format(questions[0]), "", *task.draw(questions[1]).split("\n"), *task.draw(questions[2]).split("\n")]
    found = list(task.read(lines, "here"))
    assert [each.place for each in found if isinstance(each, Puzzle)] == [
        f"here, line {number}" for number in (1, 3, 3 + task.height)
    ]
    assert all(
        np.array_equal(each.question, question)
        for each, question in zip(found, questions, strict=True)
        if isinstance(each, Puzzle)
    )


@pytest.mark.parametrize("name", NAMES)
def test_bad_boards(name: str) -> None:
    task = get_task(name)
    drawn = task.draw(task.make(1, 0).questions[0])
    with raises(PuzzleError, f"{task.height} x {task.width}", f"{task.height - 1} x {task.width}"):
        task.parse("\n".join(drawn.split("\n")[1:]))
    with raises(PuzzleError, "'?'", "row 1, column 1", task.expected):  # type: ignore[attr-defined]
        task.parse("?" + drawn[1:])
    with raises(PuzzleError, "grid"):
        task.board(7)
