"""Runs the jobs of a suite, some at a time, each in a process of its own; they can be stopped and continued."""

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
from typing import Any, Literal

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from redraft.ablate.jobs import Job
from redraft.ablate.pool import LOG, note_failure
from redraft.terminal import Fitting
from redraft.train.stopping import stop_on_signal

LOOK = 0.2  # seconds between looks at whether to stop


@dataclass(frozen=True)
class Ending:
    """How a job ended, after how many seconds; the reason, where it failed."""

    end: Literal["done", "stopped", "busy", "failed"]
    reason: str = ""
    seconds: float = 0.0


class RunsDisplay(Fitting):
    """Shows how jobs go, in a `with` block: a bar per running job on a terminal, plain lines elsewhere.

    Calls come from several threads, one at a time. Every job that ends leaves a line.
    """

    def __init__(
        self, names: Sequence[str], console: Console, *, figures: Callable[[int], str] = lambda number: ""
    ) -> None:
        """`names` of the jobs; `figures` is called with the number of each that is done, for its line."""
        self._names, self._figures, self._ended = names, figures, 0
        self._bars: dict[int, TaskID] = {}
        bar, what, elapsed = BarColumn(bar_width=24), TextColumn("{task.fields[what]}"), TimeElapsedColumn()
        columns = (TextColumn("{task.description}"), bar, what, elapsed, TimeRemainingColumn())
        super().__init__(*columns, spare=(elapsed, bar, what), to=console, disable=not console.is_terminal)

    def began(self, number: int, job: Job) -> None:
        """A job starts, or resumes from its checkpoint."""
        self._bars[number] = self.add_task(self._names[number], total=None, what="reading data")
        if not self.console.is_terminal:
            self._print(f"starting {self._names[number]}  ({job.folder})")

    def progressed(self, number: int, message: dict[str, Any]) -> None:
        """A running job has sent a message, see `worker`."""
        bar = self._bars[number]
        if "judging" in message:
            self.update(bar, total=None, what=f"judging on {message['judging']}")
            return
        total = message["total"]
        done = message["step"] if "steps" in total else message["seconds"]
        self.update(bar, completed=done, total=next(iter(total.values())), what=f"step {message['step']:,}")

    def ended(self, number: int, ending: Ending, left: float | None) -> None:
        """A job has ended; the others will take about `left` seconds, None if unknown."""
        self.remove_task(self._bars.pop(number))
        self._ended += 1
        if ending.end == "done":
            how = self._figures(number)
        elif ending.end == "failed":
            how = f"failed: {ending.reason}"
        else:
            how = {"stopped": "stopped, with a checkpoint", "busy": "is being run elsewhere"}[ending.end]
        others = len(self._names) - self._ended
        rest = "" if left is None or ending.end == "stopped" else f"; about {clock(left)} for the remaining {others}"
        self._print(f"[{self._ended}/{len(self._names)}] {self._names[number]}: {how} in {clock(ending.seconds)}{rest}")

    def _print(self, line: str) -> None:
        self.console.print(line, highlight=False, soft_wrap=True, markup=False)


def clock(seconds: float) -> str:
    """Seconds in words, by hours and minutes where there are many."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min" if minutes >= 10 else f"{minutes} min {seconds:02} s" if minutes else f"{seconds} s"


@dataclass
class Workers:
    """The processes of running jobs."""

    live: set[subprocess.Popen[str]] = field(default_factory=set)
    stopping: bool = False

    def run(self, job: Job, report: Callable[[dict[str, Any]], None]) -> Ending:
        """Runs a job in a process of its own until it ends; `report` gets its messages."""
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
                start_new_session=True,  # Ctrl-C reaches this process alone, which passes it on in `stop`
            )
            self.live.add(process)
            if self.stopping:  # since before this one started
                process.terminate()
            assert process.stdin is not None and process.stdout is not None
            try:
                with suppress(BrokenPipeError):  # it died at once; the reason is in its log
                    print(job.to_json(), file=process.stdin, flush=True)
                for line in process.stdout:
                    last = json.loads(line)
                    if "end" not in last:
                        report(last)
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
        """Ends all at once; they lose everything after their last checkpoint."""
        self.stopping = True
        for process in list(self.live):
            process.kill()


def _death(job: Job, status: int) -> str:
    """Why a worker died without a last message."""
    if status < 0:
        return f"its process was killed by signal {-status}" + (" (out of memory?)" if status == -9 else "")
    lines = (job.folder / LOG).read_text(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f"{last or f'exit status {status}'} (see {job.folder / LOG})"


def run_jobs(
    jobs: Sequence[Job], *, at_once: int, display: RunsDisplay, workers: Workers | None = None
) -> list[Ending]:
    """Runs all jobs, `at_once` at a time, until the end or until Ctrl-C; their endings, in order.

    Jobs that have not started end as `stopped`. A second Ctrl-C raises KeyboardInterrupt at once.
    """
    workers, lock = workers or Workers(), threading.Lock()
    over: list[Ending] = []

    def work(number: int) -> Ending:
        job = jobs[number]
        if workers.stopping:
            return Ending("stopped")
        with lock:
            display.began(number, job)

        def report(message: dict[str, Any]) -> None:
            with lock:
                display.progressed(number, message)

        ending = workers.run(job, report)
        with lock:
            over.append(ending)
            rest, took = len(jobs) - len(over), [each.seconds for each in over if each.end == "done"]
            left = sum(took) / len(took) * rest / at_once if rest and took else None
            display.ended(number, ending, left)
        return ending

    with ThreadPoolExecutor(at_once, "job") as threads, stop_on_signal() as asked:
        futures = [threads.submit(work, number) for number in range(len(jobs))]
        pending: set[Future[Ending]] = set(futures)
        try:
            while pending:
                _, pending = wait(pending, timeout=LOOK, return_when=FIRST_COMPLETED)
                if asked() and not workers.stopping:
                    workers.stop()
        except KeyboardInterrupt:
            workers.kill()
            raise
    return [future.result() for future in futures]
