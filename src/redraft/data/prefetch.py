"""What coming steps need, made by a thread beside the one that uses it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, TypeVar

from redraft.errors import require_at_least

T = TypeVar("T")


class Prefetch(Generic[T]):
    """`make(step)` for one step after another; within a `with` block a thread makes those of coming steps.

    As `make` is a pure function of the step, it does not show which thread made what. An error of `make` is raised to
    who asks for that step, and the thread has ended when the block is left, however that happens.
    """

    def __init__(self, make: Callable[[int], T], *, ahead: int) -> None:
        """`ahead`: how many steps the thread may be ahead; 0 does without a thread."""
        require_at_least(0, {"prefetch": ahead})
        self.make, self.ahead = make, ahead
        self._pool: ThreadPoolExecutor | None = None
        self._coming: dict[int, Future[T]] = {}

    def __enter__(self) -> Prefetch[T]:
        if self.ahead:
            self._pool = ThreadPoolExecutor(1, "prefetch")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pool, self._pool = self._pool, None
        self._coming.clear()
        if pool is not None:
            pool.shutdown(cancel_futures=True)  # waits for what is being made, no longer than one step takes

    def get(self, step: int) -> T:
        """`make(step)`."""
        if self._pool is None:
            return self.make(step)
        wanted = range(step, step + self.ahead + 1)
        self._coming = {
            each: self._coming.get(each) or self._pool.submit(self.make, each) for each in wanted
        }  # what is no longer wanted, after a jump, is made in vain
        return self._coming.pop(step).result()
