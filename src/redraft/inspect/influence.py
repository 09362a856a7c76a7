"""Which cells each cell of the answer depends on, for any model: givens are blanked one at a time, and all is rerun."""

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
    """The effect of blanking cells of the question.

    Attributes:
        cells: (K,) the cells that were blanked, one at a time.
        change: (S, K, L) float32, for each step that was followed: the distance of the probabilities of a cell's
            tokens from those of the whole question, 0 (the same) to 1 (nothing in common): half the sum of absolute
            differences.
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
    progress: Callable[[int], None] = lambda done: None,
) -> Influence:
    """Reruns a puzzle, tokens (L,), for each of the cells (K,) with the token `blank` in its place.

    `progress` is called after every step with the number of cells that are done, steps counted as shares.
    """
    change = np.zeros((steps, len(cells), len(tokens)), np.float32)
    for start in range(0, len(cells), BATCH):
        chosen = cells[start : start + BATCH]
        rows = np.tile(tokens, (1 + len(chosen), 1))  # the first stays whole
        rows[np.arange(1, len(rows)), chosen] = blank
        for step, output in enumerate(walk(model, rows, np.full(len(rows), puzzle_id), steps)):
            shares = probabilities(output.logits, probability)
            change[step, start : start + len(chosen)] = (shares[1:] - shares[:1]).abs().sum(-1).cpu().numpy() / 2
            progress(start + len(chosen) * (step + 1) // steps)
    return Influence(cells=cells, change=change)


def blank_of(task: Task, question: Grid) -> int:
    """The token of a blank cell; of the most frequent symbol where the task has none (ARC's background, say)."""
    if task.open_token is not None:
        return task.open_token
    blank = task.decode(np.zeros(task.seq_len, np.int16))
    if (blank != OUTSIDE).all():
        return int(task.encode(blank).ravel()[0])
    return int(np.bincount(task.encode(question)[question.ravel() != OUTSIDE]).argmax())


def givens(task: Task, question: Grid) -> NDArray[np.intp]:
    """The cells (K,) of the grid that are not blank."""
    return np.flatnonzero((task.encode(question) != blank_of(task, question)) & (question.ravel() != OUTSIDE))


def asked(task: Task, question: Grid) -> NDArray[np.bool_]:
    """The cells (L,) to fill in: the blank ones; all, where answers are not written into the question."""
    if task.open_token is not None:
        found: NDArray[np.bool_] = task.encode(question) == task.open_token
        return found
    blank = task.decode(np.zeros(task.seq_len, np.int16))
    open_cells = (np.asarray(question) == blank) & (blank != OUTSIDE)
    return open_cells.ravel() if open_cells.any() else np.ones(task.seq_len, bool)
