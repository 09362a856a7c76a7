"""Puzzles of other kinds: Futoshiki, Sokoban and shift rosters, on one core."""

from __future__ import annotations

from redraft.recipes.alike import small_mixer
from redraft.tasks import get_task
from redraft.train.config import DataConfig, OptimConfig, RunConfig


def futoshiki_5x5() -> RunConfig:
    """5x5 Futoshiki, minimal puzzles: a start only, since it solved 1 % of 300 unseen ones (docs/log.md).

    Command: `redraft train futoshiki-5x5`.
    """
    return _run("futoshiki-5x5", steps=1500)


def sokoban_6x6() -> RunConfig:
    """Sokoban with one box on 6x6 cells, plans of at least three pushes: 67 % of 300 unseen solved (docs/log.md).

    Command: `redraft train sokoban-6x6`.
    """
    return _run("sokoban-6x6", steps=2400)


def roster_5x7() -> RunConfig:
    """Shift rosters of five people over a week, minimal puzzles: 100 % of 300 unseen solved (docs/log.md).

    Command: `redraft train roster-5x7`.
    """
    return _run("roster-5x7", steps=2400)


def _run(name: str, *, steps: int) -> RunConfig:
    """A run of a small MLP-mixer TRM on made puzzles of a task, in bfloat16."""
    return RunConfig(
        recipe=name,
        task=name,
        model=small_mixer(get_task(name), hidden_size=96, expansion=2.0, dtype="bfloat16"),
        data=DataConfig(train="make:12000@1", test="make:300@2"),
        optim=OptimConfig(kind="adamw", lr=2e-3, warmup=100, min_ratio=0.1, weight_decay=0.1, ema=0.995),
        steps=steps,
        batch_size=64,
        max_steps=8,
        eval_every=400,
        checkpoint_every=400,
    )
