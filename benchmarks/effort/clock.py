"""Whether fewer evaluations are less time: to stop between steps, answers must be read and judged more often."""

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
    """Puzzles per second of processor time by the solver as it is, asking after every step, and by other ways.

    The ways take turns; `ratio` is how many times as fast as the first each of them is.
    """
    config = looping(runs.model)
    most, half = steps * config.T, one_recursion(runs.model, n=max(1, round(config.n / 2)))
    ways: dict[str, tuple[TorchStepper, int]] = {
        "every step": (_Whole(runs.model, device=runs.device), steps),
        "every recursion": (runs.stepper, most),
        "every recursion, half of n": (_Whole(half, device=runs.device), most),
    }
    if donors.enough:
        ways["every recursion, mean start"] = (_Begun(runs.stepper.model, donors.mean), most)
        ways["every recursion, mean start, half of n"] = (_Begun(half, donors.mean), most)
    halts: tuple[HaltRule, ...] = ("rules", "head") if runs.task.judges else ("head",)
    return [
        row
        for halt in halts
        for batch_size, count in TIMED.items()
        for row in _turns(runs, ways, halt, batch_size, count, report)
    ]


def _turns(
    runs: Runs, ways: dict[str, tuple[TorchStepper, int]], halt: HaltRule, batch_size: int, count: int, report: Log
) -> list[dict[str, Any]]:
    report(f"timing the solver, halt={halt}, batch {batch_size}")
    questions = list(runs.questions[-count:])  # donors are among the first
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    solved: dict[str, float] = {}
    for _ in range(ROUNDS):
        for way, (stepper, most) in ways.items():
            solver = Solver(stepper, runs.task, max_steps=most, halt=halt, batch_size=batch_size, trace=False)
            started = process_time()
            answers = solver.solve_many(questions)
            seconds[way].append(process_time() - started)
            solved[way] = sum(answer.solved for answer in answers) / len(answers)
    first = seconds[next(iter(ways))]
    return [
        {
            "halt": halt,
            "batch_size": batch_size,
            "puzzles": len(questions),
            "way": way,
            "solved": solved[way],
            "seconds": values,
            "rate": rate(len(questions), values),
            "ratio": ratio(values, first),
        }
        for way, values in seconds.items()
    ]


class _Whole(TorchStepper):
    """A stepper whose steps the solver cannot stop in between."""

    def __init__(self, model: Model, *, device: torch.device | str = "cpu") -> None:
        super().__init__(model, device=device)
        self.recursions = 1


class _Begun(_Whole):
    """A stepper whose puzzles all begin from one other state than the model's own."""

    def __init__(self, model: Model, start: Start) -> None:
        super().__init__(model, device=next(model.parameters()).device)
        self.begin = start(np.array([-1]))  # of a puzzle that is no donor

    def start(
        self, inputs: NDArray[np.integer], puzzle_ids: NDArray[np.integer], tries: NDArray[np.integer] | None = None
    ) -> TorchState:
        y, z = (state.expand(len(inputs), *state.shape[1:]) for state in self.begin)
        return super().start(inputs, puzzle_ids)._replace(carry=Carry(y, z))
