"""The halves of a block as one function each, with gradients written by hand, for eager execution on a CPU.

`ops` has the formulas. Between two matmuls lies one pass over memory (`cpu_numba`, `pooling_numba`); mixing positions
is one matmul for all puzzles where a state is laid out by `positions_first`; only tensors that the gradient needs are
kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from redraft.kernels import matmul
from redraft.scopes import Axes

_DTYPES = (torch.float32, torch.float64, torch.bfloat16)


def applies(h: Tensor) -> bool:
    """Whether the kernels take a state like this one."""
    return matmul.eager_on_cpu(h) and h.dtype in _DTYPES and h.numel() > 0 and kernels() is not None


@cache
def kernels() -> Any:
    """The module of kernels; None without Numba or where it must not compile. Loaded late: importing takes 0.25 s."""
    try:
        able = not import_module("numba").config.DISABLE_JIT
        return import_module("redraft.kernels.cpu_numba") if able else None
    except ImportError:
        return None


@cache
def _pooling() -> Any:
    """The module of kernels for pools, loaded late as well."""
    return import_module("redraft.kernels.pooling_numba")


def positions_first(h: Tensor) -> Tensor:
    """The same state (B, S, D), laid out in memory as (S, B, D): results keep the layout, and mixing positions is
    one matmul for all puzzles, without a copy."""
    return h.transpose(0, 1).contiguous().transpose(0, 1)


def add_norm(h: Tensor, added: Tensor, *, eps: float) -> Tensor:
    """`norm(h + added)` over channels of h (B, S, D)."""
    if torch.is_grad_enabled():
        return _AddNorm.apply(h, added, eps)  # type: ignore[no-untyped-call]
    return _sum_and_norm(h, added, eps)[0]


def swiglu_add_norm(h: Tensor, gate_up: Tensor, down: Tensor, *, axis: int = -1, eps: float) -> Tensor:
    """`norm(h + swiglu(h))` over channels (axis -1) or positions (axis 1) of h (B, S, D). The result may be a view, so
    it must not be changed in place where a gradient is taken."""
    if torch.is_grad_enabled():
        return _SwiGLUAddNorm.apply(h, gate_up, down, axis, eps)  # type: ignore[no-untyped-call]
    layout = _Layout.of(h, axis)
    return layout.state(_forward(layout.matrix(h), gate_up, down, layout.dim, eps)[0])


def pools_add_norm(
    h: Tensor, pools: tuple[Axes, ...], maps: Sequence[Tensor], others: Sequence[Tensor], *, eps: float
) -> Tensor:
    """`norm(h + pools(h) + others)` of h (B, L, S, d)."""
    also = torch.stack(list(others)).sum(0) if others else None
    groups = groups_of(pools, h.shape[2])
    if torch.is_grad_enabled():
        return _PoolsAddNorm.apply(h, also, groups, eps, *maps)  # type: ignore[no-untyped-call]
    return _pool(h.contiguous(), also, groups, eps, maps)[0]


class _Layout(NamedTuple):
    """A view of a state (B, S, D) as a matrix, of which half a block transforms and norms the vectors along `dim`:
    (rows, D), in any order, for channels and dim -1; (S, B D) for positions and dim 0."""

    shape: torch.Size
    dim: int
    turned: bool  # whether positions come first in memory

    @staticmethod
    def of(h: Tensor, axis: int) -> _Layout:
        return _Layout(h.shape, 0 if axis == 1 else -1, turned=axis == 1 or (h.ndim == 3 and not h.is_contiguous()))

    def matrix(self, h: Tensor) -> Tensor:
        """A state as a matrix; a copy where its layout is another."""
        laid_out = (h.transpose(0, 1) if self.turned else h).contiguous()
        return laid_out.view((-1, self.shape[-1]) if self.dim else (self.shape[1], -1))

    def state(self, matrix: Tensor) -> Tensor:
        """A matrix as a state."""
        if not self.turned:
            return matrix.view(self.shape)
        batch, positions, width = self.shape
        return matrix.view(positions, batch, width).transpose(0, 1)


def _forward(h: Tensor, gate_up: Tensor, down: Tensor, dim: int, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """The result, gates and ups, and the scale of the norm, which the gradient needs. All are matrices."""
    both = _linear(h, gate_up, dim)
    total = _linear(_gate(both, dim), down, dim)
    scale = _add_norm_(total, h, dim, eps)
    return total, both, scale


class _SwiGLUAddNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, h: Tensor, gate_up: Tensor, down: Tensor, axis: int, eps: float) -> Tensor:
        layout = _Layout.of(h, axis)
        h = layout.matrix(h)
        result, both, scale = _forward(h, gate_up, down, layout.dim, eps)
        ctx.save_for_backward(h, gate_up, down, both, result, scale)
        ctx.layout = layout
        return layout.state(result)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        h, gate_up, down, both, result, scale = ctx.saved_tensors
        layout, dim = ctx.layout, ctx.layout.dim
        d_total = _add_norm_gradient(layout.matrix(grad), result, scale, dim)
        d_both, hidden = _gate_gradient(both, _linear(d_total, down.t(), dim), dim)
        d_h = _linear(d_both, gate_up.t(), dim).add_(d_total)
        d_gate_up, d_down = _weight_gradient(d_both, h, dim), _weight_gradient(d_total, hidden, dim)
        return layout.state(d_h), d_gate_up, d_down, None, None


def _sum_and_norm(h: Tensor, added: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """`norm(h + added)` and its scale."""
    total = added.clone(memory_format=torch.contiguous_format)
    return total, _add_norm_(total, h.contiguous(), -1, eps)


class _AddNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, h: Tensor, added: Tensor, eps: float) -> Tensor:
        result, scale = _sum_and_norm(h, added, eps)
        ctx.save_for_backward(result, scale)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        result, scale = ctx.saved_tensors
        d_total = _add_norm_gradient(grad.contiguous(), result, scale, -1)
        return d_total, d_total, None


class Groups(NamedTuple):
    """Groups of places (symbols of cells) that are pooled: see `pooling_numba` for `homes` and `firsts`."""

    homes: Tensor  # (pools, places) int32
    firsts: Tensor  # (pools + 1,) int32
    bounds: tuple[int, ...]  # the same numbers as `firsts`

    def rows(self, batch: int) -> list[slice]:
        """The rows of the groups of each pool."""
        return [slice(first * batch, last * batch) for first, last in pairwise(self.bounds)]

    def arguments(self, h: Tensor) -> tuple[int, ...]:
        """Arguments of kernels for these groups and the shape of h (B, L, S, d)."""
        pools, places = self.homes.shape
        return self.homes.data_ptr(), self.firsts.data_ptr(), len(h), places, pools, h.shape[-1]


@cache
def groups_of(pools: tuple[Axes, ...], symbols: int) -> Groups:
    """The groups of these pools over states with `symbols` per cell."""
    homes, bounds = [], [0]
    for grid, axes in pools:
        shape = (*grid, symbols)
        kept = [1 if axis + 1 in axes else side for axis, side in enumerate(shape)]
        count = math.prod(kept)
        homes.append(torch.arange(count, dtype=torch.int32, device="cpu").view(kept).expand(shape).flatten())
        bounds.append(bounds[-1] + count)
    return Groups(torch.stack(homes), torch.tensor(bounds, dtype=torch.int32, device="cpu"), tuple(bounds))


def _pool(
    h: Tensor, also: Tensor | None, groups: Groups, eps: float, maps: Sequence[Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """The result, the scale of the norm, and mean and maximum of each group, which the gradient needs."""
    batch, width = len(h), h.shape[-1]
    kind, arguments = kernels().KINDS[h.dtype], groups.arguments(h)
    pooled, messages = (h.new_empty(groups.bounds[-1] * batch, each * width) for each in (2, 1))
    _pooling().pool(h.data_ptr(), pooled.data_ptr(), *arguments, *kind)
    for rows, weight in zip(groups.rows(batch), maps, strict=True):
        messages[rows] = matmul.mm(pooled[rows], weight.t())
    base = h if also is None else (h + also).contiguous()
    result, scale = torch.empty_like(h), _new_scale(h, -1)
    addresses = (each.data_ptr() for each in (base, messages, result, scale))
    _pooling().norm_messages(*addresses, *arguments, type(kind[1])(eps), *kind)
    return result, scale, pooled


class _PoolsAddNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, h: Tensor, also: Tensor | None, groups: Groups, eps: float, *maps: Tensor) -> Tensor:
        h = h.contiguous()
        result, scale, pooled = _pool(h, also, groups, eps, maps)
        ctx.save_for_backward(h, result, scale, pooled, *maps)
        ctx.groups, ctx.also = groups, also is not None
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        h, result, scale, pooled, *maps = ctx.saved_tensors
        kind, arguments = kernels().KINDS[h.dtype], ctx.groups.arguments(h)
        d_total = _add_norm_gradient(grad.contiguous(), result, scale, -1)
        d_messages, d_pooled = h.new_empty(len(pooled), h.shape[-1]), torch.empty_like(pooled)
        _pooling().sum_groups(d_total.data_ptr(), d_messages.data_ptr(), *arguments, *kind)
        d_maps = []
        for rows, weight in zip(ctx.groups.rows(len(h)), maps, strict=True):
            d_maps.append(matmul.mm(d_messages[rows].t(), pooled[rows]))
            d_pooled[rows] = matmul.mm(d_messages[rows], weight)
        d_h = d_total.clone() if ctx.also else d_total
        _pooling().pool_gradient(*(each.data_ptr() for each in (h, pooled, d_pooled, d_h)), *arguments, *kind)
        return d_h, (d_total if ctx.also else None), None, None, *d_maps


def _linear(h: Tensor, weight: Tensor, dim: int) -> Tensor:
    """The linear layer `weight` (out, in) of the rows or columns of a matrix; contiguous."""
    return (matmul.mm(h, weight.t()) if dim else matmul.mm(weight, h)).contiguous()


def _weight_gradient(grad: Tensor, h: Tensor, dim: int) -> Tensor:
    """Gradient (out, in) of the weight of `_linear` along that dimension."""
    return matmul.mm(grad.t(), h) if dim else matmul.mm(grad, h.t())


def _gate(both: Tensor, dim: int) -> Tensor:
    """silu(gates) x ups, of gates and ups one after the other in a row, or in a column."""
    shape = list(both.shape)
    shape[dim] //= 2
    hidden = both.new_empty(shape)
    like, _ = kernels().KINDS[both.dtype]
    kernels().gate(both.data_ptr(), hidden.data_ptr(), hidden.numel(), _run(hidden, dim), like)
    return hidden


def _gate_gradient(both: Tensor, d_hidden: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Gradients of gates and ups; and `_gate` of them, written over `d_hidden`: cheaper to repeat than to keep."""
    d_both = torch.empty_like(both)
    addresses = both.data_ptr(), d_hidden.data_ptr(), d_both.data_ptr()
    like, _ = kernels().KINDS[both.dtype]
    kernels().gate_gradient(*addresses, d_hidden.numel(), _run(d_hidden, dim), like)
    return d_both, d_hidden


def _add_norm_(total: Tensor, h: Tensor, dim: int, eps: float) -> Tensor:
    """Replaces `total` by `norm(h + total)` along the dimension; returns the scale of the norm."""
    scale, kind = _new_scale(h, dim), kernels().KINDS[h.dtype]
    addresses = h.data_ptr(), total.data_ptr(), scale.data_ptr()
    norm = kernels().norm_rows if dim else kernels().norm_columns
    norm(*addresses, *_sides(h), type(kind[1])(eps), *kind)
    return scale


def _new_scale(h: Tensor, dim: int) -> Tensor:
    """Room for the scale of a norm of h along that dimension, which has length 1."""
    shape = list(h.shape)
    shape[dim] = 1
    return h.new_empty(shape, dtype=torch.float64 if h.dtype == torch.float64 else torch.float32)


def _add_norm_gradient(grad: Tensor, result: Tensor, scale: Tensor, dim: int) -> Tensor:
    """The gradient of either summand of a normed sum, from that of its result."""
    d_total = torch.empty_like(result)
    addresses = grad.data_ptr(), result.data_ptr(), scale.data_ptr(), d_total.data_ptr()
    gradient = kernels().norm_rows_gradient if dim else kernels().norm_columns_gradient
    gradient(*addresses, *_sides(result), *kernels().KINDS[result.dtype])
    return d_total


def _run(hidden: Tensor, dim: int) -> int:
    """The number of consecutive gates before ups follow."""
    return hidden.shape[-1] if dim else hidden.numel()


def _sides(h: Tensor) -> tuple[int, int]:
    """Rows and width of h (..., D)."""
    return h.numel() // h.shape[-1], h.shape[-1]
