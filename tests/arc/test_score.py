"""Scores and submissions by hand-made votes."""

import json
from typing import Any

import pytest
from helpers.ballots import EMPTY, A, B, C, cast, task

from redraft.arc.score import baselines, score, submission
from redraft.tasks.arc.files import ArcTask, Pair


# scores
def test_the_score_is_a_mean_over_tasks() -> None:
    """One task of one test that is solved, one of three of which the second candidate solves one, one without votes."""
    tasks = [task("one", A), task("three", A, B, C), task("none", A)]
    votes = cast(
        ("one", 0, A, 0.5),
        ("three", 0, C, 0.5), ("three", 0, C, 0.5), ("three", 0, A, 0.9),
        ("three", 1, A, 0.5),
        ("three", 2, B, 0.5), ("three", 2, A, 0.4), ("three", 2, EMPTY, 0.3), ("three", 2, C, 0.2),
        ("unknown", 0, A, 0.5),
    )  # fmt: skip
    made = score(votes, tasks)
    assert made is not None
    assert made.ranks == {"one": (1,), "three": (2, None, 4), "none": (None,)}
    assert made.pass_at(1) == pytest.approx((1 + 0 + 0) / 3)
    assert made.pass_at(2) == pytest.approx((1 + 1 / 3 + 0) / 3)
    assert made.pass_at(5) == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert made.pairs_at(2) == pytest.approx(2 / 5)
    figures = made.figures()
    assert (figures["tasks"], figures["tests"]) == (3, 5)
    assert list(figures["pass_at"]) == ["1", "2", "5", "10", "100", "1000"]
    assert figures["pass_at"]["2"] == made.pass_at(2) and figures["pairs_at"]["1000"] == pytest.approx(3 / 5)
    assert figures["ranks"] == {"one": [1], "three": [2, None, 4], "none": [None]}
    json.dumps(figures, allow_nan=False)
    few = score(votes, tasks, ks=(3,))
    assert few is not None and few.figures()["pass_at"] == {"3": pytest.approx(4 / 9)}


def test_what_is_solved_without_a_model() -> None:
    """One task whose demonstrations agree, one whose two tests are copies and not, one of unknown output."""
    shown = ArcTask(name="shown", train=(Pair(A, B), Pair(B, C), Pair(C, B)), test=(Pair(A, B),))
    copied = ArcTask(name="copied", train=(Pair(A, C),), test=(Pair(A, A), Pair(A, B)))
    unknown = ArcTask(name="unknown", train=(Pair(A, A),), test=(Pair(A, None),))
    assert baselines([shown, copied, unknown]) == {"copy": 0.25, "majority": 0.5}
    assert baselines([unknown]) == {}


def test_unknown_outputs_do_not_count() -> None:
    votes = cast(("half", 0, A, 0.5), ("half", 1, A, 0.5))
    made = score(votes, [task("half", None, A), task("all", None)])
    assert made is not None and made.pass_at(1) == 1
    assert made.figures()["ranks"] == {"half": [1]}
    assert score(votes, [task("all", None, None)]) is None


# submissions
def assert_valid_submission(content: Any, tasks: list[ArcTask], attempts: int = 2) -> None:
    """What Kaggle's ARC Prize checks: every test input of every task in order, each with attempts that are grids."""
    assert isinstance(content, dict) and set(content) == {each.name for each in tasks}
    for each in tasks:
        assert isinstance(content[each.name], list) and len(content[each.name]) == len(each.test)
        for entry in content[each.name]:
            assert set(entry) == {f"attempt_{i + 1}" for i in range(attempts)}
            for grid in entry.values():
                assert isinstance(grid, list) and 1 <= len(grid) <= 30
                assert all(isinstance(row, list) and len(row) == len(grid[0]) and 1 <= len(row) <= 30 for row in grid)
                assert all(type(cell) is int and 0 <= cell <= 9 for row in grid for cell in row)


def test_a_submission_has_an_entry_for_every_test_input() -> None:
    tasks = [task("t", A, B, None), task("u", None)]
    votes = cast(("t", 1, A, 0.9), ("t", 1, B, 0.1), ("t", 1, C, 0.5), ("t", 2, EMPTY, 0.9), ("t", 2, C, 0.1))
    made = submission(votes, tasks)
    assert_valid_submission(json.loads(json.dumps(made)), tasks)
    assert made == {
        "t": [
            {"attempt_1": [[0]], "attempt_2": [[0]]},
            {"attempt_1": A.tolist(), "attempt_2": C.tolist()},
            {"attempt_1": C.tolist(), "attempt_2": C.tolist()},
        ],
        "u": [{"attempt_1": [[0]], "attempt_2": [[0]]}],
    }
    assert_valid_submission(submission(votes, tasks, attempts=3), tasks, attempts=3)
