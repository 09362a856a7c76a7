"""What a worker runs for us: a trainer's step, or a solver on a set of puzzles; timed inside, checked outside."""

from __future__ import annotations

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
from redraft.train.config import run_from_dict
from redraft.train.loop import Trainer
from redraft.weights.format import read_json
from redraft.weights.io import load_weights

# Files of a job's folder, written by `bench.models`.
RUN, STORE, WEIGHTS, PUBLISHED, ARCH, BATCHES = "run.json", "store", "weights", "published.pt", "arch.json", "batches"


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What a worker is to set up.

    Attributes:
        side: a key of `bench.worker.SIDES`.
        folder: weights, configuration and puzzles, the same for every side.
        device, threads: where it runs, and how many of the CPU it may use.
        task, batch_size: of the puzzles.
        steps: supervision steps a puzzle gets in solving.
        compile: whether torch.compile is used.
        int8: whether linear maps are in 8-bit integers; for our side in solving.
        graph: whether the model is exported, and its graph solves; likewise.
        reference: checkout of the published code, empty where it is not needed.
    """

    side: str
    folder: str
    device: str
    threads: int
    task: str
    batch_size: int
    steps: int = 16
    compile: bool = False
    int8: bool = False
    graph: bool = False
    reference: str = ""


class Side(Protocol):
    """One implementation with its model."""

    def first_logits(self) -> NDArray[np.float32]:
        """Logits (B, L, V) of the first batch of puzzles after one supervision step from the initial state."""
        ...

    def run(self, mode: str) -> dict[str, Any]:
        """One timed repeat: `seconds`, and maybe what came of it."""
        ...


class Train:
    """Our training step: sampling, augmentation, forward, backward, optimisers, moving average, metrics."""

    def __init__(self, job: Workload) -> None:
        folder, task, device = Path(job.folder), get_task(job.task), torch.device(job.device)
        config = run_from_dict({**read_json(folder / RUN), "compile": job.compile}, where=RUN)
        self.store = Store.open(folder / STORE, task=task.name)
        out = folder / f"run-{job.compile}"
        self.trainer = Trainer(config, out, task=task, data=self.store, device=device)
        self.batch_size, self.clock = job.batch_size, clock_of(device)

    def first_logits(self) -> NDArray[np.float32]:
        model = self.trainer.learner.model
        training = model.training
        found = first_logits(TorchStepper(model, device=self.trainer.device), self.store, self.batch_size)
        model.train(training)
        return found

    def run(self, mode: str) -> dict[str, Any]:
        return {"seconds": seconds_on_end(self.trainer.train_step, clock=self.clock)}


class Solve:
    """Our solver on all puzzles; `mode` is the halting rule."""

    def __init__(self, job: Workload) -> None:
        folder = Path(job.folder)
        self.job, self.task = job, get_task(job.task)
        self.store = Store.open(folder / STORE, task=self.task.name)
        self.questions = self.task.decode(self.store.inputs)
        dtype = run_from_dict(read_json(folder / RUN), where=RUN).model.dtype
        model = load_weights(folder / WEIGHTS, dtype=dtype, trust=True).model.to(job.device)
        self.clock = clock_of(torch.device(job.device))
        self.stepper = _exported(model, job) if job.graph else _in_torch(model, job)

    def first_logits(self) -> NDArray[np.float32]:
        return first_logits(self.stepper, self.store, self.job.batch_size)

    def run(self, mode: str) -> dict[str, Any]:
        job = self.job
        solver = Solver(
            self.stepper,
            self.task,
            max_steps=job.steps,
            halt=cast(HaltRule, mode),
            batch_size=job.batch_size,
            trace=False,
        )
        started = self.clock()
        answers = solver.solve_many(list(self.questions))
        seconds = self.clock() - started
        return {
            "seconds": seconds,
            "solved": sum(answer.solved for answer in answers) / len(answers),
            "steps": sum(answer.steps for answer in answers) / len(answers),
        }


def _exported(model: Model, job: Workload) -> Stepper:
    with TemporaryDirectory(prefix="redraft-bench-") as name:
        plain, rounded = Path(name) / "float32.onnx", Path(name) / "int8.onnx"
        exported = write_graph(model, plain)
        if job.int8:
            write_int8(plain, rounded)
        return OnnxStepper(open_session(rounded if job.int8 else plain, threads=job.threads), exported)


def _in_torch(model: Model, job: Workload) -> Stepper:
    if job.int8:
        model = quantised(model)
    cast_networks(model)
    if job.compile:
        compile_networks(model)
    return TorchStepper(model, device=job.device)


def first_logits(stepper: Stepper, store: Store, batch_size: int) -> NDArray[np.float32]:
    """See `Side.first_logits`."""
    state, _ = stepper.step(stepper.start(store.inputs[:batch_size], store.puzzle_ids[:batch_size]))
    return stepper.logits(state)


def share_solved(task: Task, store: Store, predictions: NDArray[np.integer]) -> float:
    """Share of the store's puzzles that predictions (N, L) solve by the rules."""
    return float(task.check_many(task.decode(store.inputs), task.decode(predictions)).mean())
