"""The interface of a backend, which runs supervision steps: NumPy in and out, whatever computes them."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.integer]
State = Any  # of one stepper, opaque to others

_TRIES = 4  # key that keeps the random streams of restarts apart from others


class Draft(NamedTuple):
    """Answers after a step: `tokens` (B, L) int16; `halt_logit` (B,) float32, of the probability that each is right.

    `continue_logit` (B,) float32, where the model has one, is the model's own value of continuing.
    """

    tokens: NDArray[np.int16]
    halt_logit: Floats
    continue_logit: Floats | None = None

    @property
    def margin(self) -> Floats:
        """The value of halting above that of continuing (B,): the logit of the probability that stopping is right."""
        return self.halt_logit if self.continue_logit is None else self.halt_logit - self.continue_logit

    @property
    def halts(self) -> NDArray[np.bool_]:
        """True if the model would stop here (B,)."""
        found: NDArray[np.bool_] = self.margin > 0
        return found


class Stepper(Protocol):
    """Runs supervision steps on a state that holds any number of puzzles.

    Attributes:
        recursions: equal parts of a step; the step can be stopped after each.
    """

    @property
    def recursions(self) -> int: ...

    def start(self, inputs: Ints, puzzle_ids: Ints, tries: Ints | None = None) -> State:
        """The state of puzzles, inputs (B, L) and puzzle_ids (B,), before their first step.

        `tries` (B,) counts restarts, None for none. Try 0 starts as the model does, others with `starting_vectors`.
        """
        ...

    def step(self, state: State, recursions: int | None = None) -> tuple[State, Draft]:
        """One supervision step of every puzzle, or only `recursions` parts of it."""
        ...

    def logits(self, state: State) -> Floats:
        """The logits (B, L, V) that the last draft was read from."""
        ...

    def select(self, state: State, rows: Ints) -> State:
        """The state of some puzzles alone."""
        ...

    def join(self, first: State, second: State) -> State:
        """The state of the puzzles of both."""
        ...


def starting_vectors(tries: Ints, width: int) -> Floats:
    """The first y and z of each of these tries (B,): standard normal vectors (2, B, width).

    They differ from try to try, and not between puzzles or machines. The model's own start, that of try 0, is such a
    vector too, the same at every position.
    """
    drawn = {
        number: np.random.default_rng((_TRIES, number)).standard_normal((2, width), np.float32)
        for number in np.unique(tries).tolist()
    }
    return np.stack([drawn[number] for number in np.asarray(tries).tolist()], axis=1)


def begin_tries(tries: Ints | None, y: Floats, z: Floats) -> tuple[Floats, Floats]:
    """First states y and z (B, ..., D): those given where a puzzle has its try 0, `starting_vectors` elsewhere."""
    if tries is None or not tries.any():
        return y, z
    shape = (len(tries), *[1] * (y.ndim - 2), -1)
    again = (tries > 0).reshape(shape)
    for_y, for_z = starting_vectors(tries, y.shape[-1])
    return np.where(again, for_y.reshape(shape), y), np.where(again, for_z.reshape(shape), z)
