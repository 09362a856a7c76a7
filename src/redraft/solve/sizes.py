"""Weights on boards of another size than those they were trained on, which a local network's fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import ceil
from typing import Any

from redraft.config import to_dict
from redraft.errors import WeightsError
from redraft.models import LocalConfig, model_config
from redraft.tasks import Task, get_task
from redraft.weights.format import Description


def fits_any_size(described: Description) -> bool:
    """Whether the weights fit boards of any size of their task's kind."""
    return described.model.get("kind") == "local"


def of_size(described: Description, task: Task, *, name: str) -> Description:
    """The description of the weights `name` for a task of another size; that of their own task stays as it is.

    The steps that the card advises grow with the sides of the board. Raises WeightsError where the weights do not fit.
    """
    trained = get_task(described.task)
    if task.spec == trained.spec:
        return described
    if not fits_any_size(described) or type(task) is not type(trained) or task.vocab_size != trained.vocab_size:
        raise WeightsError(f"{name}: trained for {trained.name}, but these puzzles are {task.name}")
    config = model_config(described.model, where=f"{name}: model")
    assert isinstance(config, LocalConfig)
    model = {"kind": "local", **to_dict(config.resized(task.height, task.width))}
    growth = (task.height + task.width) / (trained.height + trained.width)
    return replace(described, task=task.spec, model=model, card=_grown(described.card, growth))


def _grown(card: Mapping[str, Any], growth: float) -> dict[str, Any]:
    """The model card with more steps to solve in, and until a restart, for a larger board."""
    habits = card.get("solve")
    if not isinstance(habits, dict) or growth <= 1:
        return dict(card)
    steps = {key: ceil(habits[key] * growth) for key in ("max_steps", "restart") if type(habits.get(key)) is int}
    return {**card, "solve": {**habits, **steps}}
