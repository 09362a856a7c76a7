"""Accuracy against compute, on records made by hand."""

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import redraft
from redraft.evaluate.evaluate import Records
from redraft.evaluate.scale import scale, scale_table


def records(solved: list[list[int]], halt_logit: list[list[float]]) -> Records:
    right = np.array(solved, bool)
    none = np.zeros(len(right), np.float32)
    logits = np.array(halt_logit, np.float32)
    cells, grades = right.astype(np.float32), right[:, -1].astype(np.int8)
    return Records(
        exact=right, solved=right, cells=cells, halt_logit=logits, halts=logits > 0, ratings=none, grades=grades
    )


TWO = records(solved=[[0, 1, 0], [1, 0, 0]], halt_logit=[[-1, 2, 1], [-2, 3, -2]])


def test_each_way_for_every_number_of_steps() -> None:
    assert scale(TWO) == [
        {"steps": 1, "single": 0.5, "selected": 0.5, "oracle": 0.5},
        {"steps": 2, "single": 0.5, "selected": 0.5, "oracle": 1.0},
        {"steps": 3, "single": 0.0, "selected": 0.5, "oracle": 1.0},
    ]


def test_a_search_that_ends_earlier_is_the_start_of_one_that_goes_on() -> None:
    rows = scale(TWO, [(True, 2), (False, 5)])
    assert [row["steps"] for row in rows] == [1, 2, 4, 5]
    assert [row["verified"] for row in rows] == [0.0, 0.5, 0.5, 0.5]
    assert [row["verified_steps"] for row in rows] == [1.0, 2.0, 3.0, 3.5]
    assert "single" in rows[1] and "single" not in rows[2], "not for more steps than the pass had"


def test_the_table_shows_what_there_is() -> None:
    console = Console(file=io.StringIO(), width=100)
    console.print(scale_table(scale(TWO, [(True, 2), (False, 5)])))
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "verified" in text and "100.00%" in text and "3.50" in text
    console.print(scale_table(scale(TWO)))
    assert console.file.getvalue()[len(text) :].count("verified") == 0


def test_real_weights_solve_as_redraft_solve_does(tmp_path: Path) -> None:
    report = redraft.evaluate("sudoku-6x6", "make:40@9", steps=2, scale=True, quiet=True)
    rows = report.figures["scale"]
    assert rows[0]["single"] == report.figures["by_step"][0]["solved"] and rows[-1]["verified"] == 1.0
    answers = redraft.load("sudoku-6x6", backend="torch").solve_many(
        [p.question for p in redraft.make("sudoku-6x6", 40, seed=9)]
    )
    assert rows[-1]["verified_steps"] == pytest.approx(np.mean([answer.steps for answer in answers]))
    assert "verified" in str(report)
    pytest.importorskip("matplotlib")
    assert report.plot(tmp_path / "scale.svg").read_text().startswith("<?xml")


def test_without_rules_there_is_nothing_to_verify() -> None:
    rows = scale(TWO, ())
    assert all("verified" not in row and "verified_steps" not in row for row in rows)
