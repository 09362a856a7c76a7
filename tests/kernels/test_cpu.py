"""The fused half-block computes what the plain formula computes, and its hand-written gradient is the gradient."""

import pytest
import torch

from redraft.core.layers import AttentionBlock, MixerBlock, SwiGLU
from redraft.kernels import cpu
from redraft.kernels.ops import rms_norm, swiglu_add_norm

pytestmark = pytest.mark.arithmetic

EPS = 1e-5
SHAPE = (3, 5, 7)  # batch, positions, features


def plain(h: torch.Tensor, gated: SwiGLU, *, axis: int) -> torch.Tensor:
    if axis == -1:
        return rms_norm(h + gated(h), eps=EPS)
    h = h.transpose(1, 2)
    return rms_norm(h + gated(h), eps=EPS).transpose(1, 2)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("axis", [-1, 1])
def test_results_and_gradients_equal_the_plain_formula(axis: int) -> None:
    torch.manual_seed(0)
    gated = SwiGLU(SHAPE[axis], expansion=2.0, multiple=4)
    towards = torch.randn(SHAPE)

    def run(fast: bool) -> list[torch.Tensor]:
        h = torch.randn(SHAPE, generator=torch.Generator().manual_seed(1)).requires_grad_()
        result = swiglu_add_norm(h, *gated.weights(h.dtype), axis=axis, eps=EPS) if fast else plain(h, gated, axis=axis)
        gradients = torch.autograd.grad((result * towards).sum(), [h, *gated.parameters()])
        return [result.detach(), *gradients]

    for got, want in zip(run(True), run(False), strict=True):
        torch.testing.assert_close(got, want, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("axis", [-1, 1])
def test_gradient_by_finite_differences(axis: int) -> None:
    torch.manual_seed(0)
    gated = SwiGLU(SHAPE[axis], expansion=1.0, multiple=2).double()
    h = torch.randn(SHAPE, dtype=torch.float64, requires_grad=True)
    gated.requires_grad_(False)
    # the norm is computed in float32, as everywhere, so differences are only good to about 1e-3
    assert torch.autograd.gradcheck(
        lambda h: swiglu_add_norm(h, *gated.weights(h.dtype), axis=axis, eps=EPS),
        (h,),
        eps=1e-3,
        atol=5e-3,
        nondet_tol=0.0,
    )


@pytest.mark.parametrize("axis", [-1, 1])
def test_bfloat16_activations(axis: int) -> None:
    torch.manual_seed(0)
    gated = SwiGLU(SHAPE[axis], expansion=2.0, multiple=4)
    h = torch.randn(SHAPE).bfloat16()
    got = swiglu_add_norm(h, *gated.weights(h.dtype), axis=axis, eps=EPS)
    assert got.dtype == torch.bfloat16
    torch.testing.assert_close(got, plain(h, gated, axis=axis), rtol=0.05, atol=0.05)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("block", ["mixer", "attention"])
def test_blocks_take_the_fused_path_on_a_cpu_and_it_changes_nothing(
    block: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    shape = {"expansion": 2.0, "multiple": 4, "eps": EPS}
    net = MixerBlock(8, positions=5, **shape) if block == "mixer" else AttentionBlock(8, heads=2, **shape)
    h = torch.randn(2, 5, 8)
    assert cpu.applies(h)
    fast = net(h, None)
    monkeypatch.setattr(cpu, "applies", lambda h: False)
    torch.testing.assert_close(fast, net(h, None), rtol=1e-9, atol=1e-9)
