"""Layers without surprises: casting linear layer, SwiGLU, attention, rotary positions, grid neighbours."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from redraft.kernels import ops

# Standard deviation of a standard normal variable truncated to [-2, 2].
_TRUNCATED_STD = 0.8796256610342398


def truncated_normal_(tensor: Tensor, std: float) -> Tensor:
    """Fills in place from a normal truncated at two sigma, scaled so that the result has standard deviation `std`."""
    sigma = std / _TRUNCATED_STD
    return nn.init.trunc_normal_(tensor, std=sigma, a=-2 * sigma, b=2 * sigma)


class Linear(nn.Module):
    """Linear layer whose float32 weight (out, in) is cast to the dtype of its input at use."""

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
    """`down(silu(gate(x)) * up(x))` over the last axis; gate and up are one matrix."""

    def __init__(self, features: int, *, expansion: float, multiple: int) -> None:
        super().__init__()
        width = swiglu_width(features, expansion, multiple)
        self.gate_up = Linear(features, 2 * width)
        self.down = Linear(width, features)

    def weights(self, dtype: torch.dtype) -> tuple[ops.Weight, ops.Weight]:
        """Those of gate and up, and of down, in that dtype."""
        return self.gate_up.weight_as(dtype), self.down.weight_as(dtype)

    def forward(self, x: Tensor) -> Tensor:
        return ops.swiglu(x, *self.weights(x.dtype))


def rotary_tables(positions: int, head_dim: int, theta: float) -> tuple[Tensor, Tensor]:
    """Cosines and sines (positions, head_dim) of rotary position encoding, halves layout (Su et al. 2021)."""
    frequencies = theta ** -(torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim)
    angles = torch.outer(torch.arange(positions, dtype=torch.float32), frequencies).repeat(1, 2)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotates x (B, heads, S, head_dim) by its position, in float32."""
    first, second = x.float().chunk(2, dim=-1)
    turned = torch.cat((-second, first), dim=-1)
    return (x * cos + turned * sin).to(x.dtype)


class Attention(nn.Module):
    """Multi-head self-attention over all positions (no mask), with rotary positions where tables are given."""

    def __init__(self, features: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = Linear(features, 3 * features)
        self.out = Linear(features, features)

    def forward(self, x: Tensor, rotary: tuple[Tensor, Tensor] | None) -> Tensor:
        batch, positions, features = x.shape
        qkv = self.qkv(x).view(batch, positions, 3, self.heads, features // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)  # (B, heads, S, head_dim) each
        if rotary is not None:
            query, key = rotate(query, *rotary), rotate(key, *rotary)
        mixed = F.scaled_dot_product_attention(query, key, value)
        return self.out(mixed.transpose(1, 2).reshape(batch, positions, features))


class Neighbours(nn.Module):
    """Each cell of a grid hears its 3x3 surroundings (zeros beyond the edge) and the mean over all cells.

    Weights are the same everywhere, so what is learnt on one part of a grid, or on a small grid, holds elsewhere.
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
