"""The benchmark of exported models: its figures for the smallest weights, and what it refuses."""

import json
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from benchmarks import export as bench
from benchmarks.show import show_export
from redraft.errors import ConfigError, WeightsError

for package in ("onnx", "onnxscript", "onnxruntime"):
    pytest.importorskip(package)

OPTIONS: dict[str, Any] = {"batch_size": 2, "threads": 1, "warmup": 0, "repeats": 2, "seed": 0, "report": str}


@pytest.mark.slow
def test_sides_and_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "seconds_on_end", lambda call: call() and 0.5)
    found = json.loads(json.dumps(bench.bench_export(["sudoku-6x6"], **OPTIONS)))
    (model,) = found["models"]
    torch, graph, rounded = model["sides"]
    assert [side["name"] for side in model["sides"]] == ["torch", "onnx", "onnx, int8"]
    assert torch["rate"]["median"] == 4 and graph["ratio"]["median"] == 1 and "bytes" not in torch
    assert rounded["bytes"] < graph["bytes"] and graph["load_ms"]["median"] > 0
    assert graph["agreement"]["tokens"] == 1 and model["export_seconds"] > 0
    console = Console(file=StringIO(), width=160)
    show_export(found, console)
    assert "sudoku-6x6, onnx, int8" in console.file.getvalue()  # type: ignore[attr-defined]


def test_recipes_stand_for_their_size() -> None:
    weights = bench._opened("sudoku-extreme-mlp", 0)
    assert weights.task == "sudoku-9x9" and weights.model.config.hidden_size == 512
    assert bench._opened("sudoku-6x6", 0).card, "bundled weights come before a recipe of their name"


def test_mistakes_are_named() -> None:
    with pytest.raises(ConfigError, match=r"--batch-size: .*1.*0"):
        bench.bench_export([], **{**OPTIONS, "batch_size": 0})
    with pytest.raises(WeightsError, match=r"nothing: .*folder"):
        bench.bench_export(["nothing"], **OPTIONS)
