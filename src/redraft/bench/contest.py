"""Implementations that take turns, so that a machine whose speed drifts affects all of them alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from redraft.bench.sides import Side
from redraft.bench.timing import rate, ratio, spread

Log = Callable[[str], None]  # called with a line on the current work, for the user


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One row of a contest: an implementation, which several rows may share, and the mode it runs in."""

    name: str
    side: Side
    mode: str = ""
    compiled: bool = False


def warm_up(contender: Contender, count: int, report: Log) -> float:
    """Runs a contender `count` times untimed, at least once; returns the seconds of the first, compiling included."""
    report(f"warming up {contender.name}")
    started = perf_counter()
    contender.side.run(contender.mode)
    seconds = perf_counter() - started
    for _ in range(count - 1):
        contender.side.run(contender.mode)
    return seconds


def take_turns(
    contenders: Sequence[Contender], repeats: int, report: Log, *, before_round: Callable[[], None] = lambda: None
) -> list[list[dict[str, Any]]]:
    """Results of `Side.run`, per contender and repeat; each round runs every contender once."""
    rounds: list[list[dict[str, Any]]] = [[] for _ in contenders]
    for number in range(repeats):
        before_round()
        for row, contender in zip(rounds, contenders, strict=True):
            report(f"round {number + 1} of {repeats}: {contender.name}")
            row.append(contender.side.run(contender.mode))
    return rounds


def agreement(contenders: Sequence[Contender]) -> dict[str, dict[str, float]]:
    """How far the logits after one step are from the first contender's, per other side that is not compiled."""
    names = {id(each.side): each for each in reversed(contenders) if not each.compiled}
    others = [each for each in contenders if names.get(id(each.side)) is each and each.side is not contenders[0].side]
    if not others:
        return {}
    ours = contenders[0].side.first_logits()
    found = {}
    for each in others:
        theirs = each.side.first_logits()
        found[each.name] = {
            "max_logit_difference": float(np.abs(ours - theirs).max()),
            "largest_logit": float(np.abs(ours).max()),
            "same_predictions": float((ours.argmax(-1) == theirs.argmax(-1)).mean()),
        }
    return found


def sum_up(runs: Sequence[dict[str, Any]], *, amount: int, references: Sequence[str] = ()) -> dict[str, Any]:
    """Adds `seconds` and `rate` to each run; returns ratios of speed, round by round.

    Ratios are of each run to those named in `references`, and of each other run to the first.
    """
    seconds = {run["name"]: [each["seconds"] for each in run["rounds"]] for run in runs}
    for run in runs:
        times = seconds[run["name"]]
        run |= {"seconds": spread(times), "rate": rate(amount, times)}
    ours = [name for name in seconds if name not in references]
    pairs = [(a, b) for b in references for a in ours] + [(name, ours[0]) for name in ours[1:]]
    return {f"{a} / {b}": ratio(seconds[a], seconds[b]) for a, b in pairs}
