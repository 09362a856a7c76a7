"""Times processes that train one model side by side, as torchrun would start them: a trial of `--fast`.

This file is also what each of them runs.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from typing import Any

import torch

from redraft.models.config import DType
from redraft.train.config import RunConfig, run_from_dict, run_to_dict
from redraft.train.processes import processes
from redraft.train.trials import Setting, Stand, Together

STEPS = 6  # timed ones
PATIENCE = 60.0  # seconds


def time_together(config: RunConfig, dtype: DType, count: int, *, slots: int) -> Together | None:
    """What so many processes of one thread, with so many slots each, train; None where they did not come to an end."""
    job = json.dumps({"run": run_to_dict(config), "dtype": dtype, "slots": slots})
    port = str(_free_port())
    shared = {"OMP_NUM_THREADS": "1", "WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    started = [
        subprocess.Popen(
            [sys.executable, "-m", __name__],
            env={**os.environ, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for rank in range(count)
    ]
    try:
        for process in started:
            assert process.stdin is not None
            process.stdin.write(job)
            process.stdin.close()
            process.stdin = None
        told = [process.communicate(timeout=PATIENCE)[0] for process in started]
        seconds = float(told[0])
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    finally:
        for process in started:
            with process:  # closes its pipes, and waits for it
                process.kill()
    return Together(dtype=dtype, processes=count, rate=count * slots / seconds)


def _work(job: dict[str, Any]) -> float | None:
    """Seconds of a step of this process among the others; None but in the first."""
    torch.set_num_threads(1)
    device = torch.device("cpu")
    config = run_from_dict(job["run"], where="job")
    with processes(device) as group, Stand(config, device, processes=group) as stand:
        step = stand(Setting(dtype=job["dtype"], threads=1), job["slots"])
        times = [step() for _ in range(2 + STEPS)]
        group.wait()
        return min(times[2:]) if group.first else None


def _free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


def main() -> None:
    """Does the job that standard input holds; the first process prints what came of it."""
    found = _work(json.load(sys.stdin))
    if found is not None:
        print(found, flush=True)
    os._exit(0)  # what process groups leave may abort as the interpreter is torn down (docs/log.md)


if __name__ == "__main__":
    main()
