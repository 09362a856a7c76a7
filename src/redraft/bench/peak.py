"""The speed of matrix products alone: the ceiling that a step is held against."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any

import torch
import torch.nn.functional as F

from redraft.bench.flops import Product, backpropagated, evaluations, network_products
from redraft.bench.timing import seconds_of
from redraft.models.network import RecursiveConfig

SIDE = 2048
LEAST_FLOPS = 10**7  # of what is timed at once
MOST_ELEMENTS = 2**26  # scores that are timed at once: of many heads, some stand for all


Clock = Callable[[], float]


def square_rate(side: int = SIDE, *, clock: Clock = perf_counter) -> float:
    """GFLOP/s of one product of two random float32 squares; call it between other measurements."""
    a, b = torch.randn(2, side, side)
    seconds = seconds_of(lambda: torch.mm(a, b), warmup=1, repeats=2, clock=clock)
    return float(2 * side**3 / min(seconds) / 1e9)


def shape_rates(
    config: RecursiveConfig, batch: int, *, repeats: int = 3, clock: Clock = perf_counter
) -> list[dict[str, Any]]:
    """GFLOP/s of the products of one evaluation of the network, and of those of its backward pass."""
    return [_rates(product, repeats, clock) for product in network_products(config, batch)]


def ideal_seconds(
    config: RecursiveConfig, shapes: list[dict[str, Any]], *, training: bool, looks_ahead: bool = False
) -> float:
    """Time of a supervision step if it consisted of its products alone, at the rates of `shape_rates`."""
    forward: float = sum(row["gflop"] / row["forward"] for row in shapes)
    backward: float = sum(row["gflop"] / row["grad_input"] + row["gflop"] / row["grad_weight"] for row in shapes)
    return evaluations(config) * (1 + looks_ahead) * forward + backpropagated(config) * backward * training


def _rates(product: Product, repeats: int, clock: Clock) -> dict[str, Any]:
    attending = product.name in ("mix.scores", "mix.values")
    timed = _attention if attending else _linear
    shape = [product.rows, product.inner, product.columns]
    row = {"name": product.name, "shape": shape, "times": product.times, "gflop": product.flops / 1e9}
    return {**row, **timed(product, repeats, clock)}


def _linear(product: Product, repeats: int, clock: Clock) -> dict[str, float]:
    """Forward `x w^T`, gradient of the input `g w`, gradient of the weight `g^T x`, in the layouts of a linear map."""
    x = torch.randn(product.rows, product.inner)
    w = torch.randn(product.columns, product.inner)
    g = torch.randn(product.rows, product.columns)
    calls: dict[str, Callable[[], Any]] = {
        "forward": lambda: x @ w.mT,
        "grad_input": lambda: g @ w,
        "grad_weight": lambda: g.mT @ x,
    }
    flops = product.flops // product.times
    return {name: _rate(call, flops, repeats, clock) for name, call in calls.items()}


def _attention(product: Product, repeats: int, clock: Clock) -> dict[str, float]:
    """Both products of attention, of equal size, as the library does them: in one, with the soft-max between."""
    positions, head_dim = product.rows, min(product.inner, product.columns)
    together = max(1, min(product.times, MOST_ELEMENTS // positions**2))
    # with a batch of one before the heads: only then is it the fused kernel
    q, k, v = torch.randn(3, 1, together, positions, head_dim, requires_grad=True).unbind()
    flops = 2 * together * (product.flops // product.times)
    with torch.no_grad():
        forward = _rate(lambda: F.scaled_dot_product_attention(q, k, v), flops, repeats, clock)
    mixed = F.scaled_dot_product_attention(q, k, v)
    g = torch.randn_like(mixed)
    backward = _rate(lambda: torch.autograd.grad(mixed, (q, k, v), g, retain_graph=True), 2 * flops, repeats, clock)
    return {"forward": forward, "grad_input": backward, "grad_weight": backward}


def _rate(call: Callable[[], Any], flops: int, repeats: int, clock: Clock) -> float:
    """GFLOP/s of a call of so many operations."""
    count = max(1, LEAST_FLOPS // flops)  # small ones many at a time, or the clock would be too coarse
    seconds = seconds_of(partial(_repeat, call, count), warmup=1, repeats=repeats, clock=clock)
    return count * flops / median(seconds) / 1e9


def _repeat(call: Callable[[], Any], count: int) -> None:
    for _ in range(count):
        call()
