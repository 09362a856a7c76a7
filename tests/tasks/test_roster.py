"""Shift rosters: the rules of a day and of rest, and counts of all answers that agree with plain enumeration."""

from itertools import product

import numpy as np
import pytest
from helpers.failing import mentions, raises

from redraft.errors import ConfigError, PuzzleError
from redraft.tasks import check_task, get_task
from redraft.tasks.base import Grid
from redraft.tasks.roster import Roster

SMALL = Roster(4, 3)
ANSWER = "EE-/LLE/NNL/--N"


def grid(text: str) -> Grid:
    return SMALL.parse(text)


def test_contract_of_other_sizes() -> None:
    for name in ("roster-4x3", "roster-6x4"):
        check_task(get_task(name), count=4, seed=1)
    for people, days in ((3, 7), (7, 7), (5, 2), (5, 8)):
        with raises(ConfigError, people if people != 5 else days):
            Roster(people, days)


def test_rules() -> None:
    # the third person goes from a night to a late shift
    question = grid(".../.../N../...")
    right, short = grid("EEE/LLL/NN-/--N"), grid(ANSWER)
    assert SMALL.check(question, right)
    for answer, parts in (
        (short, ("rest", "row 2, column 3")),
        (grid("EEE/LLL/NNN/---"), ("third night", "row 3, column 3")),
        (grid("EEE/LLL/NNE/--N"), ("too many", "row 1, column 3")),
        (grid("EEE/LLL/-N-/N-N"), ("changes the given", "row 3, column 1")),
        (grid("EEE/LLL/NN./--N"), ("1 cell is open",)),
    ):
        verdict = SMALL.check(question, answer)
        assert not verdict and not SMALL.check_many(question[None], answer[None])[0]
        mentions(verdict.reason, *parts)
        assert SMALL.wrong_cells(question, answer).any() or "open" in verdict.reason


def test_counts_are_those_of_enumeration() -> None:
    days = np.array([SMALL._ways[list(each)].T for each in product(range(len(SMALL._ways)), repeat=3)])
    good = days[SMALL.check_many(np.zeros_like(days), days)]
    questions = np.zeros((5, 4, 3), np.int8)
    rng = np.random.default_rng(0)
    for i, question in enumerate(questions):
        for cell in rng.permutation(12)[: 2 * i]:
            question.flat[cell] = good[i].flat[cell]
    counts, answers = SMALL.answered(questions)
    fitting = [good[((question == 0) | (question == good)).all((1, 2))] for question in questions]
    assert counts.tolist() == [len(each) for each in fitting]
    assert SMALL.check_many(questions, answers).all()


def test_made_rosters_have_one_answer_and_nothing_to_spare() -> None:
    task = Roster()
    made = task.make(3, 4)
    assert task.answered(made.questions)[0].tolist() == [1] * 3
    assert np.array_equal(task.make(2, 4).questions, made.questions[:2])
    for question in made.questions:
        given = np.argwhere(question)
        less = np.repeat(question[None], len(given), axis=0)
        less[np.arange(len(given)), given[:, 0], given[:, 1]] = 0
        assert (task.answered(less)[0] > 1).all()


def test_a_question_may_have_several_answers_but_not_none() -> None:
    SMALL.validate(grid(".../.../.../..."))
    with raises(PuzzleError, "no solution", "at least one"):
        SMALL.validate(grid("N../L../EN./--."))  # after a night, but neither the night nor the day off is left
    with raises(PuzzleError, "rest", "row 1, column 2"):
        SMALL.validate(grid("NE./.../.../..."))


@pytest.mark.parametrize("seed", range(3))
def test_people_are_alike(seed: int) -> None:
    task = Roster()
    made = task.make(6, seed)
    inputs, labels = task.augment(task.encode(made.questions), task.encode(made.answers), np.random.default_rng(seed))
    assert task.check_many(task.decode(inputs), task.decode(labels)).all()
    assert [sorted(map(tuple, each)) for each in task.decode(labels).tolist()] == [
        sorted(map(tuple, each)) for each in made.answers.tolist()
    ]
