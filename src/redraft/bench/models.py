"""The benchmarks of training and solving: prepares the same weights and puzzles for every side, and sums up."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import numpy as np
import torch

from redraft.bench.contest import Contender, Tell, contest
from redraft.bench.flops import Counted, counted, inference_flops, training_flops
from redraft.bench.peak import Place, ideal_seconds
from redraft.bench.published import THEIR_MULTIPLE, published_arch, published_settings, to_published
from redraft.bench.sides import ARCH, BATCHES, PUBLISHED, RUN, STORE, WEIGHTS, Workload
from redraft.bench.timing import rate, ratio, spread
from redraft.data.build import open_source
from redraft.data.sampler import Sampler
from redraft.data.store import Store
from redraft.errors import ConfigError, require_at_least
from redraft.export import require_export
from redraft.kernels import int8
from redraft.models import TRM, Model, ModelConfig, build_model
from redraft.models.base import DTYPES
from redraft.models.config import DType
from redraft.models.execution import quantised, share_quantised
from redraft.recipes import get_recipe
from redraft.solve.load import open_weights
from redraft.tasks import get_task
from redraft.train.config import RunConfig, run_to_dict
from redraft.train.halting import get_halting
from redraft.weights.io import save_weights

LOSSES = {"stablemax": "stablemax_cross_entropy", "softmax": "softmax_cross_entropy"}
TRAIN_PUZZLES = 64


M = TypeVar("M", bound=ModelConfig)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a benchmark of models is told; see the flags of `redraft bench` for their meaning."""

    recipe: str
    batch_size: int
    warmup: int
    repeats: int
    threads: int
    device: str = "cpu"
    dtype: DType | None = None
    seed: int = 0
    compile: bool = False
    int8: bool = False
    onnx: bool = False
    reference: Path | None = None
    weights: str | None = None
    steps: int = 16
    puzzles: int | None = None

    def __post_init__(self) -> None:
        counted = ("batch_size", "repeats", "threads", "steps", "puzzles")
        require_at_least(1, {f"--{name.replace('_', '-')}": getattr(self, name) for name in counted})
        require_at_least(0, {"--warmup": self.warmup})
        if self.int8 and self.device != "cpu":
            raise ConfigError(f"--int8: runs on the CPU alone, not on {self.device}")
        if self.onnx and (self.device != "cpu" or self.dtype == "bfloat16"):
            raise ConfigError(f"--onnx: graphs run on the CPU in float32 or int8, not {self.device} or {self.dtype}")
        if self.onnx:
            require_export()
        if self.reference is not None:
            require_reference(self.reference)

    def model(self, config: M) -> M:
        """The model as it is to be measured: in the dtype that was asked for, if one was."""
        return config if self.dtype is None else replace(config, dtype=self.dtype)

    def contest(self, contenders: Sequence[Contender], shape: Counted, *, tell: Tell, folder: Path) -> dict[str, Any]:
        """Their contest, held against the products of a model of this shape, timed where they run."""
        return contest(
            contenders,
            config=shape,
            place=Place(device=self.device, dtype=DTYPES[shape.dtype]),
            warmup=self.warmup,
            repeats=self.repeats,
            tell=tell,
            folder=folder,
        )


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


def bench_train(settings: Settings, tell: Tell) -> dict[str, Any]:
    """Training steps a second, every slot one supervision step, the optimiser and the moving average included."""
    run = replace(get_recipe(settings.recipe), batch_size=settings.batch_size, seed=settings.seed)
    run = replace(run, model=settings.model(run.model))
    shape = counted(run.model)
    if settings.reference is not None:  # its AdamAtan2 is a CUDA extension
        run = replace(run, optim=replace(run.optim, kind="adamw"))
    with TemporaryDirectory(prefix="redraft-bench-") as name:
        folder = Path(name)
        tell("making puzzles")
        store = open_source(get_task(run.task), f"make:{max(TRAIN_PUZZLES, settings.batch_size)}@{settings.seed}")
        _prepare(folder, run, build_model(run.model, seed=run.seed), store, settings, max_steps=run.max_steps)
        contenders = _entrants("train", run.task, settings, folder, modes=("",))
        found = settings.contest(contenders, shape, tell=tell, folder=folder)
    looks_ahead = get_halting(run.halting).looks_ahead
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


def bench_solve(settings: Settings, tell: Tell) -> dict[str, Any]:
    """Puzzles a second at equal steps; for given weights also with halting, and the share solved."""
    run, model = _solving_model(settings)
    shape = counted(run.model)
    modes = ("never", "head", "rules") if settings.weights is not None else ("never",)
    count = settings.puzzles or settings.batch_size
    if settings.int8 and (problem := _no_int8(model)):
        tell(f"int8 is left out: {problem}")
        settings = replace(settings, int8=False)
    with TemporaryDirectory(prefix="redraft-bench-") as name:
        folder = Path(name)
        tell("making puzzles")
        # Another seed than a recipe's test data, which may have chosen the weights.
        store = open_source(get_task(run.task), f"make:{count}@{settings.seed + 1000}")
        _prepare(folder, run, model, store, settings, max_steps=settings.steps)
        contenders = _entrants("solve", run.task, settings, folder, modes=modes)
        found = settings.contest(contenders, shape, tell=tell, folder=folder)
    step = inference_flops(shape)
    each = ideal_seconds(shape, found["peak"]["shapes"], training=False) * settings.steps
    figures = {
        "recipe": run.recipe,
        "dtype": run.model.dtype,
        "batch_size": settings.batch_size,
        "puzzles": count,
        "steps": settings.steps,
        "unit": "puzzles/s",
        "gflop": step * settings.steps / 1e9,
        "ideal": settings.batch_size / each,
        **_changed_in_reference(shape, settings),
    }
    return _sum_up(figures, found, amount=count, flops=step)


def _no_int8(model: Model) -> str:
    """Why the model cannot be run in 8-bit integers here; empty where it can."""
    if not int8.available():
        return "torch has no 8-bit linear maps on this machine"
    return "" if share_quantised(quantised(model)) else "every linear layer is too small to gain by it"


def _solving_model(settings: Settings) -> tuple[RunConfig, Model]:
    """The model to solve with, and the run (of which task, model and loss matter)."""
    if settings.weights is None:
        run = replace(get_recipe(settings.recipe), batch_size=settings.batch_size, seed=settings.seed)
        run = replace(run, model=settings.model(run.model))
        return run, build_model(run.model, seed=run.seed)
    opened = open_weights(settings.weights, dtype=settings.dtype or "float32")
    run = replace(
        get_recipe(settings.recipe), recipe=settings.weights, task=get_task(opened.task).name, model=opened.model.config
    )
    return run, opened.model


def _prepare(folder: Path, run: RunConfig, model: Model, store: Store, settings: Settings, *, max_steps: int) -> None:
    """Writes what the workers read: weights, configuration and puzzles, also as the published code wants them."""
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


def _entrants(kind: str, task: str, settings: Settings, folder: Path, *, modes: Sequence[str]) -> list[Contender]:
    job = Workload(
        side=kind,
        folder=str(folder),
        device=settings.device,
        threads=settings.threads,
        task=task,
        batch_size=settings.batch_size,
        steps=settings.steps,
    )
    label = "redraft, halt={}" if len(modes) > 1 else "redraft"
    contenders = [Contender(name=label.format(mode), job=job, mode=mode) for mode in modes]
    if settings.reference is not None:
        theirs = replace(job, side=f"reference-{kind}", reference=str(settings.reference.resolve()))
        contenders.insert(1, Contender(name="reference", job=theirs))
    twins = [e for e in contenders if e.mode in ("", "never")]
    if settings.int8:
        contenders.append(Contender(name="redraft, int8", job=replace(job, int8=True), mode=modes[0]))
    if settings.onnx:
        graph = replace(job, graph=True)
        contenders.append(Contender(name="redraft, onnx", job=graph, mode=modes[0]))
        contenders.append(Contender(name="redraft, onnx, int8", job=replace(graph, int8=True), mode=modes[0]))
    if settings.compile:
        contenders += [replace(e, name=f"{e.name}, compiled", job=replace(e.job, compile=True)) for e in twins]
    return contenders


def _changed_in_reference(shape: Counted, settings: Settings) -> dict[str, Any]:
    """What the published code was told to do otherwise than it says, so that both sides run the same model."""
    multiple = shape.width_multiple
    if settings.reference is None or multiple == THEIR_MULTIPLE:
        return {}
    return {"reference_changed": f"inner widths rounded up to multiples of {multiple}, not of {THEIR_MULTIPLE}"}


def _sum_up(figures: dict[str, Any], found: dict[str, Any], *, amount: int, flops: int) -> dict[str, Any]:
    """Rates and shares beside the raw times; ratios of ours to the reference, round by round."""
    peak = found["peak"]["square"]["median"]
    ideal = figures["gflop"] * figures["ideal"]  # GFLOP/s
    seconds = {run["name"]: [each["seconds"] for each in run["rounds"]] for run in found["runs"]}
    for run in found["runs"]:
        times = seconds[run["name"]]
        done = flops * amount * run["rounds"][0].get("steps", 1) / 1e9  # steps that were saved by halting do not count
        gflops = done / spread(times)["median"]
        run |= {"seconds": spread(times), "rate": rate(amount, times), "gflops": gflops}
        run |= {"share": gflops / peak, "of_ideal": gflops / ideal}
    names = list(seconds)
    pairs = [(a, b) for b in names if b.startswith("reference") for a in names if not a.startswith("reference")]
    pairs += [(name, names[0]) for name in names[1:] if not name.startswith("reference")]
    ratios = {f"{a} / {b}": ratio(seconds[a], seconds[b]) for a, b in pairs}
    return {**figures, **found, "ratios": ratios}
