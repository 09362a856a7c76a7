"""What a run reports: `metrics.jsonl`, a progress display, and optional trackers (TensorBoard, wandb, trackio)."""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from redraft.errors import ConfigError
from redraft.files import write_text

METRICS = "metrics.jsonl"
QUIET = 60.0  # seconds without a line after which a display without a terminal gives a sign of life


class Reporter(Protocol):
    """Receives every report of a run; `kind` is `train` or `eval`."""

    def tick(self, step: int) -> None:
        """Called after every step; must cost next to nothing."""

    def report(self, kind: str, step: int, metrics: dict[str, float]) -> None:
        """Called every `log_every` steps (`train`) and after evaluations (`eval`)."""

    def close(self) -> None:
        """Called when the run ends."""


class MetricsFile:
    """Appends one JSON object a report; on resuming, reports from after the checkpoint are dropped."""

    def __init__(self, folder: Path, *, resumed_at: int) -> None:
        file = folder / METRICS
        kept = []
        if file.exists():
            kept = [line for line in file.read_text().splitlines(keepends=True) if _step(line) <= resumed_at]
        write_text(file, "".join(kept))
        self._file = file.open("a")

    def tick(self, step: int) -> None:
        pass

    def report(self, kind: str, step: int, metrics: dict[str, float]) -> None:
        self._file.write(json.dumps({"kind": kind, "step": step, **metrics}) + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def _step(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):  # a line cut short when the run was killed
        return float("inf")


class Display:
    """A live progress line on a terminal, plain lines elsewhere; evaluations always stay on the screen."""

    def __init__(self, *, total: int, start: int, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)
        self.total = total
        self._progress = Progress(
            TextColumn("{task.fields[what]}"),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self._task = self._progress.add_task("", total=total, completed=start, what=f"step {start}", figures="")
        self._progress.start()
        self._printed = time.monotonic()

    def tick(self, step: int) -> None:
        self._progress.update(self._task, completed=step, what=f"step {step}")
        if not self.console.is_terminal and time.monotonic() - self._printed > QUIET:
            self._print(f"step {step}/{self.total}")

    def report(self, kind: str, step: int, metrics: dict[str, float]) -> None:
        if kind == "train":
            halted = (
                f"exact {metrics['exact']:.1%}  halts after {metrics['halt_step']:.1f}"
                if "exact" in metrics
                else "no puzzle has halted yet"
            )
            figures = f"loss {metrics['loss']:.3f}  {halted}  {metrics['examples_per_second']:.3g} examples/s"
            self._progress.update(self._task, completed=step, what=f"step {step}", figures=figures)
            if not self.console.is_terminal:
                left = _clock(metrics["seconds_left"])
                self._print(f"step {step}/{self.total}  {figures}  {left} left")
        else:
            figures = "  ".join(f"{name} {value:.4g}" for name, value in metrics.items())
            self._print(f"step {step}  evaluation  {figures}")

    def close(self) -> None:
        self._progress.stop()

    def _print(self, line: str) -> None:
        self._printed = time.monotonic()
        self.console.print(line, highlight=False, soft_wrap=True)
        sys.stderr.flush()


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


class Tracker:
    """Passes reports on to an experiment tracker through its one logging call."""

    def __init__(self, log: Callable[[dict[str, float], int], Any], close: Callable[[], Any]) -> None:
        self._log, self._close = log, close

    def tick(self, step: int) -> None:
        pass

    def report(self, kind: str, step: int, metrics: dict[str, float]) -> None:
        self._log({f"{kind}/{name}": value for name, value in metrics.items()}, step)

    def close(self) -> None:
        self._close()


TRACKERS = {"tensorboard": "torch.utils.tensorboard", "wandb": "wandb", "trackio": "trackio"}


def require_tracker(name: str) -> ModuleType:
    """The module behind a tracker; raises ConfigError where the name is unknown or it is not installed."""
    if name not in TRACKERS:
        raise ConfigError(f"unknown tracker {name!r}; known: {', '.join(TRACKERS)}")
    try:
        return importlib.import_module(TRACKERS[name])
    except ImportError as error:
        raise ConfigError(f"the tracker {name} is not installed (pip install {name})") from error


def open_tracker(name: str, folder: Path, config: dict[str, Any]) -> Tracker:
    """The tracker called `tensorboard`, `wandb` or `trackio`; raises ConfigError where it is not installed."""
    module = require_tracker(name)
    if name == "tensorboard":
        writer = module.SummaryWriter(str(folder / "tensorboard"))

        def log(metrics: dict[str, float], step: int) -> None:
            for key, value in metrics.items():
                writer.add_scalar(key, value, step)

        return Tracker(log, writer.close)
    run = module.init(project="redraft", name=folder.name, config=config)
    return Tracker(lambda metrics, step: module.log(metrics, step=step), getattr(run, "finish", module.finish))
