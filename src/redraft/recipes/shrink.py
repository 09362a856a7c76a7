"""A recipe shrunk to seconds: every part of it works, but too short to learn anything."""

from __future__ import annotations

from dataclasses import fields, replace

from redraft.models import ModelConfig
from redraft.train.config import RunConfig


def shrunk(run: RunConfig, *, made: bool = True) -> RunConfig:
    """The same run with a model, data and steps so small that it takes seconds; its own data unless `made` anew."""
    data = replace(run.data, train_limit=None, test_limit=8)
    if made:
        data = replace(data, train="make:16@1", test="make:8@2")
    return replace(
        run,
        model=_small(run.model),
        data=data,
        optim=replace(run.optim, warmup=2),
        steps=6,
        batch_size=4,
        log_every=2,
        eval_every=3,
        checkpoint_every=2,
        eval_steps=4,
    )


def _small(model: ModelConfig) -> ModelConfig:
    """The same kind of model, narrow and with short loops: of the usual fields, those that it has."""
    sizes = {"hidden_size": 32, "num_heads": 2, "puzzle_dim": 32, "puzzle_positions": min(1, model.puzzle_positions)}
    there = {field.name for field in fields(model)}
    sizes |= {name: min(most, getattr(model, name)) for name, most in (("n", 3), ("T", 2)) if name in there}
    return replace(model, **{name: size for name, size in sizes.items() if name in there})  # type: ignore[arg-type]
