"""HRM's shape, and that it is the variant of a TRM it is said to be; its numbers are in test_golden.py."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from redraft.errors import ConfigError
from redraft.models import HRMConfig, VariantConfig, build_model, model_kind
from redraft.weights.io import count_parameters, load_weights, save_weights

pytestmark = pytest.mark.arithmetic

TINY = HRMConfig(
    vocab_size=6, seq_len=9, hidden_size=32, num_heads=4, num_layers=2, width_multiple=16, num_puzzles=3, puzzle_dim=32
)
TOKENS = torch.randint(6, (4, 9), generator=torch.Generator().manual_seed(0))
IDS = torch.tensor([0, 2, 1, 2])


@pytest.mark.parametrize(("n", "T"), [(2, 2), (1, 3), (4, 1)])
def test_an_hrm_is_a_variant_of_a_trm(n: int, T: int) -> None:
    """Two networks, the one-step gradient and a second halting output: the same weights give the same."""
    hrm = build_model(replace(TINY, n=n, T=T), seed=1)
    shape = {name: getattr(hrm.config, name) for name in hrm.config.__dataclass_fields__}
    variant = build_model(VariantConfig(**shape, separate=True, gradient=2, continue_head=True))
    variant.load_state_dict(hrm.state_dict())
    results = []
    for model in (hrm, variant):
        output = model(TOKENS, IDS, model.initial_carry(4))
        assert output.continue_logit is not None
        (output.logits.square().mean() + output.halt_logit.mean() - output.continue_logit.mean()).backward()
        found = {name: p.grad.to_dense() for name, p in model.named_parameters() if p.grad is not None}
        results.append({**found, "y": output.carry.y, "z": output.carry.z, "logits": output.logits})
    assert results[0].keys() == results[1].keys() == {*hrm.dense_parameters(), "embed.puzzle.table", "y", "z", "logits"}
    assert all(torch.equal(found, results[1][name]) for name, found in results[0].items())
    assert hrm.schedule() == variant.schedule()
    assert hrm.config.effective_depth == variant.config.effective_depth == T * (n + 1) * 2


def test_the_published_size() -> None:
    """27 million parameters, as the paper says, and a puzzle embedding of one position."""
    with torch.device("meta"):
        model = build_model(HRMConfig(vocab_size=11, seq_len=81))
    dense, table = count_parameters(model)
    assert 27_000_000 < dense < 28_000_000 and table == 512
    assert model.config.sequence == 82 and model.config.effective_depth == 24


@pytest.mark.parametrize("mixer", ["mlp", "conv"])
def test_other_mixers(mixer: str) -> None:
    model = build_model(replace(TINY, mixer=mixer, positions="none", puzzle_positions=0, grid_width=3))
    assert model(TOKENS, IDS, model.initial_carry(4)).logits.shape == (4, 9, 6)


def test_weights_come_back(tmp_path: Path) -> None:
    model = build_model(TINY, seed=5).eval()
    assert model_kind(TINY) == "hrm"
    save_weights(tmp_path, model, task="sudoku-4x4", card={})
    opened = load_weights(tmp_path).model
    assert opened.config == TINY
    want, got = model(TOKENS, IDS, model.initial_carry(4)), opened(TOKENS, IDS, opened.initial_carry(4))
    assert torch.equal(got.logits, want.logits) and torch.equal(got.continue_logit, want.continue_logit)


@pytest.mark.parametrize("name", ["n", "T", "num_layers"])
def test_sizes_that_cannot_be(name: str) -> None:
    with pytest.raises(ConfigError, match=f"model.{name}: .*1.*0"):
        replace(TINY, **{name: 0})
