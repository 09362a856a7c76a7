"""Puzzles of other kinds: Futoshiki, Sokoban and shift rosters, on one core."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from redraft.models.config import ModelConfig
from redraft.recipes.alike import equivariant, small_mixer
from redraft.tasks import Task, get_task
from redraft.train.config import DataConfig, OptimConfig, RunConfig


def futoshiki_4x4() -> RunConfig:
    """4x4 Futoshiki, minimal puzzles: sixteen minutes on one busy core (bundled).

    Command: `redraft train futoshiki-4x4`. Hardware, time and result: see results/futoshiki-4x4.json.
    """
    return _futoshiki("futoshiki-4x4", lr=1.5e-3, steps=1200)


def futoshiki_5x5() -> RunConfig:
    """5x5 Futoshiki, minimal puzzles: five minutes on one core, with Muon.

    Command: `redraft train futoshiki-5x5`. Hardware, time and result: see results/futoshiki-5x5.json.
    """
    return _futoshiki("futoshiki-5x5", kind="muon", lr=1e-2, min_ratio=0.0, steps=1600)


def sokoban_6x6() -> RunConfig:
    """Sokoban with one box on 6x6 cells, plans of at least three pushes: 35 minutes on one busy core (bundled).

    Commands: `redraft train sokoban-6x6`, then `redraft train sokoban-6x6 --init runs/sokoban-6x6/last --max-steps 16
    --exploration 0.5 --optim.lr 3e-4 --optim.warmup 20 --steps 600`. Hardware, time and result: see
    results/sokoban-6x6.json. As with the small mazes, cells mix with their neighbours, and the second run trains later
    steps to keep what is right.
    """
    task = get_task("sokoban-6x6")
    model = small_mixer(task, hidden_size=64, expansion=2.0, mixer="conv", n=6, dtype="bfloat16")
    return _run(task, model, lr=1e-3, ema=0.99, steps=3000)


def roster_5x7() -> RunConfig:
    """Shift rosters of five people over a week, minimal puzzles: nine minutes on one busy core (bundled).

    Command: `redraft train roster-5x7`. Hardware, time and result: see results/roster-5x7.json.
    """
    task = get_task("roster-5x7")
    model = small_mixer(task, hidden_size=96, expansion=2.0, dtype="bfloat16")
    data = DataConfig(train="make:12000@1", test="make:300@2")
    return replace(_run(task, model, lr=2e-3, ema=0.995, steps=2400), data=data, max_steps=8)


def _futoshiki(name: str, **values: Any) -> RunConfig:
    """A run of a model in which cells read rows, columns and the signs beside them; digits have an order."""
    task = get_task(name)
    model = equivariant(task, hidden_size=64, expansion=2.0, n=3, T=2, dtype="bfloat16")
    return _run(task, model, clip=1.0, ema=0.99, **values)


def _run(task: Task, model: ModelConfig, *, steps: int, **optim: Any) -> RunConfig:
    """A run on made puzzles of a task, 64 at a time."""
    return RunConfig(
        recipe=task.name,
        task=task.name,
        model=model,
        data=DataConfig(train="make:20000@1", test="make:400@2"),
        optim=OptimConfig(**{"kind": "adamw", "warmup": 100, "min_ratio": 0.1, "weight_decay": 0.1, **optim}),
        steps=steps,
        batch_size=64,
        max_steps=4,
        eval_every=400,
        checkpoint_every=400,
    )
