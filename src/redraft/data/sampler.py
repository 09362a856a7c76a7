"""Training batches as a pure function of (seed, step, rank): no state to save, so resuming is exact."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from redraft.data.store import Store
from redraft.tasks import Task

# Keys that keep the random streams of one seed apart.
_ORDER, _AUGMENT, _EASE = 1, 2, 6

# Rows of the store in the order of an epoch (int64), and the puzzle id of each (int32), both (rows per epoch,).
_Epoch = tuple[NDArray[np.int64], NDArray[np.int32]]


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Inputs and labels (B, L) int16 tokens, puzzle_ids (B,) int32; hints (B, 5, L) int16, or (B, 0, L) for none."""

    inputs: NDArray[np.int16]
    labels: NDArray[np.int16]
    puzzle_ids: NDArray[np.int32]
    hints: NDArray[np.int16]


class Sampler:
    """Goes through the groups of a store in random order, each as one of its puzzles under one random augmentation.

    Epochs follow one another without a gap: a batch may hold the end of one and the start of the next.
    """

    def __init__(
        self,
        store: Store,
        task: Task,
        *,
        batch_size: int,
        seed: int,
        augment: bool = True,
        spread: bool = False,
        hints: bool = False,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        """`batch_size` is this process's share of the global batch of `batch_size * world`; `spread`: the rows of
        a group are spread over an epoch; `hints`: those of the task come with the examples, some of which are made
        easier."""
        self.store, self.task = store, task
        self.batch_size, self.seed, self.augment, self.spread, self.hints = batch_size, seed, augment, spread, hints
        self.rank, self.world = rank, world
        self._groups = _Groups(store)
        self._epochs: dict[int, _Epoch] = {}

    def batch(self, step: int) -> Batch:
        """The batch of a step counted from 0."""
        first = (step * self.world + self.rank) * self.batch_size
        rows, ids = self._rows(np.arange(first, first + self.batch_size))
        inputs, labels = self.store.inputs[rows], self.store.labels[rows]
        if self.augment:
            rng = np.random.default_rng((self.seed, _AUGMENT, step, self.rank))
            if self.store.views is not None:
                inputs, labels = self.store.views.show(inputs, labels, ids, rng)
            else:
                inputs, labels = self.task.augment(inputs, labels, rng)
        if self.hints:
            inputs, labels = self.task.ease(inputs, labels, np.random.default_rng((self.seed, _EASE, step, self.rank)))
        hints = np.stack(self.task.hints(inputs), axis=1) if self.hints else np.empty_like(inputs[:, None][:, :0])
        return Batch(inputs=inputs, labels=labels, puzzle_ids=ids, hints=hints)

    def _rows(self, positions: NDArray[np.int64]) -> _Epoch:
        """Rows and puzzle ids (B,) at positions (B,) in the endless stream of epochs."""
        numbers, offsets = np.divmod(positions, self._groups.rows_per_epoch)
        wanted = range(int(numbers[0]), int(numbers[-1]) + 1)
        self._epochs = {number: self._epochs.get(number) or self._epoch(number) for number in wanted}
        parts = [[array[offsets[numbers == number]] for array in self._epochs[number]] for number in wanted]
        rows, ids = map(np.concatenate, zip(*parts, strict=True))
        return rows, ids

    def _epoch(self, number: int) -> _Epoch:
        rng = np.random.default_rng((self.seed, _ORDER, number))
        rows, groups = self._groups.shuffled(rng)
        ids = self.store.puzzle_ids[rows]
        if self.augment and self.store.views is not None:  # one augmentation for all rows of a group
            chance = rng.random(len(self._groups))[groups]
            ids = (ids + chance * self.store.views.counts(ids)).astype(np.int32)
        if self.spread:
            order = rng.permutation(len(rows))
            rows, ids = rows[order], ids[order]
        return rows, ids


class _Groups:
    """Bounds of the groups of a store and of the puzzles in each.

    An epoch takes from each group as many rows as its largest puzzle has, so that all epochs have the same length; a
    smaller puzzle repeats some of its rows.
    """

    def __init__(self, store: Store) -> None:
        starts = np.flatnonzero(np.diff(store.puzzles, prepend=-1))  # first row of each puzzle
        self.starts, self.sizes = starts, np.diff(starts, append=len(store))
        group = store.groups[starts]  # of each puzzle
        self.first = np.flatnonzero(np.diff(group, prepend=-1))  # first puzzle of each group
        self.count = np.diff(self.first, append=len(starts))
        self.quota = np.maximum.reduceat(self.sizes, self.first) if len(starts) else self.sizes
        self.rows_per_epoch = int(self.quota.sum())

    def __len__(self) -> int:
        return len(self.first)

    def shuffled(self, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows of one random puzzle per group, groups and rows in random order; and the group of each row."""
        order = rng.permutation(len(self))
        quota = self.quota[order]
        groups = np.repeat(order, quota)
        if self.rows_per_epoch == len(self) == len(self.starts):  # every example stands alone
            return self.starts[groups], groups
        puzzle = (self.first + (rng.random(len(self)) * self.count).astype(np.int64))[groups]
        # rows of a group in random order: sort by a random key within each block of the stream
        block = np.repeat(np.arange(len(self)), quota)
        place = np.arange(len(groups)) - np.repeat(np.cumsum(quota) - quota, quota)
        key = rng.random(len(groups))
        place = place[np.lexsort((key, block))]
        return self.starts[puzzle] + place % self.sizes[puzzle], groups
