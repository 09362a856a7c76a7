"""`redraft export`: from weights to a folder that other commands open; mistakes are named before the work."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from redraft.commands.export import _name

for package in ("onnx", "onnxscript", "onnxruntime"):
    pytest.importorskip(package)

Run = Callable[..., tuple[int, str, str]]


@pytest.mark.slow
def test_export_solve_and_evaluate(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("redraft.export.export.MOST_LOSS", 0.2)  # without VNNI 8-bit products saturate
    status, out, _ = run("export", "sudoku-6x6", "--int8", "--check", 8)
    assert status == 0
    assert re.match(r"wrote sudoku-6x6-onnx: int8, 0\.1 MB; solves (87\.5|100\.0)% of 8 new puzzles", out)
    puzzle = "6.......14..........4.1.1....2..3.5."
    status, out, _ = run("solve", "--weights", "sudoku-6x6-onnx", puzzle)
    assert (status, out) == (0, "642135531426315264264513156342423651\n")
    status, out, _ = run("eval", "sudoku-6x6-onnx", "make:8@3", "--json")
    assert status == 0 and json.loads(out)["exact"] >= 7 / 8
    status, _, err = run("export", "sudoku-6x6")
    assert status == 2 and "sudoku-6x6-onnx: holds a model or a run already; name another folder with -o" in err
    status, _, err = run("export", "sudoku-6x6-onnx", "-o", "again")
    assert status == 2 and "holds model.onnx alone" in err and not Path("again").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sudoku-7x7"], "sudoku-7x7: no such folder, and no weights of that name ship"),
        (["sudoku-6x6", "--check", "0"], "--check: expected at least 1, got 0"),
        (["sudoku-6x6", "--seed", "-1"], "--seed: expected at least 0, got -1"),
        (["sudoku-6x6", "-o", "file"], "file: no place for a folder; name another with -o"),
        (["sudoku-6x6", "-o", "nowhere/there"], "nowhere/there: no place for a folder"),
        (["sudoku-6x6", "-o", "run"], "run: holds a model or a run already"),
    ],
)
def test_mistakes_are_named(
    arguments: list[str], message: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text("{}")
    status, out, err = run("export", *arguments)
    assert (status, out) == (2, "") and message in err


def test_a_folder_is_called_after_the_run(tmp_path: Path) -> None:
    for path in ("runs/mine/best", "runs/mine", "mine"):
        assert _name(tmp_path / path) == "mine"
