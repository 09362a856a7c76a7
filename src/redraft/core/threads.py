"""Splits a batch over CPU threads: each runs whole network evaluations on its own rows.

On a CPU this beats threads inside every operation, which must wait for one another after each: little where matrix
products are large, half as fast again where they are small (docs/log.md). Rows do not depend on one another, so
results stay the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TypeVar

import torch

T = TypeVar("T")


class RowThreads:
    """Runs a function on slices of a batch side by side, with the threads torch was given when this was made.

    On other devices than a CPU, and where there are too few rows to share, there is one slice and no extra thread.
    """

    def __init__(self, device: torch.device, *, least_rows: int) -> None:
        """`least_rows`: fewest rows worth a thread of their own."""
        self.least_rows = least_rows
        self.threads = torch.get_num_threads() if device.type == "cpu" else 1
        self._pool: ThreadPoolExecutor | None = None

    def slices(self, rows: int) -> list[slice]:
        """Slices of about equal size that cover the rows: one, or one a thread."""
        count = self.threads if rows >= self.threads * self.least_rows else 1
        bounds = [rows * i // count for i in range(count + 1)]
        return [slice(start, stop) for start, stop in pairwise(bounds)]

    def map(self, function: Callable[[slice], T], slices: Sequence[slice]) -> list[T]:
        """The function's results, one a slice, in order. Gradient modes do not carry over to the threads."""
        if len(slices) == 1:
            return [function(slices[0])]
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.threads, "rows", initializer=torch.set_num_threads, initargs=(1,))
            self._pool.submit(int).result()
            torch.set_num_threads(self.threads)  # a thread's own setting is also what later threads start with
        return list(self._pool.map(function, slices))
