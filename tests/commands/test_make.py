"""`redraft make`."""

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.failing import mentions, refused

import redraft
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


def test_families_have_a_usual_size(run: Run) -> None:
    for family, size in (("sudoku", "sudoku-9x9"), ("maze", "maze-8x8")):
        status, out, err = run("make", family, 2, "--seed", 3)
        assert (status, err) == (0, "") and out == run("make", size, 2, "--seed", 3)[1] != ""


def test_without_a_seed_a_pipe_gets_the_same_again(run: Run, tmp_path: Path) -> None:
    assert run("make", "sudoku-6x6")[1] == run("make", "sudoku-6x6")[1] == run("make", "sudoku-6x6", "--seed", 0)[1]
    for name in "ab":
        assert run("make", "sudoku-6x6", "-o", tmp_path / name)[0] == 0
    assert (tmp_path / "a").read_text() == (tmp_path / "b").read_text()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard output is a terminal without colours."""
    monkeypatch.setattr("redraft.commands.make.on_terminal", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.mark.usefixtures("terminal")
def test_a_terminal_gets_new_boards_and_their_seed(run: Run) -> None:
    status, out, err = run("make", "sudoku-6x6", 2)
    assert status == 0 and out.count("┌") == out.count("└") == 2
    seed = re.search(r"--seed (\d+)", err)
    assert seed and run("make", "sudoku-6x6", 2, "--seed", seed[1]) == (0, out, "")
    assert len({run("make", "sudoku-6x6")[2] for _ in range(20)}) > 1, "fresh ones each time"
    maze = run("make", "maze", "--seed", 3)[1]
    assert (maze.count("S"), maze.count("G"), maze.count("┌")) == (1, 1, 1)


@pytest.mark.usefixtures("terminal")
def test_a_file_stays_the_same_though_there_is_a_terminal(run: Run, tmp_path: Path) -> None:
    assert run("make", "sudoku-6x6", "-o", tmp_path / "a.csv")[0] == 0
    examples = TASK.load(str(tmp_path / "a.csv"))
    assert (examples.answers == TASK.make(1, 0).answers).all()
    assert run("make", "sudoku-6x6", "-o", "-") == (0, (tmp_path / "a.csv").read_text(), "")


def test_clues(run: Run) -> None:
    out = run("make", "sudoku-6x6", 2, "--clues", 20)[1]
    assert [36 - line.count(".") for line in out.split()] == [20, 20]


def test_hard_puzzles_and_variations(run: Run, tmp_path: Path) -> None:
    made = list(csv.DictReader(io.StringIO(run("make", "sudoku-6x6", 2, "--guesses", 1, "-o", "-")[1])))
    assert len(made) == 2 and all(int(row["rating"]) >= 1 for row in made)
    (tmp_path / "start.txt").write_text("\n".join(row["question"] for row in made) + "\n")
    varied = run("make", "sudoku-6x6", 3, "--near", tmp_path / "start.txt")[1].split()
    assert len(varied) == 3 and not {row["question"] for row in made} & set(varied)
    near = TASK.load(str(tmp_path / "start.txt")).questions
    assert varied == [TASK.format(puzzle.question) for puzzle in redraft.make("sudoku-6x6", 3, near=near)]


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
    assert (status, out) == (0, "")
    mentions(err, "3 puzzles", file)
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
    ("arguments", "parts"),
    [
        ([], "TASK"),
        (["sudoko"], ("'sudoko'", "sudoku-4x4, sudoku-6x6, sudoku-9x9")),
        (["sudoku-6x6", "0"], ("count", 1, 0)),
        (["sudoku-6x6", "many"], "many"),
        (["sudoku-6x6", "2", "3"], "3"),
        (["sudoku-6x6", "--seed", "-1"], ("--seed", 0, -1)),
        (["sudoku-6x6", "--clues", "2"], ("clues", "8-35", 2)),
        (["maze-6x8", "--clues", "9"], ("clues", "maze-6x8")),
        (["sudoku-6x6", "--guesses", "-1"], ("guesses", 0, -1)),
        (["sudoku-4x4", "--guesses", "99"], ("sudoku-4x4", 99, "3,000", "fewer")),
        (["sudoku-6x6", "--guesses", "1", "--clues", "20"], ("clues", "guesses")),
        (["sudoku-6x6", "--near", "nowhere.csv"], "nowhere.csv"),
        (["maze-6x8", "--guesses", "3"], ("guesses", "maze-6x8")),
        (["sudoku-6x6", "--least", "9"], ("least", "sudoku-6x6")),
        (["maze-6x8", "--least", "2"], ("maze-6x8", "least", "3-48", 2)),
        (["maze-2x8"], (4, 64, "2x8")),
        (["sudoku-6x6", "-o", "nowhere/x.csv"], "nowhere/x.csv"),
        (["sudoku-6x6", "-o", "."], "folder"),
    ],
)
def test_mistakes(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], parts: object
) -> None:
    monkeypatch.chdir(tmp_path)
    refused(run("make", *arguments), parts)
    assert not list(tmp_path.iterdir())
