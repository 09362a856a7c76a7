"""Jobs, the instructions of a worker for a run; which of a plan are left, and models on grids of another size."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from redraft.ablate.pool import Pool, read_result, require_same
from redraft.ablate.suite import Plan, PlannedRun, Test
from redraft.data.build import task_of
from redraft.errors import ConfigError, RedraftError
from redraft.models import Model, ModelConfig, build_model
from redraft.solve import load
from redraft.tasks import Task, get_task
from redraft.train.config import RunConfig, run_from_dict, run_to_dict
from redraft.train.folder import STATE
from redraft.trust import given, names_in
from redraft.weights.io import require_fit

TEST = "test"  # in a result: the run's own test data


@dataclass(frozen=True, kw_only=True)
class Job:
    """A run to train and judge: its folder, budget, device, and tests besides its own test data."""

    folder: Path
    config: RunConfig
    tests: tuple[Test, ...] = ()
    seconds: float | None = None
    threads: int = 1
    device: str = "auto"
    trust: bool | Sequence[str] = ()  # code named in files that its process may run, as in `redraft.trust`

    def to_json(self) -> str:
        """The job on one line."""
        return json.dumps({**asdict(self), "folder": str(self.folder), "config": run_to_dict(self.config)})

    @staticmethod
    def from_json(text: str) -> Job:
        """The job that `to_json` wrote."""
        values = json.loads(text)
        values["folder"] = Path(values["folder"])
        values["config"] = run_from_dict(values["config"], where="job")
        values["tests"] = tuple(Test(**test) for test in values["tests"])
        return Job(**values)


def judged_on(plan: Plan, row: str) -> dict[str, Test]:
    """The tests of a row besides its own test data, by label, each with its task."""
    task = plan.configs[row].task
    return {label: replace(test, task=test.task or task) for label, test in plan.tests.items()}


def is_done(run: PlannedRun, plan: Plan, result: dict[str, Any] | None) -> bool:
    """Whether a run is trained and judged on everything in the plan."""
    return result is not None and all(test.key in result["tests"] for test in judged_on(plan, run.row).values())


def make_jobs(
    plan: Plan, pool: Pool, runs: Sequence[PlannedRun], *, threads: int, device: str
) -> list[tuple[PlannedRun, Job]]:
    """The runs of these that are not done, with their jobs; all are checked before the first starts.

    Raises ConfigError where a folder holds another run, or where a model does not fit the grids of a test; TrustError
    where the data or the weights that a run starts from name code without consent.
    """
    found, consent = [], given()
    for run in runs:
        require_same(pool.of(run), run.config)
        tests = tuple(judged_on(plan, run.row).values())
        for test in tests:
            try:
                require_movable(run.config.model, get_task(str(test.task)))
            except RedraftError as error:
                raise type(error)(f"suite {plan.suite.name}, row {run.row!r}: {error}") from error
        if is_done(run, plan, read_result(pool.of(run))):
            continue
        task_of(run.config.task, run.config.data.train)
        if run.config.init is not None and not (pool.of(run) / STATE).exists():
            load.task_of(run.config.init)
        trust = consent if consent is True else sorted(consent | names_in(run_to_dict(run.config)))
        options: dict[str, Any] = {"tests": tests, "threads": threads, "device": device, "trust": trust}
        found.append((run, Job(folder=pool.of(run), config=run.config, seconds=run.seconds, **options)))
    return found


def estimate(plan: Plan, pool: Pool, runs: Sequence[PlannedRun]) -> float | None:
    """Seconds that these runs will take one after another; None where no run of the plan is finished.

    A run takes as long as finished ones of its row, else as long as the mean of all; one with a budget in seconds
    takes these.
    """
    if plan.budget.seconds is not None:
        return plan.budget.seconds * len(runs)
    took: dict[str, list[float]] = {}
    for run in plan.runs():
        seconds = (read_result(pool.of(run)) or {}).get("seconds")
        if isinstance(seconds, int | float):
            took.setdefault(run.row, []).append(seconds)
    if not took:
        return None
    usual = fmean(map(fmean, took.values()))
    return sum(fmean(took[run.row]) if run.row in took else usual for run in runs)


def moved(model: Model, task: Task) -> Model:
    """The model for a task's grids: itself where they have the same shape, else one with the same weights.

    Raises ConfigError where a weight depends on the size of the grid (mlp mixers, learned positions), or where the
    task has other tokens.
    """
    config = _shaped(model.config, task)
    if config == model.config:
        return model
    other = build_model(config)
    weights = model.state_dict()
    try:
        require_fit(other.state_dict(), weights)
    except RedraftError as error:
        raise ConfigError(f"a model of {model.config.seq_len} cells does not fit {task.name}: {error}") from error
    other.load_state_dict(weights)
    return other.to(next(model.parameters()).device).eval()


def require_movable(config: ModelConfig, task: Task) -> None:
    """Raises ConfigError where a model of this configuration would not fit a task's grids."""
    if _shaped(config, task) != config:
        moved(build_model(config), task)


def _shaped(config: ModelConfig, task: Task) -> ModelConfig:
    """The configuration for grids of a task; raises ConfigError where the task has other tokens."""
    if config.vocab_size != task.vocab_size:
        raise ConfigError(f"a model of {config.vocab_size} tokens does not fit {task.name} with its {task.vocab_size}")
    shape: dict[str, Any] = {"seq_len": task.seq_len}
    if getattr(config, "grid_width", None) is not None:
        shape["grid_width"] = task.width
    return replace(config, **shape)
