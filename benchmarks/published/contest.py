"""A contest of worker processes, with the speed of matmuls timed in every round."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import benchmarks
import redraft
from benchmarks.flops import Counted
from benchmarks.peak import Place, shape_rates, square_rate
from redraft.bench.contest import Contender, Log, agreement, take_turns, warm_up
from redraft.bench.sides import Execution
from redraft.bench.timing import spread
from redraft.errors import RedraftError

# Files of a job's folder.
RUN, STORE, WEIGHTS, PUBLISHED, ARCH, BATCHES = "run.json", "store", "weights", "published.pt", "arch.json", "batches"


@dataclass(frozen=True, kw_only=True)
class Workload(Execution):
    """One implementation to set up in a worker.

    Attributes:
        side: a key of `worker.SIDES`.
        folder: weights, configuration and puzzles, the same for every side.
        device, threads: where it runs, and how many threads of the CPU it may use.
        task, batch_size: of the puzzles.
        steps: supervision steps per puzzle in solving.
        reference: checkout of the published code, empty where it is not needed.
    """

    side: str
    folder: str
    device: str
    threads: int
    task: str
    batch_size: int
    steps: int = 16
    reference: str = ""


class WorkerError(RedraftError):
    """A worker process ended before its time."""


def environment(threads: int) -> dict[str, str]:
    """Variables for a Python process that imports this very redraft and these benchmarks, and uses `threads`."""
    roots = [str(Path(str(package.__file__)).parents[1]) for package in (redraft, benchmarks)]
    paths = [*roots, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": str(threads)}


def last_line(text: str) -> str:
    """The last line of a process's standard error."""
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it printed nothing"


class Worker:
    """The parent's end of a `published.worker` process, as a `Side`; a context manager."""

    def __init__(self, job: Workload) -> None:
        self.job = job
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  (closed in __exit__)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "benchmarks.published.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=environment(job.threads),
        )

    def __enter__(self) -> Worker:
        self._send(asdict(self.job))  # it answers once it is ready
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream is not None:
                stream.close()

    def first_logits(self) -> NDArray[np.float32]:
        file = Path(self.job.folder) / "logits.npy"
        self._request({"do": "logits", "file": str(file)})
        found: NDArray[np.float32] = np.load(file)
        return found

    def run(self, mode: str) -> dict[str, Any]:
        return self._request({"do": "run", "mode": mode})

    def memory(self) -> dict[str, Any]:
        """Its memory before the model was there, and at its peak, in MiB."""
        return self._request({"do": "memory"})

    def answer(self) -> dict[str, Any]:
        """The next answer; raises WorkerError with the last line of its standard error where it died."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            raise WorkerError(f"the worker for {self.job.side} ended: {last_line(self._errors.read())}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _request(self, request: dict[str, Any]) -> dict[str, Any]:
        self._send(request)
        return self.answer()

    def _send(self, request: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # there will be no answer
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()


def contest(
    rows: Sequence[tuple[str, Workload, str]],
    *,
    config: Counted,
    place: Place,
    warmup: int,
    repeats: int,
    report: Log,
) -> dict[str, Any]:
    """Times of all contenders (name, job, mode), with a large matmul timed before every round.

    Equal jobs share a worker. Returns `runs` (per contender raw `rounds`, `first_seconds`, memory), `peak`, and
    `agreement` of every other implementation with the first contender.
    """
    with ExitStack() as stack:
        workers: dict[Workload, Worker] = {}
        for name, job, _ in rows:
            if job not in workers:
                report(f"starting {name}")
                workers[job] = stack.enter_context(Worker(job))
        for worker in workers.values():
            worker.answer()
        contenders = [
            Contender(name=name, side=workers[job], mode=mode, compiled=job.compile) for name, job, mode in rows
        ]
        agreeing = agreement(contenders)
        first = _warm_up(contenders, place.device, warmup, report)
        squares: list[float] = []
        rounds = take_turns(contenders, repeats, report, before_round=lambda: squares.append(square_rate(place=place)))
        memory = {job: worker.memory() for job, worker in workers.items()}
    report("matmuls of the step")
    return {
        "runs": [
            {"name": name, "first_seconds": seconds, "rounds": row, "memory": memory[job]}
            for (name, job, _), seconds, row in zip(rows, first, rounds, strict=True)
        ],
        "agreement": agreeing,
        "peak": {
            "square": {"side": place.side, "rounds": squares, **spread(squares)},
            "shapes": shape_rates(config, rows[0][1].batch_size, place=place),
        },
    }


def _warm_up(contenders: Sequence[Contender], device: str, count: int, report: Log) -> list[float]:
    """As `warm_up` for each contender.

    Those to be compiled for a GPU are so side by side: a compiler keeps one core busy, for a minute or more.
    """
    together = [each for each in contenders if each.compiled and device != "cpu"]
    found = {each.name: warm_up(each, count, report) for each in contenders if each not in together}
    if together:
        with ThreadPoolExecutor(len(together)) as pool:
            seconds = pool.map(lambda each: warm_up(each, count, report), together)
            found |= zip((each.name for each in together), seconds, strict=True)
    return [found[each.name] for each in contenders]
