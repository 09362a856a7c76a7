"""Repeated times and what they amount to: median and spread, rates, ratios of runs that took turns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from time import perf_counter
from typing import Any


def seconds_of(
    call: Callable[[], Any], *, warmup: int, repeats: int, clock: Callable[[], float] = perf_counter
) -> list[float]:
    """Times of `repeats` calls after `warmup` untimed ones; with `process_time` for a clock, of the processor."""
    for _ in range(warmup):
        call()
    times = []
    for _ in range(repeats):
        started = clock()
        call()
        times.append(clock() - started)
    return times


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, least and greatest."""
    return {"median": median(values), "min": min(values), "max": max(values)}


def rate(amount: float, seconds: Sequence[float]) -> dict[str, float]:
    """`amount` a second: median, least and greatest over the repeats."""
    return spread([amount / s for s in seconds])


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, float]:
    """How many times as fast ours is: round by round, so that a drift of the machine cancels out."""
    return spread([b / a for a, b in zip(ours, theirs, strict=True)])
