"""Layers: what the grid mixer hears, and that it treats every cell alike."""

import torch
import torch.nn.functional as F

from redraft.core.layers import Neighbours


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
