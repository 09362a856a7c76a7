"""Every benchmark runs at a tiny size and gives finite figures; what is wrong in the input is named."""

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest

from redraft.bench.models import Settings, _no_int8
from redraft.bench.sides import share_solved
from redraft.bench.timing import ratio, seconds_of, spread
from redraft.cli import main
from redraft.data.build import open_source
from redraft.errors import ConfigError
from redraft.kernels import int8
from redraft.machine import memory
from redraft.models import build_model
from redraft.recipes import get_recipe
from redraft.tasks import get_task
from redraft.weights.io import save_weights

TINY = ["--recipe", "sudoku-4x4", "--batch-size", "2", "--repeats", "1", "--threads", "1"]


def bench(folder: Path, *arguments: str) -> dict[str, Any]:
    file = folder / "bench.json"
    assert main(["bench", *arguments, "-o", str(file)]) == 0
    result: dict[str, Any] = json.loads(file.read_text())
    assert_finite(result)
    for key in ("date", "machine", "torch", "commit", "arguments"):
        assert key in result
    return result


def assert_finite(value: Any) -> None:
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            assert_finite(item)
    elif isinstance(value, float):
        assert math.isfinite(value)


@pytest.mark.slow
def test_train(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    result = bench(tmp_path, "train", *TINY)
    assert "examples/s" in capsys.readouterr().out
    assert result["arguments"]["batch_size"] == 2
    [run] = result["train"]["runs"]
    assert run["name"] == "redraft" and len(run["rounds"]) == 1
    assert run["rate"]["median"] == pytest.approx(2 / run["rounds"][0]["seconds"])
    assert 0 < run["memory"]["before_mib"] < run["memory"]["peak_mib"]


def test_kernels_is_a_table_of_what_runs_when(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    rows = bench(tmp_path, "kernels")["kernels"]["rows"]
    assert {"linear", "swiglu_add_norm", "pools_block"} <= {row["operation"] for row in rows}
    assert all(row["here"] for row in rows if row["by"] == "PyTorch")
    assert "swiglu_add_norm" in capsys.readouterr().out


@pytest.mark.slow
def test_train_in_half_precision(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    result = bench(tmp_path, "train", *TINY, "--recipe", "sudoku-6x6-eq", "--dtype", "bfloat16")["train"]
    assert result["dtype"] == "bfloat16" and result["gflop"] > 0
    assert re.search(r"bfloat16\b.*\b2048", capsys.readouterr().out.replace("\n", " "))


@pytest.mark.slow
def test_solve_with_weights_that_halt(tmp_path: Path) -> None:
    run = get_recipe("sudoku-4x4")
    save_weights(tmp_path / "weights", build_model(run.model), task=run.task, card={})
    weights = ["--weights", str(tmp_path / "weights"), "--steps", "2", "--puzzles", "3"]
    result = bench(tmp_path, "solve", *TINY, *weights)["solve"]
    assert [run["name"] for run in result["runs"]] == [f"redraft, halt={rule}" for rule in ("never", "head", "rules")]
    assert result["runs"][0]["rounds"][0]["steps"] == 2
    assert set(result["ratios"]) == {f"redraft, halt={rule} / redraft, halt=never" for rule in ("head", "rules")}
    for run in result["runs"]:  # puzzles or operations a second, of what the products alone would allow
        steps = run["rounds"][0]["steps"] / 2
        assert run["of_ideal"] == pytest.approx(run["rate"]["median"] * steps / result["ideal"])


@pytest.mark.skipif(not int8.available(), reason="torch has no 8-bit linear layers on this machine")
def test_int8_is_left_out_where_it_gains_nothing() -> None:
    assert _no_int8(build_model(get_recipe("sudoku-4x4").model)) == "every linear layer is too small to gain by it"
    assert _no_int8(build_model(get_recipe("sudoku-extreme-mlp").model)) == ""


@pytest.mark.slow
def test_data(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    found = bench(tmp_path, "make", "--repeats", "1", "--puzzles", "1", "--threads", "1")["data"]
    units = [row["unit"] for row in found["rows"]]
    assert units == ["puzzles/s"] * 3 + ["ms"] * 2 + ["views/s"] + ["rows/s"] * 3
    assert all(row["median"] > 0 for row in found["rows"])
    sudoku = next(row for row in found["rows"] if row["name"].endswith("sudoku-extreme-mlp"))
    assert round(sudoku["gpu_rows"], -2) == 11_600  # half of 989 TFLOP/s at 42.7 GFLOP an example
    assert sudoku["of_gpu"] == pytest.approx(sudoku["median"] / sudoku["gpu_rows"])
    assert "H200" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["fly"], ["'fly'", "train, solve, data, start, export, kernels, all"]),
        (["train", "--recipe", "go"], ["recipe", "'go'"]),
        (["train", "--batch-size", "0"], ["--batch-size: ", "1", "0"]),
        (["solve", "--steps", "0"], ["--steps: ", "1", "0"]),
        (["make", "--threads", "0"], ["--threads: ", "1", "0"]),
        (["make", "--puzzles", "0"], ["--puzzles"]),
        (["train", "--device", "cuda:9"], ["'cuda:9'"]),
        (["train", "--dtype", "int8"], ["--dtype"]),
        (["train", "--warmup", "-1"], ["--warmup: ", "0", "-1"]),
        (["train", "--reference", "/nowhere"], ["/nowhere: ", "SamsungSAILMontreal/TinyRecursiveModels"]),
        (["make", "-o", "/nowhere/x.json"], ["folder", "/nowhere"]),
        (["start", "--repeats", "0"], ["--repeats: ", "1", "0"]),
    ],
)
def test_mistakes_are_named(arguments: list[str], named: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", *arguments]) == 2
    err = capsys.readouterr().err
    assert all(word in err for word in named), err


def test_integers_are_for_the_cpu() -> None:
    with pytest.raises(ConfigError, match=r"--int8: .*CPU.*cuda"):
        Settings(recipe="sudoku-4x4", batch_size=1, warmup=0, repeats=1, threads=1, int8=True, device="cuda")


def test_times_and_ratios() -> None:
    calls: list[int] = []
    assert len(seconds_of(lambda: calls.append(1), warmup=2, repeats=3)) == 3
    assert len(calls) == 5
    assert spread([3.0, 1.0, 2.0]) == {"median": 2.0, "min": 1.0, "max": 3.0}
    assert ratio([1.0, 2.0, 4.0], [2.0, 4.0, 8.0]) == {"median": 2.0, "min": 2.0, "max": 2.0}


def test_memory_and_share_solved() -> None:
    found = memory()
    assert 0 < found["now"] <= found["peak"]
    task = get_task("sudoku-4x4")
    store = open_source(task, "make:4@0")
    assert share_solved(task, store, store.labels) == 1.0
    assert share_solved(task, store, store.inputs) == 0.0
