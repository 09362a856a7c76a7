"""The gated half of a block, `norm(h + down(silu(gate(h)) * up(h)))`, with a gradient written by hand.

The same function as `SwiGLU` and `rms_norm` compute one after the other, for eager execution on a CPU: it makes no
transposed copies when it mixes positions, works in place on what it owns, and keeps only what its gradient needs.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from redraft.core.layers import Linear, SwiGLU, rms_norm


def applies(h: Tensor) -> bool:
    """Whether this is worth more than the plain formula: on a CPU, and not under a compiler, which fuses by itself."""
    return h.device.type == "cpu" and not torch.compiler.is_compiling()


def gated_residual(h: Tensor, gated: SwiGLU, *, axis: int, eps: float) -> Tensor:
    """`rms_norm(h + gated(h))` over channels (axis -1) or positions (axis 1) of h (B, S, D), the fast way if there is
    one."""
    if not (applies(h) and isinstance(gated.gate_up, Linear)):  # maps of integers have weights of their own kind
        return _plain(h, gated, axis, eps)
    weights = gated.gate_up.weight.to(h.dtype), gated.down.weight.to(h.dtype)
    if torch.is_grad_enabled():
        return _GatedResidual.apply(h, *weights, axis, eps)  # type: ignore[no-untyped-call]
    return _forward(h, *weights, axis, eps, keep=False)[0]


def _plain(h: Tensor, gated: SwiGLU, axis: int, eps: float) -> Tensor:
    if axis == -1:
        return rms_norm(h + gated(h), eps=eps)
    h = h.transpose(1, 2)  # (B, D, S)
    return rms_norm(h + gated(h), eps=eps).transpose(1, 2)


def _forward(
    h: Tensor, gate_up: Tensor, down: Tensor, axis: int, eps: float, *, keep: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The result, and what the gradient needs besides, to be kept: gates and ups, silu of the gates, the scale of the
    norm."""
    both = _map(h, gate_up, axis)
    gate, up = both.chunk(2, axis)
    activated = F.silu(gate)
    hidden = activated * up if keep else activated.mul_(up)
    total = _map(hidden, down, axis).add_(h).float()
    scale = total.square().mean(axis, keepdim=True).add_(eps).rsqrt_()
    return total.mul_(scale).to(h.dtype), both, activated, scale


class _GatedResidual(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, h: Tensor, gate_up: Tensor, down: Tensor, axis: int, eps: float) -> Tensor:
        result, both, activated, scale = _forward(h, gate_up, down, axis, eps, keep=True)
        ctx.save_for_backward(h, gate_up, down, both, activated, result, scale)
        ctx.axis = axis
        return result

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        h, gate_up, down, both, activated, result, scale = ctx.saved_tensors
        axis = ctx.axis
        # of the norm: y = t r with r = 1 / sqrt(mean(t²)), so dt = r (dy - y mean(y dy))
        along = (grad * result).float().mean(axis, keepdim=True)
        d_total = (grad - result * along).mul_(scale).to(h.dtype)
        # of the gate: a = s(g) u with s = silu, s' = σ(g) (1 + g (1 - σ(g)))
        d_hidden = _map(d_total, down.t(), axis)
        gate, up = both.chunk(2, axis)
        hidden = activated * up  # a product is cheaper to repeat than silu
        d_both = torch.empty_like(both)
        d_gate, d_up = d_both.chunk(2, axis)
        torch.mul(d_hidden, activated, out=d_up)
        torch.ops.aten.silu_backward.grad_input(d_hidden.mul_(up), gate, grad_input=d_gate)
        d_h = _map(d_both, gate_up.t(), axis).add_(d_total)
        return d_h, _weight_gradient(d_both, h, axis), _weight_gradient(d_total, hidden, axis), None, None


def _map(h: Tensor, weight: Tensor, axis: int) -> Tensor:
    """The linear map `weight` (out, in) along an axis of h (B, S, D)."""
    return h @ weight.t() if axis == -1 else torch.bmm(weight.expand(len(h), -1, -1), h)


def _weight_gradient(grad: Tensor, h: Tensor, axis: int) -> Tensor:
    """Gradient (out, in) of the weight of `_map` along that axis."""
    if axis == -1:
        return grad.flatten(0, 1).t() @ h.flatten(0, 1)
    return torch.bmm(grad, h.transpose(1, 2)).sum(0)
