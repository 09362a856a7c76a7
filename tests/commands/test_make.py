"""`redraft make`."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest

from redraft.data.build import open_source
from redraft.tasks import get_task

Run = Callable[..., tuple[int, str, str]]
TASK = get_task("sudoku-6x6")


def test_puzzles_a_line(run: Run) -> None:
    status, out, err = run("make", "sudoku-6x6", 3, "--seed", 4)
    assert (status, err) == (0, "")
    assert out.split() == [TASK.format(question) for question in TASK.make(3, 4).questions]
    assert run("make", "sudoku-6x6", "--seed", 4, 3)[1] == out, "options may stand before the count"
    assert run("make", "sudoku-6x6")[1].count("\n") == 1


def test_clues(run: Run) -> None:
    out = run("make", "sudoku-6x6", 2, "--clues", 20)[1]
    assert [36 - line.count(".") for line in out.split()] == [20, 20]


def test_csv_that_other_commands_read(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "puzzles.csv"
    status, out, err = run("make", "sudoku-6x6", 3, "--seed", 4, "-o", file)
    assert (status, out, err) == (0, "", f"wrote 3 puzzles to {file}\n")
    made = TASK.make(3, 4)
    written = csv.DictReader(io.StringIO(file.read_text()))
    for row, question, answer, rating in zip(written, made.questions, made.answers, made.ratings, strict=True):
        assert row == {
            "source": "redraft",
            "question": TASK.format(question),
            "answer": TASK.format(answer),
            "rating": f"{rating:g}",
        }
    assert (open_source(TASK, str(file)).labels == TASK.encode(made.answers)).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "TASK"),
        (["sudoku"], "unknown task 'sudoku'; known tasks: sudoku-4x4, sudoku-6x6, sudoku-9x9"),
        (["sudoku-6x6", "0"], "count: expected at least 1, got 0"),
        (["sudoku-6x6", "many"], "many"),
        (["sudoku-6x6", "2", "3"], "3"),
        (["sudoku-6x6", "--seed", "-1"], "--seed: expected at least 0, got -1"),
        (["sudoku-6x6", "--clues", "2"], "clues must lie in 8-35, got 2"),
        (["sudoku-6x6", "-o", "nowhere/x.csv"], "nowhere/x.csv: there is no folder nowhere"),
        (["sudoku-6x6", "-o", "."], ".: is a folder"),
    ],
)
def test_mistakes(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = run("make", *arguments)
    assert (status, out) == (2, "") and message in err
    assert not list(tmp_path.iterdir())
