"""When to stop: what each policy solves and what it costs, read off a record without running anything again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.effort.record import NEVER, Record
from redraft.stats import wilson


class Policy(NamedTuple):
    """A description of a policy, its parameter, and whether it checks the rules while solving."""

    what: str
    parameter: str
    needs_rules: bool = False


# "Fine" policies read the answer after every recursion, the others after every step.
POLICIES: dict[str, Policy] = {
    "fixed": Policy("the same number of steps for every puzzle", "steps"),
    "head": Policy("until the halting logit is above a threshold, read after every step", "threshold"),
    "head-fine": Policy("the same, read after every recursion", "threshold"),
    "head-fine-first": Policy("head read after every recursion of the first steps, then after every step", "steps"),
    "head-fine-later": Policy("head read after every one of the first steps, then after every recursion", "steps"),
    "head-n": Policy("head, with another number of latent updates per recursion", "n"),
    "head-mean": Policy("head-fine, from the mean of final states of other puzzles, solved", "threshold"),
    "unchanged": Policy("until the answer has stayed the same for N recursions", "recursions"),
    "still": Policy("until a recursion moves y and z by less than this share of their length", "share"),
    "rules": Policy("until the answer keeps all rules, checked after every step", "most steps", True),
    "rules-fine": Policy("the same, checked after every recursion", "most steps", True),
    "rules-fine-first": Policy("rules checked after each recursion of the first steps, then each step", "steps", True),
    "rules-fine-later": Policy("rules checked after each of the first steps, then each recursion", "steps", True),
    "rules-or-head": Policy("rules-fine, giving up where the head is sure of a wrong answer", "threshold", True),
    "rules-or-unchanged": Policy("rules-fine, giving up where the answer has stayed the same", "recursions", True),
    "rules-or-still": Policy("rules-fine, giving up where a recursion moves y and z by less", "share", True),
    "rules-n": Policy("rules-fine, with another number of latent updates per recursion", "n", True),
    "start-random": Policy("rules-fine, from random vectors", "most steps", True),
    "start-other": Policy("rules-fine, from the final state of another puzzle, solved", "most steps", True),
    "start-mean": Policy("rules-fine, from the mean of final states of other puzzles, solved", "most steps", True),
    "start-mean-n": Policy("start-mean, with another number of latent updates per recursion", "n", True),
    "restart": Policy("rules-fine, restarted from random vectors after N steps", "steps per try", True),
    "restart-mean": Policy("the same, first from the mean, then from the model's own start", "steps per try", True),
    "deeper": Policy("rules-fine, with more steps for unsolved puzzles", "most steps", True),
}

THRESHOLDS = tuple(float(t) for t in range(-6, 13))
STILL = (0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003)
UNCHANGED = (1, 2, 3, 4, 6, 8)


@dataclass(frozen=True, kw_only=True)
class Point:
    """The outcome of a policy.

    Attributes:
        policy, parameter: as in `POLICIES`.
        needs_rules: whether it checks the rules while solving.
        solved, interval: share of the puzzles, and its 95 % Wilson interval.
        evaluations: of the network, mean over the puzzles.
        steps: the same in supervision steps.
        front: whether no other policy (without rules, where this one needs none) solves as many for less.
    """

    policy: str
    parameter: float
    needs_rules: bool
    solved: float
    interval: tuple[float, float]
    evaluations: float
    steps: float
    front: bool = False


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A model's step: `T` recursions of `n` latent updates and one of the answer; `steps` at most."""

    T: int
    n: int
    steps: int

    @property
    def recursions(self) -> int:
        return self.steps * self.T

    @property
    def limits(self) -> tuple[int, ...]:
        """Numbers of steps to try, all of the few and powers of two of the many."""
        return (*(k for k in (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48) if k < self.steps), self.steps)

    @property
    def updates(self) -> tuple[int, ...]:
        """Other numbers of latent updates to try: a third, half and two thirds of the model's own, and more."""
        tried = {max(1, round(self.n * share)) for share in (1 / 3, 1 / 2, 2 / 3, 4 / 3)}
        return tuple(sorted(tried - {self.n}))

    def alike(self, n: int) -> int:
        """Recursions of `n` latent updates that cost as much as all of the model's own."""
        return max(1, self.recursions * (self.n + 1) // (n + 1))

    def point(
        self,
        policy: str,
        parameter: float,
        solved: NDArray[np.bool_],
        recursions: NDArray[np.integer],
        *,
        n: int | None = None,
    ) -> Point:
        """The point of a policy under which puzzles (N,) are solved or not, each after `recursions` (N,)."""
        evaluations = float(recursions.mean()) * ((self.n if n is None else n) + 1)
        return Point(
            policy=policy,
            parameter=float(parameter),
            needs_rules=POLICIES[policy].needs_rules,
            solved=float(solved.mean()),
            interval=wilson(int(solved.sum()), len(solved)),
            evaluations=evaluations,
            steps=evaluations / (self.T * (self.n + 1)),
        )

    def limited(
        self, policy: str, parameter: float, first: NDArray[np.integer], recursions: int, *, n: int | None = None
    ) -> Point:
        """The point of stopping by the rules after at most `recursions`, where `first` (N,) solves."""
        return self.point(policy, parameter, first <= recursions, np.minimum(first, recursions), n=n)


def without_rules(record: Record, shape: Shape) -> Iterator[Point]:
    """The points of all policies that need no rules."""
    for recursion in range(1, shape.recursions + 1):
        after = np.full(len(record.solved), recursion)
        yield shape.point("fixed", recursion / shape.T, record.solved[:, recursion - 1], after)
    for policy, fine in (("head", slice(0)), ("head-fine", slice(None))):
        for threshold in THRESHOLDS:
            stops = (record.margin > threshold) & asked(shape, fine)
            yield stopped(policy, threshold, record, stops, shape)
    for policy, steps, fine in _mixed("head", shape):
        yield stopped(policy, steps, record, (record.margin > 0) & asked(shape, fine), shape)
    for recursions in UNCHANGED:
        yield stopped("unchanged", recursions, record, unchanged(record, recursions), shape)
    for share in STILL:
        yield stopped("still", share, record, record.moved < share, shape)


def with_rules(record: Record, shape: Shape) -> Iterator[Point]:
    """The points of all policies that check the rules and follow from the record."""
    for policy, fine in (("rules", slice(0)), ("rules-fine", slice(None))):
        first = first_true(record.solved & asked(shape, fine))
        for limit in range(1, shape.steps + 1):
            yield shape.limited(policy, limit, first, limit * shape.T)
    for policy, steps, fine in _mixed("rules", shape):
        yield stopped(policy, steps, record, record.solved & asked(shape, fine), shape)
    for threshold in THRESHOLDS:
        yield stopped("rules-or-head", threshold, record, record.solved | (record.margin > threshold), shape)
    for recursions in UNCHANGED:
        stops = record.solved | unchanged(record, recursions)
        yield stopped("rules-or-unchanged", recursions, record, stops, shape)
    for share in STILL:
        yield stopped("rules-or-still", share, record, record.solved | (record.moved < share), shape)


def asked(shape: Shape, fine: slice) -> NDArray[np.bool_]:
    """A mask of recursions (R,) after which a policy reads: every step's last, and all in the slice `fine`."""
    mask = np.zeros(shape.recursions, np.bool_)
    mask[shape.T - 1 :: shape.T] = True
    mask[fine] = True
    return mask


def unchanged(record: Record, recursions: int) -> NDArray[np.bool_]:
    """A mask (N, R) of answers equal to those of the `recursions` before."""
    number = np.arange(record.changed.shape[1])
    last_change = np.maximum.accumulate(np.where(record.changed, number, 0), axis=1)
    found: NDArray[np.bool_] = number - last_change >= recursions
    return found


def first_true(stops: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The recursion (N,), from 1, of the first true one (N, R), or NEVER."""
    found: NDArray[np.int64] = np.where(stops.any(1), stops.argmax(1) + 1, NEVER)
    return found


def stopped(policy: str, parameter: float, record: Record, stops: NDArray[np.bool_], shape: Shape) -> Point:
    """The point of a policy that stops where `stops` (N, R) is true first, at the latest after the last step."""
    recursions = np.minimum(first_true(stops), shape.recursions)
    solved = record.solved[np.arange(len(recursions)), recursions - 1]
    return shape.point(policy, parameter, solved, recursions)


def front(points: Sequence[Point]) -> list[Point]:
    """The points with `front` set; one that needs no rules competes only with others that need none."""
    return [replace(point, front=not any(_beats(other, point) for other in points)) for point in points]


def _beats(one: Point, other: Point) -> bool:
    if one.needs_rules and not other.needs_rules:
        return False
    no_worse = one.evaluations <= other.evaluations and one.solved >= other.solved
    return no_worse and (one.evaluations < other.evaluations or one.solved > other.solved)


def _mixed(kind: str, shape: Shape) -> Iterator[tuple[str, int, slice]]:
    """Policies that read finely first or later: name, number of first steps, and the recursions read finely."""
    for steps in (1, 2, 4):
        if shape.T > 1 and steps < shape.steps:
            yield f"{kind}-fine-first", steps, slice(steps * shape.T)
            yield f"{kind}-fine-later", steps, slice(steps * shape.T, None)
