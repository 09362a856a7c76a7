"""Rates of products alone, and the time that a step of them would take."""

from collections.abc import Iterator

import pytest

from benchmarks.flops import network_products
from benchmarks.peak import ideal_seconds, shape_rates, square_rate
from redraft.models.config import HRMConfig, TRMConfig

TINY = {"vocab_size": 6, "seq_len": 16, "hidden_size": 32, "num_heads": 4, "width_multiple": 16, "puzzle_dim": 32}
TRM = TRMConfig(mixer="attention", n=2, T=3, **TINY)


@pytest.fixture(scope="module")
def shapes() -> Iterator[list[dict[str, float]]]:
    yield shape_rates(TRM, 2, repeats=1)


def test_every_product_has_rates(shapes: list[dict[str, float]]) -> None:
    assert [row["name"] for row in shapes] == [product.name for product in network_products(TRM, 2)]
    for row in shapes:
        assert min(row["forward"], row["grad_input"], row["grad_weight"]) > 0
    assert square_rate(64) > 0


def test_ideal_is_the_sum_over_evaluations(shapes: list[dict[str, float]]) -> None:
    forward = sum(row["gflop"] / row["forward"] for row in shapes)
    backward = sum(row["gflop"] / row["grad_input"] + row["gflop"] / row["grad_weight"] for row in shapes)
    assert ideal_seconds(TRM, shapes, training=False) == pytest.approx(9 * forward)
    assert ideal_seconds(TRM, shapes, training=True) == pytest.approx(9 * forward + 3 * backward)
    hrm = HRMConfig(mixer="attention", n=2, T=3, **TINY)
    expected = 2 * 9 * forward + 2 * backward  # the gradient of two evaluations, and a second pass that looks ahead
    assert ideal_seconds(hrm, shapes, training=True, looks_ahead=True) == pytest.approx(expected)
