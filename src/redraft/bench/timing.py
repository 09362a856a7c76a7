"""Repeated times and what they amount to: median and spread, rates, ratios of runs that took turns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil
from statistics import median
from time import perf_counter
from typing import Any

LEAST_SECONDS = 0.5  # of a measurement that is one number


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


def seconds_on_end(
    call: Callable[[], Any], *, clock: Callable[[], float] = perf_counter, least: float = LEAST_SECONDS
) -> float:
    """Seconds a call takes amid many: the first one, if it lasts `least`, else a mean of so many more as do together.

    A process that has waited for others starts with cold caches and sleeping threads; one step of a small model would
    measure that.
    """
    started = clock()
    call()
    first = clock() - started
    if first >= least:
        return first
    more = ceil(least / max(first, 1e-6))
    started = clock()
    for _ in range(more):
        call()
    return (clock() - started) / more


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, least and greatest."""
    return {"median": median(values), "min": min(values), "max": max(values)}


def rate(amount: float, seconds: Sequence[float]) -> dict[str, float]:
    """`amount` a second: median, least and greatest over the repeats."""
    return spread([amount / s for s in seconds])


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, float]:
    """How many times as fast ours is: round by round, so that a drift of the machine cancels out."""
    return spread([b / a for a, b in zip(ours, theirs, strict=True)])
