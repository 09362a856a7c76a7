"""An equivariant block on a GPU in a few kernels of our own: the same function as its layers one after the other.

    mixed  = norm(h + rows + columns + boxes + symbols)     each a linear map of mean and maximum over such a scope
    result = norm(mixed + down(silu(gate(mixed)) * up(mixed)))

In inference a state is read three times and written once. For the gradient a block keeps its input, `mixed`, its
result and what was pooled; gates are computed again. Linear maps of pools, and gradients of weights, are PyTorch's.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import Any, NamedTuple

import torch
from torch import Tensor

from redraft.scopes import Axes

# Tokens of a program, how much of the inner width it has in hand at a time, and how it is to be run: among the fastest
# on an H100 (results/gpu-equivariant.json) of those that suit any inner width in chunks of 32.
FORWARD = {"TILE": 64, "CHUNK": 32, "num_warps": 4, "num_stages": 3}
BACKWARD = {"TILE": 64, "CHUNK": 32, "num_warps": 4}
PART = 32  # channels that a program pools, or that it hands gradients of pools to
WIDEST = 128  # channels, or a tile would not fit where a program keeps it
DTYPES = (torch.bfloat16, torch.float16)
ROOM = 128 * 1024  # bytes that a program may share, from which on three chunks are on their way at a time; else two


class BlockShape(NamedTuple):
    """Cells of a grid in boxes of so many rows and columns."""

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
    """The grid in boxes, of pools over its rows, columns and boxes, in that order, and the symbols of a cell: what the
    kernels are for. None of others."""
    if len(pools) != 4:
        return None
    boxes = pools[2].grid
    if len(boxes) != 4:
        return None
    shape = BlockShape(boxes[0] * boxes[1], boxes[2] * boxes[3], boxes[1], boxes[3])
    return shape if pools == shape.pools else None


class BlockWeights(NamedTuple):
    """Of a block, in the dtype of its state: of each pool (D, 2D), of gate and up (2 inner, D), of down (D, inner)."""

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
    """Whether the kernels are made for states of this width and a SwiGLU of this inner width."""
    chunk = max(FORWARD["CHUNK"], BACKWARD["CHUNK"])
    return 16 <= width <= WIDEST and width & (width - 1) == 0 and inner % chunk == 0


def applies(h: Tensor, pools: tuple[Axes, ...], inner: int) -> bool:
    """Whether the kernels are to take a state h (B, L, S, D): in half precision, on CUDA, and not for a compiler.

    Cards before Ampere have no bfloat16, and too little memory that a program's threads share.
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
        return _forward(h, _pool(h, shape), weights, shape, eps, keep=False)[0]


class _Block(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, h: Tensor, shape: BlockShape, eps: float, *weights: Tensor) -> Tensor:
        pooled = _pool(h, shape)
        result, mixed, scales = _forward(h, pooled, BlockWeights(*weights), shape, eps, keep=True)
        ctx.save_for_backward(h, mixed, result, scales, *weights, *pooled)
        ctx.shape = shape
        return result

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        h, mixed, result, scales, *rest = ctx.saved_tensors
        weights, pooled = BlockWeights(*rest[: len(BlockWeights._fields)]), Pooled(*rest[len(BlockWeights._fields) :])
        with torch.cuda.device_of(h):
            d_heard, d_gate_up, d_down = _gate_backward(grad.contiguous(), mixed, result, scales, weights)
            d_said = _sums(d_heard, ctx.shape)  # of what each scope said, the same to all in it
            d_weights = [d.flatten(0, -2).t() @ both.flatten(0, -2) for d, both in zip(d_said, pooled, strict=True)]
            d_pooled = Pooled(*(d @ weight for d, weight in zip(d_said, weights[:4], strict=True)))
            _pool_backward(h, d_heard, pooled, d_pooled, ctx.shape)
        return d_heard, None, None, *d_weights, d_gate_up, d_down


def _forward(
    h: Tensor, pooled: Pooled, weights: BlockWeights, shape: BlockShape, eps: float, *, keep: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Result, mixed and the scales of both norms (2, tokens); the last two are empty unless they are to be kept."""
    from redraft.kernels.gpu_triton import mix_and_gate

    said = [both @ weight.t() for both, weight in zip(pooled, weights[:4], strict=True)]
    symbols, width = h.shape[-2:]
    tokens = h.numel() // width
    result, mixed = torch.empty_like(h), torch.empty_like(h if keep else h[:0])
    scales = h.new_empty((2, tokens) if keep else 0, dtype=torch.float32)
    mix_and_gate[(-(-tokens // FORWARD["TILE"]),)](
        h, *said, weights.gate_up, weights.down, mixed, result, scales, tokens, eps,
        S=symbols, D=width, INNER=weights.down.shape[1], HEIGHT=shape.height, WIDTH=shape.width, TALL=shape.tall,
        WIDE=shape.wide, KEEP=keep, **FORWARD,
    )  # fmt: skip
    return result, mixed, scales


def _gate_backward(
    grad: Tensor, mixed: Tensor, result: Tensor, scales: Tensor, weights: BlockWeights
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of the sum of h and what it heard, and of the weights of gate and up, and of down."""
    from redraft.kernels.gpu_triton import mix_and_gate_backward

    width, inner = weights.down.shape
    tokens = grad.numel() // width
    d_mixed, d_heard = torch.empty_like(grad), torch.empty_like(grad)
    d_both, hidden = grad.new_empty(tokens, 2 * inner), grad.new_empty(tokens, inner)
    mix_and_gate_backward[(-(-tokens // BACKWARD["TILE"]),)](
        grad, mixed, result, scales, weights.gate_up, weights.down, d_mixed, d_both, hidden, d_heard, tokens,
        D=width, INNER=inner, **BACKWARD, num_stages=_stages(grad.device),
    )  # fmt: skip
    return d_heard, d_both.t() @ mixed.view(tokens, width), d_mixed.view(tokens, width).t() @ hidden


def _stages(device: torch.device) -> int:
    """How many chunks of weights the gradient's programs may have on their way at a time."""
    if device.type != "cuda":
        return 1
    room = getattr(torch.cuda.get_device_properties(device), "shared_memory_per_block_optin", 0)
    return 3 if room >= ROOM else 2


def _pool(h: Tensor, shape: BlockShape) -> Pooled:
    return Pooled(*_reduced(h, shape, sums=False))


def _sums(d: Tensor, shape: BlockShape) -> list[Tensor]:
    return _reduced(d, shape, sums=True)


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
    """Adds to d_h what comes through the pools."""
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
    """The least that is at least 16, which small tiles are padded to."""
    return max(16, 1 << (count - 1).bit_length())
