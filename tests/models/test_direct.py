"""Direct prediction: one pass, and every step says the same."""

from pathlib import Path

import pytest
import torch

from redraft.models import DirectConfig, build_model, model_kind
from redraft.weights.io import count_parameters, load_weights, save_weights

pytestmark = pytest.mark.arithmetic

TINY = DirectConfig(
    vocab_size=6, seq_len=9, hidden_size=32, num_heads=4, num_layers=3, width_multiple=16, puzzle_positions=2,
    num_puzzles=3, puzzle_dim=32,
)  # fmt: skip
TOKENS = torch.randint(6, (4, 9), generator=torch.Generator().manual_seed(0))
IDS = torch.tensor([0, 2, 1, 2])


@torch.no_grad()
def test_one_pass_whatever_the_carry() -> None:
    model = build_model(TINY)
    start = model.initial_carry(4)
    assert start.y.shape == (4, 11, 32) and start.z.shape == (4, 0)
    first = model(TOKENS, IDS, start)
    again = model(TOKENS, IDS, first.carry)
    torch.testing.assert_close(first.carry.y, model.net(model.embed(TOKENS, IDS, torch.float32)))
    assert torch.equal(first.logits, again.logits) and torch.equal(first.halt_logit, again.halt_logit)
    assert model.schedule() == ("y",) and TINY.effective_depth == 3


def test_the_published_size() -> None:
    """27 million parameters: as many layers as both networks of an HRM have."""
    with torch.device("meta"):
        dense, _ = count_parameters(build_model(DirectConfig(vocab_size=11, seq_len=81)))
    assert 27_000_000 < dense < 28_000_000


def test_weights_come_back(tmp_path: Path) -> None:
    model = build_model(TINY, seed=5).eval()
    assert model_kind(TINY) == "direct"
    save_weights(tmp_path, model, task="sudoku-4x4", card={})
    opened = load_weights(tmp_path).model
    assert opened.config == TINY
    want, got = model(TOKENS, IDS, model.initial_carry(4)), opened(TOKENS, IDS, opened.initial_carry(4))
    assert torch.equal(got.logits, want.logits) and torch.equal(got.halt_logit, want.halt_logit)
