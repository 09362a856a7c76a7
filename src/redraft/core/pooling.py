"""Pooling: cells read their scopes, and the symbols of a cell one another."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from redraft.core.layers import Linear
from redraft.kernels import ops
from redraft.scopes import Axes, scope_axes, scope_members


class AxesPool(nn.Module):
    """Mean and maximum over axes of a state, through one linear layer, for all that were pooled together."""

    def __init__(self, features: int, over: Axes) -> None:
        super().__init__()
        self.takes_maxima = True
        self.over = over
        self.out = Linear(2 * features, features)

    def forward(self, h: Tensor) -> Tensor:
        """h (B, L, S, d) to the same shape."""
        return ops.pool(h, self.over, self.out.weight_as(h.dtype))


class GatherPool(nn.Module):
    """As `AxesPool`, for scopes that are not axes of a grid: they overlap, or have other shapes than boxes."""

    members: Tensor  # (K, M) cells of each scope, the first repeated where a scope has fewer than M
    weights: Tensor  # (K, M) of the mean: 0 for a repetition
    home: Tensor  # (L,) the scope that each cell reads

    def __init__(self, features: int, heard: Sequence[Sequence[int]]) -> None:
        """`heard`: per cell, the cells of the scope that it reads."""
        super().__init__()
        self.takes_maxima = True
        scopes = list(dict.fromkeys(tuple(cells) for cells in heard))
        most = max(map(len, scopes))
        padded = [[*scope, *[scope[0]] * (most - len(scope))] for scope in scopes]
        weights = [[1 / len(scope)] * len(scope) + [0.0] * (most - len(scope)) for scope in scopes]
        self.register_buffer("members", torch.tensor(padded), persistent=False)
        self.register_buffer("weights", torch.tensor(weights), persistent=False)
        number = {scope: i for i, scope in enumerate(scopes)}
        self.register_buffer("home", torch.tensor([number[tuple(cells)] for cells in heard]), persistent=False)
        self.out = Linear(2 * features, features)

    def forward(self, h: Tensor) -> Tensor:
        """h (B, L, S, d) to the same shape."""
        weights = self.weights.to(h.dtype)
        if self.members.shape[1] == 2:  # pairs: the same without a reduction, which takes longer than the rest
            one, other = (h.index_select(1, cells) for cells in self.members.unbind(1))  # (B, K, S, d)
            share, rest = weights[:, :, None, None].unbind(1)
            mean, peak = one * share + other * rest, torch.maximum(one, other)
        else:
            there = h.index_select(1, self.members.flatten()).unflatten(1, self.members.shape)  # (B, K, M, S, d)
            mean, peak = torch.einsum("bkmsd,km->bksd", there, weights), there.amax(2)
        pooled: Tensor = self.out(torch.cat((mean, peak), dim=-1))  # (B, K, S, d)
        return pooled.index_select(1, self.home)


def scope_pool(features: int, name: str, *, height: int, width: int) -> AxesPool | GatherPool:
    """Mean and maximum over the cells of each scope of this family."""
    over = scope_axes(name, height=height, width=width)
    if over is None:
        return GatherPool(features, scope_members(name, height=height, width=width))
    return AxesPool(features, over)


def symbol_axes(cells: int) -> Axes:
    """The symbols of each cell."""
    return Axes((cells,), (2,))


def symbol_pool(features: int, cells: int) -> AxesPool:
    """Mean and maximum over the symbols of each cell."""
    return AxesPool(features, symbol_axes(cells))


def heard(h: Tensor, parts: Sequence[nn.Module]) -> tuple[tuple[Axes, ...], list[ops.Weight], list[Tensor]]:
    """What half a block adds to a state h (B, L, S, d), as arguments of `ops.pools_add_norm`: axes and weights of the
    parts that are pools over axes, and the results of all others."""
    pools = [part for part in parts if isinstance(part, AxesPool)]
    others = [part(h) for part in parts if not isinstance(part, AxesPool)]
    return tuple(pool.over for pool in pools), [pool.out.weight_as(h.dtype) for pool in pools], others
