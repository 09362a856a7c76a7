"""Models for a task, of the sizes that it declares, which several recipes share."""

from __future__ import annotations

from typing import Any

from redraft.models.config import DType, EquivariantConfig, TRMConfig
from redraft.tasks import Task


def equivariant(task: Task, **shape: Any) -> EquivariantConfig:
    """A symbol-equivariant model for a task, over the scopes and symbols that the task declares."""
    symbols = task.interchangeable
    return EquivariantConfig(
        vocab_size=task.vocab_size,
        seq_len=task.seq_len,
        first_symbol=symbols.start,
        symbols=len(symbols),
        grid_width=task.width,
        scopes=task.scopes,
        **{"halting": "margin", **shape},
    )


def small_mixer(task: Task, *, hidden_size: int, expansion: float, dtype: DType = "float32") -> TRMConfig:
    """A small MLP-mixer TRM for a task, without puzzle embedding."""
    return TRMConfig(
        vocab_size=task.vocab_size,
        seq_len=task.seq_len,
        hidden_size=hidden_size,
        expansion=expansion,
        width_multiple=32,
        n=3,
        T=2,
        mixer="mlp",
        positions="none",
        puzzle_positions=0,
        dtype=dtype,
    )
