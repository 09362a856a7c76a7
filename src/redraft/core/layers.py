"""The network's parts: casting linear layer, SwiGLU, attention, grid neighbours, and the blocks of these.

A block is post-norm: it mixes positions (attention, MLP or convolution), then channels (SwiGLU).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from redraft.kernels import ops

# Standard deviation of a standard normal variable truncated to [-2, 2].
_TRUNCATED_STD = 0.8796256610342398
QK_EPS = 1e-6  # added to the mean square of a query or key


def truncated_normal_(tensor: Tensor, std: float) -> Tensor:
    """Fills in place from a normal truncated at two sigma, scaled so that the result has standard deviation `std`."""
    sigma = std / _TRUNCATED_STD
    return nn.init.trunc_normal_(tensor, std=sigma, a=-2 * sigma, b=2 * sigma)


class Linear(nn.Module):
    """Linear layer whose float32 weight (out, in) is cast to the dtype of its input."""

    cast: Tensor | None = None  # the weight in another dtype, while it must not change (`models.execution.cast_once`)

    def __init__(self, in_features: int, out_features: int, *, bias: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(truncated_normal_(torch.empty(out_features, in_features), in_features**-0.5))
        self.bias = nn.Parameter(torch.zeros(out_features)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        bias = None if self.bias is None else self.bias.to(x.dtype)
        return ops.linear(x, self.weight_as(x.dtype), bias)

    def weight_as(self, dtype: torch.dtype) -> Tensor:
        """The weight in that dtype, on the graph."""
        if self.cast is None or self.cast.dtype != dtype:
            return self.weight.to(dtype)
        if not torch.is_grad_enabled():
            return self.cast
        return _Cast.apply(self.weight, self.cast)  # type: ignore[no-untyped-call]


class _Cast(torch.autograd.Function):
    """A cast of the weight that was done before: only the gradient is left to do."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, cast: Tensor) -> Tensor:
        return cast.detach()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return grad.float(), None


def swiglu_width(features: int, expansion: float, multiple: int) -> int:
    """Inner width of a SwiGLU: `expansion * features * 2/3`, rounded up to a multiple."""
    return -(-round(expansion * features * 2 / 3) // multiple) * multiple


class SwiGLU(nn.Module):
    """`down(silu(gate(x)) * up(x))` over the last axis; the gate/up projection is one matrix."""

    def __init__(self, features: int, *, expansion: float, multiple: int) -> None:
        super().__init__()
        width = swiglu_width(features, expansion, multiple)
        self.gate_up = Linear(features, 2 * width)
        self.down = Linear(width, features)

    def weights(self, dtype: torch.dtype) -> tuple[ops.Weight, ops.Weight]:
        """Those of the gate/up projection and of down, in that dtype."""
        return self.gate_up.weight_as(dtype), self.down.weight_as(dtype)

    def forward(self, x: Tensor) -> Tensor:
        return ops.swiglu(x, *self.weights(x.dtype))


def rotary_tables(
    positions: int, head_dim: int, theta: float, *, width: int | None = None, reserved: int = 0
) -> tuple[Tensor, Tensor]:
    """Cosines and sines (positions, head_dim) of rotary position encoding, halves layout (Su et al. 2021).

    In a grid of `width` columns half of the angles tell a position's row, the other half its column; of an odd number
    of angles one more tells the row. The first `reserved` positions are not of the grid, they lie above it.
    """
    number = torch.arange(positions)
    if width is None:
        angles = _angles(number, head_dim // 2, theta)
    else:
        number, columns = number - reserved, head_dim // 4
        row, column = _angles(number // width, head_dim // 2 - columns, theta), _angles(number % width, columns, theta)
        angles = torch.cat((row, column), dim=1)
    angles = angles.repeat(1, 2)
    return angles.cos(), angles.sin()


def _angles(places: Tensor, count: int, theta: float) -> Tensor:
    """Angles (places, count), each slower than the one before."""
    frequencies = theta ** -(torch.arange(count, dtype=torch.float32) / max(1, count))
    return torch.outer(places.float(), frequencies)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotates x (B, heads, S, head_dim) by its position, in float32."""
    first, second = x.float().chunk(2, dim=-1)
    turned = torch.cat((-second, first), dim=-1)
    return (x * cos + turned * sin).to(x.dtype)


class Attention(nn.Module):
    """Multi-head self-attention over all positions (no mask), with rotary positions where tables are given.

    `qk_norm`: queries and keys are divided by their root mean square (Henry et al. 2020), so that attention cannot
    become arbitrarily sharp.
    """

    def __init__(self, features: int, heads: int, *, qk_norm: bool = False) -> None:
        super().__init__()
        self.heads, self.qk_norm = heads, qk_norm
        self.qkv = Linear(features, 3 * features)
        self.out = Linear(features, features)

    def forward(self, x: Tensor, rotary: tuple[Tensor, Tensor] | None) -> Tensor:
        mixed = ops.attention(*self.heads_of(x, rotary))
        return self.out(mixed.transpose(1, 2).reshape(x.shape))

    def heads_of(self, x: Tensor, rotary: tuple[Tensor, Tensor] | None) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of every head, (B, heads, S, head_dim) each."""
        batch, positions, features = x.shape
        qkv = self.qkv(x).view(batch, positions, 3, self.heads, features // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        if self.qk_norm:
            query, key = (F.rms_norm(each, (each.shape[-1],), eps=QK_EPS) for each in (query, key))
        if rotary is not None:
            query, key = rotate(query, *rotary), rotate(key, *rotary)
        return query, key, value


class Neighbours(nn.Module):
    """Each cell of a grid reads its 3x3 surroundings (zeros beyond the edge) and the mean over all cells.

    Weights are the same everywhere, so a rule learned on one part of a grid, or on a small grid, holds elsewhere.
    """

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.around = nn.Parameter(truncated_normal_(torch.empty(features, features, 3, 3), (9 * features) ** -0.5))
        self.everywhere = Linear(features, features)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, height * width, D) to the same shape."""
        batch, cells, features = x.shape
        grid = x.view(batch, cells // self.width, self.width, features).permute(0, 3, 1, 2)
        around = F.conv2d(grid, self.around.to(x.dtype), padding=1).permute(0, 2, 3, 1).reshape(x.shape)
        return around + self.everywhere(x.mean(1, keepdim=True))


class Block(nn.Module):
    """`h = norm(h + mix(h)); h = norm(h + swiglu(h))`: a subclass says how positions mix."""

    def __init__(self, mix: nn.Module, features: int, *, expansion: float, multiple: int, eps: float) -> None:
        super().__init__()
        self.eps, self.mix = eps, mix
        self.mlp = SwiGLU(features, expansion=expansion, multiple=multiple)

    def mixed(self, h: Tensor, rotary: tuple[Tensor, Tensor] | None) -> Tensor:
        """`norm(h + mix(h))`."""
        raise NotImplementedError

    def forward(self, h: Tensor, rotary: tuple[Tensor, Tensor] | None) -> Tensor:
        h = self.mixed(h, rotary)
        return ops.swiglu_add_norm(h, *self.mlp.weights(h.dtype), eps=self.eps)


class AttentionBlock(Block):
    """Mixes by self-attention."""

    def __init__(self, features: int, *, heads: int, qk_norm: bool = False, **shape: Any) -> None:
        super().__init__(Attention(features, heads, qk_norm=qk_norm), features, **shape)

    def mixed(self, h: Tensor, rotary: tuple[Tensor, Tensor] | None) -> Tensor:
        return ops.add_norm(h, self.mix(h, rotary), eps=self.eps)


class MixerBlock(Block):
    """Mixes by a SwiGLU over positions."""

    mix: SwiGLU

    def __init__(self, features: int, *, positions: int, expansion: float, multiple: int, eps: float) -> None:
        mix = SwiGLU(positions, expansion=expansion, multiple=multiple)
        super().__init__(mix, features, expansion=expansion, multiple=multiple, eps=eps)

    def mixed(self, h: Tensor, rotary: tuple[Tensor, Tensor] | None) -> Tensor:
        return ops.swiglu_add_norm(h, *self.mix.weights(h.dtype), axis=1, eps=self.eps)


class ConvBlock(Block):
    """Mixes each cell with those around it; `width`: cells in a row of the grid."""

    def __init__(self, features: int, *, width: int, **shape: Any) -> None:
        super().__init__(Neighbours(features, width), features, **shape)

    def mixed(self, h: Tensor, rotary: tuple[Tensor, Tensor] | None) -> Tensor:
        return ops.add_norm(h, self.mix(h), eps=self.eps)


class Stack(nn.Module):
    """A network: blocks one after the other, (B, S, D) to (B, S, D), sharing one set of rotary tables."""

    def __init__(self, blocks: Sequence[nn.Module], *, rotary: tuple[Tensor, Tensor] | None = None) -> None:
        """`rotary`: the tables of rotary positions, None for none."""
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        cos, sin = (None, None) if rotary is None else rotary
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def forward(self, h: Tensor) -> Tensor:
        rotary = None if self.cos is None else (self.cos, self.sin)
        for block in self.blocks:
            h = block(h, rotary)
        return h
