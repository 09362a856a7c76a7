"""ARC-AGI-1 and -2 as in the paper: attention, one puzzle embedding per task and augmentation."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from redraft.models import ModelConfig
from redraft.models.config import TRMConfig
from redraft.train.config import DataConfig, OptimConfig, RunConfig


def arc1() -> RunConfig:
    """ARC-AGI-1 with ConceptARC, 1,000 augmentations per task (44.6 % with two tries reported).

    Commands: `redraft data build arc1 --concept CONCEPT -o data/arc1`, then
    `torchrun --nproc-per-node 4 -m redraft train arc1 --compile True --model.dtype bfloat16`, and to score
    `redraft arc eval runs/arc1 data/arc1 --submission submission.json`. The paper reports 3 days on four H100. Training
    shows the accuracy on the test inputs as they are, one try each; the score needs the votes.
    """
    return RunConfig(
        recipe="arc1",
        task="arc",
        model=TRMConfig(vocab_size=12, seq_len=900, n=4, T=3, mixer="attention", positions="rope"),
        data=DataConfig(train="data/arc1", test="data/arc1"),
        optim=OptimConfig(puzzle_lr=1e-2, weight_decay=0.1, puzzle_weight_decay=0.1),
        steps=518_000,  # 100,000 epochs of 960 tasks with 4.1 pairs each
        batch_size=768,
        eval_every=10_000,
        checkpoint_every=2000,
    )


def arc2() -> RunConfig:
    """ARC-AGI-2 with ConceptARC, 1,000 augmentations per task (7.8 % with two tries reported).

    Commands: `redraft data build arc2 --concept CONCEPT -o data/arc2`, then `redraft train arc2` as for arc1.
    """
    return replace(
        arc1(),
        recipe="arc2",
        data=DataConfig(train="data/arc2", test="data/arc2"),
        steps=725_000,  # 100,000 epochs of 1,280 tasks with 4.4 pairs each
    )


def adaptation(
    model: ModelConfig,
    *,
    weights: str,
    data: str,
    pairs: int,
    views: int,
    visits: int,
    batch_size: int,
    learn: Literal["embeddings", "all"] = "embeddings",
    lr: float = 1e-5,
    puzzle_lr: float = 1e-2,
    loss: str = "stablemax",
    seed: int = 0,
) -> RunConfig:
    """The run that trains on the `pairs` demonstrations of the tasks in a data folder (`redraft arc adapt`).

    Args:
        model: of the weights, with as many rows in its table as the data has puzzle ids.
        views: augmentations per task; more vote better and cost more.
        visits: how often each pair is trained on under each augmentation, for up to N_sup steps each time.
        learn: only the puzzle embeddings, or also the weights, at a low rate `lr`.
    """
    base = arc1()
    steps = max(1, -(-pairs * views * visits * base.max_steps // batch_size))
    return replace(
        base,
        recipe="arc-adapt",
        model=model,
        data=DataConfig(train=data, test=data),
        optim=replace(base.optim, lr=lr, puzzle_lr=puzzle_lr, warmup=min(20, steps), ema=0.99),
        steps=steps,
        batch_size=batch_size,
        loss=loss,
        init=weights,
        freeze=learn == "embeddings",
        log_every=20,
        eval_every=steps,
        checkpoint_every=max(1, min(200, steps // 4)),
        seed=seed,
    )
