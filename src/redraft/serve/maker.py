"""Makes puzzles in a process of its own: some searches take hours, and only a process can be ended in the middle."""

from __future__ import annotations

import multiprocessing
import signal
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from threading import Lock
from typing import Any

from redraft.api import make_examples
from redraft.errors import RedraftError
from redraft.serve.limits import Refused
from redraft.tasks import Examples, get_task


class Maker:
    """One process, started when it is first needed, which makes puzzles for one request after another.

    Args:
        seconds: that a request takes at most, from when it has the process.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._lock = Lock()
        self._process: SpawnProcess | None = None
        self._pipe: Connection | None = None
        self._warm = False

    def make(self, task: str | dict[str, Any], count: int, seed: int, **options: int | None) -> Examples:
        """Examples from `make_examples` for a task by its spec; raises Refused if that fails or takes too long."""
        if not self._lock.acquire(timeout=self.seconds):
            raise Refused("others are having puzzles made", status=503, retry_after=5)
        try:
            pipe = self._started()
            pipe.send((task, count, seed, options))
            if not pipe.poll(self.seconds + (0 if self._warm else 10)):  # starting is not the client's fault
                self.close()
                raise Refused(f"such puzzles were not found within {self.seconds:g} seconds", status=504)
            self._warm = True
            found = pipe.recv()
        except (EOFError, OSError) as error:  # it was killed, for its memory for example
            self.close()
            raise Refused("puzzles could not be made", status=503, retry_after=5) from error
        finally:
            self._lock.release()
        if isinstance(found, str):
            raise Refused(found)
        examples: Examples = found
        return examples

    def close(self) -> None:
        """Ends the process; the next request starts another."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process.close()
        if self._pipe is not None:
            self._pipe.close()
        self._process = self._pipe = None

    def _started(self) -> Connection:
        if self._pipe is None:
            spawn = multiprocessing.get_context("spawn")
            self._pipe, theirs = spawn.Pipe()
            self._process = spawn.Process(target=_work, args=(theirs,), daemon=True, name="make")
            self._process.start()
            theirs.close()
            self._warm = False
        return self._pipe


def _work(pipe: Connection) -> None:
    """Answers requests until the other end is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends this
    with suppress(EOFError, OSError):
        while True:
            task, count, seed, options = pipe.recv()
            try:
                pipe.send(make_examples(get_task(task), count, seed, **options))
            except RedraftError as error:
                pipe.send(str(error))
