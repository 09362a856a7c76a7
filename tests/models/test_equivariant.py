"""The equivariant model: renaming symbols renames the answer, and nothing else; its configuration is checked."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.rounding import layer_by_layer

from redraft.errors import ConfigError
from redraft.models import EquivariantConfig, build_model
from redraft.models.check import check_model
from redraft.models.equivariant import _least_margin
from redraft.models.execution import has_gpu_kernels
from redraft.recipes.alike import equivariant
from redraft.solve.load import open_weights
from redraft.tasks import get_task

pytestmark = pytest.mark.arithmetic

SUDOKU = get_task("sudoku-6x6")
TINY = equivariant(SUDOKU, hidden_size=16, num_heads=2, n=2, T=2, expansion=2.0)
MIXERS: dict[str, dict[str, object]] = {
    "scopes": {"mixer": "scopes"},
    "mlp": {"mixer": "mlp"},
    "attention": {"mixer": "attention"},
    "attention across": {"mixer": "attention", "places": "grid", "across": "attention", "qk_norm": True},
    "scopes, attention across": {"mixer": "scopes", "across": "attention"},
}


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
    check_model(build_model(replace(TINY, **MIXERS[mixer], dtype=dtype, halting="pooled")))


def test_keeps_the_contract_without_symbols() -> None:
    check_model(build_model(equivariant(get_task("maze-8x8"), hidden_size=16, n=1, T=1)))


def test_a_head_that_reads_the_margin_keeps_the_contract() -> None:
    check_model(build_model(replace(TINY, halting="margin")))


def test_the_margin_is_that_of_the_least_sure_cell() -> None:
    sure, unsure = [9.0, 1.0, 0.0], [3.0, 2.5, 0.0]
    found = _least_margin(torch.tensor([[sure, sure], [sure, unsure]]))
    assert found.tolist() == [[8.0], [0.5]]


def test_the_answer_learns_nothing_from_what_the_head_makes_of_the_margin() -> None:
    model = build_model(replace(TINY, halting="margin"), seed=1)
    model.halt_head.weight.data.fill_(1.0)
    tokens = puzzles()
    output = model(tokens, torch.zeros(len(tokens), dtype=torch.int64), model.initial_carry(len(tokens)))
    learning = torch.autograd.grad(output.halt_logit.sum(), [*model.parameters()], allow_unused=True)
    names = [name for (name, _), found in zip(model.named_parameters(), learning, strict=True) if found is not None]
    assert names == ["halt_head.weight", "halt_head.bias"]


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("halting", ["pooled", "margin"])
@pytest.mark.parametrize("mixer", MIXERS)
def test_renamed_digits_rename_the_answer(mixer: str, halting: str) -> None:
    config, tokens = replace(TINY, **MIXERS[mixer], halting=halting), puzzles()
    names = torch.arange(8)
    names[2:] = torch.tensor([4, 2, 7, 3, 6, 5])
    plain, halt = logits(config, tokens)
    renamed, halt_renamed = logits(config, names[tokens])
    torch.testing.assert_close(renamed[..., names], plain, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(halt_renamed, halt, rtol=1e-9, atol=1e-9)
    assert not torch.allclose(renamed, plain, atol=1e-2), "the digits must make a difference for this to mean anything"


@pytest.mark.usefixtures("float64")
def test_pooling_over_scopes_keeps_every_symmetry_of_sudoku() -> None:
    """Rows of a band change places: so do those of the answer. No cell's place counts but by its scopes."""
    order = torch.from_numpy(np.arange(36).reshape(6, 6)[[1, 0, 2, 3, 5, 4]].ravel())
    tokens = puzzles()
    plain, _ = logits(TINY, tokens)
    moved, _ = logits(TINY, tokens[:, order])
    torch.testing.assert_close(moved, plain[:, order], rtol=1e-9, atol=1e-9)
    across = replace(TINY, across="attention")
    torch.testing.assert_close(logits(across, tokens[:, order])[0], logits(across, tokens)[0][:, order])
    mixed = replace(TINY, mixer="mlp")
    assert not torch.allclose(logits(mixed, tokens[:, order])[0], logits(mixed, tokens)[0][:, order], atol=1e-2)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("mixer", MIXERS)
def test_the_quick_way_on_a_cpu_changes_neither_results_nor_gradients(
    mixer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second step, as training takes it; most cells of the first are alike, so that maxima are reached together."""
    model = build_model(replace(TINY, **MIXERS[mixer], halting="pooled"), seed=1)
    model.halt_head.weight.data.normal_(generator=torch.Generator().manual_seed(2))
    tokens, ids = puzzles(), torch.zeros(4, dtype=torch.int64)
    carry = model.initial_carry(4)

    def run() -> list[torch.Tensor]:
        first = model(tokens, ids, carry)
        second = model(tokens, ids, first.carry.detach())
        loss = sum(o.logits.logsumexp(-1).mean() + o.halt_logit.mean() for o in (first, second))
        return [second.logits.detach(), second.halt_logit.detach(), *torch.autograd.grad(loss, [*model.parameters()])]

    quick = run()
    layer_by_layer(monkeypatch)
    for got, want in zip(quick, run(), strict=True):
        assert (got - want).norm() <= 1e-9 * want.norm()


@pytest.mark.usefixtures("float64")
def test_the_weights_that_ship_answer_alike_both_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    model = open_weights("sudoku-6x6-eq").model
    tokens = torch.from_numpy(SUDOKU.encode(SUDOKU.make(16, 5).questions)).long()
    ids = torch.zeros(len(tokens), dtype=torch.int64)

    def run() -> tuple[torch.Tensor, torch.Tensor]:
        carry = model.initial_carry(len(tokens))
        with torch.no_grad():
            for _ in range(3):
                output = model(tokens, ids, carry)
                carry = output.carry
        return output.logits.argmax(-1), output.halt_logit

    answers, halt = run()
    layer_by_layer(monkeypatch)
    plain_answers, plain_halt = run()
    assert torch.equal(answers, plain_answers)
    torch.testing.assert_close(halt, plain_halt, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"grid_width": 5}, r"model\.grid_width: .*36 .* 5"),
        ({"symbols": 7}, r"model\.symbols: 7 .*2 .* 8 "),
        ({"puzzle_positions": 1}, r"model\.puzzle_positions: "),
        ({"scopes": ()}, r"model\.scopes: "),
        ({"scopes": ("boxes",)}, "scopes: .*'boxes'"),
        ({"across": "attention", "num_heads": 3}, r"model\.hidden_size: .*2 x num_heads = 6.* 16"),
        ({"mixer": "attention", "num_heads": 3}, r"model\.hidden_size: .*2 x num_heads = 6.* 16"),
        ({"T": 0}, r"model\.T: .*1.*0"),
    ],
)
def test_shapes_that_cannot_be(change: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(TINY, **change)  # type: ignore[arg-type]


def test_kernels_are_for_rows_columns_and_boxes() -> None:
    assert has_gpu_kernels(TINY)
    nine = equivariant(get_task("sudoku-9x9"), hidden_size=64)
    assert has_gpu_kernels(nine)
    for changed in ({"scopes": ("rows", "columns")}, {"scopes": ("rows", "columns", "around")}, {"mixer": "mlp"}):
        assert not has_gpu_kernels(replace(TINY, **changed))
    for wrong in ({"hidden_size": 48}, {"hidden_size": 256}, {"width_multiple": 16, "expansion": 1.0}):
        assert not has_gpu_kernels(replace(TINY, **wrong))
