"""Every benchmark runs at a tiny size and gives finite figures; what is wrong in the input is named."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from redraft.bench.models import Settings, _no_int8
from redraft.cli import main
from redraft.errors import ConfigError
from redraft.export import PACKAGES
from redraft.kernels import int8
from redraft.machine import memory
from redraft.models import build_model
from redraft.recipes import get_recipe
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
    assert result["train"]["peak_mib"] > 0


def test_kernels_is_a_table_of_what_runs_when(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    rows = bench(tmp_path, "kernels")["kernels"]["rows"]
    assert {"linear", "swiglu_add_norm", "pools_block"} <= {row["operation"] for row in rows}
    assert all(row["here"] for row in rows if row["by"] == "PyTorch")
    assert "swiglu_add_norm" in capsys.readouterr().out


@pytest.mark.slow
def test_train_in_half_precision(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    result = bench(tmp_path, "train", *TINY, "--recipe", "sudoku-6x6-eq", "--dtype", "bfloat16")["train"]
    assert result["dtype"] == "bfloat16" and "bfloat16" in capsys.readouterr().out


@pytest.mark.slow
def test_solve_with_weights_that_halt(tmp_path: Path) -> None:
    run = get_recipe("sudoku-4x4")
    save_weights(tmp_path / "weights", build_model(run.model), task=run.task, card={})
    weights = ["--weights", str(tmp_path / "weights"), "--steps", "2", "--puzzles", "3"]
    result = bench(tmp_path, "solve", *TINY, *weights)["solve"]
    assert [run["name"] for run in result["runs"]] == [f"redraft, halt={rule}" for rule in ("never", "head", "rules")]
    assert result["runs"][0]["rounds"][0]["steps"] == 2
    assert set(result["ratios"]) == {f"redraft, halt={rule} / redraft, halt=never" for rule in ("head", "rules")}
    assert not result["agreement"], "it is the same model"


@pytest.mark.slow
@pytest.mark.skipif(not int8.available(), reason="torch has no 8-bit linear layers on this machine")
def test_variants_agree_with_float32(tmp_path: Path) -> None:
    for package in PACKAGES:
        pytest.importorskip(package)
    result = bench(tmp_path, "solve", *TINY, "--recipe", "sudoku-6x6", "--steps", "1", "--onnx", "--int8")["solve"]
    names = ["redraft", "redraft, onnx", "redraft, onnx, int8"]  # its layers are too small for int8 in PyTorch
    assert [run["name"] for run in result["runs"]] == names
    assert list(result["agreement"]) == names[1:]
    exact, rounded = (result["agreement"][name]["max_logit_difference"] for name in names[1:])
    assert 0 < exact < 1e-3 and exact < rounded


@pytest.mark.skipif(not int8.available(), reason="torch has no 8-bit linear layers on this machine")
def test_int8_is_left_out_where_it_gains_nothing() -> None:
    assert _no_int8(build_model(get_recipe("sudoku-4x4").model)) == "every linear layer is too small to gain by it"
    assert _no_int8(build_model(get_recipe("sudoku-extreme-mlp").model)) == ""


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["fly"], ["'fly'", "train, solve, kernels"]),
        (["train", "--recipe", "go"], ["recipe", "'go'"]),
        (["train", "--batch-size", "0"], ["--batch-size: ", "1", "0"]),
        (["solve", "--steps", "0"], ["--steps: ", "1", "0"]),
        (["train", "--device", "cuda:9"], ["'cuda:9'"]),
        (["train", "--dtype", "int8"], ["--dtype"]),
        (["train", "--warmup", "-1"], ["--warmup: ", "0", "-1"]),
        (["train", "--repeats", "0"], ["--repeats: ", "1", "0"]),
        (["solve", "--threads", "0"], ["--threads: ", "1", "0"]),
        (["solve", "--puzzles", "0"], ["--puzzles"]),
        (["train", "-o", "/nowhere/x.json"], ["folder", "/nowhere"]),
    ],
)
def test_mistakes_are_named(arguments: list[str], named: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", *arguments]) == 2
    err = capsys.readouterr().err
    assert all(word in err for word in named), err


def test_integers_are_for_the_cpu() -> None:
    with pytest.raises(ConfigError, match=r"--int8: .*CPU.*cuda"):
        Settings(recipe="sudoku-4x4", batch_size=1, warmup=0, repeats=1, threads=1, int8=True, device="cuda")


def test_memory() -> None:
    found = memory()
    assert 0 < found["now"] <= found["peak"]
