"""Weights and a model for the commands to run: tiny, and with answers one can foresee."""

from collections.abc import Callable

import numpy as np
import pytest

import redraft.backends.torch
import redraft.solve.load
from redraft.backends.protocol import Draft
from redraft.cli import main
from redraft.tasks import get_task

TASK = get_task("sudoku-4x4")
MADE = TASK.make(6, 0)
STEPS = {row.tobytes(): i + 1 for i, row in enumerate(TASK.encode(MADE.questions))}
WRONG = np.full(16, 2, np.int16)  # all ones

State = list[tuple[int, int]]


class Foreseen:
    """Stands for any stepper: of `make(6, 0)`, puzzle i is right from step i + 1 on, but the last one never."""

    recursions = 1

    def __init__(self, model: object, *, device: object = "cpu") -> None:
        self.right = TASK.encode(MADE.answers)

    def start(self, inputs: np.ndarray, puzzle_ids: np.ndarray, tries: np.ndarray | None = None) -> State:
        return [(STEPS[row.tobytes()], 0) for row in inputs]

    def step(self, state: State, recursions: int | None = None) -> tuple[State, Draft]:
        state = [(needed, steps + 1) for needed, steps in state]
        done = [steps >= needed and needed < 6 for needed, steps in state]
        tokens = [self.right[needed - 1] if now else WRONG for (needed, _), now in zip(state, done, strict=True)]
        return state, Draft(np.stack(tokens), np.where(done, 3, -3).astype(np.float32))

    def select(self, state: State, rows: np.ndarray) -> State:
        return [state[row] for row in rows]

    def join(self, first: State, second: State) -> State:
        return first + second


@pytest.fixture
def foreseen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the weights, answers come as `Foreseen` has them."""
    monkeypatch.setattr(redraft.backends.torch, "TorchStepper", Foreseen)
    monkeypatch.setattr(redraft.solve.load, "NumpyStepper", Foreseen)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """`run("solve", …)` gives exit status, standard output and standard error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return status, out, err

    return call
