"""Kernels compiled by Numba, where it is installed; the same lines run interpreted elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import FunctionType
from typing import Any

from redraft.jit import jit


@cache
def compile_kernel(kernel: Callable[..., Any], *calls: Callable[..., Any]) -> Callable[..., Any] | None:
    """The kernel compiled by Numba (kept in Numba's cache on disk where that is writable); None without Numba.

    `calls`: kernels of the same module that it calls, which are compiled too.
    """
    if calls:
        compiled = {called.__name__: compile_kernel(called) for called in calls}
        kernel = FunctionType(kernel.__code__, {**kernel.__globals__, **compiled}, kernel.__name__)
    try:
        return jit(kernel, nogil=True)
    except ImportError:
        return None
