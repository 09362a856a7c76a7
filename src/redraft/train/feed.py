"""What a training step gets from outside: its batch and its exploration, on the device before they are needed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from types import TracebackType
from typing import Generic, NamedTuple, TypeVar

import torch
from torch import Tensor

from redraft.data.sampler import Sampler
from redraft.errors import require_at_least
from redraft.train.config import RunConfig
from redraft.train.slots import exploration

T = TypeVar("T")
AHEAD = 2  # batches sampled in advance where a thread does that


class Fed(NamedTuple):
    """Tokens and labels (B, L), puzzle ids (B,), and the fewest steps a slot must spend (B,)."""

    tokens: Tensor
    labels: Tensor
    puzzle_ids: Tensor
    min_steps: Tensor


class Feed:
    """Batches of a sampler on the device; within `flowing` a thread samples those of coming steps."""

    def __init__(self, sampler: Sampler, config: RunConfig, device: torch.device, *, ahead: int | None = None) -> None:
        """`ahead`: batches to sample in advance; by default a few, where there is a core for that."""
        self.sampler, self.config, self.device = sampler, config, device
        self.rank, self.slots = sampler.rank, sampler.batch_size
        self._prefetch = Prefetch(self._on_host, ahead=self.usual(device) if ahead is None else ahead)

    @staticmethod
    def usual(device: torch.device) -> int:
        """How many batches to sample in advance: none where all cores compute the step."""
        return AHEAD if core_to_spare(device.type, cores(), torch.get_num_threads()) else 0

    @contextmanager
    def flowing(self) -> Iterator[None]:
        """Within it batches are sampled in advance."""
        with self._prefetch:
            yield

    def get(self, step: int) -> Fed:
        """What the step of that number, counted from 0, needs."""
        # small integers travel, from pinned memory without the host waiting, and are widened on the device
        there = (tensor.to(self.device, non_blocking=True) for tensor in self._prefetch.get(step))
        return Fed(*(tensor.to(torch.int64) for tensor in there))

    def _on_host(self, step: int) -> Fed:
        config, batch = self.config, self.sampler.batch(step)
        min_steps = exploration(
            config.seed,
            step,
            self.rank,
            batch=self.slots,
            max_steps=config.max_steps,
            probability=config.exploration,
        )
        fed = Fed(
            torch.from_numpy(batch.inputs),
            torch.from_numpy(batch.labels),
            torch.from_numpy(batch.puzzle_ids),
            min_steps,
        )
        if self.device.type != "cuda":
            return fed
        with torch.cuda.device(self.device):  # what a thread pins would else belong to the first GPU
            return Fed(*(tensor.pin_memory() for tensor in fed))


class Prefetch(Generic[T]):
    """`make(step)` for one step after another; within a `with` block a thread makes those of coming steps.

    As `make` is a pure function of the step, it does not show which thread made what. An error of `make` is raised to
    who asks for that step, and the thread has ended when the block is left, however that happens.
    """

    def __init__(self, make: Callable[[int], T], *, ahead: int) -> None:
        """`ahead`: how many steps the thread may be ahead; 0 does without a thread."""
        require_at_least(0, {"prefetch": ahead})
        self.make, self.ahead = make, ahead
        self._pool: ThreadPoolExecutor | None = None
        self._coming: dict[int, Future[T]] = {}

    def __enter__(self) -> Prefetch[T]:
        if self.ahead:
            self._pool = ThreadPoolExecutor(1, "prefetch")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pool, self._pool = self._pool, None
        self._coming.clear()
        if pool is not None:
            pool.shutdown(cancel_futures=True)  # waits for what is being made, no longer than one step takes

    def get(self, step: int) -> T:
        """`make(step)`."""
        if self._pool is None:
            return self.make(step)
        wanted = range(step, step + self.ahead + 1)
        self._coming = {
            each: self._coming.get(each) or self._pool.submit(self.make, each) for each in wanted
        }  # what is no longer wanted, after a jump, is made in vain
        return self._coming.pop(step).result()


def core_to_spare(device: str, cores: int, threads: int) -> bool:
    """Whether a thread may sample beside the step, which on a CPU keeps so many threads busy."""
    return device != "cpu" or cores > threads


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
