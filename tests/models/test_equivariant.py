"""The equivariant model: renaming symbols renames the answer, and nothing else; its configuration is checked."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from redraft.errors import ConfigError
from redraft.models import EquivariantConfig, build_model
from redraft.models.check import check_model
from redraft.recipes.alike import equivariant
from redraft.tasks import get_task

SUDOKU = get_task("sudoku-6x6")
TINY = equivariant(SUDOKU, hidden_size=16, num_heads=2, n=2, T=2, expansion=2.0)
MIXERS = ("scopes", "mlp", "attention")


def logits(config: EquivariantConfig, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Of the second of two steps: logits (B, L, V) and halting logit (B,), with a head that looks at its input."""
    model = build_model(config, seed=1)
    model.halt_head.weight.data.normal_(generator=torch.Generator().manual_seed(2))
    carry = model.initial_carry(len(tokens))
    with torch.no_grad():
        for _ in range(2):
            output = model(tokens, torch.zeros(len(tokens), dtype=torch.int64), carry)
            carry = output.carry
    return output.logits, output.halt_logit


def puzzles() -> torch.Tensor:
    return torch.from_numpy(SUDOKU.encode(SUDOKU.make(4, 3).questions)).long()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("mixer", MIXERS)
def test_keeps_the_contract(mixer: str, dtype: str) -> None:
    check_model(build_model(replace(TINY, mixer=mixer, dtype=dtype)))


def test_keeps_the_contract_without_symbols() -> None:
    check_model(build_model(equivariant(get_task("maze-8x8"), hidden_size=16, n=1, T=1)))


@pytest.mark.parametrize("mixer", MIXERS)
def test_renamed_digits_rename_the_answer(mixer: str) -> None:
    config, tokens = replace(TINY, mixer=mixer), puzzles()
    names = torch.arange(8)
    names[2:] = torch.tensor([4, 2, 7, 3, 6, 5])
    plain, halt = logits(config, tokens)
    renamed, halt_renamed = logits(config, names[tokens])
    torch.testing.assert_close(renamed[..., names], plain, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(halt_renamed, halt, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(renamed, plain, atol=1e-2), "the digits must make a difference for this to mean anything"


def test_pooling_over_scopes_keeps_every_symmetry_of_sudoku() -> None:
    """Rows of a band change places: so do those of the answer. No cell's place counts but by its scopes."""
    order = torch.from_numpy(np.arange(36).reshape(6, 6)[[1, 0, 2, 3, 5, 4]].ravel())
    tokens = puzzles()
    plain, _ = logits(TINY, tokens)
    moved, _ = logits(TINY, tokens[:, order])
    torch.testing.assert_close(moved, plain[:, order], rtol=1e-4, atol=1e-4)
    mixed = replace(TINY, mixer="mlp")
    assert not torch.allclose(logits(mixed, tokens[:, order])[0], logits(mixed, tokens)[0][:, order], atol=1e-2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"grid_width": 5}, "model.grid_width: expected a divisor of 36 cells, got 5"),
        ({"symbols": 7}, "model.symbols: 7 from token 2 on, but there are only 8 tokens"),
        ({"puzzle_positions": 1}, "an equivariant model has none"),
        ({"scopes": ()}, "the scopes mixer needs at least one"),
        ({"scopes": ("boxes",)}, "scopes: unknown 'boxes'"),
        ({"mixer": "attention", "num_heads": 3}, "expected a multiple of 2 x num_heads = 6, got 16"),
        ({"T": 0}, "model.T: expected at least 1, got 0"),
    ],
)
def test_shapes_that_cannot_be(change: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(TINY, **change)  # type: ignore[arg-type]
