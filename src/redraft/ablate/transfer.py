"""The same weights on grids of another size, where no weight depends on it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from redraft.errors import ConfigError, RedraftError
from redraft.models import Model, ModelConfig, build_model
from redraft.tasks import Task
from redraft.weights.io import require_fit


def moved(model: Model, task: Task) -> Model:
    """The model for a task's grids: itself where they have the same shape, else one with the same weights.

    Raises ConfigError where a weight depends on the size of the grid (mlp mixers, learned positions), or where the
    task has other tokens.
    """
    config = shaped(model.config, task)
    if config == model.config:
        return model
    other = build_model(config)
    weights = model.state_dict()
    try:
        require_fit(other.state_dict(), weights)
    except RedraftError as error:
        raise ConfigError(f"a model of {model.config.seq_len} cells does not fit {task.name}: {error}") from error
    other.load_state_dict(weights)
    return other.to(next(model.parameters()).device).eval()


def require_movable(config: ModelConfig, task: Task) -> None:
    """Raises ConfigError where a model of this configuration would not fit a task's grids."""
    if shaped(config, task) != config:
        moved(build_model(config), task)


def shaped(config: ModelConfig, task: Task) -> ModelConfig:
    """The configuration for grids of a task; raises ConfigError where the task has other tokens."""
    if config.vocab_size != task.vocab_size:
        raise ConfigError(f"a model of {config.vocab_size} tokens does not fit {task.name} with its {task.vocab_size}")
    shape: dict[str, Any] = {"seq_len": task.seq_len}
    if getattr(config, "grid_width", None) is not None:
        shape["grid_width"] = task.width
    return replace(config, **shape)
