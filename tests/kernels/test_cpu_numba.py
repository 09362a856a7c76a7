"""The kernels for a CPU: as near to the exact result as the layers, nearer in half precision, and no less careful."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from redraft.core.layers import Attention, SwiGLU
from redraft.core.pooling import heard, scope_pool, symbol_pool
from redraft.kernels import cpu, ops

pytestmark = pytest.mark.arithmetic

EPS = 1e-5
Half = Callable[[Tensor], Tensor]


def silu(gates: Tensor) -> Tensor:
    """As the kernel of the gate has it: of numbers (N,), with ups of 1."""
    return cpu._gate(torch.cat((gates, torch.ones_like(gates))).view(1, 1, -1), -1).flatten()


def test_the_gate_is_silu_to_the_last_bits() -> None:
    gates = torch.linspace(-80, 80, 100_001)
    exact = F.silu(gates.double())
    error = (silu(gates).double() - exact).abs() / exact.abs().clamp_min(1e-30)
    assert error.max() < 3e-7
    assert F.silu(gates).double().sub(exact).abs().max() * 3 > silu(gates).double().sub(exact).abs().max()


def test_what_is_not_a_number_or_too_large_stays_so() -> None:
    gates = torch.tensor([float("nan"), float("inf"), 1e30, -1e30, -200.0, 0.0])
    for dtype in (torch.float32, torch.bfloat16, torch.float64):
        got = silu(gates.to(dtype)).float()
        assert got[0].isnan() and got[1].isposinf()
        torch.testing.assert_close(got[2:], torch.tensor([1e30, 0, 0, 0]), rtol=0.01, atol=1e-5)
    for name in HALVES:
        function, _, shape = half(name)
        h = torch.ones(shape)
        h[0, 1, -1] = float("nan")
        assert function(h).isnan().any(), name


def test_half_precision_is_rounded_as_torch_rounds_it() -> None:
    """silu(33) is 33 to the last bit of float32; products with 33 have more bits than bfloat16, and ties among them."""
    ups = torch.arange(-4096, 4096).bfloat16()
    both = torch.cat((torch.full_like(ups, 33), ups)).view(1, 1, -1)
    assert torch.equal(cpu._gate(both, -1).flatten(), (33 * ups.float()).bfloat16())


def half(name: str) -> tuple[Half, nn.Module, tuple[int, ...]]:
    """A half of a block, its weights, and the shape of its state."""
    torch.manual_seed(0)
    if name == "added":
        attention = Attention(64, heads=2)
        return lambda h: ops.add_norm(h, attention(h, None), eps=EPS), attention, (3, 20, 64)
    if name == "pools":
        pools = nn.ModuleList([scope_pool(32, scope, height=6, width=6) for scope in ("rows", "blocks-2x3")])
        pools.append(symbol_pool(32, 36))
        return lambda h: ops.pools_add_norm(h, *heard(h, list(pools)), eps=EPS), pools, (3, 36, 4, 32)
    axis = {"channels": -1, "positions": 1}[name]
    gated = SwiGLU(64 if axis == -1 else 20, expansion=4.0, multiple=16)
    return lambda h: ops.swiglu_add_norm(h, *gated.weights(h.dtype), axis=axis, eps=EPS), gated, (3, 20, 64)


HALVES = ["channels", "positions", "added", "pools"]


def results(name: str, dtype: torch.dtype) -> list[Tensor]:
    """Result and all gradients of a half, of the same weights and state whatever the dtype."""
    function, module, shape = half(name)
    if dtype == torch.float64:
        module.double()
    generator = torch.Generator().manual_seed(1)
    h, towards = (torch.randn(shape, generator=generator).bfloat16().to(dtype) for _ in range(2))
    h.requires_grad_()
    result = function(h)
    gradients = torch.autograd.grad((result * towards).sum(), [h, *module.parameters()])
    return [each.detach().double() for each in (result, *gradients)]


def errors(name: str, dtype: torch.dtype) -> list[float]:
    exact = results(name, torch.float64)
    return [float((got - want).norm() / want.norm()) for got, want in zip(results(name, dtype), exact, strict=True)]


@pytest.mark.parametrize("name", HALVES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_kernels_are_as_near_to_the_exact_result_as_layers(
    name: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernels = errors(name, dtype)
    monkeypatch.setattr(cpu, "applies", lambda h: h.dtype == torch.float64)
    layers = errors(name, dtype)
    assert max(kernels) < (1e-6 if dtype == torch.float32 else 0.02)
    # in half precision there is something to gain by rounding at fewer places
    most = 1.5 if dtype == torch.float32 else 1.1
    for got, want in zip(kernels, layers, strict=True):
        assert got < most * want + 1e-8


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", HALVES)
def test_without_numba_layers_do_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = results(name, torch.float64)
    monkeypatch.setattr(cpu, "kernels", lambda: None)
    for got, want in zip(results(name, torch.float64), quick, strict=True):
        torch.testing.assert_close(got, want, rtol=1e-9, atol=1e-9)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", HALVES)
def test_neither_state_nor_gradient_need_lie_on_end(name: str) -> None:
    function, _, shape = half(name)
    h = torch.randn(shape, generator=torch.Generator().manual_seed(2))
    strided = h.transpose(0, 1).contiguous().transpose(0, 1)
    assert not strided.is_contiguous()
    found = []
    for state in (h, strided):
        state.requires_grad_()
        result = function(state)
        # the gradient of a sum is one number, expanded; that of a transpose is strided
        found.append(torch.autograd.grad(result.sum() + (result.transpose(0, 1) * 2).sum(), [state]))
        with torch.no_grad():
            torch.testing.assert_close(function(state), result)
    torch.testing.assert_close(found[0], found[1])
    assert torch.equal(h, strided), "what goes in is not the function's own to change"


@pytest.mark.parametrize("name", HALVES)
def test_no_puzzles_and_autocast_go_the_way_of_the_layers(name: str) -> None:
    function, module, shape = half(name)
    assert function(torch.ones(0, *shape[1:])).shape == (0, *shape[1:])
    h = torch.randn(shape)
    with torch.autocast("cpu", torch.bfloat16):
        assert not cpu.applies(h)
        torch.autograd.grad(function(h).float().sum(), [*module.parameters()])


def test_what_is_added_may_be_smaller() -> None:
    h, row = torch.randn(2, 5, 8), torch.randn(1, 5, 8)
    torch.testing.assert_close(ops.add_norm(h, row, eps=EPS), ops.add_norm(h, row.repeat(2, 1, 1), eps=EPS))


def test_a_numba_that_is_told_not_to_compile_is_none_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    numba = pytest.importorskip("numba")
    monkeypatch.setattr(numba.config, "DISABLE_JIT", True)
    cpu.kernels.cache_clear()
    assert not cpu.applies(torch.ones(1, 2, 3))
    cpu.kernels.cache_clear()


@pytest.mark.usefixtures("float64")
def test_transformed_functions_go_the_way_of_the_layers() -> None:
    function, _, shape = half("channels")
    h = torch.randn(shape)
    wanted = torch.autograd.grad(function(h.requires_grad_()).square().sum(), h)[0]
    got = torch.func.grad(lambda state: function(state).square().sum())(h.detach())
    torch.testing.assert_close(got, wanted, rtol=1e-9, atol=1e-9)
