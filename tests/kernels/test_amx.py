"""An equivariant block as one kernel with tiles: equal to its layers, also where loops multiply in their place."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from redraft.errors import ConfigError
from redraft.kernels import amx, cpu
from redraft.models import build_model
from redraft.models.config import EquivariantConfig
from redraft.models.equivariant import EquivariantBlock
from redraft.models.execution import cast_networks, cast_once
from redraft.recipes.alike import equivariant
from redraft.tasks import get_task

pytestmark = pytest.mark.skipif(cpu.kernels() is None, reason="Numba may not compile")
needs_tiles = pytest.mark.skipif(not amx.usable(), reason="this processor has no tiles")

# what is multiplied with: by tiles where there are any, and by loops everywhere
WAYS = ["LOOPS", pytest.param("AMX", marks=needs_tiles)]
SIZES = {
    "4x4": {"hidden_size": 32},
    "6x6": {"hidden_size": 64, "expansion": 1.0},
    "9x9": {"hidden_size": 32, "expansion": 2.0, "width_multiple": 64},
}


def block_of(size: str, **changes: Any) -> EquivariantBlock:
    """The second block of a random model for Sudokus of that size, with weights in bfloat16."""
    config = replace(equivariant(get_task(f"sudoku-{size}"), **SIZES[size]), **changes)
    block = build_model(config, seed=4).net.blocks[1]  # type: ignore[union-attr, index]
    assert isinstance(block, EquivariantBlock)
    return block.bfloat16()


def packed(block: EquivariantBlock) -> amx.Packed | None:
    return block.for_tiles()


def states(block: EquivariantBlock, size: str, batch: int = 3) -> Tensor:
    side = int(size[0])
    generator = torch.Generator().manual_seed(5)
    return torch.randn(batch, side * side, side, block.mlp.down.weight.shape[0], generator=generator).bfloat16()


def off(found: Tensor, exact: Tensor) -> float:
    return float((found.double() - exact).square().mean().sqrt())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("size", SIZES)
def test_as_the_layers_have_it_and_nearer_to_what_is_exact(size: str, way: str) -> None:
    block = block_of(size)
    weights, h = packed(block), states(block, size)
    assert weights is not None
    with torch.no_grad():
        found = amx.block(h, weights, eps=block.eps, tiles=getattr(amx._kernels(), way))
        layers, exact = block(h), block.double()(h.double())
    assert found.dtype == torch.bfloat16 and found.shape == h.shape
    assert off(found, exact) < 1.1 * off(layers, exact) < 0.02


@pytest.mark.parametrize("way", WAYS)
def test_rows_do_not_depend_on_one_another(way: str) -> None:
    block = block_of("6x6")
    weights, h = packed(block), states(block, "6x6", batch=4)
    assert weights is not None
    tiles = getattr(amx._kernels(), way)
    with torch.no_grad():
        whole = amx.block(h, weights, eps=block.eps, tiles=tiles)
        for row in range(4):
            alone = amx.block(h[row : row + 1], weights, eps=block.eps, tiles=tiles)
            assert torch.equal(alone[0], whole[row])


@needs_tiles
def test_tiles_multiply_what_loops_do() -> None:
    block = block_of("9x9")
    weights, h = packed(block), states(block, "9x9")
    assert weights is not None
    kernels = amx._kernels()
    with torch.no_grad():
        tiles, loops = (amx.block(h, weights, eps=block.eps, tiles=way).float() for way in (kernels.AMX, kernels.LOOPS))
    assert (tiles - loops).abs().max() < 0.05 and off(tiles, loops.double()) < 2e-3


@needs_tiles
def test_a_library_with_tiles_of_its_own_is_not_disturbed() -> None:
    block = block_of("6x6").eval()
    a, b = (torch.randn(90, 90, generator=torch.Generator().manual_seed(seed)).bfloat16() for seed in (1, 2))
    before = a @ b
    weights = packed(block)
    assert weights is not None
    with torch.no_grad():
        for _ in range(3):
            amx.block(states(block, "6x6"), weights, eps=block.eps)
            assert torch.equal(a @ b, before)


@pytest.mark.parametrize(
    "block",
    [
        lambda: block_of("6x6", hidden_size=48),
        lambda: block_of("6x6", width_multiple=8, expansion=1.3),
        lambda: block_of("6x6", scopes=("rows", "around")),
        lambda: block_of("6x6", hidden_size=512, expansion=4.0),
    ],
)
def test_what_it_is_not_made_for_is_left_to_the_layers(block: Callable[[], EquivariantBlock]) -> None:
    assert packed(block()) is None


def test_only_where_nothing_is_learnt_and_nothing_compiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """A block that has been packed takes its layers where a gradient is wanted, or in another dtype."""
    monkeypatch.setattr(amx, "usable", lambda: True)
    used: list[torch.Size] = []

    def noted(h: Tensor, weights: amx.Packed, *, eps: float) -> Tensor:
        used.append(h.shape)
        return h

    monkeypatch.setattr(amx, "block", noted)
    config = equivariant(get_task("sudoku-4x4"), hidden_size=32)
    for dtype, times in (("float32", 0), ("bfloat16", 2 * config.T * (config.n + 1))):
        model = build_model(EquivariantConfig(**{**vars(config), "dtype": dtype}))
        tokens, ids = torch.zeros(2, 16, dtype=torch.int64), torch.zeros(2, dtype=torch.int64)
        with torch.no_grad():
            model(tokens, ids, model.initial_carry(2))
            assert not used, "weights that may still change are not packed"
        with cast_once(model):
            model(tokens, ids, model.initial_carry(2)).logits.sum().backward()
        assert len(used) == times * (config.T - 1) // config.T, "what is not back-propagated"
        used.clear()
        with torch.no_grad():
            model(tokens, ids, model.initial_carry(2))
        assert not used, "packed no more"
        cast_networks(model)
        with torch.no_grad():
            model(tokens, ids, model.initial_carry(2))
        assert len(used) == times
        used.clear()


@needs_tiles
def test_a_gradient_is_that_of_the_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to rounding, of which there is as much between layers in bfloat16 and in float32."""
    found = []
    for dtype, usable in (("bfloat16", True), ("bfloat16", False), ("float32", False)):
        monkeypatch.setattr(amx, "usable", lambda usable=usable: usable)
        config = equivariant(get_task("sudoku-4x4"), hidden_size=32, T=2)
        model = build_model(EquivariantConfig(**{**vars(config), "dtype": dtype}), seed=1)
        tokens, ids = torch.arange(32).view(2, 16) % 6, torch.zeros(2, dtype=torch.int64)
        with cast_once(model):
            output = model(tokens, ids, model.initial_carry(2))
            output.logits.square().sum().backward()
        gradients = [parameter.grad.flatten() for parameter in model.parameters() if parameter.grad is not None]
        found.append(torch.cat(gradients).double())
    tiles, layers, exact = found
    assert off(tiles, exact) < 1.5 * off(layers, exact)


def test_a_processor_without_tiles_or_a_system_that_keeps_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for tiles, system in ((False, "Linux"), (True, "Windows")):
        monkeypatch.setattr(amx.matmul, "in_tiles", lambda tiles=tiles: tiles)
        monkeypatch.setattr(amx.platform, "system", lambda system=system: system)
        amx.usable.cache_clear()
        assert not amx.usable()
    amx.usable.cache_clear()


def test_configurations_still_say_what_is_wrong_with_them() -> None:
    with pytest.raises(ConfigError, match=r"scopes: .*'diagonals'"):
        block_of("6x6", scopes=("diagonals",))
