"""A hint: the open cell of a puzzle that a model is most certain of, right by the rules where an answer is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from redraft.solve.answer import Answer, TraceStep
from redraft.solve.job import SolveJob
from redraft.solve.solver import Solver
from redraft.tasks import Grid

Hinted = tuple[NDArray[np.integer], NDArray[np.float64]]  # (L,): the best symbol's token of each cell, its probability


@dataclass(frozen=True, kw_only=True)
class Hint:
    """A cell to fill in: `row` and `column` from 1, and the model's probability of `value` in its first draft."""

    row: int
    column: int
    value: str
    probability: float
    verified: bool


def certainty(logits: NDArray[np.float32], open_token: int | None) -> Hinted:
    """The best symbol of each cell and its probability, padding and the blank left out: logits (L, V) to (L,) each."""
    scores = logits.astype(np.float64)
    scores[:, [0, open_token or 0]] = -np.inf
    best = scores.argmax(-1)
    with np.errstate(over="ignore", invalid="ignore"):
        odds = np.exp(scores - scores.max(-1, keepdims=True))
        found = 1 / odds.sum(-1)
    return best, np.nan_to_num(found, nan=0.0)


def hint_of(answer: Answer, hinted: Hinted) -> Hint:
    """The hint that an answer, solved or not, and what its first draft says make, for a puzzle with an open cell."""
    task, (tokens, probability) = answer.task, hinted
    open_cells = task.encode(answer.question) == task.open_token
    verified = answer.done and task.judges
    if verified:  # certain, and right: where the answer says otherwise, the model errs
        right = task.encode(answer.grid)
        agreed = open_cells & (tokens == right)
        tokens, probability = (tokens, probability) if agreed.any() else (right, np.zeros(len(right)))
        open_cells = agreed if agreed.any() else open_cells
    cell = int(np.argmax(np.where(open_cells, probability, -1.0)))
    row, column = divmod(cell, task.width)
    value, sure = task.token_names[int(tokens[cell])], round(float(probability[cell]), 6)
    return Hint(row=row + 1, column=column + 1, value=value, probability=sure, verified=verified)


def solve_hint(solver: Solver, question: Grid) -> Hint:
    """Solves a puzzle (H, W) that has an open cell, for a hint."""
    first: list[Hinted] = []

    def listen(step: TraceStep, logits: Callable[[], NDArray[np.float32]]) -> None:
        if not first:
            first.append(certainty(logits(), solver.task.open_token))

    [(_, answer)] = solver.stream([SolveJob(question=question, on_draft=listen)])
    return hint_of(answer, first[0])
