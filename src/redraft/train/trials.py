"""Timed steps, by which `redraft train --fast` chooses the dtype, the threads of a CPU and the slots at a time.

A trial leaves nothing behind, random streams included: a run afterwards is the same as one without trials. This file is
also the program of the processes that are timed side by side, as torchrun would start them.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import perf_counter

import torch

from redraft.models.config import DType
from redraft.terminal import figure_words
from redraft.train.config import RunConfig, run_from_dict, run_to_dict
from redraft.train.learner import Learner, is_out_of_memory
from redraft.train.processes import Processes, processes
from redraft.train.slots import Slots

WORTH = 1.05  # times as fast as the choice without a trial
GIVE_UP = 1.5  # times as long as the best: clearly slower
ENOUGH = 0.25  # seconds of a step that need no more slots
LEAST, MOST, SECONDS = 2, 8, 0.5  # timed steps of a candidate, and when they are enough
TOGETHER, PATIENCE = 6, 60.0  # timed steps of processes side by side, and seconds until they are given up
HEADROOM = 0.8  # share of a GPU's memory that a trial may use: a run has buffers besides, and a puzzle table


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The dtype of a step's activations, and the threads that share its slots."""

    dtype: DType
    threads: int


@dataclass(frozen=True, kw_only=True)
class Together:
    """The rate of processes of one thread each, timed side by side, in examples per second."""

    dtype: DType
    processes: int
    rate: float


Step = Callable[[], float]  # takes a step, and returns its seconds
Prepare = Callable[[Setting, int], Step]  # for a number of slots


@dataclass(frozen=True, kw_only=True)
class Trials:
    """Results of all candidates."""

    slots: int  # worked on in each step
    rates: dict[Setting, float]  # examples per second; similar ones of clearly slower candidates were not tried
    taken: Setting
    together: Together | None = None  # as many processes as there are cores, where that promised to be faster still

    def best(self, dtype: DType) -> float | None:
        """The best rate of candidates of a dtype, None where none was tried."""
        return max((rate for each, rate in self.rates.items() if each.dtype == dtype), default=None)

    def table(self) -> list[str]:
        """The rates as lines of text: a row per number of threads, a column per dtype."""
        dtypes = list(dict.fromkeys(each.dtype for each in self.rates))
        lines = [
            f"examples/s, {self.slots} slots at a time",
            " ".join(["threads", *(f"{name:>10}" for name in dtypes)]),
        ]
        for count in dict.fromkeys(each.threads for each in self.rates):
            cells = []
            for dtype in dtypes:
                candidate = Setting(dtype=dtype, threads=count)
                rate = self.rates.get(candidate)
                text = "slower" if rate is None else figure_words(rate)
                cells.append(f"{text + '*' * (candidate == self.taken):>10}")
            lines.append(" ".join([f"{count:>7}", *cells]))
        return lines


def run_trials(dtypes: Sequence[DType], threads: Sequence[int], prepare: Prepare, *, slots: int) -> Trials:
    """Times steps of at most N slots with each dtype and number of threads.

    The first of each would be taken without a trial; others are taken where they are worth it. Of large models fewer
    slots are timed, and clearly slower candidates are not tried further.
    """
    usual = Setting(dtype=dtypes[0], threads=threads[0])
    size = _size(usual, prepare, slots)
    rates: dict[Setting, float] = {}
    for count in threads:
        for dtype in dtypes:
            best = max(rates.values(), default=0.0)
            if any(each.dtype == dtype and rate * GIVE_UP < best for each, rate in rates.items()):
                continue
            candidate = Setting(dtype=dtype, threads=count)
            rates[candidate] = size / _seconds(prepare(candidate, size), size / best if best else None)
    taken = usual
    for candidate, rate in rates.items():
        if rate > WORTH * rates[taken]:
            taken = candidate
    return Trials(slots=size, rates=rates, taken=taken)


def promising(trials: Trials, count: int) -> DType | None:
    """The dtype in which `count` processes of one thread may be worth it; None where they cannot be."""
    alone = {each.dtype: rate for each, rate in trials.rates.items() if each.threads == 1}
    dtype = max(alone, key=lambda name: alone[name], default=None)
    worth = dtype is not None and count * alone[dtype] > WORTH * trials.rates[trials.taken]
    return dtype if worth else None


def _size(candidate: Setting, prepare: Prepare, most: int) -> int:
    """The number of slots, at most `most`, that a step works on for some time."""
    slots = min(most, 2 * candidate.threads)
    while True:
        step = prepare(candidate, slots)
        step()
        seconds = step()
        seconds = min(seconds, step()) if seconds < 4 * ENOUGH else seconds  # unless something came between
        if seconds >= ENOUGH or slots == most:
            return slots
        slots = min(most, slots * max(2, int(ENOUGH / max(seconds, 1e-6))))


def _seconds(step: Step, best: float | None) -> float:
    """Of the fastest of some steps; `best`: that of the other candidates, if there are any."""
    times = [step()]  # compiles, and fills caches
    while len(times) <= LEAST or (len(times) <= MOST and sum(times[1:]) < SECONDS):
        times.append(step())
        if best is not None and min(times) > 2 * GIVE_UP * best:
            break
    return max(min(times[1:]), 1e-9)


class Stand:
    """Prepares real training steps of a run, its optimiser and moving average included, on random tokens.

    A context: torch has the same number of threads after it as before.
    """

    def __init__(
        self,
        config: RunConfig,
        device: torch.device,
        *,
        processes: Processes | None = None,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        """`clock` returns seconds; processes agree on those of the first."""
        self.config = replace(config, compile=False, init=None, model=replace(config.model, num_puzzles=1))
        self.device, self.processes, self.clock = device, processes or Processes(), clock
        self._learners: dict[DType, Learner] = {}

    def __enter__(self) -> Stand:
        self._threads = torch.get_num_threads()
        return self

    def __exit__(self, *error: object) -> None:
        torch.set_num_threads(self._threads)
        self._learners.clear()

    def __call__(self, candidate: Setting, slots: int) -> Step:
        torch.set_num_threads(candidate.threads)
        if candidate.dtype not in self._learners:
            config = replace(self.config, model=replace(self.config.model, dtype=candidate.dtype))
            self._learners[candidate.dtype] = Learner(config, self.device, self.processes)
        learner = self._learners[candidate.dtype]
        learner.start_threads()
        rows = self._rows(learner, slots)

        def step() -> float:
            started = self.clock()
            learner.step(rows, 0)
            seconds: float = self.processes.from_first(self.clock() - started)
            return seconds

        return step

    def _rows(self, learner: Learner, slots: int) -> Slots:
        model, random = self.config.model, torch.Generator().manual_seed(0)
        rows = Slots(learner.model, slots, seq_len=model.seq_len, device=self.device)
        tokens = torch.randint(model.vocab_size, (slots, model.seq_len), generator=random).to(self.device)
        rows.refill(tokens, tokens, torch.zeros_like(rows.puzzle_ids))
        return rows


def fitting(prepare: Prepare, candidate: Setting, slots: int, group: Processes, device: torch.device) -> int:
    """The most slots at a time, halved from `slots` on, whose step fits into `HEADROOM` of a GPU's memory.

    Each process tries alone; all take the number that fits everywhere. At least 1, even if that does not fit.
    """
    limited = device.type == "cuda"
    try:
        if limited:
            torch.cuda.set_per_process_memory_fraction(HEADROOM, device)
        while group.any(not _fits(prepare, candidate, slots)) and slots > 1:
            slots = -(-slots // 2)
        return slots
    finally:
        if limited:
            torch.cuda.set_per_process_memory_fraction(1.0, device)
            torch.cuda.empty_cache()


def _fits(prepare: Prepare, candidate: Setting, slots: int) -> bool:
    try:
        prepare(candidate, slots)()
        return True
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return False


def time_together(config: RunConfig, dtype: DType, count: int, *, slots: int) -> Together | None:
    """The rate of `count` processes of one thread and `slots` slots each; None where they did not come to an end."""
    job = json.dumps({"run": run_to_dict(config), "dtype": dtype, "slots": slots})
    shared = {"OMP_NUM_THREADS": "1", "WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": _free_port()}
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
        printed = [process.communicate(timeout=PATIENCE)[0] for process in started]
        return Together(dtype=dtype, processes=count, rate=count * slots / float(printed[0]))
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    finally:
        for process in started:
            with process:  # closes its pipes, and waits for it
                process.kill()


def _free_port() -> str:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return str(opened.getsockname()[1])


def main() -> None:
    """Takes the steps of the job that standard input holds; the first process prints the seconds of one."""
    job, device = json.load(sys.stdin), torch.device("cpu")
    torch.set_num_threads(1)
    config = run_from_dict(job["run"], where="job")
    with processes(device) as group, Stand(config, device, processes=group) as stand:
        step = stand(Setting(dtype=job["dtype"], threads=1), job["slots"])
        times = [step() for _ in range(2 + TOGETHER)]
        group.wait()
        if group.first:
            print(min(times[2:]), flush=True)
    os._exit(0)  # remains of process groups may abort as the interpreter is torn down (docs/log.md)


if __name__ == "__main__":
    main()
