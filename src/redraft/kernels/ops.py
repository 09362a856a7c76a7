"""The table of operations: each as a plain formula, faster implementations, and the conditions under which they run.

An operation runs the first implementation that applies to its arguments, else the function written here
(`Operation.choose`). `redraft bench kernels` prints `OPERATIONS`. Results and gradients are the same whichever runs, up
to rounding. States are (B, S, D): batch, positions, channels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from redraft.kernels import Implementation, amx, cpu, gpu, int8, matmul, operation
from redraft.scopes import Axes

Weight = Tensor | int8.Weight

SHORT = 256  # positions whose scores torch may keep in memory


def rms_norm(x: Tensor, *, eps: float) -> Tensor:
    """Divides by the root mean square over the last axis, computed in float32; no weights."""
    h = x.float()
    return (h * torch.rsqrt(h.square().mean(-1, keepdim=True) + eps)).to(x.dtype)


def swiglu(x: Tensor, gate_up: Weight, down: Weight) -> Tensor:
    """`down(silu(gate(x)) * up(x))` over the last axis; the gate/up projection is one matrix."""
    gate, up = linear(x, gate_up).chunk(2, dim=-1)
    return linear(F.silu(gate) * up, down)


def pool(h: Tensor, over: Axes, weight: Weight) -> Tensor:
    """Mean and maximum of h (B, L, S, d) over axes, through a linear layer, at every place that was pooled."""
    cells = h.unflatten(1, over.grid)
    mean, peak = cells.mean(over.axes, keepdim=True), cells.amax(over.axes, keepdim=True)
    return linear(torch.cat((mean, peak), dim=-1), weight).expand_as(cells).reshape(h.shape)


def _floats(*weights: Weight) -> bool:
    return all(isinstance(weight, Tensor) for weight in weights)


def _numba(run: Callable[..., Tensor], when: str = "", also: Callable[..., bool] = lambda *_: True) -> Implementation:
    """A kernel of `cpu`: for states that `cpu.applies` to, where `also` holds for all arguments."""
    where = f"eager on a CPU, with Numba{when}"
    able, applies = lambda: cpu.kernels() is not None, lambda h, *rest, **_: cpu.applies(h) and also(h, *rest)
    return Implementation("Numba", where, able, applies, run)


_INT8 = Implementation(
    "int8",
    "the weight was rounded to int8",
    able=int8.available,
    applies=lambda x, weight, bias=None: isinstance(weight, int8.Weight),
    run=lambda x, weight, bias=None: int8.linear(x, weight),
)
_ONEDNN = Implementation(
    "oneDNN",
    matmul.ONEDNN,
    able=lambda: matmul.onednn_is_faster(),
    applies=lambda x, *_: matmul.by_onednn(x),
    run=matmul.linear,
)
_AMX = Implementation(
    "AMX",
    "bfloat16 without a gradient, eager on a CPU with AMX; weights laid out for it",
    able=lambda: amx.usable(),
    applies=lambda h, *_, packed=None, **__: packed is not None and amx.applies(h),
    run=lambda h, *_, eps, packed: amx.block(h, packed, eps=eps),
)
_TRITON = Implementation(
    "Triton",
    "half precision, eager on CUDA 8.0 or later; pools over rows, columns, boxes, symbols",
    able=lambda: torch.cuda.is_available() and gpu.available() and torch.cuda.get_device_capability() >= (8, 0),
    applies=lambda h, pools, maps, others, *swiglu, **_: (
        h.is_cuda and not others and _floats(*maps, *swiglu) and gpu.applies(h, pools, swiglu[1].shape[1])
    ),
    run=lambda h, pools, maps, _, *swiglu, eps, **__: gpu.block(h, gpu.BlockWeights(*maps, *swiglu), pools, eps=eps),
)


@operation("x W^T + b", _INT8, _ONEDNN)
def linear(x: Tensor, weight: Weight, bias: Tensor | None = None) -> Tensor:
    """x (..., K) times the transpose of a weight (N, K), plus a bias (N,); an int8 weight contains its bias."""
    return F.linear(x, weight, bias)  # type: ignore[arg-type]


@operation(
    "norm(h + added)",
    _numba(cpu.add_norm, "; both alike", lambda h, added: added.dtype == h.dtype and added.shape == h.shape),
)
def add_norm(h: Tensor, added: Tensor, *, eps: float) -> Tensor:
    """Half a block: `norm(h + added)` over channels."""
    return rms_norm(h + added, eps=eps)


@operation("norm(h + swiglu(h))", _numba(cpu.swiglu_add_norm, "; weights not in int8", lambda h, *both: _floats(*both)))
def swiglu_add_norm(h: Tensor, gate_up: Weight, down: Weight, *, axis: int = -1, eps: float) -> Tensor:
    """Half a block: `norm(h + swiglu(h))` over channels (axis -1), or over positions (axis 1). The result may be a
    view, which must not be changed in place."""
    h = h if axis == -1 else h.transpose(1, 2)  # (B, D, S)
    result = rms_norm(h + swiglu(h, gate_up, down), eps=eps)
    return result if axis == -1 else result.transpose(1, 2)


@operation(
    "norm(h + pools(h) + others)",
    _numba(cpu.pools_add_norm, "; weights not in int8", lambda h, pools, maps, _: bool(maps) and _floats(*maps)),
)
def pools_add_norm(
    h: Tensor, pools: tuple[Axes, ...], maps: Sequence[Weight], others: Sequence[Tensor], *, eps: float
) -> Tensor:
    """Half an equivariant block: `norm(h + pools(h) + others)` of h (B, L, S, d), each pool with a weight (d, 2d)."""
    messages = [pool(h, over, weight) for over, weight in zip(pools, maps, strict=True)]
    return rms_norm(h + torch.stack([*messages, *others]).sum(0), eps=eps)


@operation("both halves: pools, then swiglu", _AMX, _TRITON)
def pools_block(
    h: Tensor,
    pools: tuple[Axes, ...],
    maps: Sequence[Weight],
    others: Sequence[Tensor],
    gate_up: Weight,
    down: Weight,
    *,
    eps: float,
    packed: amx.Packed | None = None,
) -> Tensor:
    """An equivariant block: `h = norm(h + pools(h) + others); h = norm(h + swiglu(h))` of h (B, L, S, d).

    `packed`: the same weights laid out for the tiles of this processor (`amx.packed`), where they were.
    """
    h = pools_add_norm(h, pools, maps, others, eps=eps)
    return swiglu_add_norm(h.flatten(1, 2), gate_up, down, eps=eps).view(h.shape)


def _attention_by_products(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
    return scores.softmax(-1) @ value


_PRODUCTS = Implementation(
    "matrix products",
    f"bfloat16 on a CPU, up to {SHORT} positions",
    able=lambda: True,
    applies=lambda query, *_: query.device.type == "cpu" and query.dtype == torch.bfloat16 and query.shape[-2] <= SHORT,
    run=_attention_by_products,
)


@operation("softmax(q k^T / sqrt(d)) v", _PRODUCTS)
def attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention without a mask, of queries, keys and values (B, heads, S, d)."""
    return F.scaled_dot_product_attention(query, key, value)


@operation("h, laid out otherwise", _numba(cpu.positions_first))
def laid_out(h: Tensor) -> Tensor:
    """The same state, in the memory layout that suits mixing positions; results keep it."""
    return h


OPERATIONS = (linear, matmul.mm, add_norm, swiglu_add_norm, pools_add_norm, pools_block, attention, laid_out)


def table() -> list[dict[str, str | bool]]:
    """`OPERATIONS` as plain values: a row per implementation, in the order they are tried, and whether it can run
    `here`, on this machine."""
    return [
        {"operation": each.name, "computes": each.formula, "by": way.name, "where": way.when, "here": way.able()}
        for each in OPERATIONS
        for way in (*each.faster, each.reference)
    ]
