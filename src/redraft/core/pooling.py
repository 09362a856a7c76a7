"""Pooling: cells hear what is in their scopes, and the symbols of a cell hear one another.

`pooled_residual` is the half of a block that does it all, for eager execution on a CPU: one pass over memory before and
one after the linear maps (`pooling_kernels`), and a gradient written by hand, for which little more than input and
result is kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from redraft.core import fused, products
from redraft.core.layers import Linear, rms_norm
from redraft.scopes import scope_members, tiling


class Axes(NamedTuple):
    """What is pooled: the L cells are seen as a grid of these sides, and of (B, *grid, S, d) these axes disappear."""

    grid: tuple[int, ...]
    axes: tuple[int, ...]


class AxesPool(nn.Module):
    """Mean and maximum over axes of a state, through one linear map, for all that were pooled together to hear."""

    def __init__(self, features: int, over: Axes) -> None:
        super().__init__()
        self.over = over
        self.out = Linear(2 * features, features)

    def forward(self, h: Tensor) -> Tensor:
        """h (B, L, S, d) to the same shape."""
        cells = h.unflatten(1, self.over.grid)
        mean, peak = cells.mean(self.over.axes, keepdim=True), cells.amax(self.over.axes, keepdim=True)
        heard: Tensor = self.out(torch.cat((mean, peak), dim=-1))
        return heard.expand_as(cells).reshape(h.shape)


class GatherPool(nn.Module):
    """As `AxesPool`, for scopes that are no axes of a grid: they overlap, or have other shapes than boxes."""

    members: Tensor  # (K, M) cells of each scope, the first repeated where a scope has fewer than M
    weights: Tensor  # (K, M) of the mean: 0 for a repetition
    home: Tensor  # (L,) the scope that each cell hears

    def __init__(self, features: int, heard: Sequence[Sequence[int]]) -> None:
        """`heard`: for each cell, the cells of the scope that it hears."""
        super().__init__()
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
        scopes, most = self.members.shape
        there = h[:, self.members.flatten()].unflatten(1, (scopes, most))  # (B, K, M, S, d)
        mean = torch.einsum("bkmsd,km->bksd", there, self.weights.to(h.dtype))
        pooled: Tensor = self.out(torch.cat((mean, there.amax(2)), dim=-1))  # (B, K, S, d)
        return pooled[:, self.home]


def scope_pool(features: int, name: str, *, height: int, width: int) -> AxesPool | GatherPool:
    """What is in a cell's scope: mean and maximum over the cells of each scope of this family."""
    block = tiling(name, height=height, width=width)
    if block is None:
        return GatherPool(features, scope_members(name, height=height, width=width))
    tall, wide = block
    return AxesPool(features, Axes((height // tall, tall, width // wide, wide), (2, 4)))


def symbol_pool(features: int, cells: int) -> AxesPool:
    """What the symbols of a cell are like: mean and maximum over them."""
    return AxesPool(features, Axes((cells,), (2,)))


def pooled_residual(h: Tensor, parts: Sequence[nn.Module], *, eps: float) -> Tensor:
    """`rms_norm(h + parts[0](h) + parts[1](h) + ...)` of h (B, L, S, d); quick where the parts are pools over axes."""
    # maps of integers have weights of their own kind
    pools = [part for part in parts if isinstance(part, AxesPool) and isinstance(part.out, Linear)]
    if not (pools and fused.applies(h)):
        return rms_norm(h + torch.stack([part(h) for part in parts]).sum(0), eps=eps)
    others = [part(h) for part in parts if part not in pools]
    also = torch.stack(others).sum(0) if others else None
    groups = groups_of(tuple(pool.over for pool in pools), h.shape[2])
    weights = [pool.out.weight_as(h.dtype) for pool in pools]
    if torch.is_grad_enabled():
        return _PooledResidual.apply(h, also, groups, eps, *weights)  # type: ignore[no-untyped-call]
    return _forward(h.contiguous(), also, groups, eps, weights)[0]


class Groups(NamedTuple):
    """Which places, symbols of cells, are pooled together: see `pooling_kernels` for `homes` and `firsts`."""

    homes: Tensor  # (pools, places) int32
    firsts: Tensor  # (pools + 1,) int32
    bounds: tuple[int, ...]  # the same numbers as `firsts`

    def rows(self, batch: int) -> list[slice]:
        """Where what belongs to the groups of each pool lies."""
        return [slice(first * batch, last * batch) for first, last in pairwise(self.bounds)]

    def told(self, h: Tensor) -> tuple[int, ...]:
        """What kernels are told of them and of the shape of h (B, L, S, d)."""
        pools, places = self.homes.shape
        return self.homes.data_ptr(), self.firsts.data_ptr(), len(h), places, pools, h.shape[-1]


@cache
def _kernels() -> Any:
    """The module of kernels, loaded late as all that Numba compiles."""
    return import_module("redraft.core.pooling_kernels")


@cache
def groups_of(pools: tuple[Axes, ...], symbols: int) -> Groups:
    """The groups of these pools over states of so many symbols."""
    homes, bounds = [], [0]
    for grid, axes in pools:
        shape = (*grid, symbols)
        kept = [1 if axis + 1 in axes else side for axis, side in enumerate(shape)]
        count = math.prod(kept)
        homes.append(torch.arange(count, dtype=torch.int32, device="cpu").view(kept).expand(shape).flatten())
        bounds.append(bounds[-1] + count)
    return Groups(torch.stack(homes), torch.tensor(bounds, dtype=torch.int32, device="cpu"), tuple(bounds))


def _forward(
    h: Tensor, also: Tensor | None, groups: Groups, eps: float, weights: Sequence[Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """The result, and what the gradient needs besides: the scale of the norm, mean and maximum of each group."""
    batch, width = len(h), h.shape[-1]
    kernels, kind, told = _kernels(), fused.kernels().KINDS[h.dtype], groups.told(h)
    pooled, heard = (h.new_empty(groups.bounds[-1] * batch, each * width) for each in (2, 1))
    kernels.pool(h.data_ptr(), pooled.data_ptr(), *told, *kind)
    for rows, weight in zip(groups.rows(batch), weights, strict=True):
        heard[rows] = products.mm(pooled[rows], weight.t())
    base = h if also is None else (h + also).contiguous()
    result, scale = torch.empty_like(h), fused.new_scale(h, -1)
    addresses = (each.data_ptr() for each in (base, heard, result, scale))
    kernels.norm_heard(*addresses, *told, type(kind[1])(eps), *kind)
    return result, scale, pooled


class _PooledResidual(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, h: Tensor, also: Tensor | None, groups: Groups, eps: float, *weights: Tensor) -> Tensor:
        h = h.contiguous()
        result, scale, pooled = _forward(h, also, groups, eps, weights)
        ctx.save_for_backward(h, result, scale, pooled, *weights)
        ctx.groups, ctx.also = groups, also is not None
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        h, result, scale, pooled, *weights = ctx.saved_tensors
        kernels, kind, told = _kernels(), fused.kernels().KINDS[h.dtype], ctx.groups.told(h)
        d_total = fused.normed_sum_gradient(grad.contiguous(), result, scale, -1)
        d_heard, d_pooled = h.new_empty(len(pooled), h.shape[-1]), torch.empty_like(pooled)
        kernels.sum_groups(d_total.data_ptr(), d_heard.data_ptr(), *told, *kind)
        d_weights = []
        for rows, weight in zip(ctx.groups.rows(len(h)), weights, strict=True):
            d_weights.append(products.mm(d_heard[rows].t(), pooled[rows]))
            d_pooled[rows] = products.mm(d_heard[rows], weight)
        d_h = d_total.clone() if ctx.also else d_total
        kernels.pool_gradient(*(each.data_ptr() for each in (h, pooled, d_pooled, d_h)), *told, *kind)
        return d_h, (d_total if ctx.also else None), None, None, *d_weights
