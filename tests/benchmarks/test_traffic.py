"""The formula for what element-wise work moves: its parts for one shape, and how it grows."""

from dataclasses import replace

import pytest

from benchmarks.traffic import ADDITION, WORD, Memory, Pass, step_bytes, step_passes
from redraft.errors import ConfigError
from redraft.models.config import TRMConfig

MLP = TRMConfig(
    vocab_size=6, seq_len=16, hidden_size=32, width_multiple=16, n=2, T=1, mixer="mlp", positions="none",
    puzzle_positions=0,
)  # fmt: skip


def moved(config: TRMConfig, batch: int = 2, *, training: bool = False) -> float:
    return step_bytes(step_passes(config, batch, parameters=0, training=training))


def test_solving_by_hand() -> None:
    state = 2 * 16 * 32
    inner = 2 * 32 * 48 + 2 * 16 * 96  # widths of 16 positions and 32 channels, four thirds of twice as many
    words = 3 * state + 2 * (3 * inner + 2 * 5 * state)  # two layers, each with two halves
    assert moved(MLP) == WORD * 3 * words  # three evaluations


def test_growth() -> None:
    assert moved(MLP, 8) == pytest.approx(4 * moved(MLP))
    assert moved(replace(MLP, T=3)) == pytest.approx(3 * moved(MLP))
    # a longer loop is back-propagated once, however often it is gone through
    once, thrice = moved(MLP, training=True) - moved(MLP), moved(replace(MLP, T=3), training=True)
    assert thrice == pytest.approx(3 * moved(MLP) + once)


def test_attention_turns_what_it_compares() -> None:
    turned = replace(MLP, mixer="attention", num_heads=4, positions="rope")
    still = replace(turned, positions="learned")
    assert moved(turned) - moved(still) == 3 * 2 * 20 * 2 * 16 * 32 * WORD


def test_weights_are_renewed_once_and_summed_over_evaluations() -> None:
    without = step_bytes(step_passes(MLP, 2, parameters=0, training=True))
    assert step_bytes(step_passes(MLP, 2, parameters=100, training=True)) - without == 100 * (3 * 3 + 12) * WORD


def test_convolutions_are_not_counted() -> None:
    with pytest.raises(ConfigError, match="convolution"):
        moved(replace(MLP, mixer="conv", grid_width=4))


def test_memory_takes_as_long_as_additions_of_that_size() -> None:
    memory = Memory()
    each = Pass(name="twice what an addition moves", elements=1000, words=2 * ADDITION, times=5)
    assert memory.seconds([each]) == pytest.approx(10 * memory.addition(1000))
    assert memory.rate(1000) == pytest.approx(3 * 4 * 1000 / memory.addition(1000) / 1e9)
