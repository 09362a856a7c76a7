"""A question with wishes of its own, for a solver that many ask at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from redraft.solve.answer import TraceStep
from redraft.tasks import Grid

# Called with a draft, and with what reads its logits (L, V) as long as the call lasts.
Listener = Callable[[TraceStep, Callable[[], NDArray[np.float32]]], None]


@dataclass(frozen=True, kw_only=True)
class SolveJob:
    """What `Solver.stream` takes in place of a bare question.

    Attributes:
        question: (H, W) int8.
        max_steps: supervision steps it gets at most; None: as many as the solver gives.
        trace: whether its answer keeps every draft; None: as the solver has it.
        on_draft: called after every step of this puzzle, in the thread that solves.
        cancelled: asked between steps; once it is true, the puzzle leaves the batch without an answer, and it is
            not asked again.
    """

    question: Grid
    max_steps: int | None = None
    trace: bool | None = None
    on_draft: Listener | None = None
    cancelled: Callable[[], bool] | None = None

    @property
    def is_cancelled(self) -> bool:
        return self.cancelled is not None and self.cancelled()
