"""`redraft eval`."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.failing import mentions, refused

Run = Callable[..., tuple[int, str, str]]


@pytest.mark.usefixtures("foreseen")
def test_figures(run: Run, weights: Path, tmp_path: Path) -> None:
    assert run("make", "sudoku-4x4", 6, "-o", tmp_path / "test.csv")[0] == 0
    for data in (tmp_path, tmp_path / "test.csv", "make:6@0"):
        status, out, err = run("eval", weights, data, "--steps", 5, "--json", "--batch-size", 4)
        assert (status, err) == (0, "")
        figures = json.loads(out)
        assert (figures["puzzles"], figures["steps"]) == (6, 5)
        assert figures["exact"] == figures["solved"] == pytest.approx(5 / 6), "all but the last"
        assert [row["exact"] for row in figures["by_step"]] == pytest.approx([k / 6 for k in range(1, 6)])
        assert figures["halting"]["exact"] == pytest.approx(5 / 6)
        assert figures["weights"] == str(weights) and figures["data"].startswith(str(data))
    assert json.loads(run("eval", weights, "make:6@0", "--limit", 2, "--json")[1])["puzzles"] == 2


@pytest.mark.usefixtures("foreseen")
@pytest.mark.parametrize("columns", ["40", "0", None])
def test_whole_figures(run: Run, weights: Path, monkeypatch: pytest.MonkeyPatch, columns: str | None) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
    status, out, _ = run("eval", weights, "make:5@0", "--steps", 5)
    assert status == 0 and "…" not in out and out.count("100.00%") >= 4
    assert (max(map(len, out.splitlines())) <= 40) == (columns == "40")


@pytest.mark.usefixtures("foreseen")
def test_table(run: Run, weights: Path) -> None:
    status, out, _ = run("eval", weights, "make:6@0", "--steps", 5)
    assert status == 0
    assert "NaN" not in out
    mentions(out, "83.33%", "6 puzzles", "5 steps")


def test_a_real_model_and_its_picture(run: Run, weights: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    status, _, _ = run("eval", weights, "make:3", "--steps", 2, "--plot", tmp_path / "steps.svg", "--dtype", "bfloat16")
    assert status == 0 and (tmp_path / "steps.svg").read_text().startswith("<?xml")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ([], "WEIGHTS"),
        (["weights"], "DATA"),
        (["nowhere", "make:3"], ("nowhere", "weights")),
        (["weights", "make:x"], ("make:COUNT", "make:COUNT@SEED")),
        (["weights", "make:3", "--limit", "0"], ("limit", 1)),
        (["weights", "nowhere.csv"], ("nowhere.csv", "No such file")),
        (["weights", "six.csv"], ("six.csv, line 2", 16, 36)),
        (["weights", "."], ("test.csv", "test.txt")),
        (["weights", "make:3", "--steps", "0"], ("steps", 1)),
        (["weights", "make:3", "--plot", "x.pdf"], ("x.pdf", ".png", ".svg")),
        (["weights", "make:3", "--plot", "nowhere/x.png"], "nowhere"),
        (["weights", "make:3", "--dtype", "float16"], "float16"),
        (["weights", "make:3", "--dtype", "int8", "--device", "cuda"], ("'cuda'", "int8")),
        (["weights", "make:3", "--device", "tpu"], "'tpu'"),
    ],
)
def test_mistakes(
    run: Run, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], parts: object
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "six.csv").write_text(f"question,answer\n{'.' * 36},{'.' * 36}\n")
    refused(run("eval", *arguments), parts)
