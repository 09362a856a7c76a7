"""The recipe for own data: `size` and the number and kind of grids decide everything else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from redraft.errors import ConfigError
from redraft.models import ModelConfig
from redraft.models.config import TRMConfig
from redraft.recipes.alike import equivariant
from redraft.train.config import DataConfig, OptimConfig, RunConfig

if TYPE_CHECKING:
    from redraft.data.store import Store
    from redraft.tasks import Task

Size = Literal["nano", "tiny", "paper"]

MIXED_BY_MLP = 150  # cells of a grid up to which the MLP mixer learns best; its weights grow with their square
CELLS_A_BATCH = 16_384  # of the small sizes, so that a batch of large grids fits into a laptop's memory
FEWER_ALIKE = 4  # a model that treats symbols alike learns in far fewer steps, which each take longer
FEW, MANY = 500, 50_000  # examples: fewer are memorised sooner, more take longer to see once


_SMALL = OptimConfig(kind="adamw", lr=2e-3, warmup=100, min_ratio=0.1, weight_decay=0.1, ema=0.995)


@dataclass(frozen=True, kw_only=True)
class _Scale:
    """The values of a size; with fewer supervision steps per puzzle (`max_steps`), more puzzles are seen."""

    hidden_size: int
    field: int  # width of a symbol's state in a model that treats symbols alike
    steps: int
    expansion: float = 2.0
    width_multiple: int = 32
    T: int = 2
    n_mlp: int = 3
    n_attention: int = 3
    heads: int = 4
    max_steps: int = 4
    batch_size: int = 64
    optim: OptimConfig = _SMALL


_SCALES: dict[Size, _Scale] = {
    "nano": _Scale(hidden_size=64, field=32, steps=4000),
    "tiny": _Scale(hidden_size=128, field=64, steps=6000),
    "paper": _Scale(
        hidden_size=512, field=128, steps=50_000, expansion=4.0, width_multiple=256, T=3, n_mlp=6, n_attention=4,
        heads=8, max_steps=16, batch_size=768, optim=OptimConfig(),
    ),
}  # fmt: skip


def recipe_for(task: Task, store: Store, *, folder: Path | str, size: Size = "tiny") -> RunConfig:
    """The run that trains on `store`, the training examples in `folder` beside the test examples.

    Command: `redraft train FOLDER --size tiny`. `nano` is minutes on a laptop for small grids, `tiny` better and
    slower, `paper` what the paper trained, for a GPU. Grids of one size of up to 150 cells are mixed by an MLP, others
    by attention; a task that declares interchangeable symbols and scopes gets a model that treats its symbols alike.
    The figures of the small sizes are those found on 6x6 Sudoku (docs/log.md).

    Raises ConfigError for an unknown size.
    """
    if size not in get_args(Size):
        raise ConfigError(f"size: expected one of {', '.join(get_args(Size))}, got {size!r}")
    scale, cells = _SCALES[size], task.seq_len
    varies = bool((store.labels[:1000] < 0).any())  # labels beyond a grid that is smaller than the canvas
    known = store.num_puzzle_ids > 1  # puzzles with an embedding each, as in ARC
    alike = bool(task.interchangeable and task.scopes) and not varies and not known
    steps = scale.steps // 2 if len(store) < FEW else scale.steps if len(store) < MANY else 2 * scale.steps
    steps //= FEWER_ALIKE if alike else 1
    if size == "paper":
        batch_size = min(scale.batch_size, len(store))
    else:  # a power of two
        batch_size = max(1, min(scale.batch_size, max(8, CELLS_A_BATCH // cells), len(store)))
        batch_size = 1 << (batch_size.bit_length() - 1)
    if alike:
        model: ModelConfig = equivariant(task, hidden_size=scale.field, T=scale.T, n=scale.n_mlp)
    else:
        model = _distinct(task, store, scale, varies=varies, size=size)
    return RunConfig(
        recipe=f"own-{size}",
        task=task.name,
        model=model,
        data=DataConfig(train=str(folder), test=str(folder), test_limit=500),
        optim=replace(scale.optim, puzzle_lr=1e-2, puzzle_weight_decay=0.1) if known else scale.optim,
        steps=steps,
        max_steps=scale.max_steps,
        batch_size=batch_size,
        eval_every=max(1, steps // 8),
        checkpoint_every=250,
    )


def _distinct(task: Task, store: Store, scale: _Scale, *, varies: bool, size: Size) -> ModelConfig:
    """The model of a task whose symbols are not interchangeable."""
    by_mlp = task.seq_len <= MIXED_BY_MLP and not varies
    return TRMConfig(
        vocab_size=task.vocab_size,
        seq_len=task.seq_len,
        hidden_size=scale.hidden_size,
        expansion=scale.expansion,
        width_multiple=scale.width_multiple,
        T=scale.T,
        n=scale.n_mlp if by_mlp else scale.n_attention,
        mixer="mlp" if by_mlp else "attention",
        positions="none" if by_mlp else "rope",
        num_heads=scale.heads,
        puzzle_positions=16 if size == "paper" else int(store.num_puzzle_ids > 1),
        num_puzzles=store.num_puzzle_ids,
        puzzle_dim=scale.hidden_size,
    )
