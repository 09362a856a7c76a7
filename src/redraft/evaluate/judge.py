"""Judges a model by puzzles it has not seen: in training, after it, and on puzzles of other kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redraft.backends.torch import TorchStepper
from redraft.config import to_dict
from redraft.data.build import answered, open_source, without
from redraft.data.store import Store
from redraft.errors import ConfigError
from redraft.evaluate.evaluate import evaluate
from redraft.evaluate.ids import require_ids
from redraft.evaluate.report import report
from redraft.solve.opened import IDS, PuzzleTable
from redraft.tasks import Task

if TYPE_CHECKING:
    from redraft.models import Model
    from redraft.train.config import RunConfig


def unseen(task: Task, source: str, *, trained_on: Store, limit: int | None = None, needed: bool = True) -> Store:
    """The examples of `source` to judge by: those with answers that are not trained on; raises ConfigError if none.

    ARC data may have none, as a competition's test set, unless they are `needed`: the store is then empty.
    """
    test = open_source(task, source, split="test", limit=limit)
    known = answered(test)
    fresh = without(known, trained_on)
    if not len(fresh) and (needed or test.views is None):
        amiss = f"every puzzle of {source} is also trained on" if len(known) else f"no puzzle of {source} has an answer"
        raise ConfigError(f"{amiss}; name other test data")
    return fresh


def require_rows(config: RunConfig, trained: Store, test: Store) -> None:
    """Raises WeightsError where the puzzle ids of the test are not rows of the table that a run trains."""
    ids = trained.identifiers
    table = PuzzleTable.of(to_dict(config.model), {} if ids is None else {IDS: ids.fingerprint})
    require_ids(table, test, name=config.data.train, data=config.data.test, remedy="build both at once")


def judge(model: Model, task: Task, test: Store, *, steps: int, batch_size: int) -> dict[str, Any]:
    """All figures of a model on the test, where it stands; its device is the one it is on."""
    stepper = TorchStepper(model, device=next(model.parameters()).device)
    return report(evaluate(stepper, task, test, steps=steps, batch_size=batch_size))


def in_brief(figures: dict[str, Any]) -> dict[str, float]:
    """The figures of a report that are worth a line in training."""
    return {
        "exact": figures["exact"],
        "solved": figures["solved"],
        "cells": figures["cells"],
        "halt_exact": figures["halting"]["exact"],
        "halt_steps": figures["halting"]["mean_steps"],
    }
