"""Linear layers in 8-bit integers, for solving on a CPU: weights rounded once, activations at every use.

Weights have a scale per output, activations one for the whole tensor, computed in each call; torch's library (FBGEMM
or oneDNN) sums matmuls in 32-bit integers. All else stays float32.
"""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import torch
from torch import Tensor


class Weight(NamedTuple):
    """A weight in int8 and its bias, as the library packs them."""

    packed: Any
    reduce_range: bool  # activations get 7 bits

    def numel(self) -> int:
        """Numbers in the weight."""
        return int(self.packed.unpack()[0].numel())


def available() -> bool:
    """Whether torch has 8-bit linear layers on this machine."""
    return hasattr(torch, "quantize_per_channel") and torch.backends.quantized.engine != "none"


def rounded(weight: Tensor, bias: Tensor | None = None) -> Weight:
    """A weight (out, in) in int8."""
    weight = weight.detach().float()
    scales = weight.abs().amax(1).clamp_min(torch.finfo(torch.float32).tiny) / 127
    with warnings.catch_warnings():
        # torch will move its quantised tensors elsewhere; `available` notices when they are gone
        warnings.filterwarnings("ignore", message=".*quantize_per_channel.*", category=UserWarning)
        zeros = torch.zeros(len(weight), dtype=torch.int64)
        integers = torch.quantize_per_channel(weight, scales, zeros, 0, torch.qint8)
    packed = torch.ops.quantized.linear_prepack(integers, None if bias is None else bias.detach().float())
    # 7 bits where sums of two products of 8 bits would overflow the 16 bits an older CPU adds in
    return Weight(packed, torch.backends.quantized.engine in ("fbgemm", "x86"))


def linear(x: Tensor, weight: Weight) -> Tensor:
    """The linear layer of x, float32 (..., in) to (..., out)."""
    found: Tensor = torch.ops.quantized.linear_dynamic(x, *weight)
    return found
