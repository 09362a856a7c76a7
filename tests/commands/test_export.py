"""`redraft export`: from weights to a folder that other commands open; mistakes are named before the work."""

from collections.abc import Callable
from pathlib import Path

import pytest

for package in ("onnx", "onnxscript", "onnxruntime"):
    pytest.importorskip(package)

Run = Callable[..., tuple[int, str, str]]


def test_export_solve_and_evaluate(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, _ = run("export", "sudoku-6x6", "--int8", "--check", 8)
    assert status == 0 and out.startswith("wrote sudoku-6x6-onnx: int8, 0.1 MB; solves 100.0% of 8 new puzzles")
    puzzle = "6.......14..........4.1.1....2..3.5."
    status, out, _ = run("solve", "--weights", "sudoku-6x6-onnx", puzzle)
    assert (status, out) == (0, "642135531426315264264513156342423651\n")
    status, out, _ = run("eval", "sudoku-6x6-onnx", "make:8@3", "--json")
    assert status == 0 and '"exact": 1.0' in out
    status, _, err = run("export", "sudoku-6x6")
    assert status == 2 and "sudoku-6x6-onnx: holds a model already; name another folder with -o" in err
    status, _, err = run("export", "sudoku-6x6-onnx", "-o", "again")
    assert status == 2 and "holds model.onnx alone" in err and not Path("again").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sudoku-7x7"], "sudoku-7x7: no such folder, and no weights of that name ship"),
        (["sudoku-6x6", "--check", "0"], "--check: expected at least 1, got 0"),
        (["sudoku-6x6", "-o", "file"], "file: is a file; name another folder with -o"),
    ],
)
def test_mistakes_are_named(
    arguments: list[str], message: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    status, out, err = run("export", *arguments)
    assert (status, out) == (2, "") and message in err
