"""A training run: its one assembly, its way to the last step or an early stop, and `Run`, which opens its folder."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import cached_property, partial
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import torch
from rich.console import Console

from redraft import terminal
from redraft.contents import parse_json
from redraft.data.build import open_source, task_of
from redraft.data.store import Store
from redraft.device import choose_device, own_device
from redraft.errors import ConfigError, WeightsError, require_at_least
from redraft.evaluate.judge import in_brief, judge, require_rows, unseen
from redraft.solve.load import find_weights, open_weights
from redraft.tasks import Task
from redraft.train.config import RunConfig, run_to_dict, with_table
from redraft.train.folder import (
    BEST,
    CONFIG,
    LAST,
    STATE,
    Progress,
    data_in,
    find_run,
    open_run,
    own_run,
    path_from,
    read_progress,
)
from redraft.train.log import METRICS, Display, MetricsFile, Reporter, open_tracker, require_tracker
from redraft.train.loop import Evaluate, Trainer, TrainingOutcome
from redraft.train.processes import Processes, processes
from redraft.trust import remembered_names, trusting
from redraft.weights.io import Weights, count_parameters

if TYPE_CHECKING:
    from redraft.evaluate.measure import Report
    from redraft.models import Model
    from redraft.solve.solver import Solver

Hint = Callable[[Task, Path, RunConfig], str]  # advice on a next command for the weights of a finished run


# assembly
def training_data(config: RunConfig, *, resumed: Path | None = None) -> tuple[Task, Store]:
    """A run's task and training data; `resumed`: the folder of a resumed run. Raises RedraftError."""
    train = config.data.train if resumed is None else data_in(resumed, config.data.train, flag="--data.train")
    task = task_of(config.task, train)
    return task, open_source(task, train, split="train", limit=config.data.train_limit)


def test_data(config: RunConfig, task: Task, data: Store, *, resumed: Path | None = None, needed: bool = True) -> Store:
    """A run's unseen test examples; of ARC there may be none, unless they are `needed`. Raises RedraftError."""
    test = config.data.test if resumed is None else data_in(resumed, config.data.test, flag="--data.test")
    return unseen(task, test, trained_on=data, limit=config.data.test_limit, needed=needed)


def assemble(
    config: RunConfig,
    folder: Path,
    *,
    task: Task,
    data: Store,
    test: Store,
    device: torch.device,
    resume: bool,
    initial: Weights | None = None,
    group: Processes | None = None,
    prefetch: int | None = None,
) -> Trainer:
    """The trainer of a run, whose model gets a puzzle table as large as its data needs.

    `initial`: opened weights that a new run starts from; by default those of `config.init`.
    """
    config = with_table(config, data.num_puzzle_ids)
    require_rows(config, data, test)
    if initial is None and config.init is not None and not (folder / STATE).exists():
        initial = open_weights(config.init)
    options: dict[str, Any] = {"initial": initial, "processes": group, "prefetch": prefetch}
    return Trainer(config, folder, task=task, data=data, test=test, device=device, resume=resume, **options)


def evaluator(task: Task, test: Store, config: RunConfig) -> Evaluate:
    """The evaluation of a model during training: figures for one line, {} without test examples."""
    if not len(test):
        return lambda model: {}
    return lambda model: in_brief(judge(model, task, test, steps=config.eval_steps, batch_size=config.batch_size))


def conduct(
    trainer: Trainer,
    evaluate: Evaluate,
    console: Console,
    *,
    track: str | None = None,
    stop_after: float | None = None,
) -> TrainingOutcome:
    """Runs the trainer, and reports to its folder, the console and the tracker, if this process is the first."""
    folder, step, config = trainer.folder, trainer.progress.step, trainer.config
    with ExitStack() as closing:
        reporters: list[Reporter] = []

        def add(reporter: Reporter) -> None:
            closing.callback(reporter.close)
            reporters.append(reporter)

        if trainer.processes.first:
            add(MetricsFile(folder, resumed_at=step))
            if track is not None:
                add(open_tracker(track, folder, run_to_dict(config), console))
            if not console.quiet:
                add(Display(total=config.steps, start=step, console=console))
        return trainer.run(evaluate, reporters, stop_after=stop_after)


# from the first step to the last
def carry_out(
    config: RunConfig,
    folder: Path,
    *,
    resume: bool,
    device: str = "auto",
    threads: int | None = None,
    stop_after: float | None = None,
    track: str | None = None,
    prefetch: int | None = None,
    quiet: bool = False,
    hint: Hint | None = None,
) -> TrainingOutcome:
    """Trains a run, new or resumed, to its last step or until a signal stops it, and prints its progress.

    `hint` returns the last line. Raises RedraftError; PyTorch has the same number of threads after it as before.
    """
    require_at_least(1, {"threads": threads})
    if track is not None:
        require_tracker(track)
    before, placed = torch.get_num_threads(), own_device(choose_device(device))
    try:
        if threads is not None:
            torch.set_num_threads(threads)
        with processes(placed) as group, own_run(folder, group):
            console = terminal.console(stderr=True, quiet=quiet or not group.first)
            report = partial(console.print, highlight=False, soft_wrap=True)
            report(f"reading {config.data.train} and {config.data.test} …")
            begun = folder if resume else None
            task, data = training_data(config, resumed=begun)
            test = test_data(config, task, data, resumed=begun, needed=False)
            options: dict[str, Any] = {"device": placed, "resume": resume, "group": group, "prefetch": prefetch}
            trainer = assemble(config, folder, task=task, data=data, test=test, **options)
            _announce(trainer, test, report, resumed=resume)
            outcome = conduct(trainer, evaluator(task, test, config), console, track=track, stop_after=stop_after)
            _conclude(outcome, trainer, report, hint)
            return outcome
    finally:
        torch.set_num_threads(before)


def resumed_config(
    folder: Path,
    *,
    steps: int | None = None,
    threads: int | None = None,
    train: str | None = None,
    test: str | None = None,
) -> RunConfig:
    """The configuration of a resumed run with the values that may change: steps in all, threads of one without a
    checkpoint, and new places of its data. Raises RedraftError."""
    config = open_run(folder)
    data = config.data
    if test is None and data.test == data.train:  # a folder with both
        test = train
    if train is not None:
        data = replace(data, train=path_from(folder, train))
    if test is not None:
        data = replace(data, test=path_from(folder, test))
    if threads is None or (folder / STATE).exists():
        threads = config.threads
    return replace(config, data=data, steps=config.steps if steps is None else steps, threads=threads)


def free_folder(folder: Path) -> Path:
    """The folder, or where it is taken the first of FOLDER-2, FOLDER-3, … that is not."""
    candidate, number = folder, 2
    while candidate.exists():
        candidate, number = folder.with_name(f"{folder.name}-{number}"), number + 1
    return candidate


def _announce(trainer: Trainer, test: Store, report: Callable[[str], None], *, resumed: bool) -> None:
    if not len(test):
        report(
            f"no test input of {trainer.config.data.test} has a known output that is not trained on: training without "
            "figures; the last weights count as the best"
        )
    network, table = count_parameters(trainer.learner.model)
    world, step, steps = trainer.processes.world, trainer.progress.step, trainer.config.steps
    report(
        f"{trainer.config.recipe} in {trainer.folder}: {network:,} parameters"
        + (f" and {table:,} in the puzzle embedding" if table else "")
        + f", {len(trainer.data):,} training puzzles, {len(test):,} unseen test puzzles, on {trainer.device}"
        + (f" in {world} processes" if world > 1 else "")
    )
    if resumed:
        begins = f"resuming at step {step} of {steps}" + ("; --steps N trains for longer" if step == steps else "")
        report(begins if (trainer.folder / STATE).exists() else "no checkpoint yet: starting at step 0")
    report(
        "exact: puzzles that are right in every cell, in training of those that have halted since the last line; "
        "halts after: supervision steps"
    )


def _conclude(outcome: TrainingOutcome, trainer: Trainer, report: Callable[[str], None], hint: Hint | None) -> None:
    progress, folder, config = outcome.progress, outcome.folder, trainer.config
    if not outcome.finished:
        report(f"stopped at step {progress.step} of {config.steps}, saved in {folder / STATE}")
        report(f"resume with: redraft train --resume {folder}")
        return
    judged = progress.best >= 0
    best = f"best evaluation {progress.best:.2%} exact at step {progress.best_step}" if judged else "not evaluated"
    report(f"done: {config.steps} steps in {progress.seconds:.0f} s; {best}")
    report(f"weights: {folder / BEST} (best), {folder / LAST}")
    if hint is not None:
        report(hint(trainer.task, folder, config) + ("" if judged else " --submission submission.json"))


# afterwards
class Run:
    """A training run in its folder, finished or not: `redraft.train` returns one, `Run(folder)` opens one.

    Attributes:
        folder: holds all of it (docs/training.md).
        config: every value that decides its weights.
    """

    def __init__(self, folder: str | Path, *, trust: bool = False) -> None:
        """Raises RedraftError where there is no run; see docs/trust.md for `trust`."""
        self.folder = find_run(Path(folder))
        with trusting(trust), trusting(remembered_names(self.folder / CONFIG)):
            self.config: RunConfig = open_run(self.folder)

    @property
    def progress(self) -> Progress:
        """Steps done, seconds spent, the best evaluation (`best`, a share between 0 and 1; -1 before the first)."""
        return read_progress(self.folder) if (self.folder / STATE).exists() else Progress()

    @property
    def finished(self) -> bool:
        """Whether all steps are done and evaluated; else `redraft.resume` continues it."""
        progress = self.progress
        return min(progress.step, progress.evaluated) >= self.config.steps

    @property
    def weights(self) -> Path:
        """The folder of its best weights, or of the last ones before the first evaluation.

        Raises WeightsError before the first checkpoint.
        """
        if not any((self.folder / name).exists() for name in (BEST, LAST)):
            raise WeightsError(f"{self.folder}: has no weights yet, as it was stopped before its first checkpoint")
        return find_weights(self.folder)

    @cached_property
    def model(self) -> Model:
        """The model with these weights, in float32 on the CPU."""
        return open_weights(self.weights).model

    @overload
    def metrics(self, *, frame: Literal[False] = False) -> list[dict[str, Any]]: ...
    @overload
    def metrics(self, *, frame: Literal[True]) -> Any: ...
    def metrics(self, *, frame: bool = False) -> Any:
        """Its reports: a dictionary each, with its `kind` (train or eval), `step` and figures.

        `frame=True` returns a pandas DataFrame, and raises ConfigError where pandas is not installed.
        """
        file = self.folder / METRICS
        rows = []
        for line in file.read_bytes().splitlines() if file.exists() else ():
            with suppress(ValueError):  # cut short when the run was killed
                rows.append(parse_json(line))
        if not frame:
            return rows
        try:
            from pandas import DataFrame  # type: ignore[import-not-found,import-untyped,unused-ignore]
        except ImportError as error:
            raise ConfigError("metrics(frame=True) needs pandas: pip install pandas") from error
        return DataFrame(rows)

    def plot(self, file: str | Path) -> Path:
        """Draws loss and exact accuracy by step into a .png or .svg file; needs the extra `plot`."""
        from redraft.plotting import plot_curves

        plot_curves({str(self.folder): self.metrics()}, Path(file))
        return Path(file)

    def evaluate(self, data: str | Path | None = None, **options: Any) -> Report:
        """As `redraft.evaluate` of its weights; by default on its own test data."""
        from redraft.evaluate.measure import measure

        source = data_in(self.folder, self.config.data.test, flag="data") if data is None else str(data)
        return measure(str(self.folder), source, **options)

    def solver(self, **options: Any) -> Solver:
        """A solver with its weights; the options are those of `redraft.load`."""
        from redraft.solve.load import load

        return load(self.weights, **options)

    def __repr__(self) -> str:
        progress = self.progress
        best = f", best evaluation {progress.best:.2%} exact at step {progress.best_step}" if progress.best >= 0 else ""
        return f"Run({str(self.folder)!r}: step {progress.step:,} of {self.config.steps:,}{best})"

    def _repr_html_(self) -> str:
        last: dict[str, Any] = next((row for row in reversed(self.metrics()) if row.get("kind") == "eval"), {})
        cells = "".join(
            f"<tr><td>{escape(name)}</td><td>{value:.4g}</td></tr>"
            for name, value in last.items()
            if name not in ("kind", "step")
        )
        return f"<p>{escape(repr(self))}</p>" + (f"<table>{cells}</table>" if cells else "")
