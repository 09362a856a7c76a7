"""What is refused before a run begins: parts that do not fit together."""

from __future__ import annotations

import torch

from redraft.data.store import Store
from redraft.errors import ConfigError
from redraft.tasks import Task
from redraft.train.config import RunConfig
from redraft.train.learner import Learner


def require_sense(config: RunConfig, task: Task, data: Store, world: int) -> None:
    """Raises ConfigError where the parts of a run do not fit together."""
    model = config.model
    if model.seq_len != task.seq_len or model.vocab_size != task.vocab_size:
        raise ConfigError(
            f"the model reads {model.seq_len} cells of {model.vocab_size} tokens, "
            f"but {task.name} has {task.seq_len} of {task.vocab_size}"
        )
    if model.puzzle_positions and model.num_puzzles < data.num_puzzle_ids:
        raise ConfigError(
            f"model.num_puzzles: the data has {data.num_puzzle_ids:,} puzzle ids, "
            f"the model's table only {model.num_puzzles:,} rows"
        )
    if config.batch_size % world:
        raise ConfigError(f"batch_size: expected a multiple of the {world} processes, got {config.batch_size}")


@torch.no_grad()
def require_halting(learner: Learner) -> None:
    """Raises ConfigError where a halting rule that looks ahead needs what the model does not put out; one row tells."""
    model, rule = learner.model, learner.forward.halting
    if rule.looks_ahead:
        zero = torch.zeros(1, dtype=torch.int64, device=learner.device)
        output = model(zero.expand(1, model.config.seq_len), zero, model.initial_carry(1))
        rule.loss(output, zero.bool(), output, zero.bool())
