"""`redraft export`: from weights to a folder that other commands open; mistakes are named before the work."""

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.failing import mentions, refused

from redraft.backends.onnx import Exported
from redraft.export import export as exporting
from redraft.export.export import _name
from redraft.models import TRMConfig, build_model
from redraft.weights.io import save_weights

for package in ("onnx", "onnxscript", "onnxruntime"):
    pytest.importorskip(package)

Run = Callable[..., tuple[int, str, str]]
MODEL: Any = build_model(
    TRMConfig(
        vocab_size=6, seq_len=16, hidden_size=16, width_multiple=8, n=1, T=1, mixer="mlp", positions="none",
        puzzle_positions=0,
    )
)  # fmt: skip


@pytest.fixture
def traced_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every export gets the graph of the first: they are of one model."""
    whole, first = exporting.write_graph, []

    def write(model: Any, file: Path) -> Exported:
        if not first:
            first.append((whole(model, file), file.read_bytes()))
        file.write_bytes(first[0][1])
        return first[0][0]

    monkeypatch.setattr(exporting, "write_graph", write)


@pytest.mark.slow
def test_export_solve_and_evaluate(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("redraft.export.check.MOST_LOSS", 0.2)  # without VNNI 8-bit matmuls saturate
    status, out, _ = run("export", "sudoku-6x6", "--int8", "--check", 8)
    assert status == 0
    mentions(out, "sudoku-6x6-onnx", "int8", "0.1 MB", 8)
    assert re.search(r" (87\.5|100\.0)%", out)
    puzzle = "6.......14..........4.1.1....2..3.5."
    status, out, _ = run("solve", "--weights", "sudoku-6x6-onnx", puzzle)
    assert (status, out) == (0, "642135531426315264264513156342423651\n")
    status, out, _ = run("eval", "sudoku-6x6-onnx", "make:8@3", "--json")
    assert status == 0 and json.loads(out)["exact"] >= 7 / 8
    refused(run("export", "sudoku-6x6"), "sudoku-6x6-onnx", "-o")
    refused(run("export", "sudoku-6x6-onnx", "-o", "again"), "model.onnx")
    assert not Path("again").exists()


@pytest.mark.slow
def test_a_run_is_checked_on_its_own_test_rows(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, traced_once: None
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("make", "sudoku-4x4", 5, "-o", "five.csv")[0] == 0
    save_weights(
        tmp_path / "mine", MODEL, task="sudoku-4x4", card={"run": {"data": {"train": "x", "test": "five.csv"}}}
    )
    status, out, err = run("export", "mine", "-o", "one")
    assert status == 0
    mentions(out, 5, "five.csv")
    mentions(err.splitlines()[0], "five.csv")
    told = json.loads(Path("one/config.json").read_text())
    assert told["card"] == {"run": {"data": {"train": "x", "test": "five.csv"}}}
    assert (told["export"]["puzzles"], told["export"]["source"]) == (5, "rows of five.csv (test)")

    status, out, _ = run("export", "mine", "-o", "two", "--data", "make:9@1", "--check", 3)
    assert status == 0
    mentions(out, 3, "make:9@1")
    Path("five.csv").write_text("question,answer\n")
    status, out, err = run("export", "mine", "-o", "three", "--check", 2)
    assert status == 0 and "five.csv" not in out
    mentions(out, 2)
    mentions(err, "five.csv")
    refused(run("export", "mine", "-o", "four", "--data", "five.csv"), "five.csv")
    assert not Path("four").exists()
    Path("five.csv").unlink()
    status, out, err = run("export", "mine", "-o", "five", "--check", 2)
    assert status == 0 and "five.csv" not in out + err
    mentions(out, 2)


def test_weights_that_are_not_finite(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They come no further than the disk, whatever command opens them."""
    monkeypatch.chdir(tmp_path)
    model = copy.deepcopy(MODEL)
    model.answer_head.weight.data[0, 0] = float("inf")
    save_weights(tmp_path / "bad", model, task="sudoku-4x4", card={})
    for words in (
        ("export", "bad", "-o", "x"),
        ("solve", "--weights", "bad", "1..." + "." * 12),
        ("solve", "--weights", "bad", "--backend", "torch", "1..." + "." * 12),
        ("eval", "bad", "make:2@1"),
        ("inspect", "bad", "make:1@4"),
        ("train", "sudoku-4x4", "--tiny", "--init", "bad", "-o", "run"),
    ):
        refused(run(*words), "bad/model.safetensors", "NaN", "answer_head.weight")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["bad"]


@pytest.mark.slow
@pytest.mark.parametrize("part", ["answer_head", "halt_head", "net"])
def test_weights_whose_numbers_overflow(
    part: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, traced_once: None
) -> None:
    """Finite weights, but too large: their answers are not right, and they are not exported."""
    monkeypatch.chdir(tmp_path)
    model = copy.deepcopy(MODEL)
    for name, parameter in model.named_parameters():
        if name.startswith(part):
            parameter.data.fill_(3e38)
    save_weights(tmp_path / "large", model, task="sudoku-4x4", card={})
    puzzle = run("make", "sudoku-4x4", 1)[1].strip()
    for backend in ("numpy", "torch"):
        status, out, err = run("solve", "--weights", "large", "--backend", backend, "--json", puzzle)
        assert status == 1 and err == "" and json.loads(out)["status"] == "unsolved"
        assert 0 <= json.loads(out)["halt_probability"] <= 1
    assert run("eval", "large", "make:2@1", "--json")[0] == 0
    refused(run("inspect", "large", "make:1@4"), "large", "finite", "step 1")
    refused(run("export", "large", "-o", "x"), "finite")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["large"]


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["sudoku-7x7"], "sudoku-7x7"),
        (["sudoku-6x6", "--check", "0"], ("--check", 1, 0)),
        (["sudoku-6x6", "--seed", "-1"], ("--seed", 0, -1)),
        (["sudoku-6x6", "-o", "file"], ("file", "folder", "-o")),
        (["sudoku-6x6", "-o", "nowhere/there"], ("nowhere/there", "folder")),
        (["sudoku-6x6", "-o", "run"], ("run", "model")),
    ],
)
def test_mistakes_are_named(
    arguments: list[str], parts: object, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text("{}")
    refused(run("export", *arguments), parts)


def test_a_folder_is_called_after_the_run(tmp_path: Path) -> None:
    for path in ("runs/mine/best", "runs/mine", "mine"):
        assert _name(tmp_path / path) == "mine"
