"""Repeated times, their median and spread, rates, and ratios of runs that took turns."""

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
    """Times of `repeats` calls after `warmup` untimed ones."""
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
    """Seconds of a call: of the first, if it lasts `least`, else the mean of as many more as last that long together.

    A process that has waited starts with cold caches and sleeping threads, which one short call would measure.
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
    """`amount` per second: median, least and greatest over the repeats."""
    return spread([amount / s for s in seconds])


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, float]:
    """Speed of ours relative to theirs, round by round, so that a drift of the machine cancels out."""
    return spread([b / a for a, b in zip(ours, theirs, strict=True)])
