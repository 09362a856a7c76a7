"""What runs a supervision step: NumPy in and out, so that the solver need not know what computes it."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

State = Any  # of one stepper, opaque to others


class Draft(NamedTuple):
    """Answers after a step: `tokens` (B, L) int16; `halt_logit` (B,) float32, of the probability that each is right.

    `continue_logit` (B,) float32, where the model has one, is what going on is worth by its own judgement.
    """

    tokens: NDArray[np.int16]
    halt_logit: NDArray[np.float32]
    continue_logit: NDArray[np.float32] | None = None

    @property
    def margin(self) -> NDArray[np.float32]:
        """What halting is worth above going on (B,), the logit of the probability that stopping is right."""
        return self.halt_logit if self.continue_logit is None else self.halt_logit - self.continue_logit

    @property
    def halts(self) -> NDArray[np.bool_]:
        """Whether the model would stop here (B,)."""
        found: NDArray[np.bool_] = self.margin > 0
        return found


class Stepper(Protocol):
    """Runs supervision steps on a state that holds any number of puzzles.

    Attributes:
        recursions: equal ones of a step, after each of which it can be stopped.
    """

    @property
    def recursions(self) -> int: ...

    def start(
        self, inputs: NDArray[np.integer], puzzle_ids: NDArray[np.integer], tries: NDArray[np.integer] | None = None
    ) -> State:
        """The state of puzzles, inputs (B, L) and puzzle_ids (B,), before their first step.

        `tries` (B,) counts from 0, as which none does: the first begins as the model does, others with
        `solve.starts.starting_vectors`.
        """
        ...

    def step(self, state: State, recursions: int | None = None) -> tuple[State, Draft]:
        """One supervision step of every puzzle, or only `recursions` of it."""
        ...

    def logits(self, state: State) -> NDArray[np.float32]:
        """The logits (B, L, V) that the last draft was read from."""
        ...

    def select(self, state: State, rows: NDArray[np.integer]) -> State:
        """The state of some puzzles alone."""
        ...

    def join(self, first: State, second: State) -> State:
        """The state of the puzzles of both."""
        ...
