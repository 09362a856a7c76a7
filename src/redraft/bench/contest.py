"""Implementations against each other: a worker process each, taking turns so that a drifting machine hits all."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from redraft.bench.flops import Counted
from redraft.bench.peak import Place, shape_rates, square_rate
from redraft.bench.sides import Workload
from redraft.bench.timing import spread
from redraft.errors import RedraftError
from redraft.machine import environment

Tell = Callable[[str], None]


class WorkerError(RedraftError):
    """A worker process ended before its time."""


def last_line(text: str) -> str:
    """The last that a process said on its standard error."""
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it said nothing"


class Worker:
    """The parent's end of a `bench.worker` process; a context manager."""

    def __init__(self, job: Workload) -> None:
        self.job = job
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  (closed in __exit__)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "redraft.bench.worker"],
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

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer to a request; raises WorkerError with the last line it printed where it died."""
        self._send(request)
        return self.answer()

    def _send(self, request: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # there will be no answer
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """The next answer; raises WorkerError as `ask` does."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            raise WorkerError(f"the worker for {self.job.side} ended: {last_line(self._errors.read())}")
        answer: dict[str, Any] = json.loads(line)
        return answer


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One row of a contest: a worker's job, and what to ask of it. Equal jobs share a worker."""

    name: str
    job: Workload
    mode: str = ""


def contest(
    contenders: Sequence[Contender],
    *,
    config: Counted,
    place: Place,
    warmup: int,
    repeats: int,
    tell: Tell,
    folder: Path,
) -> dict[str, Any]:
    """Times of all contenders, one repeat each in turn, with a large matrix product timed in every round.

    Returns `runs` (a contender each: raw `rounds`, `first_seconds`, memory), `peak`, and `agreement` of every other
    implementation with the first contender.
    """
    with ExitStack() as stack:
        workers: dict[Workload, Worker] = {}
        for contender in contenders:
            if contender.job not in workers:
                tell(f"starting {contender.name}")
                workers[contender.job] = stack.enter_context(Worker(contender.job))
        for worker in workers.values():
            worker.answer()
        agreement = _agreement(contenders, workers, folder)
        first = _warm_up(contenders, workers, max(1, warmup), tell)
        rounds: list[list[dict[str, Any]]] = [[] for _ in contenders]
        squares = []
        for number in range(repeats):
            squares.append(square_rate(place=place))
            for row, contender in zip(rounds, contenders, strict=True):
                tell(f"round {number + 1} of {repeats}: {contender.name}")
                row.append(workers[contender.job].ask({"do": "run", "mode": contender.mode}))
        memory = {job: worker.ask({"do": "memory"}) for job, worker in workers.items()}
    tell("matrix products of the step")
    return {
        "runs": [
            {"name": e.name, "first_seconds": s, "rounds": row, "memory": memory[e.job]}
            for e, s, row in zip(contenders, first, rounds, strict=True)
        ],
        "agreement": agreement,
        "peak": {
            "square": {"side": place.side, "rounds": squares, **spread(squares)},
            "shapes": shape_rates(config, contenders[0].job.batch_size, place=place),
        },
    }


def _warm_up(contenders: Sequence[Contender], workers: dict[Workload, Worker], count: int, tell: Tell) -> list[float]:
    """So many untimed runs of each contender; the seconds from asking for its first to having it.

    Those for a GPU that are to be compiled are so side by side: a compiler keeps one core busy, for a minute or more.
    """

    def warm(contender: Contender) -> float:
        tell(f"warming up {contender.name}")
        started = perf_counter()
        workers[contender.job].ask({"do": "run", "mode": contender.mode})
        seconds = perf_counter() - started
        for _ in range(count - 1):
            workers[contender.job].ask({"do": "run", "mode": contender.mode})
        return seconds

    together = [e for e in contenders if e.job.compile and e.job.device != "cpu"]
    found = {contender: warm(contender) for contender in contenders if contender not in together}
    if together:
        with ThreadPoolExecutor(len(together)) as pool:
            found |= zip(together, pool.map(warm, together), strict=True)
    return [found[contender] for contender in contenders]


def _agreement(contenders: Sequence[Contender], workers: dict[Workload, Worker], folder: Path) -> dict[str, Any]:
    """How far the logits after one step are from ours, for each other job that is not compiled, by its contender."""
    ours = contenders[0].job
    others: dict[Workload, str] = {}
    for contender in contenders:
        if contender.job != ours and not contender.job.compile:
            others.setdefault(contender.job, contender.name)
    if not others:
        return {}
    file = folder / "logits.npy"

    def logits(job: Workload) -> NDArray[np.float32]:
        workers[job].ask({"do": "logits", "file": str(file)})
        found: NDArray[np.float32] = np.load(file)
        return found

    mine = logits(ours)
    return {name: _difference(mine, logits(job)) for job, name in others.items()}


def _difference(mine: NDArray[np.float32], theirs: NDArray[np.float32]) -> dict[str, float]:
    return {
        "max_logit_difference": float(np.abs(mine - theirs).max()),
        "largest_logit": float(np.abs(mine).max()),
        "same_predictions": float((mine.argmax(-1) == theirs.argmax(-1)).mean()),
    }
