"""Less work for the same answer: what stopping rules, starts and restarts solve, against what they cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from benchmarks.effort.clock import clock
from benchmarks.effort.policies import POLICIES, Shape, front, with_rules, without_rules
from benchmarks.effort.record import Runs, looping
from benchmarks.effort.starts import Donors, by_the_head, by_the_rules, second_tries
from redraft.bench.contest import Log
from redraft.data.store import Store
from redraft.errors import ConfigError
from redraft.models import Model
from redraft.tasks import Task


def bench_effort(
    model: Model,
    task: Task,
    store: Store,
    *,
    steps: int = 16,
    batch_size: int = 256,
    tries: int = 8,
    seed: int = 0,
    report: Log = lambda text: None,
    progress: Callable[[int], None] = lambda done: None,
) -> dict[str, Any]:
    """Share of the store's puzzles solved against evaluations of the network, for every policy, as values for JSON.

    Args:
        steps: supervision steps a puzzle gets at most.
        tries: restarts from random vectors.
        seed: of those vectors.
        report: called with a line on what is under way.
        progress: called with the number of puzzles done in the one long pass, from which most policies follow.

    Raises ConfigError where there is no puzzle, and for a model whose steps are not equal recursions.
    """
    for name, value in (("--steps", steps), ("--batch-size", batch_size), ("--tries", tries)):
        if value < 1:
            raise ConfigError(f"{name}: expected at least 1, got {value}")
    if not len(store):
        raise ConfigError(f"{store.source}: no puzzle has an answer; name other data")
    config = looping(model)
    shape = Shape(T=config.T, n=config.n, steps=steps)
    runs = Runs(model, task, store, batch_size=batch_size)
    report(f"{len(store)} puzzles through {shape.recursions} recursions")
    record = runs.record(shape.recursions, progress)
    donors = Donors.of(runs, shape)
    points = [*without_rules(record, shape), *by_the_head(runs, donors, shape, report=report)]
    if task.judges:
        points += with_rules(record, shape)
        points += by_the_rules(runs, donors, shape, seed=seed, report=report)
        points += second_tries(runs, record, donors, shape, tries=tries, seed=seed, report=report)
    return {
        "puzzles": len(store),
        "steps": steps,
        "T": config.T,
        "n": config.n,
        "evaluations_per_step": config.T * (config.n + 1),
        "tries": tries,
        "solved_by_any_recursion": float(record.solved.any(1).mean()),
        "policies": {name: policy._asdict() for name, policy in POLICIES.items()},
        "points": [asdict(point) for point in front(points)],
        "clock": clock(runs, donors, steps=steps, report=report),
    }
