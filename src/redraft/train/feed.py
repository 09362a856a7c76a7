"""What a training step gets from outside: its batch and its exploration, on the device before they are needed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor

from redraft.data.prefetch import Prefetch
from redraft.data.sampler import Sampler
from redraft.train.config import RunConfig
from redraft.train.slots import exploration

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


def core_to_spare(device: str, cores: int, threads: int) -> bool:
    """Whether a thread may sample beside the step, which on a CPU keeps so many threads busy."""
    return device != "cpu" or cores > threads


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
