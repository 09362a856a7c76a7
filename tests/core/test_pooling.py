"""What a cell hears: mean and maximum over its scopes, and over the symbols of a cell; quick ways change nothing."""

import pytest
import torch
from torch import nn

from redraft.core.layers import Linear
from redraft.core.pooling import AxesPool, GatherPool, heard, scope_pool, symbol_pool
from redraft.kernels import int8
from redraft.kernels.ops import pools_add_norm, rms_norm
from redraft.models.execution import Int8Linear
from redraft.scopes import scope_members

pytestmark = pytest.mark.arithmetic

EPS = 1e-5
SIDE, SYMBOLS, WIDTH = 6, 3, 4
CELLS = SIDE * SIDE
JIGSAW = "map:" + "".join("AABBBB" if row % 2 else "AAABBB" for row in range(SIDE))
BOXES = ["rows", "columns", "all", "blocks-2x3", "blocks-1x2", "blocks-1x1", "map:" + "AAABBB" * 3 + "CCCDDD" * 3]
PAIRS = "map:" + "".join(chr(ord("A") + 4 * row + (column + 1) // 2) for row in range(SIDE) for column in range(SIDE))
OTHERS = ["around", JIGSAW, PAIRS, "map:" + "ABABAB" * SIDE]


def plain(h: torch.Tensor, pool: nn.Module, members: list[list[int]]) -> torch.Tensor:
    """The formula: for each cell, gather the cells that it hears, then mean, maximum and linear map."""
    heard = torch.stack([torch.cat((h[:, cells].mean(1), h[:, cells].amax(1)), -1) for cells in members], 1)
    return pool.out(heard)


def plain_symbols(h: torch.Tensor, pool: nn.Module) -> torch.Tensor:
    return pool.out(torch.cat((h.mean(2, keepdim=True), h.amax(2, keepdim=True)), -1))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", BOXES + OTHERS)
def test_a_pool_tells_each_cell_of_its_scope(name: str) -> None:
    torch.manual_seed(0)
    pool = scope_pool(WIDTH, name, height=SIDE, width=SIDE)
    h = torch.randn(2, CELLS, SYMBOLS, WIDTH)
    torch.testing.assert_close(pool(h), plain(h, pool, scope_members(name, height=SIDE, width=SIDE)))


@pytest.mark.parametrize(("names", "kind"), [(BOXES, AxesPool), (OTHERS, GatherPool)])
def test_only_scopes_that_are_boxes_are_seen_as_axes(names: list[str], kind: type[nn.Module]) -> None:
    for name in names:
        assert isinstance(scope_pool(WIDTH, name, height=SIDE, width=SIDE), kind), name


@pytest.mark.usefixtures("float64")
def test_equal_maxima_of_a_pair_share_the_gradient() -> None:
    pool = scope_pool(WIDTH, PAIRS, height=SIDE, width=SIDE)
    h = state(ties=True).requires_grad_()
    expected = plain(h, pool, scope_members(PAIRS, height=SIDE, width=SIDE)).square().sum()
    for got, want in zip(*(torch.autograd.grad(out, h) for out in (pool(h).square().sum(), expected)), strict=True):
        torch.testing.assert_close(got, want)


@pytest.mark.usefixtures("float64")
def test_a_grid_need_not_be_square() -> None:
    torch.manual_seed(0)
    h = torch.randn(2, 12, SYMBOLS, WIDTH)
    for name in ("rows", "columns", "blocks-3x2"):
        pool = scope_pool(WIDTH, name, height=3, width=4)
        assert isinstance(pool, AxesPool)
        torch.testing.assert_close(pool(h), plain(h, pool, scope_members(name, height=3, width=4)))


@pytest.mark.usefixtures("float64")
def test_a_symbol_pool_tells_a_cell_of_all_its_symbols() -> None:
    torch.manual_seed(0)
    pool = symbol_pool(WIDTH, CELLS)
    h = torch.randn(2, CELLS, SYMBOLS, WIDTH)
    torch.testing.assert_close(pool(h), plain_symbols(h, pool).expand_as(h))


def state(*, ties: bool = False, symbols: int = SYMBOLS) -> torch.Tensor:
    """A state, with ties one of few values, so that most maxima are reached more than once."""
    generator = torch.Generator().manual_seed(1)
    shape = (2, CELLS, symbols, WIDTH)
    return torch.randint(3, shape, generator=generator).float() if ties else torch.randn(shape, generator=generator)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("ties", [False, True], ids=["distinct", "ties"])
@pytest.mark.parametrize("symbols", [SYMBOLS, 1])
@pytest.mark.parametrize("also", [False, True], ids=["pools", "others too"])
@pytest.mark.parametrize(
    "names", [("rows", "columns", "blocks-2x3"), ("rows", "around"), ("all", JIGSAW), (PAIRS,), ()], ids=" ".join
)
def test_results_and_gradients_of_the_quick_half_block_equal_the_plain_formula(
    names: tuple[str, ...], also: bool, symbols: int, ties: bool
) -> None:
    """Of maxima that are equal, each gets the same share of the gradient, as `amax` gives it."""
    torch.manual_seed(0)
    pools = nn.ModuleList(scope_pool(WIDTH, name, height=SIDE, width=SIDE) for name in names)
    own, linear = symbol_pool(WIDTH, CELLS), Linear(WIDTH, WIDTH)
    parts = [*pools, own, *([linear] if also else [])]
    towards = torch.randn(2, CELLS, symbols, WIDTH)

    def run(quick: bool) -> list[torch.Tensor]:
        h = state(ties=ties, symbols=symbols).requires_grad_()
        if quick:
            result = pools_add_norm(h, *heard(h, parts), eps=EPS)
        else:
            total = h + plain_symbols(h, own) + (linear(h) if also else 0)
            for name, pool in zip(names, pools, strict=True):
                boxes = isinstance(pool, AxesPool)
                total = total + (plain(h, pool, scope_members(name, height=SIDE, width=SIDE)) if boxes else pool(h))
            result = rms_norm(total, eps=EPS)
        weights = [weight for part in parts for weight in part.parameters()]
        return [result.detach(), *torch.autograd.grad((result * towards).sum(), [h, *weights])]

    for got, want in zip(run(True), run(False), strict=True):
        torch.testing.assert_close(got, want, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_quick_half_block_with_and_without_gradient_and_on_a_strided_state(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    parts = [scope_pool(WIDTH, name, height=SIDE, width=SIDE) for name in ("rows", "blocks-2x3")]
    h = state().to(dtype)
    got = pools_add_norm(h, *heard(h, parts), eps=EPS)
    assert got.dtype == dtype and got.requires_grad
    with torch.inference_mode():
        assert torch.equal(pools_add_norm(h, *heard(h, parts), eps=EPS), got)
    strided = h.transpose(1, 2).contiguous().transpose(1, 2)
    torch.testing.assert_close(pools_add_norm(strided, *heard(strided, parts), eps=EPS), got)
    want = rms_norm(h + parts[0](h) + parts[1](h), eps=EPS)
    close = 1e-5 if dtype == torch.float32 else 0.05
    torch.testing.assert_close(got, want, rtol=close, atol=close)
    assert torch.equal(h, state().to(dtype)), "its input is not its own to change"


@pytest.mark.skipif(not int8.available(), reason="torch has no 8-bit linear layers on this machine")
def test_a_pool_in_int8_goes_the_plain_way() -> None:
    torch.manual_seed(0)
    pool, own = scope_pool(WIDTH, "rows", height=SIDE, width=SIDE), symbol_pool(WIDTH, CELLS)
    h = state()
    want = pools_add_norm(h, *heard(h, [pool, own]), eps=EPS)
    pool.out = Int8Linear(pool.out)
    torch.testing.assert_close(pools_add_norm(h, *heard(h, [pool, own]), eps=EPS), want, rtol=0.1, atol=0.1)
