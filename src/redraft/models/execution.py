"""How a model is executed: functions of a model that change its speed or memory, and neither results nor names."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn

from redraft.core.layers import Linear
from redraft.kernels import int8, ops

LEAST_FEATURES = 256  # with fewer, on either side, rounding costs as much time as the matmul saves (measured, AVX2)

M = TypeVar("M", bound=nn.Module)


class Int8Linear(nn.Module):
    """A `Linear` whose weight is int8, for inference on a CPU: float32 (..., in) to (..., out)."""

    def __init__(self, linear: Linear) -> None:
        super().__init__()
        self.rounded = int8.rounded(linear.weight, linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        return ops.linear(x, self.rounded)

    def weight_as(self, dtype: torch.dtype) -> int8.Weight:
        """The weight, bias and all, whatever the dtype."""
        return self.rounded


def quantised(module: M, *, least_features: int = LEAST_FEATURES) -> M:
    """A copy of the module whose linear layers are int8, but for those with fewer inputs or outputs than that.

    Embeddings, heads and norms stay as they are, and so does the mixing of positions where a puzzle has few.
    """
    module = copy.deepcopy(module)
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, Linear) and min(child.weight.shape) >= least_features:
                setattr(parent, name, Int8Linear(child))
    return module


def share_quantised(module: nn.Module) -> float:
    """Share of the module's weights that are int8, 0 where every layer was too small to gain by it."""
    packed = sum(m.rounded.numel() for m in module.modules() if isinstance(m, Int8Linear))
    return packed / max(1, packed + sum(p.numel() for p in module.parameters()))
