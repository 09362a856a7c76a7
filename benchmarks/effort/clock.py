"""Time of policies: fewer evaluations, but answers read and judged more often, between steps."""

from __future__ import annotations

from time import process_time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.effort.record import Runs, Start, looping, one_recursion
from benchmarks.effort.starts import Donors
from redraft.backends.torch import TorchState, TorchStepper
from redraft.bench.contest import Log
from redraft.bench.timing import rate, ratio
from redraft.core.carry import Carry
from redraft.models import Model
from redraft.solve.solver import HaltRule, Solver

ROUNDS = 5
TIMED = {1: 32, 64: 256}  # puzzles of a round, by batch size


def clock(runs: Runs, donors: Donors, *, steps: int, report: Log) -> list[dict[str, Any]]:
    """Puzzles per second of processor time by the solver as it is, reading after every step, and by other policies.

    The policies take turns; `ratio` is the speed of each relative to the first.
    """
    config = looping(runs.model)
    most, half = steps * config.T, one_recursion(runs.model, n=max(1, round(config.n / 2)))
    policies: dict[str, tuple[TorchStepper, int]] = {
        "every step": (_Whole(runs.model, device=runs.device), steps),
        "every recursion": (runs.stepper, most),
        "every recursion, half of n": (_Whole(half, device=runs.device), most),
    }
    if donors.enough:
        policies["every recursion, mean start"] = (_Begun(runs.stepper.model, donors.mean), most)
        policies["every recursion, mean start, half of n"] = (_Begun(half, donors.mean), most)
    halts: tuple[HaltRule, ...] = ("rules", "head") if runs.task.judges else ("head",)
    return [
        row
        for halt in halts
        for batch_size, count in TIMED.items()
        for row in _turns(runs, policies, halt, batch_size, count, report)
    ]


def _turns(
    runs: Runs, policies: dict[str, tuple[TorchStepper, int]], halt: HaltRule, batch_size: int, count: int, report: Log
) -> list[dict[str, Any]]:
    report(f"timing the solver, halt={halt}, batch {batch_size}")
    questions = list(runs.questions[-count:])  # donors are among the first
    seconds: dict[str, list[float]] = {policy: [] for policy in policies}
    solved: dict[str, float] = {}
    for _ in range(ROUNDS):
        for policy, (stepper, most) in policies.items():
            solver = Solver(stepper, runs.task, max_steps=most, halt=halt, batch_size=batch_size, trace=False)
            started = process_time()
            answers = solver.solve_many(questions)
            seconds[policy].append(process_time() - started)
            solved[policy] = sum(answer.solved for answer in answers) / len(answers)
    first = seconds[next(iter(policies))]
    return [
        {
            "halt": halt,
            "batch_size": batch_size,
            "puzzles": len(questions),
            "way": policy,
            "solved": solved[policy],
            "seconds": values,
            "rate": rate(len(questions), values),
            "ratio": ratio(values, first),
        }
        for policy, values in seconds.items()
    ]


class _Whole(TorchStepper):
    """A stepper that the solver cannot stop within a step."""

    def __init__(self, model: Model, *, device: torch.device | str = "cpu") -> None:
        super().__init__(model, device=device)
        self.recursions = 1


class _Begun(_Whole):
    """A stepper whose puzzles all start from one state, in place of the model's own."""

    def __init__(self, model: Model, start: Start) -> None:
        super().__init__(model, device=next(model.parameters()).device)
        self.begin = start(np.array([-1]))  # of a puzzle that is no donor

    def start(
        self, inputs: NDArray[np.integer], puzzle_ids: NDArray[np.integer], tries: NDArray[np.integer] | None = None
    ) -> TorchState:
        y, z = (state.expand(len(inputs), *state.shape[1:]) for state in self.begin)
        return super().start(inputs, puzzle_ids)._replace(carry=Carry(y, z))
