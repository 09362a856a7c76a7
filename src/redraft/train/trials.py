"""Timed steps: which dtype and how many threads of a CPU train a run fastest, as `--fast` finds out.

Nothing of a trial outlives it, random streams included: a run afterwards is the same as one that was told what the
trials have found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import perf_counter

import torch

from redraft.models.config import DType
from redraft.terminal import figure_words
from redraft.train.config import RunConfig
from redraft.train.learner import Learner
from redraft.train.processes import Processes
from redraft.train.slots import Slots

Clock = Callable[[], float]

WORTH = 1.05  # times as fast as what would be taken without a trial
GIVE_UP = 1.5  # times as long as the best: clearly slower
ENOUGH = 0.25  # seconds of a step that need no more slots
LEAST, MOST, SECONDS = 2, 8, 0.5  # timed steps of a candidate, and when they are enough


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A way of computing a step: the dtype of the activations, and threads that share its slots."""

    dtype: DType
    threads: int


@dataclass(frozen=True, kw_only=True)
class Together:
    """So many processes of one thread, timed side by side."""

    dtype: DType
    processes: int
    rate: float


@dataclass(frozen=True, kw_only=True)
class Trials:
    """What candidates came to.

    Attributes:
        slots: worked on in each step.
        rates: examples a second; candidates that were not tried, because others like them were clearly slower, lack.
        taken: the one to take.
        together: as many processes as there are cores, where that promised to be faster still.
    """

    slots: int
    rates: dict[Setting, float]
    taken: Setting
    together: Together | None = None

    def best(self, dtype: DType) -> float | None:
        """The best rate of candidates of a dtype, None where none was tried."""
        return max((rate for each, rate in self.rates.items() if each.dtype == dtype), default=None)

    def table(self) -> list[str]:
        """The rates as lines of text: a row for each number of threads, a column for each dtype."""
        dtypes = list(dict.fromkeys(each.dtype for each in self.rates))
        threads = list(dict.fromkeys(each.threads for each in self.rates))
        lines = [
            f"examples/s, {self.slots} slots at a time",
            " ".join(["threads", *(f"{name:>10}" for name in dtypes)]),
        ]
        for count in threads:
            cells = []
            for dtype in dtypes:
                candidate = Setting(dtype=dtype, threads=count)
                rate = self.rates.get(candidate)
                said = "slower" if rate is None else figure_words(rate)
                cells.append(f"{said + '*' * (candidate == self.taken):>10}")
            lines.append(" ".join([f"{count:>7}", *cells]))
        return lines


Step = Callable[[], float]  # takes a step, and tells how many seconds it took
Prepare = Callable[[Setting, int], Step]  # of so many slots


def run_trials(dtypes: Sequence[DType], threads: Sequence[int], prepare: Prepare, *, slots: int) -> Trials:
    """Times steps of at most so many slots with each dtype and number of threads.

    The first of each are what would be taken without a trial; others are where they are worth it. Of large models
    fewer slots are timed, and what is clearly slower is not tried further.
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


def promising(trials: Trials, processes: int) -> DType | None:
    """The dtype in which so many processes of one thread may be worth it; None where they cannot be."""
    alone = {each.dtype: rate for each, rate in trials.rates.items() if each.threads == 1}
    dtype = max(alone, key=lambda name: alone[name], default=None)
    worth = dtype is not None and processes * alone[dtype] > WORTH * trials.rates[trials.taken]
    return dtype if worth else None


def _size(candidate: Setting, prepare: Prepare, most: int) -> int:
    """As many slots, of at most so many, as a step takes some time for."""
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
    """Of the fastest of some steps; `best`: what others take, if there are any."""
    times = [step()]  # compiles what is to be compiled, and fills caches
    while len(times) <= LEAST or (len(times) <= MOST and sum(times[1:]) < SECONDS):
        times.append(step())
        if best is not None and min(times) > 2 * GIVE_UP * best:
            break
    return max(min(times[1:]), 1e-9)


class Stand:
    """Prepares real training steps of a run, its optimiser and moving average included, on puzzles that are none.

    A context: within it torch may have any number of threads, and after it those it had before.
    """

    def __init__(
        self,
        config: RunConfig,
        device: torch.device,
        *,
        processes: Processes | None = None,
        clock: Clock = perf_counter,
    ) -> None:
        """`clock` tells seconds; processes agree on those of the first."""
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
        learner = self._learner(candidate.dtype)
        learner.start_threads()
        rows = self._rows(learner, slots)

        def step() -> float:
            started = self.clock()
            learner.step(rows, 0)
            seconds: float = self.processes.from_first(self.clock() - started)
            return seconds

        return step

    def _learner(self, dtype: DType) -> Learner:
        if dtype not in self._learners:
            config = replace(self.config, model=replace(self.config.model, dtype=dtype))
            self._learners[dtype] = Learner(config, self.device, self.processes)
        return self._learners[dtype]

    def _rows(self, learner: Learner, slots: int) -> Slots:
        model, random = self.config.model, torch.Generator().manual_seed(0)
        rows = Slots(learner.model, slots, seq_len=model.seq_len, device=self.device)
        tokens = torch.randint(model.vocab_size, (slots, model.seq_len), generator=random).to(self.device)
        rows.refill(tokens, tokens, torch.zeros_like(rows.puzzle_ids))
        return rows
