"""How many puzzles to work on at once: as told, or as many as the time that steps take shows to be worth it."""

from __future__ import annotations

from typing import Literal

from redraft.errors import ConfigError

BatchSize = int | Literal["auto"]


class Batching:
    """The number of puzzles to work on at once.

    `auto` begins with FIRST and doubles as long as a larger batch does at least WORTH times as many puzzle steps a
    second as the one before, so it settles within a few steps: at some dozens on a CPU, at thousands on a GPU. Which
    batch a puzzle is in changes the time its answer takes, not the answer.
    """

    FIRST, MOST, WORTH = 32, 8192, 1.08
    STEPS = 3  # timed at each size, of which the fastest counts; one more comes before them, untimed

    def __init__(self, size: BatchSize) -> None:
        if size != "auto" and (not isinstance(size, int) or size < 1):
            raise ConfigError(f"batch_size: expected a number of at least 1, or auto, got {size!r}")
        self.size = self.FIRST if size == "auto" else size
        self.growing = size == "auto"
        self._best = 0.0  # steps of a puzzle a second, at the size before
        self._times: list[float] = []

    def took(self, rows: int, seconds: float) -> None:
        """Tells how long a step with so many puzzles took; those with fewer than `size` say nothing."""
        if not self.growing or rows < self.size:
            return
        self._times.append(seconds)
        if len(self._times) <= self.STEPS:
            return
        rate = rows / max(1e-9, min(self._times[1:]))
        self._times = []
        if rate < self.WORTH * self._best:
            self.size //= 2
            self.growing = False
        elif self.size >= self.MOST:
            self.growing = False
        else:
            self._best = rate
            self.size *= 2
