"""A process that runs one model in one way: a job on standard input, figures on standard output, both JSON.

One process per way, so that it holds nothing but what that way needs. Seconds are counted by the clock and by the
processor: the latter leave out what other programs took of a busy machine.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np

ENERGY = Path("/sys/class/powercap")
WARMUP = 3  # steps
ROUNDS = 5


def main() -> None:
    job = json.loads(sys.stdin.read())
    stepper = open_way(job["way"], job["folder"])
    state = stepper.start(np.array(job["tokens"], np.int64)[None], np.zeros(1, np.int64))
    print(json.dumps(measure(lambda: stepper.step(state), seconds=job["seconds"]) | {"resident": resident()}))


def open_way(way: str, folder: str) -> Any:
    """The stepper of a way, for a folder of weights or of an exported model."""
    if way == "executorch":
        from redraft.export.executorch import open_program

        return open_program(Path(folder))
    from redraft.solve.load import open_stepper

    if way in ("torch", "numpy"):
        return open_stepper(
            folder, backend="torch" if way == "torch" else "numpy", dtype="float32", device="cpu"
        ).stepper
    return open_stepper(folder, backend="onnx").stepper


def measure(step: Any, *, seconds: float) -> dict[str, Any]:
    """Milliseconds per step by the clock and by the processor, round by round; joules per step where counted."""
    for _ in range(WARMUP):
        step()
    clock: list[float] = []
    processor: list[float] = []
    steps, before = 0, joules()
    for _ in range(ROUNDS):
        started, used, count = perf_counter(), process_time(), 0
        while count == 0 or perf_counter() - started < seconds / ROUNDS:
            step()
            count += 1
        clock.append(1000 * (perf_counter() - started) / count)
        processor.append(1000 * (process_time() - used) / count)
        steps += count
    after = joules()
    spent = None if before is None or after is None or after < before else (after - before) / steps
    return {"clock_ms": clock, "processor_ms": processor, "joules": spent}


def joules(folder: Path = ENERGY) -> float | None:
    """Joules that the processor's packages have used so far (RAPL); None where they cannot be read."""
    try:
        counted = [int(file.read_text()) for file in sorted(folder.glob("intel-rapl:[0-9]/energy_uj"))]
    except (OSError, ValueError):
        return None
    return sum(counted) / 1e6 if counted else None


def resident() -> int | None:
    """Bytes of memory that this process holds, shared libraries among them."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), None)


if __name__ == "__main__":
    main()
