"""Figures, on records made by hand: each against a definition one can check in the head or by brute force."""

import io
import json
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from redraft.evaluate.evaluate import Records
from redraft.evaluate.report import auroc, by_rating, halting_quality, halting_step, report, show


def records(exact: list[list[int]], halt_logit: list[list[float]], ratings: list[float] | None = None) -> Records:
    right = np.array(exact, dtype=bool)
    return Records(
        exact=right,
        solved=right,
        cells=np.where(right, 1, 0.5).astype(np.float32),
        halt_logit=np.array(halt_logit, dtype=np.float32),
        halts=np.array(halt_logit) > 0,
        ratings=np.array(ratings if ratings is not None else [np.nan] * len(right), dtype=np.float32),
        grades=right[:, -1].astype(np.int8),
        grade_names=("broken", "solved"),
    )


THREE = records(
    exact=[[0, 1, 1], [0, 0, 0], [0, 1, 0]],
    halt_logit=[[-1, 2, 3], [-2, -1, -1], [0.5, 1, 1]],
)


def test_halting_step() -> None:
    assert halting_step(THREE.halts).tolist() == [1, 2, 0]
    assert not THREE.halts[1, 2], "the records stay as they are"


def test_report() -> None:
    figures = report(THREE)
    assert (figures["puzzles"], figures["steps"]) == (3, 3)
    assert figures["exact"] == pytest.approx(1 / 3)
    assert figures["solved_by_any_step"] == pytest.approx(2 / 3)
    assert figures["cells"] == pytest.approx(2 / 3)
    assert [row["exact"] for row in figures["by_step"]] == pytest.approx([0, 2 / 3, 1 / 3])
    assert [row["halted"] for row in figures["by_step"]] == pytest.approx([1 / 3, 2 / 3, 1])
    assert [row["step"] for row in figures["by_step"]] == [1, 2, 3]
    halting = figures["halting"]
    assert halting["mean_steps"] == pytest.approx(2)
    assert halting["exact"] == pytest.approx(1 / 3), "puzzle 3 halts before it is right"
    assert halting["accuracy"] == pytest.approx(2 / 3)
    assert (halting["precision"], halting["recall"]) == (pytest.approx(1 / 2), pytest.approx(1))
    assert halting["auroc"] == pytest.approx(1)
    assert figures["by_rating"] == []


@given(st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=1, max_size=30))
def test_auroc_is_the_chance_that_a_right_answer_scores_higher(pairs: list[tuple[int, bool]]) -> None:
    score = np.array([value for value, _ in pairs], np.float32)
    right = np.array([flag for _, flag in pairs])
    got = auroc(score, right)
    duels = [1.0 if a > b else 0.5 if a == b else 0.0 for a, b in product(score[right], score[~right])]
    assert (got is None) if not duels else got == pytest.approx(np.mean(duels))


def test_one_class() -> None:
    logit = np.array([1, -1], np.float32)
    assert halting_quality(logit, np.array([True, True])) == {
        "accuracy": 0.5, "precision": 1.0, "recall": 0.5, "auroc": None,
    }  # fmt: skip
    assert halting_quality(-np.abs(logit), np.array([False, False])) == {
        "accuracy": 1.0, "precision": None, "recall": None, "auroc": None,
    }  # fmt: skip


@given(st.lists(st.tuples(st.integers(0, 8) | st.none(), st.booleans()), min_size=1, max_size=60))
def test_bands_of_difficulty(rows: list[tuple[int | None, bool]]) -> None:
    ratings = [np.nan if rating is None else rating for rating, _ in rows]
    bands = by_rating(records([[right] for _, right in rows], [[0.0]] * len(rows), ratings))
    known = [(rating, right) for rating, right in rows if rating is not None]
    assert len(bands) <= 5 and sum(band["puzzles"] for band in bands) == len(known)
    for lower, upper in pairwise(bands):
        assert lower["to"] < upper["from"], "no rating is split between bands"
    for band in bands:
        inside = [right for rating, right in known if band["from"] <= rating <= band["to"]]
        assert band["puzzles"] == len(inside) and band["exact"] == pytest.approx(np.mean(inside))


def test_bands_are_about_equal() -> None:
    ratings = np.random.default_rng(0).permutation(100).tolist()
    bands = by_rating(records([[1]] * 100, [[0.0]] * 100, ratings))
    assert len(bands) == 5 and all(15 <= band["puzzles"] <= 25 for band in bands)


@pytest.mark.parametrize(
    "made",
    [
        THREE,
        records([[1]], [[1.0]], [3]),
        records([[0, 0]], [[-1, -1]]),
        records([[1], [0]], [[np.nan], [1]], [np.inf, 2]),
    ],
    ids=["three", "one right", "one wrong", "not finite"],
)
def test_json_and_tables(made: Records) -> None:
    figures = report(made)
    assert json.loads(json.dumps(figures, allow_nan=False))["puzzles"] == len(made.exact)
    text = io.StringIO()
    show(figures, Console(file=text, width=100))
    assert f" {len(made.exact)} " in text.getvalue() and "nan" not in text.getvalue()


@pytest.mark.parametrize("width", [1000, 60, 40, 30, 20])
def test_no_figure_is_cut_however_narrow_it_is(width: int) -> None:
    made = records([[1] * 3] * 300, [[1.0] * 3] * 300, [float(i) for i in range(300)])
    text = io.StringIO()
    show(report(made), Console(file=text, width=width))
    shown = text.getvalue()
    assert "…" not in shown and shown.count("100.00%") >= 3 * 3 + 5
    assert {"239", "299", "94.1%", "100.0%"} <= set(shown.split())


def test_long_runs_show_powers_of_two() -> None:
    text = io.StringIO()
    show(report(records([[1] * 40], [[1.0] * 40])), Console(file=text, width=100))
    shown = [int(cells[1]) for line in text.getvalue().splitlines() if len(cells := line.split("│")) > 5]
    assert shown == [1, 2, 4, 8, 16, 32, 40]
