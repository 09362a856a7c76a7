"""ARC-AGI-1 and -2 as in the paper: attention, one puzzle embedding per task and augmentation."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from redraft.models.config import TRMConfig
from redraft.recipes.change import apply
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


def arc1_10x10() -> RunConfig:
    """The 255 tasks of ARC-AGI-1 whose grids fit 10x10, on a small canvas: the whole pipeline in an hour of one core.

    178 of the 400 training tasks and 77 of the 400 evaluation tasks. Commands:
    `redraft data build arc1 --canvas 10 --skip-larger --views 3 -o data/arc1-10x10`, `redraft train arc1-10x10`,
    `redraft arc eval runs/arc1-10x10 data/arc1-10x10`.
    """
    return RunConfig(
        recipe="arc1-10x10",
        task="arc-10x10",
        model=TRMConfig(
            vocab_size=12,
            seq_len=100,
            grid_width=10,
            n=2,
            T=2,
            mixer="attention",
            positions="grid",
            hidden_size=128,
            num_heads=4,
            width_multiple=32,
            puzzle_positions=1,
            puzzle_dim=128,
            dtype="bfloat16",
        ),
        data=DataConfig(train="data/arc1-10x10", test="data/arc1-10x10", spread=True),
        optim=OptimConfig(
            kind="muon", lr=4e-3, warmup=100, min_ratio=0.1, weight_decay=0.1, puzzle_lr=5e-3, puzzle_weight_decay=0.1
        ),
        steps=12_000,
        batch_size=32,
        max_steps=4,
        eval_every=2000,
        eval_steps=8,
        threads=1,
    )


def arc1_10x10_direct() -> RunConfig:
    """Direct prediction on the data of `arc1-10x10`: eight layers, one pass, about the same time in training.

    Command: `redraft train arc1-10x10-direct`.
    """
    name, model = "arc1-10x10-direct", {"model.kind": "direct", "model.num_layers": 8}
    return apply(arc1_10x10(), {"recipe": name, **model, "steps": 9000, "max_steps": 1, "eval_steps": 1}, where=name)


def adaptation(
    trained: RunConfig,
    *,
    weights: str,
    data: str,
    ids: int,
    pairs: int,
    views: int,
    visits: int,
    batch_size: int,
    learn: Literal["embeddings", "all"] = "embeddings",
    lr: float = 1e-5,
    puzzle_lr: float = 1e-2,
    seed: int = 0,
) -> RunConfig:
    """The run that trains on the `pairs` demonstrations of the tasks in a data folder (`redraft arc adapt`).

    Args:
        trained: the run that trained the weights. Its loss, halting, optimiser and N_sup are kept.
        ids: puzzle ids of the data, each a row of the new table.
        views: augmentations per task; more vote better and cost more.
        visits: how often each pair is trained on under each augmentation, for up to N_sup steps each time.
        learn: only the puzzle embeddings, or also the weights, at a low rate `lr`.
    """
    steps = max(1, -(-pairs * views * visits * trained.max_steps // batch_size))
    return replace(
        trained,
        recipe="arc-adapt",
        model=replace(trained.model, num_puzzles=ids),
        data=DataConfig(train=data, test=data, spread=True),
        optim=replace(trained.optim, lr=lr, puzzle_lr=puzzle_lr, warmup=min(20, steps), min_ratio=1.0, ema=0.99),
        steps=steps,
        batch_size=batch_size,
        init=weights,
        freeze=learn == "embeddings",
        compile=False,
        log_every=20,
        eval_every=steps,
        eval_steps=16,
        checkpoint_every=max(1, min(200, steps // 4)),
        threads=None,
        seed=seed,
    )
