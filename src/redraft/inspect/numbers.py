"""An inspection as plain numbers, for other programs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from redraft.inspect.drafts import ShownDraft
from redraft.inspect.trace import Evaluation, StateReading, TracedStep
from redraft.tasks import Task

if TYPE_CHECKING:
    from redraft.inspect.inspection import Inspection, Landscape

DIGITS = 6


def numbers(found: Inspection) -> dict[str, Any]:
    """Everything as plain values that JSON can hold; what is not a number is null."""
    task = found.task
    return {
        "weights": found.weights,
        "task": task.name,
        "model": dict(found.facts),
        "place": found.place,
        "question": task.format(found.question),
        "answer": None if found.answer is None else task.format(found.answer),
        "verdict": found.verdict,
        "solved_at": found.solved_at,
        "probability": found.trace.probability,
        "steps": [
            _step(task, number, step, draft)
            for number, (step, draft) in enumerate(zip(found.trace.steps, found.drafts, strict=True), 1)
        ],
        "influence": None
        if found.influence is None
        else {"cells": found.influence.cells.tolist(), "change": plain(found.influence.change)},
        "landscape": None if found.landscape is None else _landscape(found.landscape),
        "notes": list(found.notes),
    }


def plain(values: NDArray[Any] | float) -> Any:
    """Numbers as (lists of) Python's, rounded; None for what is not finite."""
    if isinstance(values, np.ndarray):
        return [plain(value) for value in values] if values.ndim else plain(values.item())
    return round(float(values), DIGITS) if math.isfinite(values) else None


def _step(task: Task, number: int, step: TracedStep, draft: ShownDraft) -> dict[str, Any]:
    values: dict[str, Any] = {
        "step": number,
        "y": _reading(task, step.y),
        "z": _reading(task, step.z),
        "halt_probability": plain(step.halt_probability),
        "halts": step.halts,
        "right": draft.right,
        "reason": "" if draft.verdict is None else draft.verdict.reason,
        "changed": draft.changed,
        "broken": draft.broken.astype(int).ravel().tolist(),
        "differs": None if draft.differs is None else draft.differs.astype(int).ravel().tolist(),
        "confidence": plain(draft.confidence),
        "y_moved": plain(step.y_moved),
        "z_moved": plain(step.z_moved),
        "residual": plain(step.residual),
    }
    if step.evaluations:
        values["evaluations"] = [_evaluation(task, each) for each in step.evaluations]
    if step.attention is not None:
        values["attention"] = plain(step.attention)
    return values


def _evaluation(task: Task, each: Evaluation) -> dict[str, Any]:
    return {"renews": each.renews, "moved": plain(each.moved), "reading": _reading(task, each.reading)}


def _reading(task: Task, reading: StateReading | None) -> dict[str, Any] | None:
    if reading is None:
        return None
    return {
        "draft": task.format(task.decode(reading.tokens)),
        "tokens": reading.tokens.tolist(),
        "probabilities": plain(reading.probabilities),
    }


def _landscape(land: Landscape) -> dict[str, Any]:
    seen = {name: getattr(land, name) for name in ("y", "z")}
    return {
        "source": land.source,
        "right": land.right.astype(int).tolist(),
        **{
            name: None
            if each is None
            else {"points": plain(each.points), "own": plain(each.own), "explained": plain(each.explained)}
            for name, each in seen.items()
        },
    }
