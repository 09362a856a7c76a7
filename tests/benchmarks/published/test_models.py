"""Training and solving in worker processes, beside matmuls alone, at a tiny size."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from helpers.failing import mentions

from benchmarks.__main__ import main
from benchmarks.published.contest import Worker, WorkerError, Workload

TINY = ["--recipe", "sudoku-4x4", "--batch-size", "2", "--repeats", "1", "--threads", "1"]


def bench(folder: Path, *arguments: str) -> dict[str, Any]:
    file = folder / "bench.json"
    assert main([*arguments, "-o", str(file)]) == 0
    result: dict[str, Any] = json.loads(file.read_text(), parse_constant=pytest.fail)
    for key in ("date", "machine", "torch", "commit", "arguments"):
        assert key in result
    return result


@pytest.mark.slow
def test_train(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    result = bench(tmp_path, "train", *TINY, "--dtype", "bfloat16")
    mentions(capsys.readouterr().out, "examples/s", "bfloat16", "2048")
    assert result["arguments"]["batch_size"] == 2
    found = result["train"]
    [run] = found["runs"]
    assert run["name"] == "redraft" and len(run["rounds"]) == len(found["peak"]["square"]["rounds"]) == 1
    assert run["rate"]["median"] == pytest.approx(2 / run["rounds"][0]["seconds"])
    assert run["rounds"][0]["cpu_seconds"] > 0
    assert run["of_ideal"] == pytest.approx(run["rate"]["median"] / found["ideal"])
    assert 0 < run["memory"]["before_mib"] < run["memory"]["peak_mib"]
    assert found["gflop"] > 0 and math.isfinite(run["share"])


@pytest.mark.slow
def test_solve_with_weights_that_halt(weights: Path, tmp_path: Path) -> None:
    options = ["--weights", str(weights), "--steps", "2", "--puzzles", "3"]
    result = bench(tmp_path, "solve", *TINY, *options)["solve"]
    assert [run["name"] for run in result["runs"]] == [f"redraft, halt={rule}" for rule in ("never", "head", "rules")]
    assert result["runs"][0]["rounds"][0]["steps"] == 2 and result["puzzles"] == 3
    assert set(result["ratios"]) == {f"redraft, halt={rule} / redraft, halt=never" for rule in ("head", "rules")}
    for run in result["runs"]:  # puzzles or operations per second, of what the matmuls alone would allow
        steps = run["rounds"][0]["steps"] / 2
        assert run["of_ideal"] == pytest.approx(run["rate"]["median"] * steps / result["ideal"])


@pytest.mark.slow
def test_a_worker_that_dies_says_why(tmp_path: Path) -> None:
    job = Workload(side="solve", folder=str(tmp_path), device="cpu", threads=1, task="go", batch_size=1)
    with Worker(job) as worker, pytest.raises(WorkerError, match=r"\bsolve\b.*'go'"):
        worker.answer()
