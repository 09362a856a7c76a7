"""A library of matrix products that rounds like none there is: for every shape otherwise, and at every place.

Real ones differ so by processor, by batch size and by where a row stands, but each machine has only one of them. With
REDRAFT_TEST_LIBRARY=SEED in the environment, products of torch on a CPU go through this one, of which every seed is
another. The same factors still give the same product, so that what is repeated is repeated to the bit.
"""

from __future__ import annotations

import warnings
import zlib
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

UNIT = 2.0**-24


def install(seed: int) -> torch.library.Library:
    """Has torch multiply by this library for as long as the result lives."""

    @cache
    def noise(*shapes: tuple[int, ...]) -> NDArray[np.float64]:
        random = np.random.default_rng(zlib.crc32(repr((seed, shapes)).encode()))
        return random.uniform(-2 * UNIT, 2 * UNIT, (*shapes[0][:-1], shapes[1][-1]))

    def product(a: Tensor, b: Tensor) -> Tensor:
        x, y = a.detach().double().numpy(), b.detach().double().numpy()
        with np.errstate(all="ignore"):
            exact = x @ y
            if a.dtype == torch.float64:
                return torch.from_numpy(np.ascontiguousarray(exact))
            terms = np.abs(x) @ np.abs(y) / max(1, x.shape[-1]) ** 0.5  # as many as are added up, of either sign
        rounded = exact + noise(x.shape, y.shape) * (np.abs(exact) + terms)
        return torch.from_numpy(np.ascontiguousarray(rounded)).to(a.dtype)

    def sum_and_product(c: Tensor, a: Tensor, b: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
        return (beta * c + alpha * product(a, b)).to(c.dtype)

    library = torch.library.Library("aten", "IMPL")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it takes the place of another
        for name in ("mm", "bmm"):
            library.impl(name, product, "CPU")
        for name in ("addmm", "baddbmm"):
            library.impl(name, sum_and_product, "CPU")
    return library
