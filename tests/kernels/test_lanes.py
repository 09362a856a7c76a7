"""Sixteen numbers at a time: what vectors compute, by what the processor has of its own and without."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch

numba = pytest.importorskip("numba")
lanes = pytest.importorskip("redraft.kernels.lanes")

pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="Numba may not compile")


@pytest.fixture(params=[True, False], ids=["the processor's own", "of anyone"])
def compiled(request: pytest.FixtureRequest) -> Iterator[Callable[[Any], Any]]:
    """Compiles a function with what the processor has of its own, if it has, or without."""
    if request.param and not lanes.ABLE:
        pytest.skip("this processor has nothing of its own")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lanes, "ABLE", request.param)
        yield lambda function: numba.njit(function)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_gate(compiled: Callable[[Any], Any]) -> None:
    gate = lanes.gate

    def run(gates, ups, into, size):  # type: ignore[no-untyped-def]
        gate(gates, ups, into, size)

    edges = torch.tensor([0.0, 1e-30, 80.0, 100.0, 1000.0, 1e6, 1.0, 5.0])
    edges = torch.cat((edges, -edges))
    gates = torch.cat((4 * random(1024), edges))
    ups, into = torch.cat((random(1024, seed=1), torch.ones(16))), torch.empty(1040, dtype=torch.bfloat16)
    compiled(run)(gates.data_ptr(), ups.data_ptr(), into.data_ptr(), 1040)
    exact = torch.nn.functional.silu(gates.double()) * ups.double()
    wrong = (into[:1024] != exact[:1024].bfloat16()).float().mean()
    assert wrong < 0.01, "rounded to the next number but one in rare cases"
    torch.testing.assert_close(into.double(), exact, rtol=2**-8, atol=1e-30)
    assert torch.isfinite(into).all()


def test_gate_of_halves_and_its_gradient(compiled: Callable[[Any], Any]) -> None:
    forward, backward = lanes.gate_halves, lanes.gate_halves_gradient

    def run(gates, ups, hidden, d_gates, d_ups, size):  # type: ignore[no-untyped-def]
        backward(gates, ups, hidden, d_gates, d_ups, size)
        forward(gates, ups, gates, size)

    inputs = [(4 * random(160, seed=seed)).bfloat16() for seed in range(3)]
    gates, ups, hidden = (each.clone() for each in inputs)
    d_gates, d_ups = torch.empty_like(gates), torch.empty_like(ups)
    compiled(run)(*(each.data_ptr() for each in (gates, ups, hidden, d_gates, d_ups)), 160)
    exact = [each.double().requires_grad_() for each in inputs[:2]]
    gated = torch.nn.functional.silu(exact[0]) * exact[1]
    wanted = torch.autograd.grad(gated, exact, inputs[2].double())
    for found, want in ((d_gates, wanted[0]), (d_ups, wanted[1]), (hidden, gated), (gates, gated)):
        torch.testing.assert_close(found.double(), want.detach(), rtol=2**-8, atol=1e-4)


def test_the_gate_of_what_is_no_number_is_none(compiled: Callable[[Any], Any]) -> None:
    gate = lanes.gate

    def run(gates, ups, into, size):  # type: ignore[no-untyped-def]
        gate(gates, ups, into, size)

    gates, ups, into = torch.full((16,), torch.nan), torch.ones(16), torch.zeros(16, dtype=torch.bfloat16)
    compiled(run)(gates.data_ptr(), ups.data_ptr(), into.data_ptr(), 16)
    assert into.isnan().all()


@pytest.mark.parametrize(("count", "width"), [(0, 16), (1, 32), (4, 128)])
def test_normed_sum(compiled: Callable[[Any], Any], count: int, width: int) -> None:
    normed_sum = lanes.normed_sum

    def run(half, rows, count, total, into, width, eps):  # type: ignore[no-untyped-def]
        normed_sum(half, rows, count, total, into, width, eps)

    half, rows, total = random(width).bfloat16(), random(max(1, count), width, seed=1), torch.empty(width)
    into = torch.empty(width, dtype=torch.bfloat16)
    table = np.array([row.data_ptr() for row in rows])
    addresses = half.data_ptr(), table.ctypes.data, count, total.data_ptr(), into.data_ptr()
    compiled(run)(*addresses, width, np.float32(1e-5))
    summed = half.double() + rows[:count].double().sum(0)
    exact = summed * torch.rsqrt(summed.square().mean() + 1e-5)
    torch.testing.assert_close(into.double(), exact, rtol=2**-8, atol=1e-6)


@pytest.mark.parametrize(("size", "width"), [(1, 16), (9, 128)])
def test_pooled(compiled: Callable[[Any], Any], size: int, width: int) -> None:
    pooled = lanes.pooled

    def run(h, members, size, mean, peak, width):  # type: ignore[no-untyped-def]
        pooled(h, members, size, mean, peak, width)

    h = random(20, width).bfloat16()
    members = torch.randperm(20, generator=torch.Generator().manual_seed(1))[:size]
    numbers, into = members.to(torch.int32), torch.empty(2, width, dtype=torch.bfloat16)
    compiled(run)(h.data_ptr(), numbers.data_ptr(), size, into[0].data_ptr(), into[1].data_ptr(), width)
    torch.testing.assert_close(into[0].double(), h[members].double().mean(0), rtol=2**-8, atol=1e-3)
    assert torch.equal(into[1], h[members].amax(0))


def test_half_way_between_two_goes_to_the_even_one(compiled: Callable[[Any], Any]) -> None:
    pooled = lanes.pooled

    def run(h, members, size, mean, peak, width):  # type: ignore[no-untyped-def]
        pooled(h, members, size, mean, peak, width)

    step = 2.0**-7  # of bfloat16 from 1 on
    h = torch.ones(2, 16, dtype=torch.bfloat16)
    h[1] += step * torch.tensor([1, 3] * 8)
    into, numbers = torch.empty(2, 16, dtype=torch.bfloat16), torch.arange(2, dtype=torch.int32)
    compiled(run)(h.data_ptr(), numbers.data_ptr(), 2, into[0].data_ptr(), into[1].data_ptr(), 16)
    assert into[0].tolist() == [1.0, 1.0 + 2 * step] * 8
