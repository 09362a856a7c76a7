"""Implementations that are timed: a trainer's step, or a solver on a set of puzzles."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray

from redraft.backends.onnx import OnnxStepper, open_session
from redraft.backends.protocol import Stepper
from redraft.backends.torch import TorchStepper
from redraft.bench.timing import seconds_on_end
from redraft.data.store import Store
from redraft.export.graph import write_graph, write_int8
from redraft.machine import clock_of
from redraft.models import Model
from redraft.models.execution import cast_networks, compile_networks, quantised
from redraft.solve.solver import HaltRule, Solver
from redraft.tasks import Task, get_task
from redraft.train.config import RunConfig
from redraft.train.loop import Trainer


@dataclass(frozen=True, kw_only=True)
class Execution:
    """How a model runs.

    Attributes:
        compile: under torch.compile.
        int8: with linear layers in 8-bit integers; in solving only.
        graph: as an exported graph in ONNX Runtime; in solving only.
    """

    compile: bool = False
    int8: bool = False
    graph: bool = False


class Side(Protocol):
    """One implementation with its model."""

    def first_logits(self) -> NDArray[np.float32]:
        """Logits (B, L, V) of the first batch of puzzles after one supervision step from the initial state."""
        ...

    def run(self, mode: str) -> dict[str, Any]:
        """One timed repeat: `seconds`, and in solving the share `solved` and the mean number of `steps`."""
        ...


class Train:
    """A training step: sampling, augmentation, forward, backward, optimisers, moving average, metrics."""

    def __init__(self, run: RunConfig, store: Store, out: Path, *, device: str) -> None:
        self.store, self.batch_size = store, run.batch_size
        self.trainer = Trainer(run, out, task=get_task(run.task), data=store, device=torch.device(device))
        self.clock = clock_of(self.trainer.device)

    def first_logits(self) -> NDArray[np.float32]:
        model = self.trainer.learner.model
        training = model.training
        found = _first_logits(TorchStepper(model, device=self.trainer.device), self.store, self.batch_size)
        model.train(training)
        return found

    def run(self, mode: str) -> dict[str, Any]:
        return {"seconds": seconds_on_end(self.trainer.train_step, clock=self.clock)}


class Solve:
    """The solver on all puzzles of a store; `mode` is the halting rule. The model itself stays as it is."""

    def __init__(
        self,
        model: Model,
        task: Task,
        store: Store,
        execution: Execution,
        *,
        steps: int,
        batch_size: int,
        device: str,
        threads: int,
    ) -> None:
        self.task, self.store, self.steps, self.batch_size = task, store, steps, batch_size
        self.questions = list(task.decode(store.inputs))
        self.clock = clock_of(torch.device(device))
        model = copy.deepcopy(model).to(device)
        self.stepper = _exported(model, execution, threads) if execution.graph else _in_torch(model, execution, device)

    def first_logits(self) -> NDArray[np.float32]:
        return _first_logits(self.stepper, self.store, self.batch_size)

    def run(self, mode: str) -> dict[str, Any]:
        solver = Solver(
            self.stepper,
            self.task,
            max_steps=self.steps,
            halt=cast(HaltRule, mode),
            batch_size=self.batch_size,
            trace=False,
        )
        started = self.clock()
        answers = solver.solve_many(self.questions)
        seconds = self.clock() - started
        return {
            "seconds": seconds,
            "solved": sum(answer.solved for answer in answers) / len(answers),
            "steps": sum(answer.steps for answer in answers) / len(answers),
        }


def _exported(model: Model, execution: Execution, threads: int) -> Stepper:
    with TemporaryDirectory(prefix="redraft-bench-") as name:
        plain, rounded = Path(name) / "float32.onnx", Path(name) / "int8.onnx"
        exported = write_graph(model, plain)
        if execution.int8:
            write_int8(plain, rounded)
        return OnnxStepper(open_session(rounded if execution.int8 else plain, threads=threads), exported)


def _in_torch(model: Model, execution: Execution, device: str) -> Stepper:
    if execution.int8:
        model = quantised(model)
    cast_networks(model)
    if execution.compile:
        compile_networks(model)
    return TorchStepper(model, device=device)


def _first_logits(stepper: Stepper, store: Store, batch_size: int) -> NDArray[np.float32]:
    state, _ = stepper.step(stepper.start(store.inputs[:batch_size], store.puzzle_ids[:batch_size]))
    return stepper.logits(state)
