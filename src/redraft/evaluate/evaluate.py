"""Runs every puzzle for a fixed number of supervision steps and records the answers for a report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from redraft.backends.protocol import Stepper
from redraft.data.store import Store
from redraft.errors import DataError
from redraft.tasks import Task
from redraft.tasks.base import IGNORE


@dataclass(frozen=True, kw_only=True)
class Records:
    """Results of N puzzles over S supervision steps.

    Attributes:
        exact: (N, S) bool, every labelled cell equals its label.
        solved: (N, S) bool, the answer keeps the rules, without use of labels; equals `exact` for a task without rules.
        cells: (N, S) float32, share of the labelled cells that are right.
        halt_logit: (N, S) float32, logit of the probability that the answer is right.
        halts: (N, S) bool, whether the model would stop there.
        ratings: (N,) float32, NaN where unknown.
        grades: (N,) int8, place of the last answer in `grade_names`.
        grade_names: the task's `grades`, worst first; empty for a task without rules.
    """

    exact: NDArray[np.bool_]
    solved: NDArray[np.bool_]
    cells: NDArray[np.float32]
    halt_logit: NDArray[np.float32]
    halts: NDArray[np.bool_]
    ratings: NDArray[np.float32]
    grades: NDArray[np.int8]
    grade_names: tuple[str, ...] = ()


def evaluate(
    stepper: Stepper,
    task: Task,
    store: Store,
    *,
    steps: int = 16,
    batch_size: int = 256,
    progress: Callable[[int], None] = lambda done: None,
) -> Records:
    """Records of all puzzles in the store; `progress` is called after each batch with the number done."""
    if not len(store):
        raise DataError("no examples to evaluate on")
    batches = []
    for start in range(0, len(store), batch_size):
        batches.append(_run(stepper, task, store.rows(slice(start, start + batch_size)), steps))
        progress(min(start + batch_size, len(store)))
    return Records(
        ratings=store.ratings,
        grade_names=batches[0].grade_names,
        **{
            name: np.concatenate([getattr(batch, name) for batch in batches])
            for name in ("exact", "solved", "cells", "halt_logit", "halts", "grades")
        },
    )


def _run(stepper: Stepper, task: Task, store: Store, steps: int) -> Records:
    labelled = store.labels != IGNORE
    count = labelled.sum(-1)
    questions = task.decode(store.inputs)
    state = stepper.start(store.inputs, store.puzzle_ids)
    exact, solved, cells, halt, halts = [], [], [], [], []
    for _ in range(steps):
        state, draft = stepper.step(state)
        right = ((draft.tokens == store.labels) & labelled).sum(-1)
        exact.append(right == count)
        cells.append(right / np.maximum(1, count))
        solved.append(task.check_many(questions, task.decode(draft.tokens)) if task.judges else exact[-1])
        halt.append(draft.halt_logit)
        halts.append(draft.halts)
    return Records(
        exact=np.stack(exact, 1),
        solved=np.stack(solved, 1),
        cells=np.stack(cells, 1).astype(np.float32),
        halt_logit=np.stack(halt, 1),
        halts=np.stack(halts, 1),
        ratings=store.ratings,
        grades=task.grade_many(questions, task.decode(draft.tokens)) if task.judges else np.zeros(len(store), np.int8),
        grade_names=task.grades if task.judges else (),
    )
