"""The drafts of an answer as the task sees them: grids, which cells are wrong, and whether the rules are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from redraft.inspect.influence import asked
from redraft.inspect.trace import Trace
from redraft.tasks import Grid, Task, Verdict
from redraft.tasks.base import IGNORE


@dataclass(frozen=True, kw_only=True)
class ShownDraft:
    """An answer as it stood after a step.

    Attributes:
        grid: (H, W).
        verdict: judgement by the rules; None for a task without any.
        broken: (H, W) cells that break a rule.
        differs: (H, W) cells that differ from the known answer; None where nobody knows it.
        changed: cells that differ from the draft before, or from the question.
        confidence: mean probability of the cells that were asked for.
    """

    grid: Grid
    verdict: Verdict | None
    broken: NDArray[np.bool_]
    differs: NDArray[np.bool_] | None
    changed: int
    confidence: float

    @property
    def right(self) -> bool | None:
        """By the rules; where there are none, by the known answer; None where that is not known either."""
        if self.verdict is not None:
            return self.verdict.solved
        return None if self.differs is None else not self.differs.any()


def drafts(task: Task, question: Grid, trace: Trace, *, answer: Grid | None = None) -> list[ShownDraft]:
    """The drafts of a trace's steps, in order; `answer` (H, W) where it is known."""
    found: list[ShownDraft] = []
    before, open_cells = question, asked(task, question)
    for step in trace.steps:
        grid = task.decode(step.y.tokens)
        found.append(
            ShownDraft(
                grid=grid,
                verdict=task.check(question, grid) if task.judges else None,
                broken=task.wrong_cells(question, grid),
                differs=None if answer is None else _differs(task, step.y.tokens, answer),
                changed=int((grid != before).sum()),
                confidence=float(step.y.confidence[open_cells].mean()),
            )
        )
        before = grid
    return found


def _differs(task: Task, tokens: NDArray[np.integer], answer: Grid) -> NDArray[np.bool_]:
    """Cells (H, W) whose token is not that of the known answer, where one counts."""
    labels = task.encode_labels(answer)
    return ((tokens != labels) & (labels != IGNORE)).reshape(task.height, task.width)


def solved_at(found: Sequence[ShownDraft]) -> int | None:
    """The number of the first step whose draft is right, from 1; None where none is."""
    return next((number for number, draft in enumerate(found, 1) if draft.right), None)
