"""Models for a task, of the sizes that it declares, which several recipes share."""

from __future__ import annotations

from typing import Any

from redraft.models.config import EquivariantConfig, TRMConfig
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


def small_mixer(task: Task, **shape: Any) -> TRMConfig:
    """A small TRM for a task, without puzzle embedding; by default it has the MLP mixer."""
    shape = {"mixer": "mlp", "n": 3, **shape}
    return TRMConfig(
        vocab_size=task.vocab_size,
        seq_len=task.seq_len,
        width_multiple=32,
        T=2,
        positions="none",
        grid_width=task.width if shape["mixer"] == "conv" else None,
        puzzle_positions=0,
        **shape,
    )
