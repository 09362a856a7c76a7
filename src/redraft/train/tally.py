"""Counts what happens between two reports of a run."""

from __future__ import annotations

import time

import torch
from torch import Tensor

from redraft.train.checkpoint import Progress
from redraft.train.config import RunConfig
from redraft.train.losses import StepLoss
from redraft.train.processes import Processes
from redraft.train.slots import Slots


class Tally:
    """Sums of what happened since the last report, kept on the device so that no step waits for the host."""

    NAMES = ("loss", "answer_loss", "halt_loss", "halted", "cells", "exact", "halt_step", "halt_right")

    LOSSES = 3  # of the names, at the front: means over a process's slots already

    def __init__(self, device: torch.device) -> None:
        self._sums = torch.zeros(len(self.NAMES), device=device)
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

    def take(self, progress: Progress, config: RunConfig, processes: Processes) -> dict[str, float]:
        """Means over all processes since the last call.

        Losses are per example; accuracies and halting step per halted slot, if any did.
        """
        totals = processes.add_up(self._sums)
        totals[: self.LOSSES] /= processes.world
        sums = dict(zip(self.NAMES, totals.tolist(), strict=True))
        halted = sums.pop("halted")
        means = {name: value / self._steps for name, value in sums.items() if name.endswith("loss")}
        if halted:
            means |= {name: value / halted for name, value in sums.items() if not name.endswith("loss")}
        seconds = max(1e-9, time.monotonic() - self._since)
        rate = self._steps / seconds
        self._sums.zero_()
        self._steps = 0
        self.restart_clock()
        return {
            **means,
            "examples_per_second": rate * config.batch_size,
            "seconds": progress.seconds,
            "seconds_left": (config.steps - progress.step) / rate,
        }

    def restart_clock(self) -> None:
        self._since = time.monotonic()
