"""Weights written for the published code come back unchanged, and the same shape is named."""

from dataclasses import replace

import pytest
import torch

from benchmarks.published.names import published_arch, to_published
from redraft.models import TRM, TRMConfig, build_model
from redraft.weights.published import PublishedShape, convert

MLP = TRMConfig(
    vocab_size=6, seq_len=16, hidden_size=32, n=2, T=2, mixer="mlp", positions="none", puzzle_positions=2,
    puzzle_dim=32, num_puzzles=3,
)  # fmt: skip
ATTENTION = replace(MLP, mixer="attention", positions="rope", num_heads=4)
LEARNED = replace(ATTENTION, positions="learned")
WITHOUT_PUZZLES = replace(MLP, puzzle_positions=0, num_puzzles=1)


@pytest.mark.parametrize("config", [MLP, ATTENTION, LEARNED, WITHOUT_PUZZLES])
def test_state_dict_converts_back(config: TRMConfig) -> None:
    model = build_model(config, seed=3)
    assert isinstance(model, TRM)
    with torch.no_grad():
        model.halt_head.weight.normal_()
    written = to_published(model)
    assert all(name.startswith("model.inner.") for name in written)
    assert written["model.inner.q_head.weight"].shape == (2, 32)
    assert not written["model.inner.q_head.weight"][1].any()
    shape = PublishedShape(T=config.T, n=config.n, num_heads=config.num_heads, puzzle_positions=config.puzzle_positions)
    back = convert(written, vocab_size=6, seq_len=16, shape=shape)
    assert back.state_dict().keys() == model.state_dict().keys()
    for name, tensor in model.state_dict().items():
        assert torch.equal(back.state_dict()[name], tensor), name


def test_arch_names_the_same_shape() -> None:
    arch = published_arch(MLP, batch_size=2, max_steps=4, exploration=0.1)
    assert (arch["H_cycles"], arch["L_cycles"], arch["L_layers"], arch["mlp_t"]) == (2, 2, 2, True)
    assert published_arch(WITHOUT_PUZZLES, batch_size=2, max_steps=4, exploration=0.1)["puzzle_emb_ndim"] == 0
