"""Products by either library are the same product, whatever the strides, and their gradients are the gradients."""

import pytest
import torch
import torch.nn.functional as F

from redraft.kernels import matmul, ops

pytestmark = pytest.mark.arithmetic

SHAPES = [(5, 7, 3), (3, 7, 5), (1, 1, 1), (64, 32, 128), (128, 32, 64), (2, 300, 2)]


@pytest.fixture(params=["torch", "onednn"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "onednn" and not torch.backends.mkldnn.is_available():
        pytest.skip("torch was built without oneDNN")
    for name in ("by_onednn", "onednn_is_faster"):
        monkeypatch.setattr(matmul, name, lambda *_: request.param == "onednn")
    return request.param


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("turned_b", [False, True])
@pytest.mark.parametrize("turned_a", [False, True])
@pytest.mark.parametrize(("m", "k", "n"), SHAPES)
def test_products_of_any_strides(m: int, k: int, n: int, turned_a: bool, turned_b: bool) -> None:
    torch.manual_seed(0)
    a = torch.randn(k, m).t() if turned_a else torch.randn(m, k)
    b = torch.randn(n, k).t() if turned_b else torch.randn(k, n)
    kept = a.clone(), b.clone()
    torch.testing.assert_close(matmul.mm(a, b), (a.double() @ b.double()).float(), rtol=1e-5, atol=1e-5)
    every_other = torch.randn(m, 2 * k)[:, ::2]
    torch.testing.assert_close(matmul.mm(every_other, b), every_other @ b, rtol=1e-5, atol=1e-5)
    assert torch.equal(a, kept[0]) and torch.equal(b, kept[1])


@pytest.mark.parametrize("turned_b", [False, True])
@pytest.mark.parametrize("turned_a", [False, True])
@pytest.mark.parametrize(("m", "k", "n"), SHAPES)
def test_halves_laid_out_for_tiles(
    m: int, k: int, n: int, turned_a: bool, turned_b: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Copies are made where they pay, of all sizes here, and the product stays the same."""
    monkeypatch.setattr(matmul, "in_tiles", lambda: True)
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(k, m, generator=generator).t() if turned_a else torch.randn(m, k, generator=generator)
    b = torch.randn(n, k, generator=generator).t() if turned_b else torch.randn(k, n, generator=generator)
    halves = a.bfloat16(), b.bfloat16()
    exact = halves[0].double() @ halves[1].double()
    for copied in (1, matmul.COPIED):
        monkeypatch.setattr(matmul, "COPIED", copied)
        found = matmul.mm(*halves)
        assert found.dtype == torch.bfloat16
        torch.testing.assert_close(found.double(), exact, rtol=2**-7, atol=2**-6)
    assert matmul.mm(torch.ones(0, 3).bfloat16(), torch.ones(3, 2).bfloat16()).shape == (0, 2)
    assert matmul.mm(torch.ones(3, 0).bfloat16().t(), torch.ones(3, 2).bfloat16()).shape == (0, 2)


@pytest.mark.usefixtures("library")
def test_nothing_times_nothing() -> None:
    assert matmul.mm(torch.ones(0, 3), torch.ones(3, 2)).shape == (0, 2)
    assert torch.equal(matmul.mm(torch.ones(2, 0), torch.ones(0, 3)), torch.zeros(2, 3))


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("shape", [(6,), (4, 6), (2, 4, 6), (2, 3, 4, 6)])
@pytest.mark.parametrize("bias", [False, True])
def test_linear_maps_and_their_gradients(shape: tuple[int, ...], bias: bool) -> None:
    torch.manual_seed(0)
    x, weight, offset = torch.randn(shape), torch.randn(5, 6), torch.randn(5) if bias else None
    inputs = [each.requires_grad_() for each in (x, weight, offset) if each is not None]
    towards = torch.randn(*shape[:-1], 5)
    found = []
    for function in (ops.linear, F.linear):
        result = function(x, weight, offset)
        found.append([result.detach(), *torch.autograd.grad((result * towards).sum(), inputs)])
    torch.testing.assert_close(*found)
    with torch.no_grad():
        torch.testing.assert_close(ops.linear(x, weight, offset), found[1][0])
    frozen = ops.linear(x, weight.detach(), offset)
    assert torch.autograd.grad(frozen.sum(), [x])[0].shape == x.shape


def test_which_library_does_not_change_from_call_to_call(monkeypatch: pytest.MonkeyPatch) -> None:
    a = torch.ones(2, 2)
    assert matmul.by_onednn(a) == matmul.onednn_is_faster()
    assert not matmul.by_onednn(a.bfloat16()) and not matmul.by_onednn(a.double())
    monkeypatch.setattr(matmul, "_made_by_amd", lambda: False)
    matmul.onednn_is_faster.cache_clear()
    assert not matmul.by_onednn(a)
    matmul.onednn_is_faster.cache_clear()


@pytest.mark.parametrize("error", [AttributeError, RuntimeError])
def test_a_torch_that_has_it_under_another_name_keeps_its_own(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        raise error("no such operator")

    monkeypatch.setattr(matmul, "_made_by_amd", lambda: True)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    monkeypatch.setattr(matmul, "_onednn", missing)
    matmul.onednn_is_faster.cache_clear()
    assert not matmul.onednn_is_faster()
    matmul.onednn_is_faster.cache_clear()


@pytest.mark.usefixtures("library")
def test_no_rows_at_all() -> None:
    weight = torch.ones(5, 6, requires_grad=True)
    assert ops.linear(torch.ones(2, 0, 6), weight).shape == (2, 0, 5)
    with torch.no_grad():
        assert ops.linear(torch.ones(2, 0, 6), weight).shape == (2, 0, 5)


def test_transformed_functions_and_autocast_keep_to_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matmul, "onednn_is_faster", lambda: True)
    x, weight = torch.randn(3, 6), torch.randn(5, 6)
    gradient = torch.func.grad(lambda w: ops.linear(x, w).square().sum())(weight)
    torch.testing.assert_close(gradient, 2 * (x @ weight.t()).t() @ x)
    assert matmul.by_onednn(x)
    with torch.autocast("cpu", torch.bfloat16):
        assert not matmul.by_onednn(x) and ops.linear(x, weight).dtype == torch.bfloat16


def test_a_gradient_of_a_gradient_is_an_error_not_a_wrong_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matmul, "onednn_is_faster", lambda: True)
    x = torch.randn(3, 6, requires_grad=True)
    (first,) = torch.autograd.grad(ops.linear(x, torch.ones(5, 6)).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match=r"once_differentiable|not have been used"):
        torch.autograd.grad(first.sum(), x)
