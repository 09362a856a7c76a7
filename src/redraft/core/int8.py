"""Linear maps in 8-bit integers, for solving on a CPU: weights rounded once, activations at every use.

Weights have a scale for each output, activations one for the whole tensor, found anew in each call; products are summed
in 32-bit integers by the library that comes with torch (FBGEMM or oneDNN). What lies between the maps stays float32.
"""

from __future__ import annotations

import copy
import warnings
from typing import TypeVar

import torch
from torch import Tensor, nn

from redraft.core.layers import Linear

LEAST_FEATURES = 256  # with fewer, on either side, rounding costs as much time as the product saves (measured, AVX2)

M = TypeVar("M", bound=nn.Module)


def available() -> bool:
    """Whether torch has 8-bit linear maps on this machine."""
    return hasattr(torch, "quantize_per_channel") and torch.backends.quantized.engine != "none"


class Int8Linear(nn.Module):
    """A `Linear` whose weight is int8, for inference on a CPU: float32 (..., in) to (..., out)."""

    def __init__(self, linear: Linear) -> None:
        super().__init__()
        weight = linear.weight.detach().float()
        scales = weight.abs().amax(1).clamp_min(torch.finfo(torch.float32).tiny) / 127
        with warnings.catch_warnings():
            # torch means to move its quantised tensors elsewhere; see `available` for when they are gone
            warnings.filterwarnings("ignore", message=".*quantize_per_channel.*", category=UserWarning)
            zeros = torch.zeros(len(weight), dtype=torch.int64)
            rounded = torch.quantize_per_channel(weight, scales, zeros, 0, torch.qint8)
        bias = None if linear.bias is None else linear.bias.detach().float()
        self.packed = torch.ops.quantized.linear_prepack(rounded, bias)
        # activations get 7 bits where sums of two products of 8 bits would overflow the 16 bits an older CPU adds in
        self.reduce_range = torch.backends.quantized.engine in ("fbgemm", "x86")

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = torch.ops.quantized.linear_dynamic(x, self.packed, self.reduce_range)
        return found


def quantised(module: M, *, least_features: int = LEAST_FEATURES) -> M:
    """A copy of the module whose linear maps are int8, but for those with fewer inputs or outputs than that.

    Embeddings, heads and norms stay as they are, and so does the mixing of positions where a puzzle has few.
    """
    module = copy.deepcopy(module)
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, Linear) and min(child.weight.shape) >= least_features:
                setattr(parent, name, Int8Linear(child))
    return module


def share_quantised(module: nn.Module) -> float:
    """Share of the module's weights that are int8, 0 where every map was too small to gain by it."""
    packed = sum(int(m.packed.unpack()[0].numel()) for m in module.modules() if isinstance(m, Int8Linear))
    return packed / max(1, packed + sum(p.numel() for p in module.parameters()))
