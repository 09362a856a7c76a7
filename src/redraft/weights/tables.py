"""Puzzle tables on disk: only the rows that were ever learnt are written, for most of a young table is zero."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from redraft.models.base import Model

_ROWS, _VALUES, _LENGTH = "@rows", "@values", "@length"


def pack_tables(model: Model) -> dict[str, Tensor]:
    """The sparse tables (N, D) of a model by name, each whole or, where most rows are zero, in three parts.

    The parts are `NAME@rows` (K,) and `NAME@values` (K, D), the rows that are not zero, and `NAME@length`, N.
    """
    packed: dict[str, Tensor] = {}
    for name, parameter in model.sparse_parameters().items():
        table = parameter.detach()
        rows = table.any(1).nonzero().squeeze(1)
        if 2 * len(rows) < len(table):
            packed[name + _ROWS], packed[name + _VALUES] = rows.to(torch.int32), table[rows]
            packed[name + _LENGTH] = torch.tensor(len(table))
        else:
            packed[name] = table
    return packed


def unpack_tables(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors with every packed puzzle table whole again.

    Raises KeyError, IndexError or ValueError where a part is wrong.
    """
    whole = {name: tensor for name, tensor in tensors.items() if not name.endswith((_ROWS, _VALUES, _LENGTH))}
    for name in (key.removesuffix(_LENGTH) for key in tensors if key.endswith(_LENGTH)):
        rows, values = tensors[name + _ROWS].long(), tensors[name + _VALUES]
        try:
            whole[name] = torch.zeros(int(tensors[name + _LENGTH]), values.shape[1], dtype=values.dtype)
            whole[name][rows] = values
        except RuntimeError as error:  # no size, or more than there is memory
            raise ValueError(f"table {name}: {error}") from error
    return whole
