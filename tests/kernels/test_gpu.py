"""A GPU's kernels of an equivariant block compute what its layers do, run here by Triton's interpreter on the CPU."""

import pytest
import torch
from torch import Tensor

from redraft.core.pooling import heard
from redraft.kernels import gpu
from redraft.kernels.ops import rms_norm
from redraft.models.config import EquivariantConfig
from redraft.models.equivariant import EquivariantBlock, ScopesMix

pytestmark = [pytest.mark.arithmetic, pytest.mark.slow]  # an interpreter takes its time

pytest.importorskip("triton")
EPS = 1e-5
NINE = EquivariantConfig(
    vocab_size=11, seq_len=81, first_symbol=2, symbols=9, grid_width=9, scopes=("rows", "columns", "blocks-3x3"),
    hidden_size=16,
)  # fmt: skip
SIX = EquivariantConfig(
    vocab_size=8, seq_len=36, first_symbol=2, symbols=6, grid_width=6, scopes=("rows", "columns", "blocks-2x3"),
    hidden_size=64,
)  # fmt: skip


def block_of(config: EquivariantConfig) -> EquivariantBlock:
    torch.manual_seed(0)
    return EquivariantBlock(config, ScopesMix(config))


def layers(block: EquivariantBlock, h: Tensor) -> Tensor:
    """The block, its layers one after the other."""
    h = rms_norm(h + torch.stack([pool(h) for pool in block.mix.pools]).sum(0) + block.symbols(h), eps=EPS)
    return rms_norm(h + block.mlp(h), eps=EPS)


def kernels(block: EquivariantBlock, h: Tensor) -> Tensor:
    pools, maps, _ = heard(h, block.parts)
    return gpu.block(h, gpu.BlockWeights(*maps, *block.mlp.weights(h.dtype)), pools, eps=EPS)


@pytest.mark.parametrize("config", [NINE, SIX], ids=["9x9", "6x6"])
@pytest.mark.parametrize(
    ("dtype", "bound"),
    # halves: layers round after every operation, kernels once
    [(torch.float32, 1e-6), (torch.float16, 3e-3)],
    ids=["single", "half"],
)
def test_kernels_equal_the_layers(config: EquivariantConfig, dtype: torch.dtype, bound: float) -> None:
    block = block_of(config)
    # in eighths, so that maxima are shared by several cells
    h = (torch.randn(2, config.seq_len, config.symbols, config.hidden_size) * 8).round().div(8).to(dtype)
    h.requires_grad_()
    grad = torch.randn(h.shape).to(dtype)
    wanted, found = layers(block, h), kernels(block, h)
    with torch.no_grad():
        assert torch.equal(kernels(block, h), found)
    inputs = [h, *block.parameters()]
    gradients = torch.autograd.grad(found, inputs, grad), torch.autograd.grad(wanted, inputs, grad)
    for a, b in [(found, wanted), *zip(*gradients, strict=True)]:
        assert torch.linalg.vector_norm((a - b).float()) <= bound * torch.linalg.vector_norm(b.float())
