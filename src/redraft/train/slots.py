"""Slots of deep supervision, each of which works on one puzzle for up to N_sup steps, and batches to refill them."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from redraft.core.carry import Carry
from redraft.data.sampler import Sampler
from redraft.errors import require_at_least
from redraft.models.base import Model, StepOutput, Update
from redraft.train.config import RunConfig

T = TypeVar("T")
AHEAD = 2  # batches sampled in advance where a thread does that
_EXPLORE, _NOISE = 3, 7  # keys that keep these random streams apart from the sampler's


class Fed(NamedTuple):
    """Tokens and labels (B, L), puzzle ids (B,), hints (B, 5 or 0, L), and the fewest steps a slot must spend (B,)."""

    tokens: Tensor
    labels: Tensor
    puzzle_ids: Tensor
    hints: Tensor
    min_steps: Tensor


class Slots:
    """The state of a training batch between optimiser steps; all tensors have B rows.

    Attributes:
        tokens, labels, puzzle_ids: the puzzles being worked on, (B, L) and (B,) int64.
        hints: of the puzzles (B, 5, L) int64, as in `tasks.base.Hints`; (B, 0, L) in a run without hints.
        carry: answer y and latent z reached so far.
        spans: in a run with hints, the most supervision steps that each puzzle gets, int64.
        steps: supervision steps spent on each puzzle, int64.
        halted: slots that are done and take a new puzzle at the next refill.
    """

    def __init__(self, model: Model, batch: int, *, seq_len: int, device: torch.device) -> None:
        self.initial = Carry(*(state.clone() for state in model.initial_carry(batch)))
        self.carry = self.initial
        self.tokens = torch.zeros(batch, seq_len, dtype=torch.int64, device=device)
        self.labels = torch.zeros_like(self.tokens)
        self.puzzle_ids = torch.zeros(batch, dtype=torch.int64, device=device)
        self.hints = torch.zeros(batch, 0, seq_len, dtype=torch.int64, device=device)
        self.spans = torch.zeros_like(self.puzzle_ids)
        self.steps = torch.zeros_like(self.puzzle_ids)
        self.halted = torch.ones(batch, dtype=torch.bool, device=device)

    def refill(self, tokens: Tensor, labels: Tensor, puzzle_ids: Tensor) -> None:
        """Halted slots take the puzzle in their row and start afresh; the others keep theirs."""
        rows = self.halted.unsqueeze(-1)
        self.tokens = torch.where(rows, tokens, self.tokens)
        self.labels = torch.where(rows, labels, self.labels)
        self.puzzle_ids = torch.where(self.halted, puzzle_ids, self.puzzle_ids)
        self.carry = self.carry.where(self.halted, self.initial)
        self.steps = torch.where(self.halted, 0, self.steps)

    def hint(self, hints: Tensor, spans: Tensor) -> None:
        """Halted slots take the hints and the span of the puzzle in their row; to be called before `refill`."""
        self.hints = torch.where(self.halted[:, None, None], hints, self.hints) if self.hints.numel() else hints
        self.spans = torch.where(self.halted, spans, self.spans)

    def advance(self, output: StepOutput, *, stops: Tensor, max_steps: int, min_steps: Tensor) -> None:
        """After a supervision step (`output` detached): a slot halts where `stops` (B,), but not before `min_steps`
        (B,)."""
        self.carry = output.carry
        self.steps = self.steps + 1
        self.halted = (stops & (self.steps >= min_steps)) | (self.steps >= max_steps)

    def state(self) -> dict[str, Tensor]:
        """Everything that changes, for a checkpoint."""
        names = ["tokens", "labels", "puzzle_ids", "steps", "halted"]
        names += ["hints", "spans"] if self.hints.numel() else []
        return {**{name: getattr(self, name) for name in names}, **self.carry._asdict()}

    def restore(self, state: dict[str, Tensor]) -> None:
        there = {name: value.to(self.steps.device) for name, value in state.items()}
        self.carry = Carry(there.pop("y"), there.pop("z"))
        for name, value in there.items():
            setattr(self, name, value)


def exploration(seed: int, step: int, rank: int, *, batch: int, max_steps: int, probability: float) -> Tensor:
    """Fewest steps (B,) a slot must spend: with `probability` a random 2..max_steps, else 0 (paper, section 4.6).

    A new draw every step, as in the published code.
    """
    rng = np.random.default_rng((seed, _EXPLORE, step, rank))
    forced = rng.random(batch) < probability
    return torch.from_numpy(np.where(forced, rng.integers(2, max(2, max_steps) + 1, batch), 0))


def disturbed(carry: Carry, seed: int, step: int, rank: int, *, noise: float, states: Collection[Update]) -> Carry:
    """The carry with Gaussian noise of standard deviation `noise` in these of its states, which the model updates.

    The draw depends on the kind of device.
    """
    key = np.random.SeedSequence((seed, _NOISE, step, rank)).generate_state(1, np.uint64)
    generator = torch.Generator(carry.y.device).manual_seed(int(key[0]))

    def with_noise(state: Tensor) -> Tensor:
        drawn = torch.randn(state.shape, dtype=state.dtype, device=state.device, generator=generator)
        return torch.add(state, drawn, alpha=noise)

    return carry._replace(**{name: with_noise(getattr(carry, name)) for name in ("y", "z") if name in states})


class Prefetch(Generic[T]):
    """`make(step)` for one step after another; within a `with` block a thread makes those of coming steps.

    `make` is a pure function of the step, so results do not depend on the thread. `get` raises an error of `make` for
    its step, and the thread ends with the block.
    """

    def __init__(self, make: Callable[[int], T], *, ahead: int) -> None:
        """`ahead`: how many steps the thread may be ahead; 0 for no thread."""
        require_at_least(0, {"prefetch": ahead})
        self.make, self.ahead = make, ahead
        self._pool: ThreadPoolExecutor | None = None
        self._coming: dict[int, Future[T]] = {}

    def __enter__(self) -> Prefetch[T]:
        if self.ahead:
            self._pool = ThreadPoolExecutor(1, "prefetch")
        return self

    def __exit__(self, *error: object) -> None:
        pool, self._pool = self._pool, None
        self._coming.clear()
        if pool is not None:
            pool.shutdown(cancel_futures=True)  # waits for the batch in work, no longer than one step takes

    def get(self, step: int) -> T:
        """`make(step)`."""
        if self._pool is None:
            return self.make(step)
        wanted = range(step, step + self.ahead + 1)  # after a jump, others were made in vain
        self._coming = {each: self._coming.get(each) or self._pool.submit(self.make, each) for each in wanted}
        return self._coming.pop(step).result()


class Feed:
    """Batches of a sampler on the device; within `ahead` a thread samples those of coming steps."""

    def __init__(self, sampler: Sampler, config: RunConfig, device: torch.device, *, ahead: int | None = None) -> None:
        """`ahead`: batches to sample in advance; by default `AHEAD` where a core is left for that, else 0."""
        self.sampler, self.config, self.device = sampler, config, device
        self.rank, self.slots = sampler.rank, sampler.batch_size
        usual = AHEAD if core_to_spare(device.type, cores(), torch.get_num_threads()) else 0
        self.ahead = Prefetch(self._on_host, ahead=usual if ahead is None else ahead)

    def get(self, step: int) -> Fed:
        """The batch and the exploration of a step, counted from 0."""
        # small integers travel, from pinned memory without the host waiting, and are widened on the device
        there = (tensor.to(self.device, non_blocking=True) for tensor in self.ahead.get(step))
        return Fed(*(tensor.to(torch.int64) for tensor in there))

    def _on_host(self, step: int) -> Fed:
        config, batch = self.config, self.sampler.batch(step)
        shape = {"batch": self.slots, "max_steps": config.max_steps}
        min_steps = exploration(config.seed, step, self.rank, probability=config.exploration, **shape)
        arrays = (batch.inputs, batch.labels, batch.puzzle_ids, batch.hints)
        inputs, labels, ids, hints = map(torch.from_numpy, arrays)
        fed = Fed(inputs, labels, ids, hints, min_steps)
        if self.device.type != "cuda":
            return fed
        with torch.cuda.device(self.device):  # else a thread would pin memory for the first GPU
            return Fed(*(tensor.pin_memory() for tensor in fed))


def core_to_spare(device: str, cores: int, threads: int) -> bool:
    """Whether a thread may sample beside the step, which on a CPU keeps `threads` busy."""
    return device != "cpu" or cores > threads


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
