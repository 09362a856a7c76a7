"""The speed of matrix products alone: the ceiling that a step is held against."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Any

import torch

from redraft.bench.flops import Product, network_products
from redraft.bench.timing import seconds_of
from redraft.models.trm import TRMConfig

SIDE = 2048


def square_rate(side: int = SIDE) -> float:
    """GFLOP/s of one product of two random float32 squares; call it between other measurements."""
    a, b = torch.randn(2, side, side)
    seconds = seconds_of(lambda: torch.mm(a, b), warmup=1, repeats=2)
    return float(2 * side**3 / min(seconds) / 1e9)


def shape_rates(config: TRMConfig, batch: int, *, repeats: int = 3) -> list[dict[str, Any]]:
    """GFLOP/s of the products of one evaluation of the network, and of those of its backward pass."""
    return [_rates(product, repeats) for product in network_products(config, batch)]


def ideal_seconds(config: TRMConfig, shapes: list[dict[str, Any]], *, training: bool) -> float:
    """Time of a supervision step if it consisted of its products alone, at the rates of `shape_rates`."""
    forward: float = sum(row["gflop"] / row["forward"] for row in shapes)
    backward: float = sum(row["gflop"] / row["grad_input"] + row["gflop"] / row["grad_weight"] for row in shapes)
    return config.T * (config.n + 1) * forward + (config.n + 1) * backward * training


def _rates(product: Product, repeats: int) -> dict[str, Any]:
    """Forward `x w^T`, gradient of the input `g w`, gradient of the weight `g^T x`, in the layouts of a linear map."""
    batch = product.times if product.name in ("mix.scores", "mix.values") else 1
    x = torch.randn(batch, product.rows, product.inner)
    w = torch.randn(batch, product.columns, product.inner)
    g = torch.randn(batch, product.rows, product.columns)
    if batch == 1:
        x, w, g = x[0], w[0], g[0]
    calls: dict[str, Callable[[], torch.Tensor]] = {
        "forward": lambda: x @ w.mT,
        "grad_input": lambda: g @ w,
        "grad_weight": lambda: g.mT @ x,
    }
    flops = product.flops / product.times * batch
    rates = {name: flops / median(seconds_of(call, warmup=1, repeats=repeats)) / 1e9 for name, call in calls.items()}
    shape = [product.rows, product.inner, product.columns]
    return {"name": product.name, "shape": shape, "times": product.times, "gflop": product.flops / 1e9, **rates}
