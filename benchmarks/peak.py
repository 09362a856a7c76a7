"""The speed of matmuls alone: the ceiling that a step is compared with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import torch
import torch.nn.functional as F

from benchmarks.flops import Counted, Product, backpropagated, evaluations, network_products
from redraft.bench.timing import seconds_of
from redraft.kernels import matmul
from redraft.machine import clock_of

SIDE = 2048
GPU_SIDE = 8192  # a smaller matmul would not fill the device
LEAST_FLOPS, GPU_LEAST_FLOPS = 10**7, 10**11  # of calls that are timed together
MOST_ELEMENTS = 2**26  # scores that are timed together: some of many heads stand for all


Clock = Callable[[], float]


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where matmuls are timed: the device, the dtype of the factors, and the clock (wall time by default)."""

    device: str = "cpu"
    dtype: torch.dtype = torch.float32
    clock: Clock | None = None

    @property
    def side(self) -> int:
        """Side of the square matmul that shows the peak."""
        return SIDE if self.device == "cpu" else GPU_SIDE

    @property
    def least_flops(self) -> int:
        return LEAST_FLOPS if self.device == "cpu" else GPU_LEAST_FLOPS

    @property
    def now(self) -> Clock:
        return self.clock or clock_of(torch.device(self.device))

    def random(self, *shape: int) -> torch.Tensor:
        return torch.randn(*shape, device=self.device, dtype=self.dtype)


CPU = Place()


def square_rate(side: int | None = None, *, place: Place = CPU) -> float:
    """GFLOP/s of one matmul of two random squares; call it between other measurements."""
    side = side or place.side
    a, b = place.random(2, side, side)
    seconds = seconds_of(lambda: matmul.mm(a, b), warmup=1, repeats=2, clock=place.now)
    return float(2 * side**3 / min(seconds) / 1e9)


def shape_rates(config: Counted, batch: int, *, repeats: int = 3, place: Place = CPU) -> list[dict[str, Any]]:
    """GFLOP/s of the matmuls of one evaluation of the network, and of those of its backward pass."""
    return [_rates(product, repeats, place) for product in network_products(config, batch)]


def ideal_seconds(config: Counted, shapes: list[dict[str, Any]], *, training: bool, looks_ahead: bool = False) -> float:
    """Seconds of a supervision step if it consisted of its matmuls alone, at the rates of `shape_rates`."""
    forward: float = sum(row["gflop"] / row["forward"] for row in shapes)
    backward: float = sum(row["gflop"] / row["grad_input"] + row["gflop"] / row["grad_weight"] for row in shapes)
    return evaluations(config) * (1 + looks_ahead) * forward + backpropagated(config) * backward * training


def _rates(product: Product, repeats: int, place: Place) -> dict[str, Any]:
    attending = product.name in ("mix.scores", "mix.values")
    timed = _attention if attending else _linear
    shape = [product.rows, product.inner, product.columns]
    row = {"name": product.name, "shape": shape, "times": product.times, "gflop": product.flops / 1e9}
    return {**row, **timed(product, repeats, place)}


def _linear(product: Product, repeats: int, place: Place) -> dict[str, float]:
    """Forward `x w^T`, gradient of the input `g w`, gradient of the weight `g^T x`, with a linear layer's layouts."""
    x = place.random(product.rows, product.inner)
    w = place.random(product.columns, product.inner)
    g = place.random(product.rows, product.columns)
    calls: dict[str, Callable[[], Any]] = {
        "forward": lambda: matmul.mm(x, w.t()),
        "grad_input": lambda: matmul.mm(g, w),
        "grad_weight": lambda: matmul.mm(g.t(), x),
    }
    flops = product.flops // product.times
    return {name: _rate(call, flops, repeats, place) for name, call in calls.items()}


def _attention(product: Product, repeats: int, place: Place) -> dict[str, float]:
    """Both matmuls of attention, of equal size, fused with the softmax between as in the library."""
    positions, head_dim = product.rows, min(product.inner, product.columns)
    together = max(1, min(product.times, MOST_ELEMENTS // positions**2))
    # a batch of one before the heads, which the fused kernel requires
    q, k, v = place.random(3, 1, together, positions, head_dim).requires_grad_().unbind()
    flops = 2 * together * (product.flops // product.times)
    with torch.no_grad():
        forward = _rate(lambda: F.scaled_dot_product_attention(q, k, v), flops, repeats, place)
    mixed = F.scaled_dot_product_attention(q, k, v)
    g = torch.randn_like(mixed)
    backward = _rate(lambda: torch.autograd.grad(mixed, (q, k, v), g, retain_graph=True), 2 * flops, repeats, place)
    return {"forward": forward, "grad_input": backward, "grad_weight": backward}


def _rate(call: Callable[[], Any], flops: int, repeats: int, place: Place) -> float:
    """GFLOP/s of a call of `flops` operations."""
    count = max(1, place.least_flops // flops)  # many small ones at a time, because the clock is too coarse
    seconds = seconds_of(partial(_repeat, call, count), warmup=1, repeats=repeats, clock=place.now)
    return count * flops / median(seconds) / 1e9


def _repeat(call: Callable[[], Any], count: int) -> None:
    for _ in range(count):
        call()
