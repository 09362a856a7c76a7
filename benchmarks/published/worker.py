"""A process that runs one implementation: a job on standard input, then requests, one JSON line each.

One process per implementation, so that peaks of memory do not mix and no module of one reaches the other. Standard
output carries answers alone; everything else printed goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import torch

from benchmarks.published.contest import RUN, STORE, WEIGHTS, Workload
from benchmarks.published.reference import ReferenceSolve, ReferenceTrain
from redraft.bench.sides import Side, Solve, Train
from redraft.data.store import Store
from redraft.machine import memory
from redraft.tasks import get_task
from redraft.train.config import run_from_dict
from redraft.weights.format import read_json
from redraft.weights.io import load_weights


def _train(job: Workload) -> Side:
    folder = Path(job.folder)
    run = replace(run_from_dict(read_json(folder / RUN), where=RUN), compile=job.compile)
    store = Store.open(folder / STORE, task=get_task(job.task).name)
    return Train(run, store, folder / f"run-{job.compile}", device=job.device)


def _solve(job: Workload) -> Side:
    folder, task = Path(job.folder), get_task(job.task)
    dtype = run_from_dict(read_json(folder / RUN), where=RUN).model.dtype
    return Solve(
        load_weights(folder / WEIGHTS, dtype=dtype, trust=True).model,
        task,
        Store.open(folder / STORE, task=task.name),
        job,
        steps=job.steps,
        batch_size=job.batch_size,
        device=job.device,
        threads=job.threads,
    )


SIDES: dict[str, Callable[[Workload], Side]] = {
    "train": _train,
    "solve": _solve,
    "reference-train": ReferenceTrain,
    "reference-solve": ReferenceSolve,
}


def main() -> None:
    """Serves requests until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    job = Workload(**json.loads(sys.stdin.readline()))
    torch.set_num_threads(job.threads)
    device = torch.device(job.device)
    before = memory(device)["now"]
    side = SIDES[job.side](job)
    print(json.dumps({"ready": True}), file=answers)
    for line in sys.stdin:
        print(json.dumps(_answer(side, json.loads(line), device, before)), file=answers)


def _answer(side: Side, request: dict[str, Any], device: torch.device, before: float) -> dict[str, Any]:
    if request["do"] == "logits":
        np.save(request["file"], side.first_logits())
        return {}
    if request["do"] == "memory":
        return {"before_mib": before, "peak_mib": memory(device)["peak"]}
    if device.type == "cuda":
        side.run(request["mode"])  # memory was given back, and getting it takes time
    started = process_time()  # of the processor, not the clock: shows where other programs took part of the machine
    result = side.run(request["mode"])
    seconds = process_time() - started
    if device.type == "cuda":
        torch.cuda.empty_cache()  # for the others, whose turn it is
    return {**result, "cpu_seconds": seconds}


if __name__ == "__main__":
    main()
