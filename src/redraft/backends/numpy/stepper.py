"""Opens weights and runs a model's steps in NumPy alone: for few puzzles, which take less time than importing torch."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from threadpoolctl import ThreadpoolController

from redraft.arrays import require_finite
from redraft.backends.numpy.equivariant import NumpyEquivariant
from redraft.backends.numpy.local import NumpyLocal
from redraft.backends.numpy.model import NumpyModel, NumpyTRM
from redraft.backends.protocol import Draft, Floats, Ints, begin_tries
from redraft.errors import WeightsError
from redraft.models import model_config
from redraft.weights.format import Arrays, Description, read_arrays, unpack_tables

KINDS: Mapping[str, type[NumpyModel]] = {"trm": NumpyTRM, "equivariant": NumpyEquivariant, "local": NumpyLocal}
POSITIONS = 1024  # worked on at once; more gain no speed, and attention's scores grow with their number


def read_model(folder: Path, description: Description, found: Arrays | None = None) -> NumpyModel:
    """The model with its weights, in float32; raises WeightsError for a model of another kind or a bad file.

    `found` receives the tensors as they are in the file, for a caller that needs them too.
    """
    kind = description.model.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        known = ", ".join(KINDS)
        raise WeightsError(f"{folder}: backend numpy runs models of kind {known}, not {kind}; use backend torch")
    config = model_config(description.model, where=f"{folder / 'config.json'}: model")
    file = folder / "model.safetensors"
    tensors = read_arrays(file)
    require_finite(tensors, str(file))
    if found is not None:
        found.update(tensors)
    try:
        return KINDS[kind](config, unpack_tables(tensors))
    except ValueError as error:
        raise WeightsError(f"{file}: damaged: {error}") from error
    except WeightsError as error:
        raise WeightsError(f"{file}: {error}") from error


@cache
def _blas() -> ThreadpoolController:
    """NumPy's matmul library, which a step limits to one thread.

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
    """Runs a model without torch, `rows` puzzles at a time."""

    def __init__(self, model: NumpyModel) -> None:
        self.model = model
        self.recursions: int = getattr(model.config, "T", 1)
        self.rows = max(1, POSITIONS // int(np.prod(model.positions)))

    def start(self, inputs: Ints, puzzle_ids: Ints, tries: Ints | None = None) -> NumpyState:
        states = begin_tries(tries, *self.model.initial_carry(len(inputs)))
        return NumpyState(self.model.embed(inputs, puzzle_ids), *states)

    def step(self, state: NumpyState, recursions: int | None = None) -> tuple[NumpyState, Draft]:
        # numbers that overflow make a wrong answer, which is no reason for a warning
        with _blas().limit(limits=1), np.errstate(over="ignore", invalid="ignore"):
            parts = [
                self.model.step(*(each[first : first + self.rows] for each in state), recursions=recursions)
                for first in range(0, len(state.x), self.rows)
            ]
        y, z, logits, halt_logit = map(np.concatenate, zip(*parts, strict=True))
        return NumpyState(state.x, y, z), Draft(logits.argmax(-1).astype(np.int16), halt_logit)

    def logits(self, state: NumpyState) -> Floats:
        return self.model.read(state.y)

    def select(self, state: NumpyState, rows: Ints) -> NumpyState:
        return NumpyState(*(each[rows] for each in state))

    def join(self, first: NumpyState, second: NumpyState) -> NumpyState:
        return NumpyState(*(np.concatenate(pair) for pair in zip(first, second, strict=True)))
