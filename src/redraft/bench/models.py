"""The benchmarks of training a recipe and of solving with weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import torch

from redraft.bench.contest import Contender, Log, agreement, sum_up, take_turns, warm_up
from redraft.bench.sides import Execution, Side, Solve, Train
from redraft.data.build import open_source
from redraft.data.store import Store
from redraft.errors import ConfigError, require_at_least
from redraft.export import require_export
from redraft.kernels import int8
from redraft.machine import memory
from redraft.models import Model, ModelConfig, build_model
from redraft.models.config import DType
from redraft.models.execution import quantised, share_quantised
from redraft.recipes import get_recipe
from redraft.solve.load import open_weights
from redraft.tasks import get_task
from redraft.train.config import RunConfig

TRAIN_PUZZLES = 64

M = TypeVar("M", bound=ModelConfig)
S = TypeVar("S", bound="Settings")
Plan = list[tuple[str, Execution, str]]  # per contender its name, execution and mode


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Options of a benchmark of models; the flags of `redraft bench` say what each means."""

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

    def model(self, config: M) -> M:
        """The model in the dtype to be measured, its own by default."""
        return config if self.dtype is None else replace(config, dtype=self.dtype)


def training_case(settings: Settings) -> tuple[RunConfig, Store]:
    """The run to time steps of, and puzzles made for it."""
    run = replace(get_recipe(settings.recipe), batch_size=settings.batch_size, seed=settings.seed)
    run = replace(run, model=settings.model(run.model))
    count = max(TRAIN_PUZZLES, settings.batch_size)
    return run, open_source(get_task(run.task), f"make:{count}@{settings.seed}")


def solving_case(settings: Settings) -> tuple[RunConfig, Model, Store]:
    """The model to solve with, its run (of which task, model and loss matter), and puzzles made for it."""
    if settings.weights is None:
        run = replace(get_recipe(settings.recipe), batch_size=settings.batch_size, seed=settings.seed)
        run = replace(run, model=settings.model(run.model))
        model: Model = build_model(run.model, seed=run.seed)
    else:
        opened = open_weights(settings.weights, dtype=settings.dtype or "float32")
        model, task = opened.model, get_task(opened.task).name
        run = replace(get_recipe(settings.recipe), recipe=settings.weights, task=task, model=model.config)
    # another seed than a recipe's test data, by which the weights may have been chosen
    source = f"make:{settings.puzzles or settings.batch_size}@{settings.seed + 1000}"
    return run, model, open_source(get_task(run.task), source)


def plan(settings: Settings, modes: Sequence[str] = ("",)) -> Plan:
    """Contenders of a benchmark: PyTorch in each mode, then the other executions in the first mode."""
    eager = Execution()
    found = [(f"redraft, halt={mode}" if len(modes) > 1 else "redraft", eager, mode) for mode in modes]
    first = found[0][0]
    if settings.int8:
        found.append(("redraft, int8", Execution(int8=True), modes[0]))
    if settings.onnx:
        found.append(("redraft, onnx", Execution(graph=True), modes[0]))
        found.append(("redraft, onnx, int8", Execution(graph=True, int8=True), modes[0]))
    if settings.compile:
        found.append((f"{first}, compiled", Execution(compile=True), modes[0]))
    return found


def halting_modes(settings: Settings) -> tuple[str, ...]:
    """Halting rules to solve with; random weights never halt."""
    return ("never", "head", "rules") if settings.weights is not None else ("never",)


def without_useless_int8(settings: S, model: Model, report: Log) -> S:
    """The settings, with int8 switched off and the reason reported where it is not available or gains nothing."""
    if not settings.int8 or not (problem := _no_int8(model)):
        return settings
    report(f"int8 is left out: {problem}")
    return replace(settings, int8=False)


def _no_int8(model: Model) -> str:
    """Why the model cannot be run in 8-bit integers here; empty where it can."""
    if not int8.available():
        return "torch has no 8-bit linear layers on this machine"
    return "" if share_quantised(quantised(model)) else "every linear layer is too small to gain by it"


def bench_train(settings: Settings, report: Log) -> dict[str, Any]:
    """Training examples per second: in each step every slot takes one supervision step."""
    report("making puzzles")
    run, store = training_case(settings)
    with TemporaryDirectory(prefix="redraft-bench-") as folder:

        def side(execution: Execution) -> Side:
            out = Path(folder) / f"run-{execution.compile}"
            return Train(replace(run, compile=execution.compile), store, out, device=settings.device)

        found = _contest(plan(settings), side, settings, report, amount=settings.batch_size)
    figures = {"recipe": run.recipe, "optimiser": run.optim.kind, "dtype": run.model.dtype}
    return {**figures, "batch_size": settings.batch_size, "unit": "examples/s", **found}


def bench_solve(settings: Settings, report: Log) -> dict[str, Any]:
    """Puzzles per second at equal steps; for given weights also with halting, and the share solved."""
    report("making puzzles")
    run, model, store = solving_case(settings)
    settings = without_useless_int8(settings, model, report)

    def side(execution: Execution) -> Side:
        return Solve(
            model,
            get_task(run.task),
            store,
            execution,
            steps=settings.steps,
            batch_size=settings.batch_size,
            device=settings.device,
            threads=settings.threads,
        )

    found = _contest(plan(settings, halting_modes(settings)), side, settings, report, amount=len(store))
    figures = {"recipe": run.recipe, "dtype": run.model.dtype, "batch_size": settings.batch_size}
    return {**figures, "puzzles": len(store), "steps": settings.steps, "unit": "puzzles/s", **found}


def _contest(
    rows: Plan, make: Callable[[Execution], Side], settings: Settings, report: Log, *, amount: int
) -> dict[str, Any]:
    """Times of all contenders: `runs` with raw `rounds`, `first_seconds`, `seconds` and `rate`; `agreement`, `ratios`;
    and `peak_mib`, the peak memory of this process."""
    sides: dict[Execution, Side] = {}
    for name, execution, _ in rows:
        if execution not in sides:
            report(f"starting {name}")
            sides[execution] = make(execution)
    contenders = [Contender(name=name, side=sides[how], mode=mode, compiled=how.compile) for name, how, mode in rows]
    agreeing = agreement(contenders)
    first = [warm_up(each, settings.warmup, report) for each in contenders]
    rounds = take_turns(contenders, settings.repeats, report)
    runs: list[dict[str, Any]] = [
        {"name": each.name, "first_seconds": seconds, "rounds": row}
        for each, seconds, row in zip(contenders, first, rounds, strict=True)
    ]
    peak = memory(torch.device(settings.device))["peak"]
    return {"runs": runs, "agreement": agreeing, "ratios": sum_up(runs, amount=amount), "peak_mib": peak}
