"""The drafts of an answer as the task sees them: grids, which cells are wrong, and whether the rules are kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from redraft.inspect.influence import asked
from redraft.inspect.trace import Trace
from redraft.tasks import Grid, Task, Verdict
from redraft.tasks.base import IGNORE


@dataclass(frozen=True, kw_only=True)
class ShownDraft:
    """The answer after a step.

    Attributes:
        grid: (H, W).
        verdict: of the rules; None for a task without any.
        broken: (H, W) cells that break a rule.
        differs: (H, W) cells that differ from the known answer; None where it is unknown.
        changed: number of cells that differ from the draft before, or from the question.
        confidence: mean probability of the cells to fill in.
    """

    grid: Grid
    verdict: Verdict | None
    broken: NDArray[np.bool_]
    differs: NDArray[np.bool_] | None
    changed: int
    confidence: float

    @property
    def right(self) -> bool | None:
        """By the rules; without any, by the known answer; None where that is unknown too."""
        if self.verdict is not None:
            return self.verdict.solved
        return None if self.differs is None else not self.differs.any()

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """Cells (H, W) that are wrong, by the rules or else by the known answer."""
        return self.broken if self.verdict is not None or self.differs is None else self.differs

    @property
    def reason(self) -> str:
        """The reason of the verdict; empty without one."""
        return "" if self.verdict is None else self.verdict.reason


def drafts(task: Task, question: Grid, trace: Trace, *, answer: Grid | None = None) -> list[ShownDraft]:
    """The drafts of a trace's steps, in order; `answer` (H, W) where it is known."""
    found: list[ShownDraft] = []
    before, open_cells = question, asked(task, question)
    labels = None if answer is None else task.encode_labels(answer)
    for step in trace.steps:
        tokens = step.y.tokens
        grid = task.decode(tokens)
        differs = None if labels is None else (tokens != labels) & (labels != IGNORE)
        found.append(
            ShownDraft(
                grid=grid,
                verdict=task.check(question, grid) if task.judges else None,
                broken=task.wrong_cells(question, grid),
                differs=None if differs is None else differs.reshape(task.height, task.width),
                changed=int((grid != before).sum()),
                confidence=float(step.y.confidence[open_cells].mean()),
            )
        )
        before = grid
    return found
