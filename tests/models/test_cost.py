"""The cost of a model, counted from its shape."""

from dataclasses import replace

from redraft.models import DirectConfig, TRMConfig, build_model
from redraft.models.cost import work
from redraft.recipes.alike import equivariant
from redraft.tasks import get_task


def test_work_counts_each_evaluation() -> None:
    config = TRMConfig(
        vocab_size=6, seq_len=16, hidden_size=16, num_heads=2, width_multiple=8, n=2, T=3, mixer="mlp",
        positions="none", puzzle_positions=0,
    )  # fmt: skip
    model = build_model(config)
    weights = sum(parameter.numel() for parameter in model.networks()[0].parameters())
    assert work(model, 5) == weights * 16 * 9 * 5
    attentive = build_model(replace(config, mixer="attention"))
    weights = sum(parameter.numel() for parameter in attentive.networks()[0].parameters())
    assert work(attentive, 5) > weights * 16 * 9 * 5, "and each pair of cells"


def test_a_state_for_every_symbol_counts_as_often() -> None:
    model = build_model(equivariant(get_task("sudoku-4x4"), hidden_size=16, n=2, T=2))
    weights = sum(parameter.numel() for parameter in model.networks()[0].parameters())
    assert work(model) == weights * 16 * 4 * 6, "16 cells x 4 digits"


def test_a_model_without_a_state_counts_its_cells() -> None:
    assert (
        work(build_model(DirectConfig(vocab_size=6, seq_len=16, hidden_size=16, num_heads=2, puzzle_positions=0))) > 0
    )
