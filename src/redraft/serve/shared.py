"""A solver shared by all clients: one thread runs one stream, and its slots refill from the puzzles of all requests."""

from __future__ import annotations

import sys
import threading
import traceback
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace

from redraft.serve.limits import Refused
from redraft.solve.answer import Answer
from redraft.solve.job import SolveJob
from redraft.solve.solver import Solver
from redraft.solve.supply import Supply

Waiting = tuple[SolveJob, "Future[Answer]"]


class SharedSolver:
    """Solves the jobs of many threads in one batch.

    Slots are filled by one puzzle of each request in turn, so that a small request does not wait for a large one.
    An answer comes as the result of a future; a future that is cancelled frees the slot of its puzzle.

    Args:
        solver: from now on used only by this thread.
        queue: most puzzles that may wait for a slot.
    """

    def __init__(self, solver: Solver, *, queue: int) -> None:
        self.solver, self.most = solver, queue
        self._jobs = _Jobs()
        self._thread = threading.Thread(target=self._work, name=f"solve {solver.task.name}", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Puzzles that wait for a slot."""
        return self._jobs.waiting

    @property
    def running(self) -> int:
        """Puzzles in the batch."""
        return len(self._jobs.running)

    def submit(self, jobs: Sequence[SolveJob]) -> list[Future[Answer]]:
        """Futures of the answers to all the jobs of a request; raises Refused where they are too many to wait."""
        return self._jobs.put(jobs, self.most)

    def close(self) -> None:
        """Ends the thread once it has answered all puzzles in the queue."""
        self._jobs.close()
        self._thread.join()

    def _work(self) -> None:
        while not self._jobs.ended:
            try:
                for number, answer in self.solver.stream(self._jobs):
                    future = self._jobs.running.pop(number)
                    if future.set_running_or_notify_cancel():  # False: cancelled meanwhile
                        future.set_result(answer)
            except Exception as error:  # a bug: puzzles in the batch fail, those in the queue are still solved
                traceback.print_exc(file=sys.stderr)
                self._jobs.fail(error)


class _Jobs(Supply[SolveJob]):
    """The jobs of all requests; `running` are the futures of those in the batch, by their number in the stream."""

    def __init__(self) -> None:
        self.running: dict[int, Future[Answer]] = {}
        self.ended = False
        self.waiting = 0
        self._taken = 0
        self._closed = False
        self._requests: deque[deque[Waiting]] = deque()
        self._changed = threading.Condition()

    def put(self, jobs: Sequence[SolveJob], most: int) -> list[Future[Answer]]:
        with self._changed:
            if self._closed:
                raise Refused("the server is shutting down", status=503)
            if self.waiting + len(jobs) > most:
                self._forget_cancelled()
            if self.waiting + len(jobs) > most:
                raise Refused(f"{self.waiting:,} puzzles are waiting; try again soon", status=429, retry_after=1)
            request: deque[Waiting] = deque((job, Future()) for job in jobs)
            self._requests.append(request)
            self.waiting += len(jobs)
            self._changed.notify()
            return [future for _, future in request]

    def take(self, room: int, *, wait: bool) -> list[SolveJob]:
        """As `Supply.take`; the stream ends once this is closed and empty."""
        with self._changed:
            while True:
                while wait and not self.waiting and not self._closed:
                    self._changed.wait()
                found = self._next(room)
                if found or not wait:
                    return found
                if self._closed:
                    self.ended = True
                    return []

    def _next(self, room: int) -> list[SolveJob]:
        """One job of each request in turn, without those that were cancelled while they waited."""
        found: list[SolveJob] = []
        while self.waiting and len(found) < room:
            request = self._requests.popleft()
            job, future = request.popleft()
            self.waiting -= 1
            if request:
                self._requests.append(request)
            if not future.cancelled():
                found.append(replace(job, cancelled=_Gone(self.running, self._taken, future)))
                self.running[self._taken] = future
                self._taken += 1
        return found

    def fail(self, error: Exception) -> None:
        """Fails all jobs in the batch; a new stream counts from 0."""
        for future in self.running.values():
            if future.set_running_or_notify_cancel():
                future.set_exception(error)
        self.running.clear()
        self._taken = 0

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _forget_cancelled(self) -> None:
        kept = [deque(pair for pair in request if not pair[1].cancelled()) for request in self._requests]
        self._requests = deque(request for request in kept if request)
        self.waiting = sum(map(len, self._requests))


class _Gone:
    """True once the future of a job in the batch is cancelled; then forgets the job."""

    def __init__(self, running: dict[int, Future[Answer]], number: int, future: Future[Answer]) -> None:
        self.running, self.number, self.future = running, number, future

    def __call__(self) -> bool:
        gone = self.future.cancelled()
        if gone:
            del self.running[self.number]
        return gone
