"""A run's reports: their figures, `metrics.jsonl`, a progress display, and trackers (TensorBoard, wandb, trackio)."""

from __future__ import annotations

import importlib
import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import torch
from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from torch import Tensor

from redraft import terminal
from redraft.errors import ConfigError, RedraftError
from redraft.files import write_text
from redraft.train.losses import StepLoss
from redraft.train.processes import Processes
from redraft.train.slots import Slots

METRICS, TENSORBOARD = "metrics.jsonl", "tensorboard"
QUIET = 60.0  # seconds without a line after which a display without a terminal prints the step


class Tally:
    """Sums since the last report, kept on the device so that no step waits for the host."""

    LOSSES = ("loss", "answer_loss", "halt_loss")  # means over a process's slots already
    COUNTS = ("halted", "cells", "exact", "halt_step", "halt_right")

    def __init__(self, device: torch.device) -> None:
        self._sums = torch.zeros(len(self.LOSSES) + len(self.COUNTS), device=device)
        self._bad = torch.zeros((), dtype=torch.int64, device=device)
        self._steps = 0
        self._since = time.monotonic()

    @torch.no_grad()
    def add(self, step: int, loss: StepLoss, halt_logit: Tensor, slots: Slots) -> None:
        """`step` counts from 1. Only slots that halted count for accuracies, as in the published code."""
        done, size = slots.halted, len(slots.halted)
        right = (halt_logit >= 0) == loss.exact
        counts = (done, loss.right_cells * done, loss.exact & done, slots.steps * done, right & done)
        totals = [loss.total / size, loss.answer / size, loss.halt / size, *(count.sum() for count in counts)]
        self._sums += torch.stack([total.detach().float() for total in totals])
        self._bad = torch.where((self._bad == 0) & ~torch.isfinite(loss.total.detach()), step, self._bad)
        self._steps += 1

    def first_bad_step(self) -> int | None:
        """The first step whose loss was not finite, if any."""
        return int(self._bad) or None

    def take(self, processes: Processes) -> tuple[dict[str, float], float]:
        """Means over all processes since the last call, and steps per second.

        Losses are per example; accuracies and halting step per halted slot, if any did.
        """
        totals = processes.add_up(self._sums)
        totals[: len(self.LOSSES)] /= processes.world
        sums = dict(zip((*self.LOSSES, *self.COUNTS), totals.tolist(), strict=True))
        means = {name: sums[name] / self._steps for name in self.LOSSES}
        if halted := sums["halted"]:
            means |= {name: sums[name] / halted for name in self.COUNTS[1:]}
        rate = self._steps / max(1e-9, time.monotonic() - self._since)
        self._sums.zero_()
        self._steps = 0
        self.restart_clock()
        return means, rate

    def restart_clock(self) -> None:
        self._since = time.monotonic()


class Reporter(Protocol):
    """Receives every report of a run; `kind` is `train` or `eval`."""

    def tick(self, step: int) -> None:
        """Called after every step; must cost next to nothing."""

    def report(self, kind: str, step: int, metrics: dict[str, float]) -> None:
        """Called every `log_every` steps (`train`) and after evaluations (`eval`)."""

    def close(self) -> None:
        """Called when the run ends."""


class MetricsFile:
    """Appends one JSON object per report; on resuming, reports from after the checkpoint are dropped.

    Lines that cannot be written, as on a full disk, wait for the next report; `close` raises RedraftError if they still
    cannot be.
    """

    def __init__(self, folder: Path, *, resumed_at: int) -> None:
        self.file = folder / METRICS
        kept = []
        if self.file.exists():
            lines = self.file.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
            kept = [line for line in lines if _step(line) <= resumed_at]
        write_text(self.file, "".join(kept))
        self._file = self.file.open("ab", buffering=0)
        self._waiting = b""

    def tick(self, step: int) -> None:
        pass

    def report(self, kind: str, step: int, metrics: dict[str, float]) -> None:
        self._waiting += json.dumps({"kind": kind, "step": step, **metrics}).encode() + b"\n"
        with suppress(OSError):
            self._write()

    def close(self) -> None:
        with self._file:
            try:
                self._write()
            except OSError as error:
                lost = self._waiting.count(b"\n")
                raise RedraftError(
                    f"{self.file}: cannot be written: {error.strerror or error}; its last {lost} lines are missing"
                ) from error

    def _write(self) -> None:
        while self._waiting:
            self._waiting = self._waiting[self._file.write(self._waiting) :]


def _step(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):  # a line cut short when the run was killed
        return float("inf")


class Display:
    """A live progress line on a terminal, plain lines elsewhere; evaluations always stay on the screen."""

    def __init__(self, *, total: int, start: int, console: Console | None = None) -> None:
        self.console = console or terminal.console(stderr=True)
        self.total, self.live = total, terminal.live(self.console)
        bar, percent = BarColumn(bar_width=24), TaskProgressColumn()
        loss, exact, halts, rate = (TextColumn(f"{{task.fields[{name}]}}") for name in _FIGURES)
        self._progress = terminal.Fitting(
            TextColumn("{task.fields[what]}"),
            *(bar, percent, loss, exact, halts, rate),
            TimeRemainingColumn(),
            spare=(rate, halts, bar, exact, percent, loss),
            to=self.console,
            disable=not self.live,
        )
        nothing: dict[str, Any] = dict.fromkeys(_FIGURES, "")
        self._task = self._progress.add_task("", total=total, completed=start, what=f"step {start}", **nothing)
        self._progress.start()
        self._printed = time.monotonic()

    def tick(self, step: int) -> None:
        self._progress.update(self._task, completed=step, what=f"step {step}")
        if not self.live and time.monotonic() - self._printed > QUIET:
            self._print(f"step {step}/{self.total}")

    def report(self, kind: str, step: int, metrics: dict[str, float]) -> None:
        if kind == "train":
            figures = _figures(metrics)
            self._progress.update(self._task, completed=step, what=f"step {step}", **figures)
            if not self.live:
                words, left = "  ".join(filter(None, figures.values())), _clock(metrics["seconds_left"])
                self._print(f"step {step}/{self.total}  {words}  {left} left")
        else:
            words = "  ".join(_EVALUATED.get(name, name + " {:.4g}").format(value) for name, value in metrics.items())
            self._print(f"step {step}  evaluation  {words}")

    def close(self) -> None:
        self._progress.stop()

    def _print(self, line: str) -> None:
        self._printed = time.monotonic()
        self.console.print(line, highlight=False, soft_wrap=True)


_FIGURES = ("loss", "exact", "halts", "rate")
_EVALUATED = {
    "exact": "exact {:.2%}",
    "solved": "solved {:.2%}",
    "cells": "cells {:.2%}",
    "halt_exact": "exact where it halts {:.2%}",
    "halt_steps": "halts after {:.1f}",
}


def _figures(metrics: dict[str, float]) -> dict[str, Any]:
    """A report of training as texts, by the names of `_FIGURES`."""
    return {
        "loss": f"loss {metrics['loss']:.3f}",
        "exact": f"exact {metrics['exact']:.1%}" if "exact" in metrics else "no puzzle has halted yet",
        "halts": f"halts after {metrics['halt_step']:.1f}" if "halt_step" in metrics else "",
        "rate": f"{terminal.figure_words(metrics['examples_per_second'])} examples/s",
    }


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


Log = Callable[[dict[str, float], int], Any]  # figures and step
Close = Callable[[], Any]


class Tracker:
    """Passes reports on to an experiment tracker, until that fails once."""

    def __init__(self, log: Log, close: Close, *, name: str, console: Console) -> None:
        self._log, self._close, self._name, self._console = log, close, name, console
        self._failed = False

    def tick(self, step: int) -> None:
        pass

    def report(self, kind: str, step: int, metrics: dict[str, float]) -> None:
        self._try(lambda: self._log({f"{kind}/{name}": value for name, value in metrics.items()}, step))

    def close(self) -> None:
        self._try(self._close)

    def _try(self, call: Callable[[], Any]) -> None:
        if self._failed:
            return
        try:
            call()
        except Exception as error:  # training does not depend on it
            self._failed = True
            line = f"the tracker {self._name} failed and is no longer used: {type(error).__name__}: {error}"
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)


TRACKERS = {"tensorboard": "torch.utils.tensorboard", "wandb": "wandb", "trackio": "trackio"}


def require_tracker(name: str) -> ModuleType:
    """The module behind a tracker; raises ConfigError where the name is unknown or it is not installed."""
    if name not in TRACKERS:
        raise ConfigError(f"unknown tracker {name!r}; known: {', '.join(TRACKERS)}")
    try:
        return importlib.import_module(TRACKERS[name])
    except ImportError as error:
        raise ConfigError(f"the tracker {name} is not installed (pip install {name})") from error


def open_tracker(name: str, folder: Path, config: dict[str, Any], console: Console) -> Tracker:
    """The tracker called `tensorboard`, `wandb` or `trackio`; raises ConfigError where it is missing or does not start.

    A later failure is printed to the console.
    """
    module = require_tracker(name)
    try:
        log, close = _tensorboard(module, folder) if name == "tensorboard" else _online(module, folder, config)
    except Exception as error:
        raise ConfigError(f"the tracker {name} does not start ({type(error).__name__}: {error})") from error
    return Tracker(log, close, name=name, console=console)


def _tensorboard(module: ModuleType, folder: Path) -> tuple[Log, Close]:
    writer = module.SummaryWriter(str(folder / TENSORBOARD))

    def log(metrics: dict[str, float], step: int) -> None:
        for key, value in metrics.items():
            writer.add_scalar(key, value, step)

    return log, writer.close


def _online(module: ModuleType, folder: Path, config: dict[str, Any]) -> tuple[Log, Close]:
    run = module.init(project="redraft", name=folder.name, config=config)
    return lambda metrics, step: module.log(metrics, step=step), getattr(run, "finish", module.finish)
