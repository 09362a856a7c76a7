"""Mazes: 8x8 ones that a laptop learns in minutes, Maze-Hard as in the paper."""

from __future__ import annotations

from redraft.models.config import LocalConfig, TRMConfig
from redraft.recipes.alike import small_mixer
from redraft.tasks import get_task
from redraft.train.config import DataConfig, OptimConfig, RunConfig

HARD = "hf:sapientinc/maze-30x30-hard-1k"


def maze_8x8() -> RunConfig:
    """Mazes of 8x8 cells whose shortest path covers at least 8: fifteen minutes on two cores (bundled).

    Commands: `redraft train maze-8x8`, then `redraft train maze-8x8 --init runs/maze-8x8/last --max-steps 16
    --exploration 0.5 --optim.lr 3e-4 --optim.warmup 20 --steps 500`. Hardware, time and result: see
    results/maze-8x8.json. Cells mix with their neighbours (`conv`). A maze gets 4 supervision steps at first rather
    than 16, so that four times as many are seen; the second run trains later steps to keep what is right
    (docs/log.md).
    """
    return RunConfig(
        recipe="maze-8x8",
        task="maze-8x8",
        model=small_mixer(get_task("maze-8x8"), hidden_size=64, expansion=2.0, mixer="conv", n=6),
        data=DataConfig(train="make:20000@1", test="make:400@2"),
        optim=OptimConfig(kind="adamw", lr=1e-3, warmup=100, min_ratio=0.1, weight_decay=0.1, ema=0.99),
        steps=2600,
        batch_size=64,
        max_steps=4,
        eval_every=650,
        checkpoint_every=200,
    )


def maze_30x30() -> RunConfig:
    """Maze-Hard by a local network (bundled): hints on the way, for which no other figure here is a comparison.

    Command: `redraft train maze-30x30 --data.train FOLDER --data.test FOLDER` with a folder that holds train.csv and
    test.csv; without these flags the data comes from the Hugging Face Hub (extra `hub`). Hardware, time and result: see
    results/maze-30x30.json. The bundled weights come from five runs with AdamW, two of them before the hints marked the
    path; these values, and a second run after them, reach 92.0 % in 87 minutes of one core (docs/mazes.md). A
    convolutional gated cell of 32 channels is iterated ten times a step; the task says what each cell can know by when
    (`train.hints`). 1,000 mazes under the eight symmetries of the square; in half of them S is moved nearer to G; the
    path is searched anew.
    """
    return RunConfig(
        recipe="maze-30x30",
        task="maze-30x30",
        model=LocalConfig(vocab_size=6, seq_len=900, grid_width=30, notes=9),
        data=DataConfig(train=HARD, test=HARD, test_limit=200),
        optim=OptimConfig(
            kind="muon", lr=5e-3, warmup=50, min_ratio=0.0, weight_decay=0.01, beta2=0.99, clip=1.0, ema=0.998
        ),
        steps=4500,
        batch_size=24,
        max_steps=110,
        exploration=0.0,
        noise=0.02,
        loss="softmax",
        halting="none",  # no cell knows whether all others are right
        hints="groups",
        compile=True,
        graph="network",
        eval_every=2250,
        checkpoint_every=200,
        eval_steps=64,
    )


def maze_hard() -> RunConfig:
    """Maze-Hard, 1,000 mazes of 30x30: attention with rotary positions (85.3 % reported, 75 to 80 % by others).

    Command: `redraft train maze-hard --data.train FOLDER --data.test FOLDER` with a folder that holds train.csv and
    test.csv; without these flags the data comes from the Hugging Face Hub (extra `hub`). The paper reports under 24
    hours on one L40S at `--batch-size 128`, which does as well. On a GPU add `--compile True --model.dtype bfloat16`.
    Training shows each maze under the eight symmetries of the square, with the path searched anew.
    """
    return RunConfig(
        recipe="maze-hard",
        task="maze-30x30",
        model=TRMConfig(vocab_size=6, seq_len=900, n=4, T=3, mixer="attention", positions="rope"),
        data=DataConfig(train=HARD, test=HARD),
        optim=OptimConfig(),
        steps=78_000,  # 60,000 epochs of 1,000 mazes
        batch_size=768,
        eval_every=2500,
        checkpoint_every=500,
    )
