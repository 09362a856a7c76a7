"""Bytes that the element-wise work of a supervision step moves, counted from its shape: all but matmuls.

Counted for the eager path on a CPU (`kernels/cpu.py`), a kernel or an operation at a time: a float32 word for each
element that it reads or writes, as often as it does. Reads and writes of a matmul are not counted here; they are part
of its own rate.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import process_time

import torch
from torch import Tensor

from benchmarks.flops import backpropagated, evaluations
from redraft.bench.timing import seconds_of
from redraft.core.layers import swiglu_width
from redraft.errors import ConfigError
from redraft.models.config import RecursiveConfig

WORD = 4  # bytes
ADDITION = 3  # words an addition moves for each element: two read, one written


@dataclass(frozen=True, kw_only=True)
class Pass:
    """Operations, done `times` times, on tensors of `elements` that move `words` per element."""

    name: str
    elements: int
    words: float
    times: int = 1

    @property
    def bytes(self) -> float:
        return self.elements * self.words * self.times * WORD


def step_passes(config: RecursiveConfig, batch: int, *, parameters: int, training: bool) -> list[Pass]:
    """The element-wise work of a supervision step; `parameters` is the number of weights a training step updates."""
    times = evaluations(config)
    passes = [replace(each, times=times * each.times) for each in _forward(config, batch)]
    if training:
        back = backpropagated(config)
        passes += [replace(each, times=back * each.times) for each in _backward(config, batch)]
        passes.append(Pass(name="sums of the gradients of each evaluation", elements=parameters, words=3, times=back))
        # gathered 2, optimiser 7 (weight, gradient and two moments; all but the gradient written), average 3
        passes.append(Pass(name="update of the weights", elements=parameters, words=12))
    return passes


def step_bytes(passes: list[Pass]) -> float:
    return sum(each.bytes for each in passes)


class Memory:
    """The speed of additions on tensors of any size, caches and the cost of a call included.

    In seconds of the processor, so call it with one thread.
    """

    def __init__(self) -> None:
        self._seconds: dict[int, float] = {}

    def addition(self, elements: int) -> float:
        """Seconds of adding two float32 tensors of that size into a third."""
        if elements not in self._seconds:
            a, b, into = torch.ones(3, elements)
            calls = max(1, 2**18 // elements)  # many small ones at a time, because the clock is too coarse
            seconds = seconds_of(lambda: _add(a, b, into, calls), warmup=1, repeats=5, clock=process_time)
            self._seconds[elements] = min(seconds) / calls
        return self._seconds[elements]

    def seconds(self, passes: list[Pass]) -> float:
        """Seconds of the passes, if each moved its words as fast as an addition of its size."""
        return sum(self.addition(each.elements) * each.words / ADDITION * each.times for each in passes)

    def rate(self, elements: int = 2**25) -> float:
        """GB/s of an addition, by default of tensors that no cache holds."""
        return ADDITION * WORD * elements / self.addition(elements) / 1e9


def _add(a: Tensor, b: Tensor, into: Tensor, calls: int) -> None:
    for _ in range(calls):
        torch.add(a, b, out=into)


def _forward(config: RecursiveConfig, batch: int) -> list[Pass]:
    """Of one evaluation of the network."""
    state, layers = batch * config.sequence * config.hidden_size, config.num_layers
    passes = [Pass(name="input of the network: context and latent", elements=state, words=3)]
    for name, inner in _halves(config, batch):
        # a gate reads 2 and writes 1; a norm reads 2 for its scale, 2 again to write 1
        passes.append(Pass(name=f"{name}.gate", elements=inner, words=3, times=layers))
        passes.append(Pass(name=f"{name}.norm", elements=state, words=5, times=layers))
    if config.mixer == "attention":
        turning = 20 if config.positions == "rope" else 0  # of query and key each: halves swapped 3, products 4, sum 3
        passes.append(Pass(name="mix.rotate_norm", elements=state, words=turning + 5, times=layers))
    return passes


def _backward(config: RecursiveConfig, batch: int) -> list[Pass]:
    """Of the backward pass of one evaluation."""
    state, layers = batch * config.sequence * config.hidden_size, config.num_layers
    passes = [Pass(name="gradients of the input of the network", elements=state, words=3)]
    for name, inner in _halves(config, batch):
        # of a gate: 3 read, 3 written; of its norm: 2 read for a mean, 2 again to write 1, and a sum 3
        passes.append(Pass(name=f"{name}.gate", elements=inner, words=6, times=layers))
        passes.append(Pass(name=f"{name}.norm", elements=state, words=8, times=layers))
    if config.mixer == "attention":
        turning = 20 if config.positions == "rope" else 0
        # of the norm 8; query, key and value put together 6
        passes.append(Pass(name="mix.rotate_norm", elements=state, words=turning + 14, times=layers))
    return passes


def _halves(config: RecursiveConfig, batch: int) -> list[tuple[str, int]]:
    """The gated halves of a block, each with the elements between its two linear layers."""
    if config.mixer == "conv":
        raise ConfigError("counts what attention and MLP mixers move, not convolutions")
    channels = batch * config.sequence * _width(config.hidden_size, config)
    if config.mixer == "attention":
        return [("mlp", channels)]
    return [("mix", batch * config.hidden_size * _width(config.sequence, config)), ("mlp", channels)]


def _width(features: int, config: RecursiveConfig) -> int:
    return swiglu_width(features, config.expansion, config.width_multiple)
