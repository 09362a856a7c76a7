"""The network: post-norm blocks that mix positions (attention, MLP or convolution) and then channels (SwiGLU)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from redraft.core.layers import Attention, Neighbours, SwiGLU, rotary_tables
from redraft.kernels.ops import add_norm, swiglu_add_norm


class AttentionBlock(nn.Module):
    """`h = norm(h + attention(h)); h = norm(h + swiglu(h))`."""

    def __init__(self, features: int, *, heads: int, expansion: float, multiple: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.mix = Attention(features, heads)
        self.mlp = SwiGLU(features, expansion=expansion, multiple=multiple)

    def forward(self, h: Tensor, rotary: tuple[Tensor, Tensor] | None) -> Tensor:
        h = add_norm(h, self.mix(h, rotary), eps=self.eps)
        return swiglu_add_norm(h, *self.mlp.weights(h.dtype), eps=self.eps)


class MixerBlock(nn.Module):
    """`h = norm(h + swiglu(h))`, first over positions, then over channels."""

    def __init__(self, features: int, *, positions: int, expansion: float, multiple: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.mix = SwiGLU(positions, expansion=expansion, multiple=multiple)
        self.mlp = SwiGLU(features, expansion=expansion, multiple=multiple)

    def forward(self, h: Tensor, rotary: tuple[Tensor, Tensor] | None) -> Tensor:
        h = swiglu_add_norm(h, *self.mix.weights(h.dtype), axis=1, eps=self.eps)
        return swiglu_add_norm(h, *self.mlp.weights(h.dtype), eps=self.eps)


class ConvBlock(nn.Module):
    """`h = norm(h + neighbours(h)); h = norm(h + swiglu(h))`, in which a cell mixes with those around it."""

    def __init__(self, features: int, *, width: int, expansion: float, multiple: int, eps: float) -> None:
        """`width`: cells in a row of the grid."""
        super().__init__()
        self.eps = eps
        self.mix = Neighbours(features, width)
        self.mlp = SwiGLU(features, expansion=expansion, multiple=multiple)

    def forward(self, h: Tensor, rotary: tuple[Tensor, Tensor] | None) -> Tensor:
        h = add_norm(h, self.mix(h), eps=self.eps)
        return swiglu_add_norm(h, *self.mlp.weights(h.dtype), eps=self.eps)


class Stack(nn.Module):
    """Blocks one after the other, (B, S, D) to (B, S, D), sharing one set of rotary tables."""

    def __init__(self, blocks: Sequence[nn.Module], *, rotary: tuple[int, int, float] | None = None) -> None:
        """`rotary`: (positions, head_dim, theta) for rotary positions, None for none."""
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        cos, sin = rotary_tables(*rotary) if rotary else (None, None)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def forward(self, h: Tensor) -> Tensor:
        rotary = None if self.cos is None else (self.cos, self.sin)
        for block in self.blocks:
            h = block(h, rotary)
        return h
