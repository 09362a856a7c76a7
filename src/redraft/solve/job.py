"""A question with options of its own, for a solver shared by several clients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from redraft.solve.answer import TraceStep
from redraft.tasks import Grid

# Called with a draft, and with a function that reads its logits (L, V) during the call.
Listener = Callable[[TraceStep, Callable[[], NDArray[np.float32]]], None]


@dataclass(frozen=True, kw_only=True)
class SolveJob:
    """A question with options, as `Solver.stream` accepts it in place of a bare one.

    Attributes:
        question: (H, W) int8.
        max_steps: most supervision steps; None for those of the solver.
        trace: whether its answer keeps every draft; None for the choice of the solver.
        on_draft: called after every step of this puzzle, in the thread that solves.
        cancelled: called between steps; once it returns true, the puzzle leaves the batch without an answer, and
            it is not called again.
    """

    question: Grid
    max_steps: int | None = None
    trace: bool | None = None
    on_draft: Listener | None = None
    cancelled: Callable[[], bool] | None = None

    @property
    def is_cancelled(self) -> bool:
        return self.cancelled is not None and self.cancelled()
