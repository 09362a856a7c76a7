"""`redraft eval`."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

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
    assert "83.33% exact" in out and "on 6 puzzles after 5 steps" in out and "NaN" not in out


def test_a_real_model_and_its_picture(run: Run, weights: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    status, _, _ = run("eval", weights, "make:3", "--steps", 2, "--plot", tmp_path / "steps.svg", "--dtype", "bfloat16")
    assert status == 0 and (tmp_path / "steps.svg").read_text().startswith("<?xml")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "WEIGHTS"),
        (["weights"], "DATA"),
        (["nowhere", "make:3"], "nowhere: no such folder, and no weights of that name ship"),
        (["weights", "make:x"], "expected make:COUNT or make:COUNT@SEED"),
        (["weights", "make:3", "--limit", "0"], "limit of at least 1"),
        (["weights", "nowhere.csv"], "nowhere.csv: cannot be read: No such file"),
        (["weights", "six.csv"], "six.csv, line 2: expected 16 characters, got 36"),
        (["weights", "."], "neither test.csv nor test.txt in this folder"),
        (["weights", "make:3", "--steps", "0"], "expected steps and batch size of at least 1"),
        (["weights", "make:3", "--plot", "x.pdf"], "x.pdf: expected a name that ends in .png or .svg"),
        (["weights", "make:3", "--plot", "nowhere/x.png"], "there is no folder nowhere"),
        (["weights", "make:3", "--dtype", "float16"], "float16"),
        (["weights", "make:3", "--dtype", "int8", "--device", "cuda"], "device 'cuda': int8 runs on the CPU alone"),
        (["weights", "make:3", "--device", "tpu"], "device 'tpu'"),
    ],
)
def test_mistakes(
    run: Run, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "six.csv").write_text(f"question,answer\n{'.' * 36},{'.' * 36}\n")
    status, out, err = run("eval", *arguments)
    assert (status, out) == (2, "") and message in err
