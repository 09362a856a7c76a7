"""Layers: what the grid mixer hears; what attention knows of places; how states lie in memory."""

import pytest
import torch
import torch.nn.functional as F

from redraft.core.layers import Attention, MixerBlock, Neighbours, Stack, rotary_tables, rotate
from redraft.kernels import cpu
from redraft.kernels.ops import laid_out

pytestmark = pytest.mark.arithmetic


def test_a_cell_hears_its_neighbours_and_the_mean() -> None:
    mix = Neighbours(features=2, width=4)
    with torch.no_grad():
        mix.everywhere.weight.zero_()
        x = torch.zeros(1, 12, 2)  # 3 rows of 4 cells
        x[0, 5] = 1  # row 1, column 1
        heard = mix(x).abs().sum(-1).view(3, 4) > 0
    assert heard.tolist() == [[True, True, True, False]] * 3

    with torch.no_grad():
        mix.around.zero_()
        mix.everywhere.weight.copy_(torch.eye(2))
        assert torch.allclose(mix(x), x.mean(1, keepdim=True).expand_as(x)), "without neighbours only the mean is heard"


@pytest.mark.usefixtures("float64")
def test_it_is_a_convolution_over_the_grid() -> None:
    torch.manual_seed(0)
    mix = Neighbours(features=3, width=5)
    x = torch.randn(2, 20, 3)
    grid = x.view(2, 4, 5, 3).permute(0, 3, 1, 2)
    want = F.conv2d(grid, mix.around, padding=1).permute(0, 2, 3, 1).reshape(2, 20, 3)
    torch.testing.assert_close(mix(x), want + mix.everywhere(x.mean(1, keepdim=True)))


def test_it_runs_in_bfloat16() -> None:
    mix = Neighbours(features=4, width=3)
    assert mix(torch.randn(1, 9, 4).bfloat16()).dtype == torch.bfloat16


def stack(dtype: torch.dtype) -> tuple[Stack, torch.Tensor]:
    torch.manual_seed(0)
    blocks = [MixerBlock(8, positions=5, expansion=2.0, multiple=4, eps=1e-5) for _ in range(2)]
    return Stack(blocks), torch.randn(3, 5, 8).to(dtype)


def test_reserved_positions_lie_above_the_grid() -> None:
    cos, sin = rotary_tables(2 + 6, 8, 100.0, width=3, reserved=2)
    within = rotary_tables(6, 8, 100.0, width=3)
    for table, grid in zip((cos, sin), within, strict=True):
        torch.testing.assert_close(table[2:], grid)
    first = torch.stack((cos[0, ::2], sin[0, ::2]))  # row -1, column 1
    below = rotary_tables(6, 8, 100.0, width=3)
    torch.testing.assert_close(first[:, 0], torch.tensor([below[0][3, 0], -below[1][3, 0]]))


@pytest.mark.usefixtures("float64")
def test_states_stay_positions_first_and_are_the_same() -> None:
    net, h = stack(torch.float64)
    turned = laid_out(h)
    assert torch.equal(turned, h) and turned.transpose(0, 1).is_contiguous()
    with torch.no_grad():
        result = net(turned + 1)
        assert result.transpose(0, 1).is_contiguous()
        torch.testing.assert_close(result, net(h + 1))


def test_layouts_are_left_alone_where_kernels_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    _, h = stack(torch.float32)
    monkeypatch.setattr(cpu, "applies", lambda h: False)
    assert laid_out(h) is h


def test_in_a_grid_attention_knows_how_far_rows_and_columns_are_apart() -> None:
    """The product of a rotated query and key depends on the difference of their rows and of their columns alone."""
    tables = rotary_tables(30, 8, 100.0, width=6)
    query, key = torch.randn(2, 8, generator=torch.Generator().manual_seed(0))
    at = [rotate(each.expand(1, 1, 30, 8), *tables)[0, 0] for each in (query, key)]
    products = (at[0] @ at[1].T).view(5, 6, 5, 6)  # row and column of the query, then of the key
    torch.testing.assert_close(products[1:, 2:, 1:, 2:], products[:-1, :-2, :-1, :-2], rtol=1e-4, atol=1e-5)
    assert len({round(float(products[2, 3, 2 + row, 3 + column]), 3) for row, column in ((1, 0), (0, 1), (-1, 0))}) == 3


def test_normalised_queries_and_keys_do_not_depend_on_their_size() -> None:
    normed, plain = Attention(16, 2, qk_norm=True), Attention(16, 2)
    plain.load_state_dict(normed.state_dict())
    x = torch.randn(1, 5, 16, generator=torch.Generator().manual_seed(0))
    before = [layer(x, None) for layer in (normed, plain)]
    with torch.no_grad():
        for layer in (normed, plain):
            layer.qkv.weight[:32] *= 7  # queries and keys
    torch.testing.assert_close(normed(x, None), before[0], rtol=1e-3, atol=1e-4)
    assert not torch.allclose(plain(x, None), before[1], atol=1e-2)
