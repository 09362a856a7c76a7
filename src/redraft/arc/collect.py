"""Collects votes for ARC: drafts of every test input under many augmentations of its task, which are then undone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from redraft.arc.votes import Question, Shard, Votes
from redraft.backends.protocol import Stepper
from redraft.data.store import Store
from redraft.errors import ConfigError, DataError, require_at_least
from redraft.tasks import Task
from redraft.tasks.arc.task import crop

At = Literal["last", "halt"]


class Jobs(NamedTuple):
    """Test inputs to draft an answer to, each under one augmentation.

    Attributes:
        rows: (J,) int64, of the store.
        ids: (J,) int32, puzzle ids of the augmentations.
        orders: (J,) int64, place of each in the work of a single process.
    """

    rows: NDArray[np.int64]
    ids: NDArray[np.int32]
    orders: NDArray[np.int64]

    def some(self, which: slice) -> Jobs:
        return Jobs(self.rows[which], self.ids[which], self.orders[which])


def collect(
    stepper: Stepper,
    task: Task,
    store: Store,
    *,
    steps: int = 16,
    batch_size: int = 256,
    views: int | None = None,
    shard: tuple[int, int] = (1, 1),
    at: At = "last",
    origin: Mapping[str, Any] | None = None,
    votes: Votes | None = None,
    progress: Callable[[Votes], None] = lambda votes: None,
) -> Votes:
    """One vote for each test input of an ARC store under each of its task's first `views` augmentations (None: all).

    Args:
        steps: supervision steps of every draft.
        batch_size: drafts made at once; a batch may hold augmentations of several tasks.
        shard: number, from 1, and count of the shares of the work. All shards merged are exactly the votes of a
            single process.
        at: the draft that votes: after the `last` step, as published, or the first that the halting head takes to be
            right (`halt`), which is cheaper.
        origin: of new votes, see `Votes`.
        votes: those of the same shard collected before an interruption, to be added to.
        progress: called with the votes after every batch; they may then be saved, to continue from.

    Raises ConfigError for values out of range, DataError if the store has no augmentations or `votes` are of other
    work.
    """
    if store.views is None:
        raise DataError(f"{store.source or 'this store'}: has no augmentations of tasks; expected an ARC data set")
    require_at_least(1, {"steps": steps, "batch_size": batch_size})
    if at not in get_args(At):
        raise ConfigError(f"at: expected one of {', '.join(get_args(At))}, got {at!r}")
    jobs = share(store, views=views, shard=shard)
    questions = questions_of(store)
    votes = Votes(origin, shards=[Shard(*shard, 0, len(jobs.rows))]) if votes is None else votes
    for start in range(_done(votes, shard, len(jobs.rows)), len(jobs.rows), batch_size):
        batch = jobs.some(slice(start, start + batch_size))
        tokens, halt_logit = _drafts(stepper, store, batch, steps, at)
        probability = np.exp(-np.logaddexp(0, -halt_logit.astype(np.float64)))
        columns = (array.tolist() for array in (*batch, probability))
        for canvas, row, puzzle_id, order, p in zip(task.decode(tokens), *columns, strict=True):
            name, test = questions[row]
            votes.add(name, test, store.views.undo(crop(canvas), puzzle_id), p, order=order)
        votes.shards = (Shard(*shard, start + len(batch.rows), len(jobs.rows)),)
        progress(votes)
    return votes


def share(store: Store, *, views: int | None = None, shard: tuple[int, int] = (1, 1)) -> Jobs:
    """The jobs of a shard: every row under the first `views` augmentations of its task, dealt out in turn.

    Raises ConfigError for an impossible shard or number of augmentations.
    """
    number, of = shard
    if not 1 <= number <= of:
        raise ConfigError(f"shard {number}/{of}: expected a number from 1 to {of}, as in 1/{max(of, 1)}")
    require_at_least(1, {"views": views})
    assert store.views is not None
    counts = store.views.counts(store.puzzle_ids)
    counts = counts if views is None else np.minimum(counts, views)
    rows = np.repeat(np.arange(len(store)), counts)
    orders = np.arange(len(rows))
    view = orders - np.repeat(np.cumsum(counts) - counts, counts)
    ids = (store.puzzle_ids[rows] + view).astype(np.int32)
    return Jobs(rows, ids, orders).some(slice(number - 1, None, of))


def questions_of(store: Store) -> list[Question]:
    """Task and test of every row; the tests of a task are a group of the store, in order."""
    assert store.views is not None
    first = np.searchsorted(store.groups, store.groups)  # row with which the group of each row begins
    names = [store.views.tasks[place] for place in store.views.places(store.puzzle_ids).tolist()]
    return [Question(name, row - start) for row, (name, start) in enumerate(zip(names, first.tolist(), strict=True))]


def _drafts(
    stepper: Stepper, store: Store, batch: Jobs, steps: int, at: At
) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
    """The drafts (B, L) that vote, after the last step or where each halts, and their halting logits (B,)."""
    assert store.views is not None
    inputs, _ = store.views.show(store.inputs[batch.rows], store.labels[batch.rows], batch.ids, None)
    state = stepper.start(inputs, batch.ids)
    tokens = np.zeros(inputs.shape, np.int16)
    halt_logit = np.zeros(len(inputs), np.float32)
    running = np.arange(len(inputs))
    for _ in range(steps):
        state, draft = stepper.step(state)
        tokens[running], halt_logit[running] = draft.tokens, draft.halt_logit
        if at == "halt" and draft.halts.any():
            going = np.flatnonzero(~draft.halts)
            if not len(going):
                break
            running, state = running[going], stepper.select(state, going)
    return tokens, halt_logit


def _done(votes: Votes, shard: tuple[int, int], jobs: int) -> int:
    """Number of this shard's jobs that the votes are; raises DataError for votes of other work."""
    if len(votes.shards) != 1 or votes.shards[0][:2] != shard or votes.shards[0].votes != jobs:
        held = ", ".join(f"{each.number}/{each.of} of {each.votes} votes" for each in votes.shards) or "no shard"
        raise DataError(
            f"{votes.place or 'the votes given'}: hold {held}; expected shard {shard[0]}/{shard[1]} of {jobs} votes"
        )
    return votes.shards[0].done
