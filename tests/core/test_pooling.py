"""What a cell hears: mean and maximum over its scopes, and over the symbols of a cell."""

import pytest
import torch

from redraft.core.pooling import ScopePool, SymbolPool
from redraft.scopes import scope_members


@pytest.mark.parametrize("name", ["rows", "blocks-2x3", "around"])
def test_a_pool_tells_each_cell_of_its_scope(name: str) -> None:
    torch.manual_seed(0)
    pool = ScopePool(4, name, height=6, width=6)
    h = torch.randn(2, 36, 3, 4)
    members = scope_members(name, height=6, width=6)
    want = torch.stack([torch.cat((h[:, cells].mean(1), h[:, cells].amax(1)), -1) for cells in members], 1)
    torch.testing.assert_close(pool(h), pool.out(want))


def test_a_symbol_pool_tells_a_cell_of_all_its_symbols() -> None:
    torch.manual_seed(0)
    pool = SymbolPool(4)
    h = torch.randn(2, 5, 3, 4)
    torch.testing.assert_close(pool(h)[:, :, 0], pool.out(torch.cat((h.mean(2), h.amax(2)), -1)))
