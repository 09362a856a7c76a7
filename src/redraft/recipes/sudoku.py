"""Sudoku: 4x4 and 6x6 for a laptop, Sudoku-Extreme as in the paper."""

from __future__ import annotations

from dataclasses import replace

from redraft.models.trm import TRMConfig
from redraft.train.config import DataConfig, OptimConfig, RunConfig


def sudoku_4x4(*, tiny: bool = False) -> RunConfig:
    run = RunConfig(
        recipe="sudoku-4x4",
        task="sudoku-4x4",
        model=_small(side=4, hidden_size=64, width_multiple=32),
        data=DataConfig(train="make:2000@1", test="make:400@2"),
        optim=OptimConfig(kind="adamw", lr=2e-3, warmup=50, weight_decay=0.1, ema=0.99),
        steps=1000,
        batch_size=128,
        log_every=50,
        eval_every=250,
        checkpoint_every=250,
    )
    return _tiny(run) if tiny else run


def sudoku_6x6(*, tiny: bool = False) -> RunConfig:
    run = RunConfig(
        recipe="sudoku-6x6",
        task="sudoku-6x6",
        model=_small(side=6, hidden_size=128, width_multiple=32),
        data=DataConfig(train="make:20000@1", test="make:400@2"),
        optim=OptimConfig(kind="adamw", lr=2e-3, warmup=100, weight_decay=0.1, ema=0.995, min_ratio=0.1),
        steps=5000,
        batch_size=128,
        log_every=50,
        eval_every=250,
        checkpoint_every=250,
    )
    return _tiny(run) if tiny else run


def sudoku_extreme_mlp(*, tiny: bool = False) -> RunConfig:
    run = RunConfig(
        recipe="sudoku-extreme-mlp",
        task="sudoku-9x9",
        model=TRMConfig(
            vocab_size=11, seq_len=81, n=6, T=3, mixer="mlp", positions="none", puzzle_positions=16, puzzle_dim=512
        ),
        data=DataConfig(
            train="hf:sapientinc/sudoku-extreme", test="hf:sapientinc/sudoku-extreme", train_limit=1000,
            test_limit=1000,
        ),
        optim=OptimConfig(),
        steps=65_000,
        batch_size=768,
    )
    return _tiny(run) if tiny else run


def sudoku_extreme_att(*, tiny: bool = False) -> RunConfig:
    run = sudoku_extreme_mlp()
    run = replace(
        run, recipe="sudoku-extreme-att", model=replace(run.model, mixer="attention", positions="rope")
    )
    return _tiny(run) if tiny else run


def _small(*, side: int, hidden_size: int, width_multiple: int) -> TRMConfig:
    """A small MLP-mixer TRM for a square Sudoku, without puzzle embedding."""
    return TRMConfig(
        vocab_size=side + 2,
        seq_len=side * side,
        hidden_size=hidden_size,
        width_multiple=width_multiple,
        n=3,
        T=2,
        mixer="mlp",
        positions="none",
        puzzle_positions=0,
    )


def _tiny(run: RunConfig) -> RunConfig:
    return run
