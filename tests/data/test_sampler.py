"""The sampler: a pure function of (seed, step, rank) that shows every example once an epoch."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redraft.data.arc import arc_stores
from redraft.data.build import from_examples
from redraft.data.sampler import Batch, Sampler
from redraft.data.store import Store
from redraft.tasks import get_task
from redraft.tasks.arc.augmentations import Views
from redraft.tasks.arc.make import make_tasks

TASK = get_task("sudoku-4x4")


def numbered(count: int) -> Store:
    """A store whose puzzle ids tell the rows apart."""
    store = from_examples(TASK, TASK.make(count, 0), source="")
    return replace(store, puzzle_ids=np.arange(count, dtype=np.int32))


STORE = numbered(10)


def sampler(store: Store = STORE, **changes: int) -> Sampler:
    return Sampler(store, TASK, **{"batch_size": 4, "seed": 5, "augment": True, **changes})  # type: ignore[arg-type]


def assert_same(one: Batch, other: Batch) -> None:
    for name in ("inputs", "labels", "puzzle_ids"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def rows(used: Sampler, steps: range) -> list[int]:
    return [int(row) for step in steps for row in used.batch(step).puzzle_ids]


def test_a_batch_depends_on_the_step_alone() -> None:
    fresh = sampler().batch(7)
    assert fresh.inputs.dtype == fresh.labels.dtype == np.int16 and fresh.puzzle_ids.dtype == np.int32
    used = sampler()
    for step in (3, 0, 7, 6, 7, 100):
        used.batch(step)
    assert_same(used.batch(7), fresh)


def test_seeds_and_steps_differ() -> None:
    assert rows(sampler(), range(5)) != rows(sampler(seed=6), range(5))
    assert not np.array_equal(sampler().batch(0).inputs, sampler().batch(5).inputs)


@settings(max_examples=25, deadline=None)
@given(count=st.integers(1, 12), batch=st.integers(1, 15), seed=st.integers(0, 3))
def test_every_example_once_an_epoch(count: int, batch: int, seed: int) -> None:
    """Also where batches straddle epochs, and where a batch is larger than the store."""
    used = sampler(numbered(12).rows(slice(count)), batch_size=batch, seed=seed)
    stream = rows(used, range(-(-3 * count // batch)))
    for epoch in range(3):
        assert Counter(stream[epoch * count : (epoch + 1) * count]) == Counter(range(count))


def test_epochs_have_orders_of_their_own() -> None:
    stream = rows(sampler(batch_size=10), range(2))
    assert stream[:10] != stream[10:]


def test_ranks_share_the_global_batch() -> None:
    """Two processes with half a batch each see what one process sees: together all of it, nothing twice."""
    alone = sampler(batch_size=4, world=1)
    pair = [sampler(batch_size=2, rank=rank, world=2) for rank in (0, 1)]
    for step in range(6):
        both = np.concatenate([each.batch(step).puzzle_ids for each in pair])
        np.testing.assert_array_equal(both, alone.batch(step).puzzle_ids)


def test_ranks_augment_differently() -> None:
    same = numbered(10).rows(np.zeros(10, np.int64))
    first, second = (sampler(same, batch_size=5, rank=rank, world=2).batch(0) for rank in (0, 1))
    assert not np.array_equal(first.inputs, second.inputs)


def test_without_augmentation_examples_stay_as_they_are() -> None:
    batch = sampler(augment=False).batch(2)
    np.testing.assert_array_equal(batch.inputs, STORE.inputs[batch.puzzle_ids])
    np.testing.assert_array_equal(batch.labels, STORE.labels[batch.puzzle_ids])


def test_augmentation_changes_views_not_rows() -> None:
    plain, moved = sampler(augment=False).batch(2), sampler().batch(2)
    np.testing.assert_array_equal(plain.puzzle_ids, moved.puzzle_ids)
    assert not np.array_equal(plain.inputs, moved.inputs)
    questions, answers = TASK.decode(moved.inputs), TASK.decode(moved.labels)
    assert TASK.check_many(questions, answers).all()


def test_the_store_is_left_alone() -> None:
    before = STORE.inputs.copy(), STORE.labels.copy()
    sampler().batch(0)
    np.testing.assert_array_equal(STORE.inputs, before[0])
    np.testing.assert_array_equal(STORE.labels, before[1])


@pytest.mark.parametrize("rank", [0, 1])
def test_a_rank_can_start_anywhere(rank: int) -> None:
    used = sampler(batch_size=3, rank=rank, world=2)
    for step in range(9):
        used.batch(step)
    assert_same(used.batch(9), sampler(batch_size=3, rank=rank, world=2).batch(9))


def grouped(sizes: list[list[int]]) -> Store:
    """A store whose groups have puzzles of these sizes; puzzle ids tell the rows apart."""
    count = sum(map(sum, sizes))
    puzzles = np.repeat(np.arange(sum(map(len, sizes)), dtype=np.int32), [size for group in sizes for size in group])
    groups = np.repeat(np.arange(len(sizes), dtype=np.int32), [sum(group) for group in sizes])
    return replace(numbered(count), groups=groups, puzzles=puzzles)


@settings(max_examples=25, deadline=None)
@given(sizes=st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=3), min_size=1, max_size=4))
def test_an_epoch_takes_one_puzzle_of_every_group(sizes: list[list[int]]) -> None:
    """All rows of it; some of them twice where another puzzle of the group is larger."""
    store = grouped(sizes)
    long = sum(max(group) for group in sizes)
    for epoch in range(3):
        taken = np.array(rows(sampler(store, batch_size=long), range(epoch, epoch + 1)))
        for group, puzzles in enumerate(sizes):
            mine = taken[store.groups[taken] == group]
            (puzzle,) = set(store.puzzles[mine])
            assert len(mine) == max(puzzles) and set(mine) == set(np.flatnonzero(store.puzzles == puzzle))
            assert max(Counter(mine.tolist()).values()) == -(-len(mine) // len(set(mine)))


def test_examples_of_a_group_can_be_spread_over_an_epoch() -> None:
    store = grouped([[4]] * 50)
    together, spread = (sampler(store, batch_size=200, spread=spread) for spread in (False, True))
    first, other = (np.array(rows(used, range(1))) for used in (together, spread))
    assert sorted(first) == sorted(other) == list(range(200))
    alike = [float(np.mean(np.diff(store.groups[taken]) == 0)) for taken in (first, other)]
    assert alike[0] > 0.7 and alike[1] < 0.1
    assert rows(spread, range(1)) != rows(spread, range(1, 2))


def test_all_puzzles_of_a_group_have_their_turn() -> None:
    store = grouped([[1, 1, 1], [2]])
    seen = set(rows(sampler(store, batch_size=3), range(30)))
    assert seen == set(range(5))


def test_a_group_is_seen_under_one_view_an_epoch() -> None:
    tasks = make_tasks(3, 0)
    stores = arc_stores([], tasks, views=Views.make(tasks, count=5))
    store, views = stores["train"], stores["train"].views
    assert views is not None
    used = Sampler(store, get_task("arc"), batch_size=len(store), seed=1)
    ids = set()
    for epoch in range(12):
        batch = used.batch(epoch)
        each = {name: {i for i in batch.puzzle_ids.tolist() if i in views.ids(name)} for name in views.tasks}
        assert all(len(found) == 1 for found in each.values())
        ids |= {i for found in each.values() for i in found}
        for i, tokens in zip(batch.puzzle_ids.tolist(), batch.inputs, strict=True):
            assert tokens.max() > 1 and 1 <= i < store.num_puzzle_ids
    assert len(ids) > 9, "epochs take different views"
    plain = Sampler(store, get_task("arc"), batch_size=len(store), seed=1, augment=False).batch(0)
    assert sorted(plain.puzzle_ids.tolist()) == sorted(store.puzzle_ids.tolist())
