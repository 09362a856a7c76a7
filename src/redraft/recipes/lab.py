"""Bases of the small ablations: runs of minutes on one thread, with room to become better and worse."""

from __future__ import annotations

from redraft.models.trm import TRMConfig
from redraft.recipes.shrink import shrunk
from redraft.train.config import DataConfig, OptimConfig, RunConfig


def sudoku_6x6_lab(*, tiny: bool = False) -> RunConfig:
    """6x6 Sudoku for ablations: a good minute on one thread, after which about half of unseen puzzles are solved.

    Command: `redraft train sudoku-6x6-lab --threads 1`; the base of most suites of `redraft ablate`. The average's
    decay is cut to the short run: it covers about as large a part of it as the paper's 0.999 does of 65,000 steps.
    """
    run = RunConfig(
        recipe="sudoku-6x6-lab",
        task="sudoku-6x6",
        model=TRMConfig(
            vocab_size=8,
            seq_len=36,
            hidden_size=64,
            expansion=2.0,
            width_multiple=32,
            n=3,
            T=2,
            mixer="mlp",
            positions="none",
            puzzle_positions=0,
        ),
        data=DataConfig(train="make:8000@1", test="make:500@2"),
        optim=OptimConfig(kind="adamw", lr=2e-3, warmup=100, min_ratio=0.1, weight_decay=0.1, ema=0.98),
        steps=800,
        batch_size=32,
        max_steps=4,
        eval_every=800,
        checkpoint_every=400,
    )
    return shrunk(run) if tiny else run


def maze_8x8_lab(*, tiny: bool = False) -> RunConfig:
    """8x8 mazes for ablations: some minutes on one thread.

    Command: `redraft train maze-8x8-lab --threads 1`; the base of the suites of `redraft ablate` about mazes.
    """
    run = RunConfig(
        recipe="maze-8x8-lab",
        task="maze-8x8",
        model=TRMConfig(
            vocab_size=6,
            seq_len=64,
            hidden_size=32,
            expansion=2.0,
            width_multiple=32,
            n=6,
            T=2,
            mixer="conv",
            positions="none",
            grid_width=8,
            puzzle_positions=0,
        ),
        data=DataConfig(train="make:8000@1", test="make:500@2"),
        optim=OptimConfig(kind="adamw", lr=2e-3, warmup=100, min_ratio=0.1, weight_decay=0.1, ema=0.98),
        steps=800,
        batch_size=32,
        max_steps=4,
        eval_every=800,
        checkpoint_every=200,
    )
    return shrunk(run) if tiny else run
