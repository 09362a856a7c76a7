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


def test_mazes(run: Run, tmp_path: Path) -> None:
    task = get_task("maze-6x8")
    out = run("make", "maze-6x8", 2, "--least", 22)[1]
    assert out.splitlines() == [task.format(question) for question in task.make(2, 0, least=22).questions]  # type: ignore[call-arg]
    assert run("make", "maze-6x8", 3, "-o", tmp_path / "mazes.csv")[0] == 0
    examples = task.load(str(tmp_path / "mazes.csv"))
    assert (examples.answers == task.make(3, 0).answers).all() and (examples.ratings == task.make(3, 0).ratings).all()


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
        (["maze-6x8", "--clues", "9"], "--clues is for Sudoku, not for maze-6x8"),
        (["sudoku-6x6", "--least", "9"], "--least is for mazes, not for sudoku-6x6"),
        (["maze-6x8", "--least", "2"], "maze-6x8: least must lie in 3-48, got 2"),
        (["maze-2x8"], "mazes have 4 to 64 rows and columns; got 2x8"),
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
