"""Kernels compiled by Numba, where it is installed; the same lines run interpreted elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any


@cache
def compile_kernel(kernel: Callable[..., Any]) -> Callable[..., Any] | None:
    """The kernel compiled by Numba (kept in Numba's cache on disk where that is writable); None without Numba."""
    try:
        numba = import_module("numba")
    except ImportError:
        return None
    try:
        return numba.njit(cache=True, nogil=True)(kernel)
    except RuntimeError:  # "cannot cache function: no locator available": nowhere to write
        return numba.njit(nogil=True)(kernel)
