"""`python -m benchmarks effort`: its arguments, what it prints and writes, and what it says of mistakes."""

import json
from pathlib import Path

import pytest
from helpers.failing import mentions

import benchmarks.effort.clock
from benchmarks.__main__ import main


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmarks.effort.clock, "ROUNDS", 1)
    monkeypatch.setattr(benchmarks.effort.clock, "TIMED", {1: 1, 64: 4})


def effort(*arguments: object) -> int:
    return main(["effort", *(str(each) for each in arguments)])


def test_a_table_a_file_and_a_picture(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    file, picture = tmp_path / "effort.json", tmp_path / "effort.svg"
    few = ("--data", "make:4@9", "--steps", 2, "--tries", 1, "--batch-size", 3, "--threads", 1)
    assert effort("--weights", weights, *few, "-o", file, "--plot", picture) == 0
    out, err = capsys.readouterr()
    mentions(out, "4 puzzles", "make:4@9", "2 steps", "T = 1", "rules")
    mentions(err, "4 puzzles", "2 recursions")
    result = json.loads(file.read_text())
    assert result["benchmark"] == "effort" and result["arguments"]["tries"] == 1
    assert result["machine"]["threads"] == 1 and result["effort"]["task"] == "sudoku-4x4"
    assert picture.read_text().startswith("<?xml")


def test_json(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert effort("--weights", weights, "--data", "make:2@9", "--steps", 1, "--tries", 1, "--json") == 0
    found = json.loads(capsys.readouterr().out)["effort"]
    assert found["puzzles"] == 2 and found["points"]


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--steps", "0"], ("--steps", 1, 0)),
        (["--batch-size", "0"], ("--batch-size", 1, 0)),
        (["--tries", "-1"], ("--tries", 1, -1)),
        (["--threads", "0"], ("--threads", 1, 0)),
        (["--weights", "nowhere"], ("nowhere", "weights")),
        (["--data", "make:x"], ("make:COUNT", "make:COUNT@SEED")),
        (["--data", "make:0"], "make:0"),
        (["-o", "nowhere/x.json"], "nowhere"),
        (["--plot", "x.pdf"], ("x.pdf", ".png", ".svg")),
    ],
)
def test_mistakes(
    weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    parts: object,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert effort("--weights", weights, "--data", "make:2@9", *arguments) == 2
    mentions(capsys.readouterr().err, parts)
    assert not (tmp_path / "x.json").exists()
