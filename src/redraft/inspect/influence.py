"""Which cells the answer of a cell depends on, for any model: one given at a time is blanked, and all is run again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from redraft.inspect.trace import Probability, probabilities, walk
from redraft.models import Model
from redraft.tasks import Grid, Task
from redraft.tasks.base import OUTSIDE

BATCH = 64


@dataclass(frozen=True, kw_only=True)
class Influence:
    """What blanking a cell of the question changes.

    Attributes:
        cells: (K,) the cells that were blanked, one at a time.
        change: (S, K, L) float32, for each step that was followed: how far the probabilities of a cell's tokens are
            then from what they were, 0 (the same) to 1 (nothing in common): half the sum of absolute differences.
    """

    cells: NDArray[np.integer]
    change: NDArray[np.float32]


def occlusion(
    model: Model,
    tokens: NDArray[np.integer],
    *,
    cells: NDArray[np.integer],
    blank: int,
    puzzle_id: int = 0,
    steps: int = 16,
    probability: Probability = "stablemax",
    progress: Callable[[int], None] | None = None,
) -> Influence:
    """Runs a puzzle, tokens (L,), anew for each of the cells (K,) with the token `blank` in its place.

    `progress` is called after every step with the number that comes to.
    """
    change = np.zeros((steps, len(cells), len(tokens)), np.float32)
    for start in range(0, len(cells), BATCH):
        chosen = cells[start : start + BATCH]
        rows = np.tile(tokens, (1 + len(chosen), 1))  # the first stays whole
        rows[np.arange(1, len(rows)), chosen] = blank
        for step, output in enumerate(walk(model, rows, np.full(len(rows), puzzle_id), steps)):
            shares = probabilities(output.logits, probability)
            change[step, start : start + len(chosen)] = (shares[1:] - shares[:1]).abs().sum(-1).cpu().numpy() / 2
            if progress is not None:
                progress(start + len(chosen) * (step + 1) // steps)
    return Influence(cells=cells, change=change)


def blank_of(task: Task, question: Grid) -> int:
    """The token of a blank cell; of the most frequent symbol where the task knows none (ARC's background, say)."""
    if task.open_token is not None:
        return task.open_token
    blank = task.decode(np.zeros(task.seq_len, np.int16))
    tokens = task.encode(question)
    if (blank != OUTSIDE).all():
        return int(task.encode(blank).ravel()[0])
    return int(np.bincount(tokens[question.ravel() != OUTSIDE]).argmax())


def givens(task: Task, question: Grid) -> NDArray[np.intp]:
    """The cells (K,) of the grid that are not blank."""
    return np.flatnonzero((task.encode(question) != blank_of(task, question)) & (question.ravel() != OUTSIDE))


def asked(task: Task, question: Grid) -> NDArray[np.bool_]:
    """The cells (L,) that are to be filled in: the blank ones; all, where answers are not written into the question."""
    if task.open_token is not None:
        found: NDArray[np.bool_] = task.encode(question) == task.open_token
        return found
    blank = task.decode(np.zeros(task.seq_len, np.int16))
    open_cells = (np.asarray(question) == blank) & (blank != OUTSIDE)
    return open_cells.ravel() if open_cells.any() else np.ones(task.seq_len, bool)
