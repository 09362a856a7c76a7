"""The benchmarks of training and solving: the same weights and puzzles for every side, beside matmuls alone."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from benchmarks.flops import Counted, counted, inference_flops, training_flops
from benchmarks.peak import Place, ideal_seconds
from benchmarks.published.contest import ARCH, BATCHES, PUBLISHED, RUN, STORE, WEIGHTS, Workload, contest
from benchmarks.published.names import THEIR_MULTIPLE, published_arch, published_settings, to_published
from redraft.bench.contest import Log, sum_up
from redraft.bench.models import Plan, Settings, halting_modes, plan, solving_case, training_case, without_useless_int8
from redraft.data.sampler import Sampler
from redraft.data.store import Store
from redraft.errors import ConfigError
from redraft.models import TRM, Model, build_model
from redraft.models.base import DTYPES
from redraft.tasks import get_task
from redraft.train.config import RunConfig, run_to_dict
from redraft.train.halting import get_halting
from redraft.weights.io import save_weights

LOSSES = {"stablemax": "stablemax_cross_entropy", "softmax": "softmax_cross_entropy"}
REFERENCE = "reference"


@dataclass(frozen=True, kw_only=True)
class Compared(Settings):
    """Settings of a benchmark that the published code may take part in; `reference` is a checkout of it."""

    reference: Path | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.reference is not None:
            require_reference(self.reference)


def require_reference(folder: Path) -> None:
    """Raises ConfigError unless the folder is a checkout of the published code that can be imported here."""
    if not (folder / "models" / "recursive_reasoning" / "trm.py").is_file():
        raise ConfigError(
            f"--reference {folder}: no models/recursive_reasoning/trm.py; "
            "expected a checkout of SamsungSAILMontreal/TinyRecursiveModels"
        )
    missing = [name for name in ("einops", "pydantic") if find_spec(name) is None]
    if missing:
        raise ConfigError(f"--reference: the published code needs {' and '.join(missing)}; pip install them")


def bench_train(settings: Compared, report: Log) -> dict[str, Any]:
    """Training steps per second, every slot one supervision step, the optimiser and the moving average included."""
    report("making puzzles")
    run, store = training_case(settings)
    shape, looks_ahead = counted(run.model), get_halting(run.halting).looks_ahead
    if settings.reference is not None:  # its AdamAtan2 is a CUDA extension
        run = replace(run, optim=replace(run.optim, kind="adamw"))
    model = build_model(run.model, seed=run.seed)
    found = _contest("train", plan(settings), run, model, store, settings, report, max_steps=run.max_steps)
    flops = training_flops(shape, looks_ahead=looks_ahead)
    ideal = ideal_seconds(shape, found["peak"]["shapes"], training=True, looks_ahead=looks_ahead)
    figures = {
        "recipe": run.recipe,
        "optimiser": run.optim.kind,
        "dtype": run.model.dtype,
        "batch_size": settings.batch_size,
        "unit": "examples/s",
        "gflop": flops / 1e9,
        "ideal": settings.batch_size / ideal,
        **_changed_in_reference(shape, settings),
    }
    return _sum_up(figures, found, amount=settings.batch_size, flops=flops)


def bench_solve(settings: Compared, report: Log) -> dict[str, Any]:
    """Puzzles per second at equal steps; for given weights also with halting, and the share solved."""
    report("making puzzles")
    run, model, store = solving_case(settings)
    shape = counted(run.model)
    settings = without_useless_int8(settings, model, report)
    rows = plan(settings, halting_modes(settings))
    found = _contest("solve", rows, run, model, store, settings, report, max_steps=settings.steps)
    step = inference_flops(shape)
    each = ideal_seconds(shape, found["peak"]["shapes"], training=False) * settings.steps
    figures = {
        "recipe": run.recipe,
        "dtype": run.model.dtype,
        "batch_size": settings.batch_size,
        "puzzles": len(store),
        "steps": settings.steps,
        "unit": "puzzles/s",
        "gflop": step * settings.steps / 1e9,
        "ideal": settings.batch_size / each,
        **_changed_in_reference(shape, settings),
    }
    return _sum_up(figures, found, amount=len(store), flops=step)


def _contest(
    kind: str,
    rows: Plan,
    run: RunConfig,
    model: Model,
    store: Store,
    settings: Compared,
    report: Log,
    *,
    max_steps: int,
) -> dict[str, Any]:
    """The contest of our contenders, and of the published code as the second where there is a checkout of it."""
    shape = counted(run.model)
    with TemporaryDirectory(prefix="redraft-bench-") as name:
        folder = Path(name)
        _prepare(folder, run, model, store, settings, max_steps=max_steps)
        job = Workload(
            side=kind,
            folder=name,
            device=settings.device,
            threads=settings.threads,
            task=run.task,
            batch_size=settings.batch_size,
            steps=settings.steps,
        )
        jobs = [(each, replace(job, **vars(execution)), mode) for each, execution, mode in rows]
        if settings.reference is not None:
            theirs = replace(job, side=f"reference-{kind}", reference=str(settings.reference.resolve()))
            jobs.insert(1, (REFERENCE, theirs, ""))
            if settings.compile:
                jobs.append((f"{REFERENCE}, compiled", replace(theirs, compile=True), ""))
        return contest(
            jobs,
            config=shape,
            place=Place(device=settings.device, dtype=DTYPES[shape.dtype]),
            warmup=settings.warmup,
            repeats=settings.repeats,
            report=report,
        )


def _prepare(folder: Path, run: RunConfig, model: Model, store: Store, settings: Compared, *, max_steps: int) -> None:
    """Writes what the workers read: weights, configuration and puzzles, also in the published code's formats."""
    (folder / RUN).write_text(json.dumps(run_to_dict(run)))
    store.save(folder / STORE)
    save_weights(folder / WEIGHTS, model, task=run.task, card={})
    if settings.reference is None:
        return
    if not isinstance(model, TRM):
        raise ConfigError(f"--reference: the published code has no model of kind {type(model).__name__}")
    arch = published_arch(
        model.config, batch_size=settings.batch_size, max_steps=max_steps, exploration=run.exploration
    )
    described = {
        "arch": arch,
        "width_multiple": model.config.width_multiple,
        "settings": published_settings(run),
        "loss": LOSSES[run.loss],
    }
    (folder / ARCH).write_text(json.dumps(described))
    torch.save(to_published(model), folder / PUBLISHED)
    sampler = Sampler(store, get_task(run.task), batch_size=settings.batch_size, seed=run.seed)
    batches = [sampler.batch(step) for step in range(settings.warmup + settings.repeats + 1)]
    np.savez(
        folder / BATCHES,
        inputs=np.stack([batch.inputs for batch in batches]),
        labels=np.stack([batch.labels for batch in batches]),
        puzzle_ids=np.stack([batch.puzzle_ids for batch in batches]),
    )


def _changed_in_reference(shape: Counted, settings: Compared) -> dict[str, Any]:
    """How the published code differs from its checkout, so that both sides run the same model."""
    multiple = shape.width_multiple
    if settings.reference is None or multiple == THEIR_MULTIPLE:
        return {}
    return {"reference_changed": f"inner widths rounded up to multiples of {multiple}, not of {THEIR_MULTIPLE}"}


def _sum_up(figures: dict[str, Any], found: dict[str, Any], *, amount: int, flops: int) -> dict[str, Any]:
    """Rates and shares beside the raw times; ratios of ours to the reference, round by round."""
    peak = found["peak"]["square"]["median"]
    ideal = figures["gflop"] * figures["ideal"]  # GFLOP/s
    references = [run["name"] for run in found["runs"] if run["name"].startswith(REFERENCE)]
    ratios = sum_up(found["runs"], amount=amount, references=references)
    for run in found["runs"]:
        done = flops * amount * run["rounds"][0].get("steps", 1) / 1e9  # steps that were saved by halting do not count
        gflops = done / run["seconds"]["median"]
        run |= {"gflops": gflops, "share": gflops / peak, "of_ideal": gflops / ideal}
    return {**figures, **found, "ratios": ratios}
