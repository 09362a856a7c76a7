"""The model for tasks with interchangeable symbols: digits that may be renamed, rules in rows, columns and boxes."""

from __future__ import annotations

from typing import Any

from redraft.models.config import EquivariantConfig
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
