"""The halves of a block as one function each, with gradients written by hand, for eager execution on a CPU.

They are `norm(h + down(silu(gate(h)) * up(h)))` and `norm(h + added)`, the same as `SwiGLU` and `rms_norm` compute one
after the other. Between two matrix products lies one pass over memory (`cpu_kernels`), mixing positions is one product
for all puzzles where a state lies in memory as `positions_first` has it, and only what the gradient needs is kept.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from redraft.core import products
from redraft.core.layers import Linear, SwiGLU, rms_norm

_DTYPES = (torch.float32, torch.float64, torch.bfloat16)


def applies(h: Tensor) -> bool:
    """Whether a state like this one goes through the kernels."""
    return products.eager_on_cpu(h) and h.dtype in _DTYPES and h.numel() > 0 and kernels() is not None


@cache
def kernels() -> Any:
    """The module of kernels; None where Numba is not there or told not to compile. Loaded late, for that takes a
    quarter of a second."""
    try:
        able = not import_module("numba").config.DISABLE_JIT
        return import_module("redraft.core.cpu_kernels") if able else None
    except ImportError:
        return None


def gated_residual(h: Tensor, gated: SwiGLU, *, axis: int, eps: float) -> Tensor:
    """`rms_norm(h + gated(h))` over channels (axis -1) or positions (axis 1) of h (B, S, D), the fast way if there is
    one. The result is not to be changed in place where a gradient is taken: it may be a view."""
    if not (applies(h) and isinstance(gated.gate_up, Linear)):  # maps of integers have weights of their own kind
        return _plain(h, gated, axis, eps)
    weights = gated.gate_up.weight_as(h.dtype), gated.down.weight_as(h.dtype)
    if torch.is_grad_enabled():
        return _GatedResidual.apply(h, *weights, axis, eps)  # type: ignore[no-untyped-call]
    layout = _Layout.of(h, axis)
    return layout.state(_forward(layout.matrix(h), *weights, layout.dim, eps)[0])


def residual(h: Tensor, added: Tensor, *, eps: float) -> Tensor:
    """`rms_norm(h + added)` over channels of h (B, S, D), the fast way if there is one; `added` may be written over."""
    if not (applies(h) and added.dtype == h.dtype and added.shape == h.shape):
        return rms_norm(h + added, eps=eps)
    if torch.is_grad_enabled():
        return _Residual.apply(h, added, eps)  # type: ignore[no-untyped-call]
    return _normed_sum(h.contiguous(), added.contiguous(), -1, eps)[0]


def positions_first(h: Tensor) -> Tensor:
    """The same state (B, S, D), laid out in memory as (S, B, D) where that is worth it: what is computed from it stays
    so, and mixing positions is then one product for all puzzles, with no copy made for it."""
    return h.transpose(0, 1).contiguous().transpose(0, 1) if applies(h) else h


class _Layout(NamedTuple):
    """How a state (B, S, D) is seen as a matrix, of which a half of a block maps and norms the vectors along `dim`:
    (rows, D), in whatever order, for channels and dim -1; (S, B D) for positions and dim 0."""

    shape: torch.Size
    dim: int
    turned: bool  # whether positions come first in memory

    @staticmethod
    def of(h: Tensor, axis: int) -> _Layout:
        return _Layout(h.shape, 0 if axis == 1 else -1, turned=axis == 1 or (h.ndim == 3 and not h.is_contiguous()))

    def matrix(self, h: Tensor) -> Tensor:
        """A state as a matrix; a copy where it lies otherwise in memory."""
        laid_out = (h.transpose(0, 1) if self.turned else h).contiguous()
        return laid_out.view((-1, self.shape[-1]) if self.dim else (self.shape[1], -1))

    def state(self, matrix: Tensor) -> Tensor:
        """A matrix as a state."""
        if not self.turned:
            return matrix.view(self.shape)
        batch, positions, width = self.shape
        return matrix.view(positions, batch, width).transpose(0, 1)


def _plain(h: Tensor, gated: SwiGLU, axis: int, eps: float) -> Tensor:
    if axis == -1:
        return rms_norm(h + gated(h), eps=eps)
    h = h.transpose(1, 2)  # (B, D, S)
    return rms_norm(h + gated(h), eps=eps).transpose(1, 2)


def _forward(h: Tensor, gate_up: Tensor, down: Tensor, dim: int, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """The result, and what the gradient needs besides: gates and ups, and the scale of the norm. All are matrices."""
    both = _map(h, gate_up, dim)
    result, scale = _normed_sum(h, _map(_gate(both, dim), down, dim), dim, eps)
    return result, both, scale


class _GatedResidual(torch.autograd.Function):
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
        d_total = normed_sum_gradient(layout.matrix(grad), result, scale, dim)
        d_both, hidden = _gate_gradient(both, _map(d_total, down.t(), dim), dim)
        d_h = _map(d_both, gate_up.t(), dim).add_(d_total)
        d_gate_up, d_down = _weight_gradient(d_both, h, dim), _weight_gradient(d_total, hidden, dim)
        return layout.state(d_h), d_gate_up, d_down, None, None


class _Residual(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, h: Tensor, added: Tensor, eps: float) -> Tensor:
        result, scale = _normed_sum(h.contiguous(), added.clone(memory_format=torch.contiguous_format), -1, eps)
        ctx.save_for_backward(result, scale)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        result, scale = ctx.saved_tensors
        d_total = normed_sum_gradient(grad.contiguous(), result, scale, -1)
        return d_total, d_total, None


def _map(h: Tensor, weight: Tensor, dim: int) -> Tensor:
    """The linear map `weight` (out, in) of the rows or columns of a matrix; contiguous."""
    return (products.mm(h, weight.t()) if dim else products.mm(weight, h)).contiguous()


def _weight_gradient(grad: Tensor, h: Tensor, dim: int) -> Tensor:
    """Gradient (out, in) of the weight of `_map` along that dimension."""
    return products.mm(grad.t(), h) if dim else products.mm(grad, h.t())


def _gate(both: Tensor, dim: int) -> Tensor:
    """silu(gates) x ups, of gates and ups one after the other in a row, or in a column."""
    shape = list(both.shape)
    shape[dim] //= 2
    hidden = both.new_empty(shape)
    like, _ = kernels().KINDS[both.dtype]
    kernels().gate(both.data_ptr(), hidden.data_ptr(), hidden.numel(), _run(hidden, dim), like)
    return hidden


def _gate_gradient(both: Tensor, d_hidden: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Gradients of gates and ups; and, written over `d_hidden`, `_gate` of them: cheaper to repeat than to keep."""
    d_both = torch.empty_like(both)
    addresses = both.data_ptr(), d_hidden.data_ptr(), d_both.data_ptr()
    like, _ = kernels().KINDS[both.dtype]
    kernels().gate_gradient(*addresses, d_hidden.numel(), _run(d_hidden, dim), like)
    return d_both, d_hidden


def _normed_sum(h: Tensor, added: Tensor, dim: int, eps: float) -> tuple[Tensor, Tensor]:
    """`rms_norm(h + added)` along the dimension, written over `added`, and the scale of the norm."""
    scale, kind = new_scale(h, dim), kernels().KINDS[h.dtype]
    addresses = h.data_ptr(), added.data_ptr(), scale.data_ptr()
    norm = kernels().norm_rows if dim else kernels().norm_columns
    norm(*addresses, *_sides(h), type(kind[1])(eps), *kind)
    return added, scale


def new_scale(h: Tensor, dim: int) -> Tensor:
    """Room for the scale of a norm of h along that dimension, which stays with one place."""
    shape = list(h.shape)
    shape[dim] = 1
    return h.new_empty(shape, dtype=torch.float64 if h.dtype == torch.float64 else torch.float32)


def normed_sum_gradient(grad: Tensor, result: Tensor, scale: Tensor, dim: int) -> Tensor:
    """The gradient of either summand of a normed sum (`_normed_sum`), from that of its result."""
    d_total = torch.empty_like(result)
    addresses = grad.data_ptr(), result.data_ptr(), scale.data_ptr(), d_total.data_ptr()
    gradient = kernels().norm_rows_gradient if dim else kernels().norm_columns_gradient
    gradient(*addresses, *_sides(result), *kernels().KINDS[result.dtype])
    return d_total


def _run(hidden: Tensor, dim: int) -> int:
    """How many elements of gates lie on end before ups follow."""
    return hidden.shape[-1] if dim else hidden.numel()


def _sides(h: Tensor) -> tuple[int, int]:
    """Rows and width that the kernels of a norm are told of h (..., D)."""
    return h.numel() // h.shape[-1], h.shape[-1]
