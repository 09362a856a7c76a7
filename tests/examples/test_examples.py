"""The examples do what docs/own-puzzles.md says: a task of one's own keeps the contract, pairs are made and judged."""

import csv
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from redraft.data.grids import build_grids
from redraft.data.store import Store
from redraft.errors import PuzzleError
from redraft.tasks import Examples, Puzzle, check_task, get_task
from redraft.tasks.grids.task import Grids

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(autouse=True)
def in_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Examples are found from where they are, and leave nothing there."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)


def test_a_task_of_ones_own() -> None:
    task = get_task("lights_out:LightsOut")
    assert task.spec == "lights_out:LightsOut"
    check_task(task)
    check_task(task, count=3, seed=7)


def test_lights_out_reads_what_it_writes(tmp_path: Path) -> None:
    task = get_task("lights_out:LightsOut")
    made = task.make(5, 0)
    lines = [
        f"{task.format(question)},{task.format(answer)}"
        for question, answer in zip(made.questions, made.answers, strict=True)
    ]
    (tmp_path / "lights.txt").write_text("\n".join(lines))
    found = task.load(str(tmp_path / "lights.txt"))
    assert np.array_equal(found.questions, made.questions) and np.array_equal(found.answers, made.answers)
    bad, good = task.read(["...", "ooo......"], "here")
    assert isinstance(bad, PuzzleError) and bad.place == "here, line 1"
    assert isinstance(good, Puzzle) and good.answer is None


@pytest.fixture(scope="module", params=[4, 5, 6])
def nonograms(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("nonograms") / "pairs.csv"
    program = [sys.executable, "-B", str(EXAMPLES / "nonogram.py"), str(file), "60", "--size", str(request.param)]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    assert " 60 " in done.stdout and str(file) in done.stdout
    return file


def test_nonograms(nonograms: Path) -> None:
    with nonograms.open() as file:
        rows = list(csv.DictReader(file))
    assert len({row["input"] for row in rows}) == 60
    from nonogram import check  # type: ignore[import-not-found]

    for row in rows:
        question, answer = (list(map(list, row[column].split("/"))) for column in ("input", "output"))
        assert check(question, answer) == ""
        assert re.match(r"(row|column) \d+ .*\[.*\].*\[.*\]", check(question, question))
        answer[0][-1] = "x"
        assert f"margin at row 1, column {len(answer)}" in check(question, answer)
        answer[0][-1], answer[-1][-1] = question[0][-1], "1"
        assert check(question, answer).startswith(f"'1' at row {len(answer)}, column {len(answer)} ")


def test_nonograms_become_stores_of_a_task_that_judges(nonograms: Path, tmp_path: Path) -> None:
    built = build_grids(nonograms, tmp_path / "nonogram", symmetries=["transpose"], checker="nonogram:check")
    assert built.spec.height == built.spec.width and not built.spec.varies
    assert set(built.spec.alphabet) <= set(".#123456") and built.train + built.test == 60
    store = Store.open(tmp_path / "nonogram/train")
    task = get_task(store.task)
    assert isinstance(task, Grids) and task.judges
    questions, answers = task.decode(store.inputs), task.decode(store.labels)
    check_task(task, examples=Examples(questions=questions, answers=answers, ratings=store.ratings))
