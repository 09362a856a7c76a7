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
        ({"seed": -1}, "seed: .*0.* -1"),
        ({"seed": 1 << 63}, rf"seed: .*0.*2\^63.* {1 << 63}"),
        ({"batch_size": 1 << 25}, f"batch_size: .*16,777,216.* {1 << 25}"),
        ({"optim": {"lr": -1.0}}, r"optim\.lr: .*0.* -1\.0"),
        ({"optim": {"puzzle_weight_decay": -1.0}}, r"optim\.puzzle_weight_decay: .*0.* -1\.0"),
        ({"optim": {"beta2": 1.0}}, r"optim\.beta2: .*0.*1.* 1\.0"),
        ({"optim": {"lr": float("nan")}}, r"optim\.lr: .*finite.* nan"),
        ({"optim": {"lr": 10**400}}, r"optim\.lr: .*finite"),
        ({"model": {"num_layers": 10**9}}, rf"model\.num_layers: .*1000.* {10**9}"),
        ({"model": {"puzzle_positions": -1}}, r"model\.puzzle_positions: .*0.* -1"),
        ({"loss": "stablemax\n"}, r"loss .*'stablemax\\n'"),
        ({"data": ["x"] * 10**6}, "data: .{1,160}$"),
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
    with pytest.raises(ConfigError, match="model: "):
        build_model(replace(run.model, vocab_size=10**15))
