"""The service in an event loop: calls run in threads, and nothing takes longer than the seconds of a request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from redraft.serve.limits import Refused
from redraft.serve.service import Service, Work

T = TypeVar("T")

THREADS = 4  # that read puzzles, validate them, and make new ones


class AsyncService:
    """The service as HTTP and tools for language models call it."""

    def __init__(self, service: Service) -> None:
        self.service, self.limits = service, service.limits
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="serve")

    async def in_thread(self, function: Callable[[], T], *, late: Callable[[T], None] = lambda found: None) -> T:
        """The result of a function; one that comes after the caller has left goes to `late`."""
        future = asyncio.get_running_loop().run_in_executor(self._threads, function)
        wanted = True
        try:  # not asyncio.wait_for, which in Python 3.11 may swallow a cancellation
            async with asyncio.timeout(self.limits.seconds):
                found = await asyncio.shield(future)
            wanted = False
            return found
        except TimeoutError:
            raise Refused(f"not done within {self.limits.seconds:g} seconds", status=503, retry_after=5) from None
        finally:
            if wanted:
                future.add_done_callback(lambda done: None if done.exception() else late(done.result()))

    async def begin(self, begin: Callable[[], Work]) -> Work:
        """Queued work; it is cancelled if the caller leaves meanwhile."""
        return await self.in_thread(begin, late=Work.cancel)

    async def wait(self, work: Work) -> None:
        """Waits until all puzzles are answered, or the time is up."""
        if futures := [asyncio.wrap_future(future) for future in work.futures]:
            done, late = await asyncio.wait(futures, timeout=self.limits.seconds)
            for future in done:
                future.cancelled() or future.exception()  # looked at here; `work.response` raises it
            for future in late:
                future.cancel()
