"""Matmuls on a CPU, by the library and in the layout that is fastest on the processor.

torch multiplies float32 on a CPU by Intel's MKL, which uses no AVX-512 on other makers' processors; oneDNN, also in
torch, does. On AMD's Zen 5 it is 2.2 times as fast (docs/performance.md). bfloat16 is oneDNN's everywhere; with Intel's
AMX it reads a transposed first factor at half its speed, so a large one is copied.

Private functions of torch are looked up here, once; without them torch's public ones do the work.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from redraft.hardware import allowed_by_onednn, bfloat16_among, flags
from redraft.hardware import made_by_amd as _made_by_amd
from redraft.kernels import Implementation, operation

_multiply: Any = getattr(torch.ops.mkldnn, "_linear_pointwise", None)  # oneDNN's
# The active transform of `torch.func`. Without this function none is seen, and one in use is an error of torch's.
_transforms: Any = getattr(getattr(torch._C, "_functorch", None), "peek_interpreter_stack", lambda: None)

ONEDNN = "float32, eager on a CPU of AMD with AVX-512"  # the condition, in words


def by_onednn(a: Tensor) -> bool:
    """Whether matmuls with this factor go to oneDNN rather than to torch's choice."""
    return eager_on_cpu(a) and a.dtype == torch.float32 and onednn_is_faster()


def eager_on_cpu(a: Tensor) -> bool:
    """Whether operations on this tensor run one by one on a CPU, so that others may replace them: not when compiled,
    transformed (`torch.func`) or under autocast."""
    if a.device.type != "cpu" or torch.compiler.is_compiling() or torch.is_autocast_enabled("cpu"):
        return False
    return _transforms() is None


@cache
def onednn_is_faster() -> bool:
    """Whether oneDNN uses AVX-512 on this processor and MKL does not.

    Its maker decides, not a measurement, so that a repeated run gives the same numbers.
    """
    known = _multiply is not None and torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()
    if not known or not torch.backends.cpu.get_cpu_capability().startswith("AVX512") or not _made_by_amd():
        return False
    a, b = torch.arange(6.0).view(2, 3), torch.arange(12.0).view(3, 4)
    try:
        with torch.no_grad():
            return torch.equal(_onednn(a, b), a @ b)
    except (AttributeError, RuntimeError, TypeError):  # torch's own function, which may change
        return False


COPIED = 512  # fewest rows and columns of a matmul for which a copy costs less than it saves (measured)


@cache
def in_tiles() -> bool:
    """Whether oneDNN multiplies bfloat16 by Intel's AMX on this processor."""
    return bfloat16_among(flags(), amd=_made_by_amd(), allowed=allowed_by_onednn()) == "amx"


@operation(
    "A B",
    Implementation(
        name="oneDNN",
        when=ONEDNN,
        able=lambda: onednn_is_faster(),
        applies=lambda a, b: onednn_is_faster() and by_onednn(a) and a.numel() > 0 and b.numel() > 0,
        run=lambda a, b: _onednn(a, b),
    ),
    Implementation(
        name="copied",
        when="bfloat16, eager on a CPU with AMX; a transposed first factor, copied if large",
        able=lambda: in_tiles(),
        applies=lambda a, b: a.dtype == torch.bfloat16 and not a.is_contiguous() and eager_on_cpu(a) and in_tiles(),
        run=lambda a, b: _with_copy(a, b),
    ),
)
def mm(a: Tensor, b: Tensor) -> Tensor:
    """The matmul (M, N) of a (M, K) and b (K, N), of any strides, in their dtype; not on the graph."""
    return torch.mm(a, b)


def _with_copy(a: Tensor, b: Tensor) -> Tensor:
    """The matmul with a copy of `a`, or of the transpose of `b` where that is smaller, where a copy pays."""
    if len(a) < COPIED:
        return torch.mm(a, b)
    if b.numel() < a.numel() and not b.t().is_contiguous():
        return torch.mm(b.t().contiguous(), a.t()).t()
    return torch.mm(a.contiguous() if b.shape[1] >= COPIED else a, b)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x (..., K) times the transpose of weight (N, K), plus the bias (N,), by oneDNN; on the graph."""
    if torch.is_grad_enabled():
        product: Tensor = _Linear.apply(x, weight)  # type: ignore[no-untyped-call]
    else:
        product = _rows_times(x, weight)
    return product if bias is None else product + bias


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _rows_times(x, weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        d_rows = grad.reshape(-1, grad.shape[-1])
        d_x = mm(d_rows, weight).reshape(x.shape) if ctx.needs_input_grad[0] else None
        d_weight = mm(d_rows.t(), x.reshape(-1, x.shape[-1])) if ctx.needs_input_grad[1] else None
        return d_x, d_weight


def _rows_times(x: Tensor, weight: Tensor) -> Tensor:
    """x (..., K) times the transpose of weight (N, K)."""
    return mm(x.reshape(-1, x.shape[-1]), weight.t()).reshape(*x.shape[:-1], len(weight))


def _onednn(a: Tensor, b: Tensor) -> Tensor:
    """The matmul; oneDNN copies a first factor that is not contiguous, so factors are swapped where that is better."""
    swapped = not a.is_contiguous() and (b.t().is_contiguous() or b.numel() < a.numel())
    first, second = (b.t(), a) if swapped else (a, b.t())
    product: Tensor = _multiply(first, second, None, "none", [], "")
    return product.t() if swapped else product
