"""Other states to begin from, and what to do with puzzles that stay unsolved: begin again, or go on for longer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.effort.policies import Point, Shape, first_true
from benchmarks.effort.record import NEVER, Record, Runs, Start
from redraft.bench.contest import Log
from redraft.core.carry import Carry

DONORS = 64  # puzzles whose last states others begin from
WARM_THRESHOLDS = (0.0, 2.0, 4.0)
DEEPER = 4  # times as many steps for what stays unsolved


def by_the_head(runs: Runs, donors: Donors, shape: Shape, *, report: Log) -> Iterator[Point]:
    """The points of stopping by the halting head, with other numbers of latent updates or from the donors' mean."""
    everyone = np.arange(len(runs.store))
    for n in shape.updates:
        report(f"head, {n} latent updates")
        at, solved = runs.until(everyone, shape.alike(n), partial(_above, threshold=0), every=shape.T, n=n)
        yield shape.point("head-n", n, solved, at, n=n)
    for threshold in WARM_THRESHOLDS if donors.enough else ():
        report(f"head from the mean, threshold {threshold:g}")
        stops = partial(_above, threshold=threshold)
        at, solved = runs.until(everyone, shape.recursions, stops, start=donors.mean)
        yield shape.point("head-mean", threshold, solved, at)


def by_the_rules(runs: Runs, donors: Donors, shape: Shape, *, seed: int, report: Log) -> Iterator[Point]:
    """The points of stopping by the rules, with other numbers of latent updates or from other states."""
    everyone = np.arange(len(runs.store))
    starts = {"start-random": random_start(runs, seed)}
    updated: dict[str, Start | None] = {"rules-n": None}
    if donors.enough:
        starts |= {"start-other": donors.other, "start-mean": donors.mean}
        updated |= {"start-mean-n": donors.mean}
    for policy, start in starts.items():
        report(policy)
        first = runs.first_solved(everyone, shape.recursions, start=start)
        for limit in shape.limits:
            yield shape.limited(policy, limit, first, limit * shape.T)
    for policy, own_or_mean in updated.items():
        for n in shape.updates:
            report(f"{policy}, {n} latent updates")
            first = runs.first_solved(everyone, shape.alike(n), n=n, start=own_or_mean)
            yield shape.limited(policy, n, first, shape.alike(n), n=n)


def second_tries(
    runs: Runs, record: Record, donors: Donors, shape: Shape, *, tries: int, seed: int, report: Log
) -> Iterator[Point]:
    """The points of what to do with puzzles that stay unsolved, by the rules: up to `tries` restarts, or more steps."""
    own = first_true(record.solved)
    begun = {"restart": [own]}
    if donors.enough:
        report("start-mean, to restart from the model's own start")
        mean = runs.first_solved(np.arange(len(own)), shape.recursions, start=donors.mean)
        begun["restart-mean"] = [mean, own]
    yield from _restarts(runs, begun, shape, tries=tries, seed=seed, report=report)
    report("more steps for what is unsolved")
    unsolved = np.flatnonzero(own == NEVER)
    deepest = own.copy()
    deepest[unsolved] = runs.first_solved(unsolved, DEEPER * shape.recursions)
    for times in range(1, DEEPER + 1):
        yield shape.limited("deeper", times * shape.steps, deepest, times * shape.recursions)


def restarted(firsts: NDArray[np.integer], recursions: int) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Which puzzles one try after another solves, and after how many recursions in all (N,).

    Args:
        firsts: (tries, N) the recursion of a try that solves a puzzle first, or NEVER.
        recursions: of a try.
    """
    right: NDArray[np.bool_] = firsts <= recursions
    earlier = np.concatenate([np.zeros_like(right[:1]), np.logical_or.accumulate(right)[:-1]])
    spent = np.where(earlier, 0, np.minimum(firsts, recursions)).sum(0)
    return np.logical_or.reduce(right), spent.astype(np.int64)


def _above(margin: NDArray[np.float32], solved: NDArray[np.bool_], *, threshold: float) -> NDArray[np.bool_]:
    stops: NDArray[np.bool_] = margin > threshold
    return stops


def _restarts(
    runs: Runs, begun: dict[str, list[NDArray[np.int64]]], shape: Shape, *, tries: int, seed: int, report: Log
) -> Iterator[Point]:
    """Random starts after those of each policy in `begun`, each given as the recursions (N,) that solve."""
    shortest = shape.limits[0] * shape.T
    hard = np.flatnonzero(np.any([tried[0] > shortest for tried in begun.values()], axis=0))  # others never restart
    drawn = np.full((tries, len(runs.store)), NEVER, np.int64)
    for number in range(tries):
        report(f"restart {number + 1} of {tries}")
        start = random_start(runs, seed + 1 + number)
        drawn[number, hard] = runs.first_solved(hard, shape.recursions, start=start)
    for policy, tried in begun.items():
        firsts = np.stack([*tried, *drawn])[: tries + 1]
        for limit in shape.limits:
            yield shape.point(policy, limit, *restarted(firsts, limit * shape.T))


@dataclass(frozen=True, kw_only=True)
class Donors:
    """Puzzles `rows` (K,) that were solved, and the states in which they ended."""

    rows: NDArray[np.int64]
    carry: Carry

    @classmethod
    def of(cls, runs: Runs, shape: Shape) -> Donors:
        """Those among the first puzzles that all steps solve."""
        rows = np.arange(min(DONORS, len(runs.store), runs.batch_size))
        carry, solved = runs.final_states(rows, shape.recursions)
        kept = np.flatnonzero(solved)
        return cls(rows=rows[kept], carry=carry.rows(torch.from_numpy(kept).to(carry.y.device)))

    @property
    def enough(self) -> bool:
        """Whether there is another donor for each puzzle, because none starts from its own final state."""
        return len(self.rows) > 1

    def other(self, rows: NDArray[np.integer]) -> Carry:
        """A donor's state for each puzzle, in turn, never its own."""
        donor = rows % len(self.rows)
        donor = (donor + (self.rows[donor] == rows)) % len(self.rows)
        return self.carry.rows(torch.from_numpy(donor).to(self.carry.y.device))

    def mean(self, rows: NDArray[np.integer]) -> Carry:
        """The mean of all donors' states for each puzzle, less its own."""
        others = torch.from_numpy(rows[:, None] != self.rows).to(self.carry.y)  # (B, K)
        y, z = ((others @ state.flatten(1) / others.sum(1, keepdim=True)) for state in self.carry)
        return Carry(y.unflatten(1, self.carry.y.shape[1:]), z.unflatten(1, self.carry.z.shape[1:]))


def random_start(runs: Runs, seed: int) -> Start:
    """A random vector for y and one for z, the same at every position of a puzzle, as the model's own are."""
    own = runs.model.initial_carry(1)
    generator = torch.Generator().manual_seed(seed)
    drawn = [torch.randn(len(runs.store), state.shape[-1], generator=generator) for state in own]

    def start(rows: NDArray[np.integer]) -> Carry:
        y, z = (
            vectors[torch.from_numpy(rows)]
            .to(state)
            .view(len(rows), *[1] * (state.ndim - 2), -1)
            .expand(len(rows), *state.shape[1:])
            for vectors, state in zip(drawn, own, strict=True)
        )
        return Carry(y, z)

    return start
