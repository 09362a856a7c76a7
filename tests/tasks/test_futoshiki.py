"""Futoshiki: the signs, puzzles with one solution, and the symmetries that turn signs with their cells."""

import numpy as np
import pytest
from helpers.failing import mentions, raises

from redraft.errors import ConfigError, PuzzleError
from redraft.tasks import check_task, get_task
from redraft.tasks.base import Grid
from redraft.tasks.futoshiki import Futoshiki

QUESTION = """\
.<.-.
^----
.-.-.
-----
.-.-1"""
ANSWER = """\
1<2-3
^----
2-3-1
-----
3-1-2"""
SMALL = Futoshiki(3)
NONE = 5  # the symbol of no sign, behind the digits


def grid(text: str) -> Grid:
    return SMALL.parse(text)


def test_contract_of_every_size() -> None:
    for size in (3, 4, 5):
        check_task(get_task(f"futoshiki-{size}x{size}"), count=6, seed=1)
    for size in (2, 6):
        with raises(ConfigError, 3, 5, size):
            Futoshiki(size)


@pytest.mark.parametrize("size", [3, 4, 5])
def test_made_puzzles_have_one_solution_and_nothing_to_spare(size: int) -> None:
    task = Futoshiki(size)
    made = task.make(4, 2)
    counts, answers = task.answered(made.questions)
    assert counts.tolist() == [1] * 4 and np.array_equal(answers, made.answers)
    assert np.array_equal(task.make(2, 2).questions, made.questions[:2])
    for question in made.questions:
        for clue in np.argwhere((question != 0) & (question != NONE + task.size)):
            less = question.copy()
            less[tuple(clue)] = 0 if (clue % 2 == 0).all() else NONE + task.size
            assert task.answered(less[None])[0][0] > 1


def test_rules() -> None:
    question = grid(QUESTION.replace("1", "2"))
    SMALL.validate(question)
    assert SMALL.check(question, grid(ANSWER))
    for change, parts in (
        (("1<2-3", "1<3-2"), ("twice", "row 1, column 3")),
        ((ANSWER, "3<2-1/^----/2-1-3/-----/1-3-2"), ("sign", "row 1, column 2")),
        (("^", "v"), ("changes the given", "row 2, column 1")),
        (("2-3-1", ".-3-1"), ("1 cell is open",)),
        (("1<2", "<<2"), ("'<'", "row 1, column 1")),
        (("3-1-2", "3-1-3"), ("changes the given", "row 5, column 5")),
    ):
        answer = grid(ANSWER.replace(*change))
        verdict = SMALL.check(question, answer)
        assert not verdict and not SMALL.check_many(question[None], answer[None])[0]
        mentions(verdict.reason, *parts)


def test_wrong_cells_are_the_sign_and_the_digits_that_clash() -> None:
    question = grid(QUESTION)
    wrong = SMALL.wrong_cells(question, grid(ANSWER.replace("1<2", "2<1")))
    assert [tuple(cell) for cell in np.argwhere(wrong).tolist()] == [(0, 0), (0, 1), (0, 2), (2, 0), (4, 2), (4, 4)]


def test_questions_without_one_solution() -> None:
    for text, parts in (
        (QUESTION.replace("1", "."), ("more than one solution",)),
        (QUESTION.replace(".-.-1", "1-.-1"), ("twice", "row 5, column 1")),
        (QUESTION.replace(".<.-.", "3<.-."), ("no solution",)),
        (QUESTION.replace("----\n.-.-1", "1---\n.-.-1"), ("'1'", "row 4")),
    ):
        with raises(PuzzleError, *parts):
            SMALL.validate(grid(text))


def test_search_answers_what_has_one_solution() -> None:
    made = Futoshiki(4).make(2, 0)
    none = made.questions[:1].copy()
    none[0, ::2, ::2] = 1
    found = Futoshiki(4).search(np.concatenate([made.questions, none]))
    assert found.sound.tolist() == [True, True, False] and np.array_equal(found.answers[:2], made.answers)


def test_each_of_the_sixteen_symmetries_keeps_the_answer() -> None:
    task = Futoshiki(4)
    made = task.make(1, 1)
    rows = np.zeros(200, np.intp)
    inputs, labels = task.augment(
        task.encode(made.questions)[rows], task.encode(made.answers)[rows], np.random.default_rng(0)
    )
    assert len(np.unique(np.concatenate([inputs, labels], axis=1), axis=0)) == 16
    assert task.check_many(task.decode(inputs), task.decode(labels)).all()
