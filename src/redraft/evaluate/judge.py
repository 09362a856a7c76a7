"""Judges a model by puzzles it has not seen: in training, after it, and on puzzles of other kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redraft.data.build import answered, open_source, without
from redraft.data.store import Store
from redraft.errors import ConfigError
from redraft.evaluate.evaluate import evaluate
from redraft.evaluate.report import report
from redraft.solve.torch_stepper import TorchStepper
from redraft.tasks import Task

if TYPE_CHECKING:
    from redraft.models import Model


def unseen(task: Task, source: str, *, trained_on: Store, limit: int | None = None) -> Store:
    """The examples of `source` to judge by: those with answers that are not trained on; raises ConfigError if none."""
    test = answered(open_source(task, source, split="test", limit=limit))
    if not len(test):
        raise ConfigError(f"no puzzle of {source} has an answer; name other test data")
    test = without(test, trained_on)
    if not len(test):
        raise ConfigError(f"every puzzle of {source} is also trained on; name other test data")
    return test


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
