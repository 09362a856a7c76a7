"""Puzzle tables on disk: only the rows that were ever learnt are written, for most of a young table is zero."""

from __future__ import annotations

import torch
from torch import Tensor

from redraft.models.base import Model
from redraft.weights.format import LENGTH, ROWS, VALUES


def pack_tables(model: Model) -> dict[str, Tensor]:
    """The sparse tables (N, D) of a model by name, each whole or, where most rows are zero, in three parts.

    The parts are `NAME@rows` (K,) and `NAME@values` (K, D), the rows that are not zero, and `NAME@length`, N.
    """
    packed: dict[str, Tensor] = {}
    for name, parameter in model.sparse_parameters().items():
        table = parameter.detach()
        rows = table.any(1).nonzero().squeeze(1)
        if 2 * len(rows) < len(table):
            packed[name + ROWS], packed[name + VALUES] = rows.to(torch.int32), table[rows]
            packed[name + LENGTH] = torch.tensor(len(table))
        else:
            packed[name] = table
    return packed
