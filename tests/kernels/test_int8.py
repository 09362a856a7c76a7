"""8-bit linear layers: near the float ones, and only where they are large enough to gain by it."""

import pytest
import torch

from redraft.core.layers import Linear, SwiGLU
from redraft.kernels.int8 import available
from redraft.models.execution import LEAST_FEATURES, Int8Linear, quantised, share_quantised

pytestmark = [
    pytest.mark.arithmetic,
    pytest.mark.skipif(not available(), reason="torch has no 8-bit linear layers on this machine"),
]


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("bias", [False, True])
def test_a_map_in_8_bits_is_near_the_float_one(bias: bool) -> None:
    linear = Linear(512, 256, bias=bias)
    if linear.bias is not None:
        torch.nn.init.normal_(linear.bias)
    x = torch.randn(3, 5, 512)
    expected = linear(x)
    error = (Int8Linear(linear)(x) - expected).norm() / expected.norm()
    assert error < 0.03


def test_outputs_of_very_different_size_keep_their_precision() -> None:
    linear = Linear(512, 256)
    with torch.no_grad():
        linear.weight[::2] *= 1000
    x = torch.randn(64, 512)
    expected = linear(x)
    error = (Int8Linear(linear)(x) - expected).norm(dim=0) / expected.norm(dim=0)
    assert error.max() < 0.05


def test_a_weight_of_zeros_gives_zeros() -> None:
    linear = Linear(256, 256)
    torch.nn.init.zeros_(linear.weight)
    assert not Int8Linear(linear)(torch.randn(2, 256)).any()


def test_small_maps_stay_as_they_are_and_so_does_the_model_itself() -> None:
    large = SwiGLU(LEAST_FEATURES, expansion=4, multiple=256)
    small = SwiGLU(LEAST_FEATURES - 1, expansion=4, multiple=256)
    model = torch.nn.ModuleList([large, small])
    copy = quantised(model)
    assert [isinstance(m.gate_up, Int8Linear) for m in copy.children()] == [True, False]  # type: ignore[union-attr]
    assert not any(isinstance(m, Int8Linear) for m in model.modules())
    assert torch.equal(small.gate_up.weight, copy[1].gate_up.weight)  # type: ignore[union-attr,arg-type]
    assert share_quantised(model) == 0
    assert 0.4 < share_quantised(copy) < 0.6


def test_without_a_least_size_every_map_is_quantised() -> None:
    copy = quantised(SwiGLU(48, expansion=2, multiple=16), least_features=1)
    assert share_quantised(copy) == 1
