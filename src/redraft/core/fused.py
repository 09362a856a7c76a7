"""The halves of a block as one function each, with gradients written by hand, for eager execution on a CPU.

They are `norm(h + down(silu(gate(h)) * up(h)))` and `norm(h + added)`, the same as `SwiGLU` and `rms_norm` compute one
after the other. Between two matrix products lies one pass over memory (`cpu_kernels`), mixing positions makes no
transposed copies, and only what the gradient needs is kept.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from redraft.core.layers import Linear, SwiGLU, rms_norm

_DTYPES = (torch.float32, torch.float64, torch.bfloat16)


def applies(h: Tensor) -> bool:
    """Whether a state like this one goes through the kernels: on a CPU, but not in what a compiler fuses by itself."""
    on_cpu = h.device.type == "cpu" and not torch.compiler.is_compiling()
    return on_cpu and h.dtype in _DTYPES and kernels() is not None


@cache
def kernels() -> Any:
    """The module of kernels; None without Numba. Loaded late, for that takes a quarter of a second."""
    try:
        return import_module("redraft.core.cpu_kernels")
    except ImportError:
        return None


def gated_residual(h: Tensor, gated: SwiGLU, *, axis: int, eps: float) -> Tensor:
    """`rms_norm(h + gated(h))` over channels (axis -1) or positions (axis 1) of h (B, S, D), the fast way if there is
    one."""
    if not (applies(h) and isinstance(gated.gate_up, Linear)):  # maps of integers have weights of their own kind
        return _plain(h, gated, axis, eps)
    weights = gated.gate_up.weight_as(h.dtype), gated.down.weight_as(h.dtype)
    if torch.is_grad_enabled():
        return _GatedResidual.apply(h, *weights, axis, eps)  # type: ignore[no-untyped-call]
    return _forward(h, *weights, axis, eps)[0]


def residual(h: Tensor, added: Tensor, *, eps: float) -> Tensor:
    """`rms_norm(h + added)` over channels of h (B, S, D), the fast way if there is one; `added` may be written over."""
    if not applies(h):
        return rms_norm(h + added, eps=eps)
    if torch.is_grad_enabled():
        return _Residual.apply(h, added, eps)  # type: ignore[no-untyped-call]
    return _normed_sum(h.contiguous(), added.contiguous(), -1, eps)[0]


def _plain(h: Tensor, gated: SwiGLU, axis: int, eps: float) -> Tensor:
    if axis == -1:
        return rms_norm(h + gated(h), eps=eps)
    h = h.transpose(1, 2)  # (B, D, S)
    return rms_norm(h + gated(h), eps=eps).transpose(1, 2)


def _forward(h: Tensor, gate_up: Tensor, down: Tensor, axis: int, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """The result, and what the gradient needs besides: gates and ups, and the scale of the norm."""
    h = h.contiguous()
    both = _map(h, gate_up, axis)
    result, scale = _normed_sum(h, _map(_gate(both, axis), down, axis), axis, eps)
    return result, both, scale


class _GatedResidual(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, h: Tensor, gate_up: Tensor, down: Tensor, axis: int, eps: float) -> Tensor:
        result, both, scale = _forward(h, gate_up, down, axis, eps)
        ctx.save_for_backward(h, gate_up, down, both, result, scale)
        ctx.axis = axis
        return result

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        h, gate_up, down, both, result, scale = ctx.saved_tensors
        axis = ctx.axis
        d_total = normed_sum_gradient(grad, result, scale, axis)
        d_both, hidden = _gate_gradient(both, _map(d_total, down.t(), axis), axis)
        d_h = _map(d_both, gate_up.t(), axis).add_(d_total)
        return d_h, _weight_gradient(d_both, h, axis), _weight_gradient(d_total, hidden, axis), None, None


class _Residual(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, h: Tensor, added: Tensor, eps: float) -> Tensor:
        result, scale = _normed_sum(h.contiguous(), added.clone(memory_format=torch.contiguous_format), -1, eps)
        ctx.save_for_backward(result, scale)
        return result

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        result, scale = ctx.saved_tensors
        d_total = normed_sum_gradient(grad, result, scale, -1)
        return d_total, d_total, None


def _map(h: Tensor, weight: Tensor, axis: int) -> Tensor:
    """The linear map `weight` (out, in) along an axis of h (B, S, D)."""
    return h @ weight.t() if axis == -1 else torch.bmm(weight.expand(len(h), -1, -1), h)


def _weight_gradient(grad: Tensor, h: Tensor, axis: int) -> Tensor:
    """Gradient (out, in) of the weight of `_map` along that axis."""
    if axis == -1:
        return grad.flatten(0, 1).t() @ h.flatten(0, 1)
    return torch.bmm(grad, h.transpose(1, 2)).sum(0)


def _gate(both: Tensor, axis: int) -> Tensor:
    """silu(gates) x ups, of gates and ups one after the other along the axis."""
    shape = list(both.shape)
    shape[axis] //= 2
    hidden = both.new_empty(shape)
    like, _ = kernels().KINDS[both.dtype]
    kernels().gate(both.data_ptr(), hidden.data_ptr(), hidden.numel(), _run(hidden, axis), like)
    return hidden


def _gate_gradient(both: Tensor, d_hidden: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Gradients of gates and ups; and, written over `d_hidden`, `_gate` of them: cheaper to repeat than to keep."""
    d_both = torch.empty_like(both)
    addresses = both.data_ptr(), d_hidden.data_ptr(), d_both.data_ptr()
    like, _ = kernels().KINDS[both.dtype]
    kernels().gate_gradient(*addresses, d_hidden.numel(), _run(d_hidden, axis), like)
    return d_both, d_hidden


def _normed_sum(h: Tensor, added: Tensor, axis: int, eps: float) -> tuple[Tensor, Tensor]:
    """`rms_norm(h + added)` along the axis, written over `added`, and the scale of the norm."""
    scale, kind = new_scale(h, axis), kernels().KINDS[h.dtype]
    addresses = h.data_ptr(), added.data_ptr(), scale.data_ptr()
    norm = kernels().norm_rows if axis == -1 else kernels().norm_columns
    norm(*addresses, *_matrices(h, axis), type(kind[1])(eps), *kind)
    return added, scale


def new_scale(h: Tensor, axis: int) -> Tensor:
    """Room for the scale of a norm of h along that axis, which stays with one place."""
    shape = list(h.shape)
    shape[axis] = 1
    return h.new_empty(shape, dtype=torch.float64 if h.dtype == torch.float64 else torch.float32)


def normed_sum_gradient(grad: Tensor, result: Tensor, scale: Tensor, axis: int) -> Tensor:
    """The gradient of either summand of a normed sum (`_normed_sum`), from that of its result."""
    d_total, grad = torch.empty_like(result), grad.contiguous()
    addresses = grad.data_ptr(), result.data_ptr(), scale.data_ptr(), d_total.data_ptr()
    gradient = kernels().norm_rows_gradient if axis == -1 else kernels().norm_columns_gradient
    gradient(*addresses, *_matrices(result, axis), *kernels().KINDS[result.dtype])
    return d_total


def _run(hidden: Tensor, axis: int) -> int:
    """How many elements of gates lie on end before ups follow."""
    return hidden.shape[-1] if axis == -1 else hidden.shape[1] * hidden.shape[2]


def _matrices(h: Tensor, axis: int) -> tuple[int, ...]:
    """What the kernels of a norm along that axis are told of the shape of h (B, S, D), or (..., D) for axis -1."""
    return (h.numel() // h.shape[-1], h.shape[-1]) if axis == -1 else tuple(h.shape)
