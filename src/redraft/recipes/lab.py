"""Bases of the small ablations: runs of minutes on one thread, with room to become better and worse."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from redraft.recipes.maze import maze_8x8
from redraft.recipes.sudoku import sudoku_6x6, sudoku_6x6_eq
from redraft.train.config import DataConfig, RunConfig

# a short run: few puzzles, each seen about once, and one evaluation at its end
_SHORT: dict[str, Any] = {
    "data": DataConfig(train="make:8000@1", test="make:500@2"),
    "steps": 800,
    "batch_size": 32,
    "max_steps": 4,
    "eval_every": 800,
}


def sudoku_6x6_lab() -> RunConfig:
    """6x6 Sudoku for ablations: a good minute on one thread, after which about half of unseen puzzles are solved.

    Command: `redraft train sudoku-6x6-lab --threads 1`; the base of most suites of `redraft ablate`. The average's
    decay is cut to the short run: it covers about as large a part of it as the paper's 0.999 does of 65,000 steps.
    """
    base = sudoku_6x6()
    return replace(
        base,
        recipe="sudoku-6x6-lab",
        model=replace(base.model, hidden_size=64),  # type: ignore[call-arg]
        optim=replace(base.optim, ema=0.98),
        **_SHORT,
        checkpoint_every=400,
    )


def sudoku_6x6_eq_lab() -> RunConfig:
    """6x6 Sudoku by a symbol-equivariant model for ablations: two minutes on one thread.

    Command: `redraft train sudoku-6x6-eq-lab --threads 1`; the base of `redraft ablate symbols`.
    """
    base = sudoku_6x6_eq()
    return replace(
        base,
        recipe="sudoku-6x6-eq-lab",
        data=DataConfig(train="make:1000@1", test="make:500@2"),
        optim=replace(base.optim, warmup=20, ema=0.97),
        steps=200,
        eval_every=200,
        checkpoint_every=200,
    )


def maze_8x8_lab() -> RunConfig:
    """8x8 mazes for ablations: some minutes on one thread.

    Command: `redraft train maze-8x8-lab --threads 1`; the base of the suites of `redraft ablate` about mazes.
    """
    base = maze_8x8()
    return replace(
        base,
        recipe="maze-8x8-lab",
        model=replace(base.model, hidden_size=32),  # type: ignore[call-arg]
        optim=replace(base.optim, lr=2e-3, ema=0.98),
        **_SHORT,
        checkpoint_every=200,
    )
