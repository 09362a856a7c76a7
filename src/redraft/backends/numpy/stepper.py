"""Runs the steps of a model in NumPy alone: for few puzzles, where loading torch would take longer than solving."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from redraft.backends.numpy.model import Floats, NumpyModel
from redraft.backends.protocol import Draft
from redraft.backends.starts import starting_vectors

POSITIONS = 1024  # worked on at once; more gain no speed, and attention's scores grow with their number


@cache
def _blas() -> ThreadpoolController:
    """NumPy's matmul library, which a step keeps on one thread.

    A tiny model's matmuls are too small to share. OpenBLAS shares them nevertheless, and its threads wait for one
    another by spinning: beside other work that made a step hundreds of times slower.
    """
    return ThreadpoolController().select(user_api="blas")


class NumpyState(NamedTuple):
    """Embedded questions, answers and latents of puzzles, (B, ..., D) each."""

    x: Floats
    y: Floats
    z: Floats


class NumpyStepper:
    """Runs a model without torch.

    Attributes:
        rows: puzzles worked on at once.
    """

    def __init__(self, model: NumpyModel) -> None:
        self.model = model
        self.recursions: int = model.config.T
        self.rows = max(1, POSITIONS // model.vectors)

    def start(
        self, inputs: NDArray[np.integer], puzzle_ids: NDArray[np.integer], tries: NDArray[np.integer] | None = None
    ) -> NumpyState:
        states = self.model.initial_carry(len(inputs))
        if tries is not None and tries.any():
            positions = [1] * (states[0].ndim - 2)
            again = (tries > 0).reshape(-1, *positions, 1)
            vectors = starting_vectors(tries, self.model.config.hidden_size).reshape(2, len(tries), *positions, -1)
            y, z = (np.where(again, *pair) for pair in zip(vectors, states, strict=True))
            states = y, z
        return NumpyState(self.model.embed(inputs, puzzle_ids), *states)

    def step(self, state: NumpyState, recursions: int | None = None) -> tuple[NumpyState, Draft]:
        with (
            _blas().limit(limits=1),
            np.errstate(over="ignore", invalid="ignore"),
        ):  # such an answer is not right, and that is all
            parts = [
                self.model.step(*(each[first : first + self.rows] for each in state), recursions=recursions)
                for first in range(0, len(state.x), self.rows)
            ]
        y, z, logits, halt_logit = map(np.concatenate, zip(*parts, strict=True))
        return NumpyState(state.x, y, z), Draft(logits.argmax(-1).astype(np.int16), halt_logit)

    def logits(self, state: NumpyState) -> NDArray[np.float32]:
        return self.model.read(state.y)

    def select(self, state: NumpyState, rows: NDArray[np.integer]) -> NumpyState:
        return NumpyState(*(each[rows] for each in state))

    def join(self, first: NumpyState, second: NumpyState) -> NumpyState:
        return NumpyState(*(np.concatenate(pair) for pair in zip(first, second, strict=True)))
