"""Runs the jobs of a suite, some at a time, each in a process of its own; stops and goes on at will."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from redraft.ablate.jobs import Job
from redraft.ablate.pool import LOG, note_failure
from redraft.train.stopping import stop_on_signal

End = Literal["done", "stopped", "busy", "failed"]
LISTEN = 0.2  # seconds between looks at whether to stop


@dataclass(frozen=True)
class Ending:
    """How a job ended, after how many seconds; why, where it failed."""

    end: End
    reason: str = ""
    seconds: float = 0.0


class Listener(Protocol):
    """Hears how the jobs of a suite go; calls come from several threads, one at a time."""

    def began(self, number: int, job: Job) -> None:
        """A job begins, or goes on from its checkpoint."""

    def progressed(self, number: int, message: dict[str, Any]) -> None:
        """A message from a job at work, see `worker`."""

    def ended(self, number: int, ending: Ending, left: float | None) -> None:
        """A job has ended; the others will take about `left` seconds, None where nobody knows."""


@dataclass
class Workers:
    """Processes at work, which can be asked to stop."""

    live: set[subprocess.Popen[str]] = field(default_factory=set)
    stopping: bool = False

    def run(self, job: Job, tell: Callable[[dict[str, Any]], None]) -> Ending:
        """Works on a job in a process of its own until it ends."""
        started = time.monotonic()
        job.folder.mkdir(parents=True, exist_ok=True)
        last: dict[str, Any] = {}
        with (job.folder / LOG).open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "redraft.ablate.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, "OMP_NUM_THREADS": str(job.threads)},
                start_new_session=True,  # Ctrl-C is for us alone; they hear of it in `stop`
            )
            self.live.add(process)
            if self.stopping:  # it was asked while this one started
                process.terminate()
            assert process.stdin is not None and process.stdout is not None
            try:
                with suppress(BrokenPipeError):  # it died at once; its log tells why
                    print(job.to_json(), file=process.stdin, flush=True)
                for line in process.stdout:
                    last = json.loads(line)
                    if "end" not in last:
                        tell(last)
            finally:
                status = process.wait()
                self.live.discard(process)
                process.stdout.close()
                with suppress(BrokenPipeError):
                    process.stdin.close()
        seconds = time.monotonic() - started
        if "end" in last:
            return Ending(last["end"], last.get("reason", ""), seconds)
        if self.stopping:
            return Ending("stopped", seconds=seconds)
        reason = _death(job, status)
        note_failure(job.folder, reason)
        return Ending("failed", reason, seconds)

    def stop(self) -> None:
        """Asks all to stop after their step, with a checkpoint."""
        self.stopping = True
        for process in list(self.live):
            process.terminate()

    def kill(self) -> None:
        """Ends all at once; they lose what came after their last checkpoint."""
        self.stopping = True
        for process in list(self.live):
            process.kill()


def _death(job: Job, status: int) -> str:
    """Why a worker died without a word."""
    if status < 0:
        return f"its process was killed by signal {-status}" + (" (out of memory?)" if status == -9 else "")
    lines = (job.folder / LOG).read_text(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f"{last or f'exit status {status}'} (see {job.folder / LOG})"


def run_jobs(jobs: Sequence[Job], *, at_once: int, listener: Listener, workers: Workers | None = None) -> list[Ending]:
    """Works on all jobs, `at_once` at a time, until the end or until Ctrl-C; their endings, in order.

    Jobs that were not begun end as `stopped`. A second Ctrl-C raises KeyboardInterrupt at once.
    """
    workers, lock = workers or Workers(), threading.Lock()
    over: list[Ending] = []

    def work(number: int) -> Ending:
        job = jobs[number]
        if workers.stopping:
            return Ending("stopped")
        with lock:
            listener.began(number, job)

        def tell(message: dict[str, Any]) -> None:
            with lock:
                listener.progressed(number, message)

        ending = workers.run(job, tell)
        with lock:
            over.append(ending)
            rest, took = len(jobs) - len(over), [each.seconds for each in over if each.end == "done"]
            left = sum(took) / len(took) * rest / at_once if rest and took else None
            listener.ended(number, ending, left)
        return ending

    with ThreadPoolExecutor(at_once, "job") as pool, stop_on_signal() as asked:
        pending: set[Future[Ending]] = set()
        futures = [pool.submit(work, number) for number in range(len(jobs))]
        pending.update(futures)
        try:
            while pending:
                _, pending = wait(pending, timeout=LISTEN, return_when=FIRST_COMPLETED)
                if asked() and not workers.stopping:
                    workers.stop()
        except KeyboardInterrupt:
            workers.kill()
            raise
    return [future.result() for future in futures]
