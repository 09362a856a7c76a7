"""Pooling: cells hear what is in their scopes, and the symbols of a cell hear one another.

`pooled_residual` is the half of a block that does it all, for eager execution on a CPU: with a gradient written by
hand it copies no cells together and keeps little more than its input and its result.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from redraft.core.layers import Linear
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
    others = [part(h) for part in parts if part not in pools]
    also = torch.stack(others).sum(0) if others else None
    over = [pool.over for pool in pools]
    weights = [pool.out.weight.to(h.dtype) for pool in pools]
    if torch.is_grad_enabled():
        return _PooledResidual.apply(h, also, over, eps, *weights)  # type: ignore[no-untyped-call]
    return _forward(h, also, over, eps, weights)[0]


def _forward(
    h: Tensor, also: Tensor | None, over: Sequence[Axes], eps: float, weights: Sequence[Tensor]
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """The result, and what the gradient needs besides: the scale of the norm, mean and maximum of each pool."""
    total = h.clone() if also is None else h + also
    pooled = []
    for (grid, axes), weight in zip(over, weights, strict=True):
        mean = peak = h.unflatten(1, grid)
        for axis in _innermost_first(mean, axes):
            mean, peak = mean.mean(axis, keepdim=True), peak.amax(axis, keepdim=True)
        pooled.append(torch.cat((mean, peak), dim=-1))
        total.unflatten(1, grid).add_(pooled[-1] @ weight.t())
    total = total.float()
    scale = torch.linalg.vector_norm(total, dim=-1, keepdim=True).square_().div_(h.shape[-1]).add_(eps).rsqrt_()
    return total.mul_(scale).to(h.dtype), scale, pooled


class _PooledResidual(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, h: Tensor, also: Tensor | None, over: Sequence[Axes], eps: float, *weights: Tensor) -> Tensor:
        result, scale, pooled = _forward(h, also, over, eps, weights)
        ctx.save_for_backward(h, result, scale, *weights, *pooled)
        ctx.over, ctx.also = over, also is not None
        return result

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        h, result, scale, *rest = ctx.saved_tensors
        weights, pooled = rest[: len(ctx.over)], rest[len(ctx.over) :]
        # of the norm: y = t r with r = 1 / sqrt(mean(t²)), so dt = r (dy - y mean(y dy))
        along = (grad * result).float().mean(-1, keepdim=True)
        d_total = torch.addcmul(grad, result, along, value=-1).mul_(scale).to(h.dtype)
        d_heard = [_sum(d_total.unflatten(1, grid), axes) for grid, axes in ctx.over]
        d_weights = [d.flatten(0, -2).t() @ both.flatten(0, -2) for d, both in zip(d_heard, pooled, strict=True)]
        # of the pools: the mean hands its gradient to all alike, the maximum to the cells that are equal to it
        d_h = d_total.clone() if ctx.also else d_total
        equal = torch.empty_like(h)
        for (grid, axes), weight, both, heard in zip(ctx.over, weights, pooled, d_heard, strict=True):
            d_mean, d_peak = (heard @ weight).chunk(2, dim=-1)
            peaks = torch.eq(h.unflatten(1, grid), both.chunk(2, dim=-1)[1], out=equal.unflatten(1, grid))
            d_cells = d_h.unflatten(1, grid).add_(d_mean, alpha=d_mean.numel() / h.numel())
            d_cells.addcmul_(peaks, d_peak / _sum(peaks, axes))
        return d_h, (d_total if ctx.also else None), None, None, *d_weights


def _sum(cells: Tensor, axes: tuple[int, ...]) -> Tensor:
    """The sum over these axes, which stay, with one place each; a tensor of its own even where there is one already."""
    total = cells
    for axis in _innermost_first(cells, axes):
        total = total.sum(axis, keepdim=True)
    return total.clone() if total is cells else total


def _innermost_first(cells: Tensor, axes: tuple[int, ...]) -> list[int]:
    """Axes of more than one place, to be pooled one by one: on a CPU, several at once take ten times as long."""
    return [axis for axis in reversed(axes) if cells.shape[axis] > 1]
