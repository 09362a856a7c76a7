"""A run's configuration: what is out of range is named, whether it was typed or read."""

from dataclasses import replace
from typing import Any

import pytest

from redraft.errors import ConfigError
from redraft.models import build_model
from redraft.recipes import get_recipe
from redraft.train.config import RunConfig, run_from_dict, run_to_dict


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": -1}, "seed: expected at least 0"),
        ({"seed": 1 << 63}, r"seed: expected at least 0 and below 2\^63"),
        ({"batch_size": 1 << 25}, "batch_size: expected at most 16,777,216"),
        ({"optim": {"lr": -1.0}}, "optim.lr: expected at least 0, got -1.0"),
        ({"optim": {"puzzle_weight_decay": -1.0}}, "optim.puzzle_weight_decay: expected at least 0"),
        ({"optim": {"beta2": 1.0}}, "optim.beta2: expected at least 0 and below 1, got 1.0"),
        ({"optim": {"lr": float("nan")}}, "optim.lr: expected a finite number, got nan"),
        ({"optim": {"lr": 10**400}}, "optim.lr: expected a finite number"),
        ({"model": {"num_layers": 10**9}}, "model.num_layers: expected at most 1000"),
        ({"model": {"puzzle_positions": -1}}, "model.puzzle_positions: expected at least 0, got -1"),
        ({"loss": "stablemax\n"}, "loss: unknown"),
        ({"data": ["x"] * 10**6}, "data: expected an object with keys, got .{1,100}$"),
    ],
)
def test_out_of_range(change: dict[str, Any], message: str) -> None:
    values = run_to_dict(get_recipe("sudoku-4x4", tiny=True))
    for key, value in change.items():
        values[key] = {**values[key], **value} if isinstance(value, dict) else value
    with pytest.raises(ConfigError, match=message):
        run_from_dict(values, where="run")


def test_a_model_larger_than_memory() -> None:
    run: RunConfig = get_recipe("sudoku-4x4", tiny=True)
    with pytest.raises(ConfigError, match="model: cannot be built in this size"):
        build_model(replace(run.model, vocab_size=10**15))
