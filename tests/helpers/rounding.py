"""Float64 in place of float32, so that rounding decides nothing; and where it must, how far it can move a result.

What a library rounds differs from processor to processor, and a recursion amplifies it: by how much depends on weights
and shapes, so no number fits all. Here it is measured instead, by Monte Carlo arithmetic (Parker 1997): the computation
runs in float64, where nothing of note is rounded, and the result of each operation is moved at random as far as float32
would round it. What comes out differs then as much as between two libraries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from redraft.kernels import Operation
from redraft.models import base

UNIT = 2.0**-24  # what a float32 is rounded by at most, of itself
# How many times the typical error (root mean square over samples) a library may be off by: large enough for dot
# products of some hundred terms, whose rounding grows with the root of their number, and for the largest of many.
FACTOR = 10.0
SAMPLES = 2
# Operations that move numbers and round none.
EXACT = {"cat", "clone", "copy", "_to_copy", "embedding", "index", "index_select", "where", "stack", "constant_pad_nd",
         "neg", "abs", "relu", "max", "amax", "slice_backward", "select_backward", "lift_fresh", "gather", "sign",
         "scatter", "bernoulli", "zeros_like", "ones_like", "empty_like", "full_like", "zeros", "ones", "full", "empty",
         "arange", "new_zeros", "new_empty", "new_ones", "masked_fill", "threshold_backward", "nll_loss_backward",
         "scalar_tensor", "empty_strided", "new_empty_strided", "new_full", "rand", "randn"}  # fmt: skip

Results = Mapping[str, Tensor]


class _Rounding(TorchDispatchMode):
    """Moves the result of each operation at random by as much as float32 would round it, gradients included."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.noise = torch.rand(2**18, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) * 2 - 1
        self.place = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if func.is_view or name in EXACT or name.endswith("_"):
            return result
        if isinstance(result, tuple):
            return tuple(self._moved(each) for each in result)
        return self._moved(result)

    def _moved(self, result: Any) -> Any:
        if not isinstance(result, Tensor) or result.dtype != torch.float64 or result.is_sparse:
            return result
        count = result.numel()
        self.place = (self.place + 7919) % (len(self.noise) - count)
        noise = self.noise[self.place : self.place + count].view(result.shape)
        # of a sum whose terms cancel out more is rounded than its own last digit: about that of its like
        size = result.abs() + float(result.norm()) / max(1, count) ** 0.5
        return torch.addcmul(result, noise, size, value=UNIT)


@contextmanager
def in_float64(*, kernels: bool = False) -> Iterator[None]:
    """Within it, models that are built compute in float64 whatever their configuration says, so that what a library
    rounds decides nothing; `kernels`: as fast as they would in float32 on a CPU, not layer by layer."""
    before = torch.get_default_dtype()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(base.DTYPES, "float32", torch.float64)
        patch.setattr(Tensor, "float", Tensor.double)  # what the code does "in float32" it does in its widest type
        if not kernels:
            layer_by_layer(patch)
        torch.set_default_dtype(torch.float64)
        try:
            yield
        finally:
            torch.set_default_dtype(before)


def layer_by_layer(patch: pytest.MonkeyPatch) -> None:
    """Has layers computed one after the other as they are written, and matmuls by torch's own library."""
    patch.setattr(Operation, "choose", lambda self, *_, **__: self.reference)


def relative(got: Tensor, want: Tensor) -> float:
    """How far a whole tensor is off, of its size, in the Euclidean norm."""
    return float((got.double() - want.double()).norm() / want.double().norm().clamp_min(1e-12))


def bounds(compute: Callable[[], Results]) -> tuple[Results, dict[str, float]]:
    """Results of `compute` in float64, and for each how far (`relative`) a float32 result may be off.

    `compute` is called again and again, and must compute the same whenever it is. Names that differ in digits alone are
    one result at several steps, or of several layers: each may be off by as much as the worst of them.
    """
    with in_float64():
        exact = compute()
        squares = dict.fromkeys(exact, 0.0)
        for seed in range(SAMPLES):
            with _Rounding(seed):
                moved = compute()
            for name, want in exact.items():
                squares[name] += relative(moved[name], want) ** 2
    kinds = {name: "".join(letter for letter in name if not letter.isdigit()) for name in squares}
    worst = {kind: max(squares[name] for name in kinds if kinds[name] == kind) for kind in set(kinds.values())}
    return exact, {name: FACTOR * (worst[kind] / SAMPLES) ** 0.5 + 4 * UNIT for name, kind in kinds.items()}


def assert_within(got: Results, exact: Results, allowed: Mapping[str, float]) -> None:
    """Each result is there, of the right shape, and off by no more than is allowed."""
    assert got.keys() == exact.keys()
    for name, want in exact.items():
        assert got[name].shape == want.shape, f"{name}: shape {tuple(got[name].shape)}, expected {tuple(want.shape)}"
        error = relative(got[name], want)
        assert error <= allowed[name], f"{name}: off by {error:.1e}, rounding explains {allowed[name]:.1e}"
