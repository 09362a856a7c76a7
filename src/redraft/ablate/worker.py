"""A process that trains one run of a suite and judges it: a job on standard input, messages on standard output.

Each run has its own process, so that memory, processor time and failures are its own. It stops with a checkpoint on
SIGTERM, and when the process that started it is gone.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from redraft.ablate.jobs import TEST, Job, moved
from redraft.ablate.pool import note_failure, read_result, require_same, write_result
from redraft.data.store import Store
from redraft.device import choose_device, describe_device
from redraft.errors import RedraftError
from redraft.evaluate.judge import in_brief, judge, unseen
from redraft.locks import locked
from redraft.machine import context, memory
from redraft.models import Model
from redraft.run import assemble, test_data, training_data
from redraft.tasks import Task, get_task
from redraft.train.folder import CONFIG, LAST, LOCK
from redraft.train.log import METRICS, MetricsFile
from redraft.trust import trusting
from redraft.weights.io import count_parameters, load_weights

SEND_EVERY = 1.0  # seconds

Send = Callable[[dict[str, Any]], None]  # of messages


class Meter(MetricsFile):
    """A run's metrics, with its cost so far; on resuming, the cost continues from the checkpoint's.

    Only training counts: seconds by the clock and on the processor are those of the last step.
    """

    def __init__(self, folder: Path, *, resumed_at: int, send: Send, total: dict[str, float]) -> None:
        """Once a second, `send` gets how much of `total`, steps or seconds, is done."""
        super().__init__(folder, resumed_at=resumed_at)
        self.cost = {"seconds": 0.0, "cpu_seconds": 0.0, "peak_mib": 0.0}
        for line in (folder / METRICS).read_text().splitlines():
            self.cost = {name: json.loads(line).get(name, value) for name, value in self.cost.items()}
        self._before, self._began = dict(self.cost), {"seconds": time.monotonic(), "cpu_seconds": time.process_time()}
        self._send, self._total, self._sent, self._step = send, total, 0.0, resumed_at

    def tick(self, step: int) -> None:
        now = {"seconds": time.monotonic(), "cpu_seconds": time.process_time()}
        self.cost |= {name: self._before[name] + value - self._began[name] for name, value in now.items()}
        self._step = step
        if now["seconds"] - self._sent > SEND_EVERY:
            self._sent = now["seconds"]
            self._send({"step": step, "seconds": self.cost["seconds"], "total": self._total})

    def report(self, kind: str, step: int, metrics: dict[str, float]) -> None:
        peak = torch.cuda.max_memory_allocated() / 2**20 if torch.cuda.is_initialized() else memory()["peak"]
        self.cost["peak_mib"] = max(self.cost["peak_mib"], round(peak, 1))
        super().report(kind, step, {**metrics, **self.cost})

    def close(self) -> None:
        self.report("cost", self._step, {})
        super().close()


def work(job: Job, send: Send = lambda message: None) -> bool | None:
    """Trains the run where it is not trained yet, and judges it where it is not judged yet.

    False where it was stopped before the end (the next call resumes it), None where another process has it.
    Raises RedraftError where the run fails.
    """
    with trusting(job.trust), locked(job.folder / LOCK) as ours:
        if not ours:
            return None
        note_failure(job.folder, None)
        torch.set_num_threads(job.threads)
        config, device = job.config, choose_device(job.device)
        task, data = training_data(config)
        result, model = read_result(job.folder), None
        if result is None:
            trained = _train(job, task, data, device, send)
            if trained is None:
                return False
            result, model = trained
            write_result(job.folder, result)
        for test in job.tests:
            if test.key in result["tests"]:
                continue
            if model is None:
                model = load_weights(job.folder / LAST, dtype=config.model.dtype).model.to(device)
            send({"judging": test.key})
            other = get_task(str(test.task))
            rows = unseen(other, test.source, trained_on=data)
            options = {"steps": config.eval_steps, "batch_size": config.batch_size}
            figures = judge(moved(model, other), other, rows, **options)
            result["tests"][test.key] = {"task": test.task, "data": test.source, "figures": figures}
            write_result(job.folder, result)
        return True


def _train(job: Job, task: Task, data: Store, device: torch.device, send: Send) -> tuple[dict[str, Any], Model] | None:
    """Trains to the end of the budget; the run's result and its model, None where it was stopped."""
    folder, test = job.folder, test_data(job.config, task, data)
    require_same(folder, job.config)
    resume = (folder / CONFIG).exists()
    trainer = assemble(job.config, folder, task=task, data=data, test=test, device=device, resume=resume)
    config, progress = trainer.config, trainer.progress
    figures: dict[str, Any] = {}

    def evaluate(model: Model) -> dict[str, float]:
        send({"judging": TEST})
        figures.update(judge(model, task, test, steps=config.eval_steps, batch_size=config.batch_size))
        return in_brief(figures)

    total = {"steps": float(config.steps)} if job.seconds is None else {"seconds": job.seconds}
    meter = Meter(folder, resumed_at=progress.step, send=send, total=total)
    left = None if job.seconds is None else job.seconds - progress.seconds
    try:
        if (left is None or left > 0) and trainer.run(evaluate, [meter], stop_after=left).interrupted:
            return None
    finally:
        meter.close()
    model = trainer.learner.average.model
    if not figures:
        evaluate(model)
    dense, table = count_parameters(model)
    result = {
        "steps": trainer.progress.step,
        "examples": trainer.progress.step * config.batch_size,
        "puzzles": len(data),
        **{name: round(value, 1) for name, value in meter.cost.items()},
        "parameters": dense,
        "table_parameters": table,
        "effective_depth": config.model.effective_depth,
        "passes": len(model.schedule()),
        "device": describe_device(device),
        "context": context(torch.get_num_threads()),
        "tests": {TEST: {"task": config.task, "data": config.data.test, "figures": figures}},
    }
    return result, model


def main() -> None:
    """Works on the job in the first line of standard input; the last message says how it ended."""
    messages = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    job = Job.from_json(sys.stdin.readline())
    threading.Thread(target=_stop_when_alone, daemon=True).start()

    def send(message: dict[str, Any]) -> None:
        print(json.dumps(message), file=messages)

    try:
        done = work(job, send)
    except RedraftError as error:
        note_failure(job.folder, str(error))
        send({"end": "failed", "reason": str(error)})
        return
    send({"end": "busy" if done is None else "done" if done else "stopped"})


def _stop_when_alone() -> None:
    """Asks this process to stop once standard input ends, because the process that started it is gone."""
    while sys.stdin.readline():
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
