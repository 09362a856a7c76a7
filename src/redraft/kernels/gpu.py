"""An equivariant block on a GPU in a few Triton kernels: the same function as its layers one after the other.

    mixed  = norm(h + rows + columns + boxes + symbols)     each a linear layer of mean and maximum over a scope
    result = norm(mixed + down(silu(gate(mixed)) * up(mixed)))

In inference a state is read three times and written once. For the gradient a block keeps its input, `mixed`, its
result and the pooled values; gates are computed again. Linear layers of pools, and gradients of weights, are PyTorch's.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import Any, NamedTuple

import torch
from torch import Tensor

from redraft.scopes import Axes

# Tokens of a program, the chunk of the inner width that it holds at a time, and launch options: among the fastest on an
# H100 (results/gpu-equivariant.json) of those that suit any inner width in chunks of 32.
FORWARD = {"TILE": 64, "CHUNK": 32, "num_warps": 4, "num_stages": 3}
BACKWARD = {"TILE": 64, "CHUNK": 32, "num_warps": 4}
PART = 32  # channels per program in pooling and its gradient
WIDEST = 128  # most channels: a wider tile would not fit in shared memory
DTYPES = (torch.bfloat16, torch.float16)
ROOM = 128 * 1024  # bytes of shared memory from which on three chunks are prefetched; else two


class BlockShape(NamedTuple):
    """A grid of `height` x `width` cells in boxes of `tall` rows and `wide` columns."""

    height: int
    width: int
    tall: int
    wide: int

    @property
    def boxes(self) -> int:
        return self.height // self.tall * (self.width // self.wide)

    @property
    def pools(self) -> tuple[Axes, ...]:
        """Over its rows, columns and boxes, and over the symbols of a cell."""
        blocks = (1, self.width), (self.height, 1), (self.tall, self.wide)
        grids = [(self.height // tall, tall, self.width // wide, wide) for tall, wide in blocks]
        return (*(Axes(grid, (2, 4)) for grid in grids), Axes((self.height * self.width,), (2,)))


@cache
def boxed(pools: tuple[Axes, ...]) -> BlockShape | None:
    """The grid of pools over rows, columns and boxes, in that order, and the symbols of a cell, which the kernels
    are written for; None for other pools."""
    if len(pools) != 4:
        return None
    boxes = pools[2].grid
    if len(boxes) != 4:
        return None
    shape = BlockShape(boxes[0] * boxes[1], boxes[2] * boxes[3], boxes[1], boxes[3])
    return shape if pools == shape.pools else None


class BlockWeights(NamedTuple):
    """Weights in the dtype of the state: of each pool (D, 2D), gate/up projection (2 inner, D), down (D, inner)."""

    rows: Tensor
    columns: Tensor
    boxes: Tensor
    symbols: Tensor
    gate_up: Tensor
    down: Tensor


class Pooled(NamedTuple):
    """Mean and maximum of each scope, (B, scopes, S, 2D), and of the symbols of each cell, (B, cells, 2D)."""

    rows: Tensor
    columns: Tensor
    boxes: Tensor
    symbols: Tensor


@cache
def available() -> bool:
    """Whether Triton, which compiles the kernels, is installed."""
    return find_spec("triton") is not None


def fits(width: int, inner: int) -> bool:
    """Whether the kernels support states of this width and a SwiGLU of this inner width."""
    chunk = max(FORWARD["CHUNK"], BACKWARD["CHUNK"])
    return 16 <= width <= WIDEST and width & (width - 1) == 0 and inner % chunk == 0


def applies(h: Tensor, pools: tuple[Axes, ...], inner: int) -> bool:
    """Whether the kernels take a state h (B, L, S, D): in half precision, on CUDA, and not compiled.

    GPUs before Ampere have no bfloat16, and too little shared memory.
    """
    if not h.is_cuda or h.dtype not in DTYPES or torch.compiler.is_compiling():
        return False
    if boxed(pools) is None or not fits(h.shape[-1], inner) or not available():
        return False
    return torch.cuda.get_device_capability(h.device) >= (8, 0)


def block(h: Tensor, weights: BlockWeights, pools: tuple[Axes, ...], *, eps: float) -> Tensor:
    """The block on a state h (B, L, S, D)."""
    h, shape = h.contiguous(), boxed(pools)
    assert shape is not None
    with torch.cuda.device_of(h):  # Triton launches on the current device
        if torch.is_grad_enabled():
            return _Block.apply(h, shape, eps, *weights)  # type: ignore[no-untyped-call]
        return _forward(h, Pooled(*_reduced(h, shape, sums=False)), weights, shape, eps, keep=False)[0]


class _Block(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, h: Tensor, shape: BlockShape, eps: float, *weights: Tensor) -> Tensor:
        pooled = Pooled(*_reduced(h, shape, sums=False))
        result, mixed, scales = _forward(h, pooled, BlockWeights(*weights), shape, eps, keep=True)
        ctx.save_for_backward(h, mixed, result, scales, *weights, *pooled)
        ctx.shape = shape
        return result

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        h, mixed, result, scales, *rest = ctx.saved_tensors
        weights, pooled = BlockWeights(*rest[: len(BlockWeights._fields)]), Pooled(*rest[len(BlockWeights._fields) :])
        with torch.cuda.device_of(h):
            d_sum, d_gate_up, d_down = _gate_backward(grad.contiguous(), mixed, result, scales, weights)
            d_messages = _reduced(d_sum, ctx.shape, sums=True)  # one per scope, the same for all its places
            d_weights = [d.flatten(0, -2).t() @ both.flatten(0, -2) for d, both in zip(d_messages, pooled, strict=True)]
            d_pooled = Pooled(*(d @ weight for d, weight in zip(d_messages, weights[:4], strict=True)))
            _pool_backward(h, d_sum, pooled, d_pooled, ctx.shape)
        return d_sum, None, None, *d_weights, d_gate_up, d_down


def _forward(
    h: Tensor, pooled: Pooled, weights: BlockWeights, shape: BlockShape, eps: float, *, keep: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Result, mixed and the scales of both norms (2, tokens); the last two are empty unless `keep`."""
    from redraft.kernels.gpu_triton import mix_and_gate

    messages = [both @ weight.t() for both, weight in zip(pooled, weights[:4], strict=True)]
    symbols, width = h.shape[-2:]
    tokens = h.numel() // width
    result, mixed = torch.empty_like(h), torch.empty_like(h if keep else h[:0])
    scales = h.new_empty((2, tokens) if keep else 0, dtype=torch.float32)
    mix_and_gate[(-(-tokens // FORWARD["TILE"]),)](
        h, *messages, weights.gate_up, weights.down, mixed, result, scales, tokens, eps,
        S=symbols, D=width, INNER=weights.down.shape[1], HEIGHT=shape.height, WIDTH=shape.width, TALL=shape.tall,
        WIDE=shape.wide, KEEP=keep, **FORWARD,
    )  # fmt: skip
    return result, mixed, scales


def _gate_backward(
    grad: Tensor, mixed: Tensor, result: Tensor, scales: Tensor, weights: BlockWeights
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of the sum of h and messages, and of the weights of gate/up and down."""
    from redraft.kernels.gpu_triton import mix_and_gate_backward

    width, inner = weights.down.shape
    tokens = grad.numel() // width
    d_mixed, d_sum = torch.empty_like(grad), torch.empty_like(grad)
    d_both, hidden = grad.new_empty(tokens, 2 * inner), grad.new_empty(tokens, inner)
    mix_and_gate_backward[(-(-tokens // BACKWARD["TILE"]),)](
        grad, mixed, result, scales, weights.gate_up, weights.down, d_mixed, d_both, hidden, d_sum, tokens,
        D=width, INNER=inner, **BACKWARD, num_stages=_stages(grad.device),
    )  # fmt: skip
    return d_sum, d_both.t() @ mixed.view(tokens, width), d_mixed.view(tokens, width).t() @ hidden


def _stages(device: torch.device) -> int:
    """The number of chunks of weights that the gradient's programs prefetch."""
    if device.type != "cuda":
        return 1
    room = getattr(torch.cuda.get_device_properties(device), "shared_memory_per_block_optin", 0)
    return 3 if room >= ROOM else 2


def _reduced(h: Tensor, shape: BlockShape, *, sums: bool) -> list[Tensor]:
    """Means and maxima over each scope, or the sums alone."""
    from redraft.kernels.gpu_triton import pool_cells, pool_symbols

    batch, cells, symbols, width = h.shape
    out = width if sums else 2 * width
    found = [h.new_empty(batch, scopes, symbols, out) for scopes in (shape.height, shape.width, shape.boxes)]
    part = min(width, PART)
    pool_cells[(batch * symbols, width // part)](
        h, *found, S=symbols, D=width, HEIGHT=shape.height, WIDTH=shape.width, TALL=shape.tall, WIDE=shape.wide,
        ACROSS=_power_of_two(shape.width), PART=part, SUM=sums, num_warps=1,
    )  # fmt: skip
    found.append(h.new_empty(batch, cells, out))
    pool_symbols[(batch * cells,)](
        h, found[-1], S=symbols, D=width, ACROSS=_power_of_two(symbols), SUM=sums, num_warps=1
    )
    return found


def _pool_backward(h: Tensor, d_h: Tensor, pooled: Pooled, d_pooled: Pooled, shape: BlockShape) -> None:
    """Adds to d_h the gradient through the pools."""
    from redraft.kernels.gpu_triton import pool_cells_backward, pool_symbols_backward

    batch, cells, symbols, width = h.shape
    part = min(width, PART)
    pool_cells_backward[(batch * symbols, width // part)](
        h, d_h, *pooled[:3], *d_pooled[:3], S=symbols, D=width, HEIGHT=shape.height, WIDTH=shape.width,
        TALL=shape.tall, WIDE=shape.wide, ACROSS=_power_of_two(shape.width), PART=part, num_warps=1,
    )  # fmt: skip
    pool_symbols_backward[(batch * cells,)](
        h, d_h, pooled.symbols, d_pooled.symbols, S=symbols, D=width, ACROSS=_power_of_two(symbols), num_warps=1
    )  # fmt: skip


def _power_of_two(count: int) -> int:
    """The least power of two >= `count` and >= 16, which small tiles are padded to."""
    return max(16, 1 << (count - 1).bit_length())
