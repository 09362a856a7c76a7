"""Splits a batch over CPU threads: each runs whole network evaluations on its own rows.

On a CPU this beats threads inside every operation, which must wait for one another after each: little where matrix
products are large, half as fast again where they are small (docs/log.md). Rows do not depend on one another, so
results stay the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from threading import Barrier
from typing import TypeVar

import torch

T = TypeVar("T")


def even_slices(rows: int, count: int, *, start: int = 0) -> list[slice]:
    """So many slices of about equal size that cover the rows from `start` on."""
    bounds = [start + rows * i // count for i in range(count + 1)]
    return [slice(first, last) for first, last in pairwise(bounds)]


class RowThreads:
    """Runs a function on slices of a batch side by side, with the threads torch was given when this was made.

    On other devices than a CPU, and where there is one slice only, there is no extra thread.
    """

    def __init__(self, device: torch.device, *, least_rows: int) -> None:
        """`least_rows`: fewest rows worth a thread of their own."""
        self.least_rows = least_rows
        self.threads = torch.get_num_threads() if device.type == "cpu" else 1
        self._pool: ThreadPoolExecutor | None = None

    def slices(self, rows: int, *, start: int = 0) -> list[slice]:
        """Slices of about equal size that cover so many rows from `start` on, at most one a thread."""
        return even_slices(rows, max(1, min(self.threads, rows // self.least_rows)), start=start)

    def map(self, function: Callable[[slice], T], slices: Sequence[slice]) -> list[T]:
        """The function's results, one a slice, in order. Gradient modes do not carry over to the threads."""
        if len(slices) == 1:
            return [function(slices[0])]
        if self._pool is None:
            self._pool = self._start()
        return list(self._pool.map(function, slices))

    def _start(self) -> ThreadPoolExecutor:
        pool = ThreadPoolExecutor(self.threads, "rows", initializer=_one_thread_each)
        everyone = Barrier(self.threads)  # one task waits for the next, so that every thread is started by now
        for waiting in [pool.submit(everyone.wait) for _ in range(self.threads)]:
            waiting.result()
        # What one thread sets is also what threads of others start with, so the caller's setting is put back.
        torch.set_num_threads(self.threads)
        return pool


def _one_thread_each() -> None:
    torch.set_num_threads(1)
    torch.get_num_threads()  # a thread takes a setting over when it first asks, and must before the caller's is back
