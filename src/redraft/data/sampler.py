"""Training batches as a pure function of (seed, step, rank): nothing to save, so resuming is exact."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from redraft.data.store import Store
from redraft.tasks import Task

# Keys that keep the random streams of one seed apart.
_ORDER, _AUGMENT = 1, 2


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Inputs and labels (B, L) int16 tokens, puzzle_ids (B,) int32."""

    inputs: NDArray[np.int16]
    labels: NDArray[np.int16]
    puzzle_ids: NDArray[np.int32]


class Sampler:
    """Walks the store in a new random order every epoch, each example under one random symmetry.

    Epochs run on without a gap: a batch may hold the end of one and the start of the next, none is cut short.
    """

    def __init__(
        self,
        store: Store,
        task: Task,
        *,
        batch_size: int,
        seed: int,
        augment: bool = True,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        """`batch_size` is this process's share of the global batch of `batch_size * world`."""
        self.store, self.task = store, task
        self.batch_size, self.seed, self.augment = batch_size, seed, augment
        self.rank, self.world = rank, world
        self._orders: dict[int, NDArray[np.int64]] = {}

    def batch(self, step: int) -> Batch:
        """The batch of a step counted from 0."""
        first = (step * self.world + self.rank) * self.batch_size
        rows = self._rows(np.arange(first, first + self.batch_size))
        inputs, labels = self.store.inputs[rows], self.store.labels[rows]
        if self.augment:
            rng = np.random.default_rng((self.seed, _AUGMENT, step, self.rank))
            inputs, labels = self.task.augment(inputs, labels, rng)
        return Batch(inputs=inputs, labels=labels, puzzle_ids=self.store.puzzle_ids[rows])

    def _rows(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of the store at positions of the endless stream of epochs."""
        epochs, offsets = np.divmod(positions, len(self.store))
        wanted = range(int(epochs[0]), int(epochs[-1]) + 1)
        self._orders = {epoch: self._order(epoch) for epoch in wanted}
        return np.array([self._orders[e][o] for e, o in zip(epochs.tolist(), offsets.tolist(), strict=True)])

    def _order(self, epoch: int) -> NDArray[np.int64]:
        if epoch in self._orders:
            return self._orders[epoch]
        return np.random.default_rng((self.seed, _ORDER, epoch)).permutation(len(self.store))
