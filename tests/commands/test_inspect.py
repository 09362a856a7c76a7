"""`redraft inspect` as people use it, and as they misuse it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.failing import mentions, refused

from redraft.data.build import open_source
from redraft.inspect.inspect import inspect, training_run
from redraft.inspect.inspection import Inspection
from redraft.inspect.report import report
from redraft.models import TRMConfig, build_model
from redraft.models.execution import work
from redraft.tasks import Puzzle, get_task
from redraft.tasks.arc.task import Arc
from redraft.weights.io import Weights

TASK = get_task("sudoku-4x4")
MADE = TASK.make(6, 0)
QUESTIONS = [TASK.format(question) for question in MADE.questions]
ANSWERS = [TASK.format(answer) for answer in MADE.answers]

Run = Callable[..., tuple[int, str, str]]
QUICK = ("--steps", 2, "--puzzles", "none", "--influence", "never")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_everything_at_once(run: Run, weights: Path) -> None:
    files = ("-o", "a.html", "--json", "a.json", "--animation", "a.gif", "--picture", "a.svg")
    status, out, err = run("inspect", weights, "make:6@0", "-n", 2, "--steps", 3, "--recursions", *files)
    assert (status, err) == (0, "")
    header, *rows = out.splitlines()
    assert header.split() == ["step", "changed", "wrong", "sure", "confidence", "y", "moved", "z", "moved", "residual"]
    assert [row.split()[0] for row in rows[:3]] == ["1", "2", "3"]
    mentions(rows[3], "3 steps")
    assert [row.split()[-1] for row in rows[4:]] == ["a.html", "a.json", "a.gif", "a.svg"]
    found = json.loads(Path("a.json").read_text())
    assert (found["question"], found["answer"], found["place"]) == (QUESTIONS[1], ANSWERS[1], "puzzle 2 of make:6@0")
    assert len(found["steps"]) == 3 and len(found["steps"][0]["evaluations"]) == 2
    assert np.array(found["landscape"]["y"]["points"]).shape == (100, 3, 2)
    assert np.array(found["influence"]["change"]).shape == (3, len(found["influence"]["cells"]), 16)
    assert Path("a.html").read_text().startswith("<!doctype html>")
    assert Path("a.gif").read_bytes()[:6] == b"GIF89a" and Path("a.svg").read_text().startswith("<svg")


def test_ways_to_name_a_puzzle(run: Run, weights: Path) -> None:
    assert run("make", "sudoku-4x4", 6, "-o", "six.csv")[0] == 0
    Path("six.txt").write_text("\n".join(QUESTIONS))
    for words, answer, place in (
        ([QUESTIONS[3]], None, "as given"),
        ([QUESTIONS[3], "--answer", ANSWERS[3]], ANSWERS[3], "as given"),
        (["make:4", "-n", 4], ANSWERS[3], "puzzle 4 of make:4"),
        (["six.csv", "--number", 4], ANSWERS[3], "six.csv, line 5"),
        (["six.txt", "-n", 4], None, "six.txt, line 4"),
    ):
        assert run("inspect", weights, *words, *QUICK, "--json", "a.json")[0] == 0
        found = json.loads(Path("a.json").read_text())
        assert (found["question"], found["answer"], found["place"]) == (QUESTIONS[3], answer, place)
        assert found["influence"] is found["landscape"] is None
    assert Path("inspect.html").exists(), "the name it has unless told otherwise"


def test_others_from_a_file(run: Run, weights: Path) -> None:
    assert run("make", "sudoku-4x4", 6, "-o", "six.csv")[0] == 0
    words = ("--puzzles", "six.csv", "--steps", 1, "--influence", "always", "--json", "a.json", "--picture", "a.png")
    assert run("inspect", weights, QUESTIONS[0], *words)[0] == 0
    found = json.loads(Path("a.json").read_text())
    assert found["landscape"]["right"] == [0] * 6 and found["influence"] is not None
    assert Path("a.png").read_bytes().startswith(b"\x89PNG")


MISTAKES: list[tuple[list[str], object]] = [
    (["123"], ("'123'", 16, 3)),
    (["11" + "." * 14], ("1s", "row 1")),
    (["1" + "." * 15], "more than one"),
    ([QUESTIONS[0], "--answer", "12"], ("answer '12'", 16, 2)),
    ([QUESTIONS[0], "-n", "2"], "number 2"),
    (["make:2@1", "-n", "3"], ("number 3", "make:2@1", 2)),
    (["make:x"], ("make:x", "make:COUNT", "make:COUNT@SEED")),
    (["nowhere.csv"], ("nowhere.csv", "No such file or directory")),
    (["empty.txt"], "empty.txt"),
    (["bad.txt"], ("bad.txt, line 1", 16, 15)),
    (["binary.bin"], ("binary.bin", "UTF-16")),
    ([QUESTIONS[0], "--puzzles", "nowhere.csv"], "nowhere.csv"),
    ([QUESTIONS[0], "--steps", "0"], ("steps", 1, 0)),
    ([QUESTIONS[0], "-o", "a.pdf"], ("-o a.pdf", ".html", ".htm")),
    ([QUESTIONS[0], "--animation", "a.mp4"], ("--animation a.mp4", ".gif")),
    ([QUESTIONS[0], "--picture", "a.jpg"], ("--picture a.jpg", ".svg", ".png")),
    ([QUESTIONS[0], "--json", "a.txt"], ("--json a.txt", ".json")),
    ([QUESTIONS[0], "-o", "nowhere/a.html"], "nowhere/a.html"),
    ([QUESTIONS[0], "--device", "gpu"], ("'gpu'", "auto, cpu, cuda")),
]


@pytest.mark.parametrize(("words", "parts"), MISTAKES, ids=[" ".join(words) for words, _ in MISTAKES])
def test_mistakes(run: Run, weights: Path, tmp_path: Path, words: list[str], parts: object) -> None:
    Path("empty.txt").write_text("# nothing\n")
    Path("bad.txt").write_text(QUESTIONS[0][1:] + "\n")
    Path("binary.bin").write_bytes(b"\xff\xfe\x00")
    result = run("inspect", weights, *words)
    refused(result, parts)
    assert len(result[2].splitlines()) == 1
    assert sorted(each.name for each in tmp_path.iterdir()) == ["bad.txt", "binary.bin", "empty.txt", "weights"]


def test_weights_that_are_not_there(run: Run) -> None:
    refused(run("inspect", "nowhere", QUESTIONS[0]), "nowhere", "weights")


def test_a_task_without_rules_goes_by_the_known_answer() -> None:
    """And what takes long is left out unasked, with a word about it."""
    task = Arc(30)
    config = TRMConfig(
        vocab_size=task.vocab_size, seq_len=task.seq_len, hidden_size=8, num_heads=1, width_multiple=8, num_layers=1,
        n=1, T=1, puzzle_positions=1, puzzle_dim=8,
    )  # fmt: skip
    weights = Weights(model=build_model(config), task=task.spec, card={})
    made = task.make(1, 0)
    puzzle = Puzzle(question=made.questions[0], answer=made.answers[0], place="made")
    found = inspect(weights, task, puzzle, steps=1, influence="never", others="none")
    mentions(found.verdict, "1 step", "answer")
    unknown = Puzzle(question=made.questions[0])
    mentions(inspect(weights, task, unknown, steps=1, influence="never", others="none").verdict, "arc")


def test_what_takes_long_is_cut_short_or_left_out_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    config = TRMConfig(
        vocab_size=6, seq_len=16, hidden_size=8, width_multiple=8, n=1, T=1, mixer="mlp", positions="none",
        puzzle_positions=0,
    )  # fmt: skip
    weights = Weights(model=build_model(config), task="sudoku-4x4", card={})
    puzzle = Puzzle(question=MADE.questions[0])
    each, count = work(weights.model), int(np.count_nonzero(puzzle.question))
    assert count == 5

    def found(much: float, **options: Any) -> Inspection:
        monkeypatch.setattr("redraft.inspect.inspect.MUCH", much)
        return inspect(weights, TASK, puzzle, steps=2, **options)

    little = found(1.0)
    assert little.influence is little.landscape is None
    mentions(little.notes[1], "--influence always")
    mentions(little.notes[0], "--puzzles make:8@1")

    some = found(9 * each)
    assert some.influence is not None and some.influence.change.shape == (1, count, 16)
    mentions(some.notes[1], "1 of 2 steps", "--influence always")
    assert some.landscape is not None and len(some.landscape.right) == 8
    mentions(some.notes[0], "8 puzzles", "--puzzles make:100@1")
    assert json.dumps(some.to_dict()) and report(some).startswith("<!doctype html>")

    asked = found(1.0, influence="always", others=open_source(TASK, "make:3@1"))
    assert asked.influence is not None and asked.influence.change.shape == (2, count, 16) and not asked.notes
    assert asked.landscape is not None and len(asked.landscape.right) == 3
    assert found(1e12).notes == []


def test_the_run_that_made_weights() -> None:
    assert training_run({}) == training_run({"training": []}) == training_run({"training": {"run": None}}) == {}
    assert training_run({"training": {"run": {"loss": "softmax"}}}) == {"loss": "softmax"}
    assert training_run({"training": [{"run": {"loss": "a"}}, {"run": {"loss": "b"}}]}) == {"loss": "b"}
