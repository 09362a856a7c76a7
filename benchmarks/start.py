"""The benchmark of starting: time to the first answer, and to the first step of a training run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, sleep
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.published.contest import WorkerError, environment, last_line
from redraft.backends.choose import Backend
from redraft.bench.contest import Log
from redraft.bench.timing import spread
from redraft.errors import require_at_least
from redraft.solve.load import load
from redraft.tasks import get_task
from redraft.train.log import METRICS

WEIGHTS = RECIPE = "sudoku-6x6"  # bundled weights, and their recipe
BACKENDS: tuple[Backend, ...] = ("torch", "numpy")
LOOK_EVERY = 0.005  # seconds between looks for a run's first step
LONGEST = 120.0  # most seconds to wait for the first step of a run
WARM_PUZZLES = 20  # per repeat of the warm process, each solved by itself


def bench_start(*, threads: int, warmup: int, repeats: int, seed: int, report: Log) -> dict[str, Any]:
    """Seconds of whole processes from their start, and milliseconds of a puzzle in a process that is warm."""
    require_at_least(1, {"--repeats": repeats})
    task = get_task(WEIGHTS)
    puzzle = task.format(task.make(1, seed + 1000).questions[0])

    def process(name: str, *arguments: str) -> dict[str, Any]:
        report(name)
        seconds = [_seconds(arguments, threads) for _ in range(warmup + repeats)]
        return _row(name, "s", seconds[warmup:])

    rows = [
        process("Python alone", "-c", "pass"),
        process("redraft --help", "-m", "redraft", "--help"),
        process("import torch", "-c", "import torch"),
        process("redraft solve, one 6x6 Sudoku", "-m", "redraft", "solve", puzzle),
    ]
    questions = task.make(WARM_PUZZLES, seed + 1000).questions
    for backend in BACKENDS:
        report(f"puzzles in a warm process, {backend}")
        rows.append(_warm(backend, questions, warmup=warmup, repeats=repeats))
    report(f"redraft train {RECIPE}")
    seconds = [_first_step(threads) for _ in range(warmup + repeats)]
    rows.append(_row(f"redraft train {RECIPE}, to the end of its first step", "s", seconds[warmup:]))
    return {"rows": rows}


def _seconds(arguments: Sequence[str], threads: int) -> float:
    """Seconds of a Python process from start to end; raises WorkerError where it fails."""
    started = perf_counter()
    done = subprocess.run([sys.executable, *arguments], env=environment(threads), capture_output=True, text=True)
    seconds = perf_counter() - started
    if done.returncode != 0:
        raise WorkerError(f"{' '.join(arguments)} ended with status {done.returncode}: {last_line(done.stderr)}")
    return seconds


def _first_step(threads: int) -> float:
    """Seconds from the start of a training process until it reports its first step; it is then stopped."""
    with TemporaryDirectory(prefix="redraft-bench-") as name:
        folder = Path(name) / "run"
        arguments = ["train", RECIPE, "--steps", "1", "--log-every", "1", "--device", "cpu", "--out", str(folder)]
        with (Path(name) / "errors").open("w+") as errors:
            started = perf_counter()
            process = subprocess.Popen(
                [sys.executable, "-m", "redraft", *arguments],
                env=environment(threads),
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
            try:
                while not _reported(folder / METRICS):
                    if process.poll() is not None or perf_counter() - started > LONGEST:
                        errors.seek(0)
                        said = last_line(errors.read())
                        raise WorkerError(f"redraft {' '.join(arguments[:2])} made no first step: {said}")
                    sleep(LOOK_EVERY)
                return perf_counter() - started
            finally:
                process.kill()
                process.wait()


def _reported(file: Path) -> bool:
    """Whether a run has reported a step to its metrics."""
    try:
        first, end, _ = file.read_text().partition("\n")
    except OSError:
        return False
    return bool(end) and json.loads(first)["step"] >= 1


def _warm(backend: Backend, questions: NDArray[np.int8], *, warmup: int, repeats: int) -> dict[str, Any]:
    """Milliseconds per puzzle, each solved by itself by loaded weights."""
    solver = load(WEIGHTS, device="cpu", backend=backend, trace=False)

    def round_of_puzzles() -> float:
        started = perf_counter()
        for question in questions:
            solver.solve(question)
        return 1000 * (perf_counter() - started) / len(questions)

    times = [round_of_puzzles() for _ in range(max(1, warmup) + repeats)]
    return _row(f"one 6x6 Sudoku in a warm process, {backend}", "ms", times[max(1, warmup) :])


def _row(name: str, unit: str, times: list[float]) -> dict[str, Any]:
    return {"name": name, "unit": unit, "raw": times, **spread(times)}
