"""The benchmark of exported models: time to export, size of graphs, and speed of solving."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np

import redraft.weights
from redraft.backends.onnx import OnnxStepper, open_session
from redraft.backends.protocol import Stepper
from redraft.backends.torch import TorchStepper
from redraft.bench.contest import Log
from redraft.bench.timing import rate, ratio, seconds_on_end, spread
from redraft.errors import require_at_least
from redraft.export import require_export
from redraft.export.check import Agreement, Trial
from redraft.export.graph import write_graph, write_int8
from redraft.models import build_model
from redraft.recipes import RECIPES, get_recipe
from redraft.solve.load import find_weights, open_weights
from redraft.tasks import get_task
from redraft.weights.io import Weights

LOADS = 5  # of a session, of which the median counts


def bench_export(
    models: Sequence[str], *, batch_size: int, threads: int, warmup: int, repeats: int, seed: int, report: Log
) -> dict[str, Any]:
    """Per model: seconds to export it, bytes, ms to open it, and puzzle steps per second beside torch in float32.

    `models` are weights, or recipes, whose weights are random. The sides take turns in one process.
    """
    require_at_least(1, {"--batch-size": batch_size, "--repeats": repeats})
    require_at_least(0, {"--warmup": warmup})
    require_export()
    opened = {name: _opened(name, seed) for name in models}
    found = []
    for name, weights in opened.items():
        report(name)
        trial = Trial.of(
            get_task(weights.task), vocab_size=weights.model.config.vocab_size, count=batch_size, seed=seed + 1000
        )
        with TemporaryDirectory(prefix="redraft-bench-") as folder:
            figures = _measure(
                weights, trial, Path(folder), threads=threads, warmup=warmup, repeats=repeats, report=report
            )
        found.append({"name": name, **figures})
    return {"batch_size": batch_size, "models": found}


def require_models(models: Sequence[str]) -> None:
    """Raises RedraftError where a package or one of the models is missing."""
    require_export()
    for name in models:
        if name not in RECIPES:
            find_weights(name)


def _opened(name: str, seed: int) -> Weights:
    """Weights of that name, else random ones of a recipe."""
    if name in redraft.weights.names() or Path(name).exists() or name not in RECIPES:
        return open_weights(name)
    run = get_recipe(name)
    return Weights(model=build_model(run.model, seed=seed).eval(), task=run.task, card={})


def _measure(
    weights: Weights, trial: Trial, folder: Path, report: Log, *, threads: int, warmup: int, repeats: int
) -> dict[str, Any]:
    files = {"onnx": folder / "float32.onnx", "onnx, int8": folder / "int8.onnx"}
    report("exporting")
    started = perf_counter()
    exported = write_graph(weights.model, files["onnx"])
    seconds = perf_counter() - started
    write_int8(files["onnx"], files["onnx, int8"])
    steppers: dict[str, Stepper] = {"torch": TorchStepper(weights.model)}
    steppers |= {name: OnnxStepper(open_session(file, threads=threads), exported) for name, file in files.items()}
    report("drafts")
    drafts = {name: trial.run(stepper) for name, stepper in steppers.items()}
    calls = {name: _step_of(stepper, trial) for name, stepper in steppers.items()}
    times: dict[str, list[float]] = {name: [] for name in steppers}
    for turn in range(warmup + repeats):
        report(f"round {turn + 1 - warmup} of {repeats}" if turn >= warmup else "warming up")
        for name, call in calls.items():
            lasted = seconds_on_end(call)
            if turn >= warmup:
                times[name].append(lasted)
    return {
        "export_seconds": seconds,
        "sides": [
            {
                "name": name,
                "raw": times[name],
                "seconds": spread(times[name]),
                "rate": rate(len(trial.inputs), times[name]),
                "ratio": ratio(times[name], times["torch"]),
                **_of_graph(files.get(name), threads),
                "agreement": vars(Agreement.of(drafts[name], drafts["torch"], source=trial.source)),
            }
            for name in steppers
        ],
    }


def _step_of(stepper: Stepper, trial: Trial) -> Callable[[], Any]:
    """A call that takes a supervision step of all puzzles from the same state."""
    state = stepper.start(trial.inputs, np.zeros(len(trial.inputs), np.int64))
    return lambda: stepper.step(state)


def _of_graph(file: Path | None, threads: int) -> dict[str, Any]:
    """Size of a graph, and milliseconds to open it."""
    if file is None:
        return {}
    loads = []
    for _ in range(LOADS):
        started = perf_counter()
        open_session(file, threads=threads)
        loads.append(1000 * (perf_counter() - started))
    return {"bytes": file.stat().st_size, "load_ms": spread(loads)}
