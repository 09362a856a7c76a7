"""Splits a batch over CPU threads: each runs whole network evaluations on its own rows.

On a CPU this beats threads inside every operation, which must wait for one another after each: slightly where matmuls
are large, 1.5 times where they are small (docs/log.md). Rows are independent, so results stay the same.
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
    """`count` slices of about equal size that cover the rows from `start` on."""
    bounds = [start + rows * i // count for i in range(count + 1)]
    return [slice(first, last) for first, last in pairwise(bounds)]


class RowThreads:
    """Runs a function on slices of a batch in parallel, with the number of threads that torch had at its creation.

    On devices other than a CPU, and for a single slice, there is no extra thread.
    """

    def __init__(self, device: torch.device, *, least_rows: int) -> None:
        """`least_rows`: fewest rows that justify a thread of their own."""
        self.least_rows = least_rows
        self.threads = torch.get_num_threads() if device.type == "cpu" else 1
        self._pool: ThreadPoolExecutor | None = None

    def slices(self, rows: int, *, start: int = 0) -> list[slice]:
        """Slices of about equal size that cover `rows` rows from `start` on, at most one per thread."""
        return even_slices(rows, max(1, min(self.threads, rows // self.least_rows)), start=start)

    def map(self, function: Callable[[slice], T], slices: Sequence[slice]) -> list[T]:
        """The function's results per slice, in order. Gradient modes do not carry over to the threads."""
        if len(slices) == 1:
            return [function(slices[0])]
        if self._pool is None:
            self._pool = self._start()
        return list(self._pool.map(function, slices))

    def _start(self) -> ThreadPoolExecutor:
        pool = ThreadPoolExecutor(self.threads, "rows", initializer=_one_thread_each)
        everyone = Barrier(self.threads)  # each task waits for all, so every thread has started
        for waiting in [pool.submit(everyone.wait) for _ in range(self.threads)]:
            waiting.result()
        # A thread's setting is also the default of threads started later, so the caller's is restored.
        torch.set_num_threads(self.threads)
        return pool


def _one_thread_each() -> None:
    torch.set_num_threads(1)
    torch.get_num_threads()  # adopts the setting, before the caller's is restored
