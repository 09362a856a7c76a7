"""Stores written in the layout of the published code (`published.py`), every augmentation as rows of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from redraft.data.published import (
    BLOCK,
    IDENTIFIERS,
    META,
    TEST_PUZZLES,
    Pair,
    reported,
    require_tokens,
    write_arrays,
)
from redraft.data.store import Store, called, new_folder
from redraft.errors import DataError
from redraft.files import write_text
from redraft.tasks import get_task
from redraft.tasks.arc.task import crop
from redraft.tasks.base import IGNORE

IGNORED = 0  # token that stands for IGNORE in published labels; padding has the same
_SET = "all"


class _Written(NamedTuple):
    """The W puzzles written for a store: first row and number of rows in it, puzzle id and group, each (W,) int64."""

    starts: NDArray[np.int64]
    sizes: NDArray[np.int64]
    ids: NDArray[np.int64]
    groups: NDArray[np.int64]


def _written(store: Store, views: int | None) -> _Written:
    """Each puzzle of a store, or each of its first `views` augmentations (None: all)."""
    starts = np.flatnonzero(np.diff(store.puzzles, prepend=-1))
    first = store.puzzle_ids[starts].astype(np.int64)
    count = np.ones(len(starts), np.int64) if store.views is None else store.views.counts(first)
    count = count if views is None else np.minimum(count, views)
    number = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    sizes, groups = np.diff(starts, append=len(store)), store.groups[starts].astype(np.int64)
    starts, sizes, ids, groups = (np.repeat(array, count) for array in (starts, sizes, first, groups))
    return _Written(starts, sizes, ids + number, groups)


def export_published(
    stores: Mapping[str, Store],
    folder: Path,
    *,
    identifiers: Sequence[str] | None = None,
    test_puzzles: Any = None,
    views: int | None = None,
    seed: int = 0,
    report: Callable[[int], None] = lambda rows: None,
) -> None:
    """Writes stores, by split, to a new folder that the published `PuzzleDataset` reads.

    An ARC store is written with a puzzle for each augmentation of each task, or the first `views` of them; puzzle ids
    stay the same. In the split `train` most pairs are moved to a random place on the canvas, as `Views.show` does it in
    training, with a generator of this `seed`.

    `identifiers` are the names of puzzle ids from 0 on, `test_puzzles` the content of test_puzzles.json; both follow
    from the augmentations where there are any. `report` is called with the number of rows done, of `exported_rows`. No
    more than a block of rows, or one puzzle, is in memory; the folder is complete or not there. Raises DataError if the
    layout cannot hold a store.
    """
    cells, tokens = _shape(stores)
    names = _names(stores, identifiers)
    if views is not None and views < 1:
        raise DataError(f"expected at least 1 augmentation of each task, got {views}")
    if test_puzzles is None and all(store.views is not None for store in stores.values()) and "test" in stores:
        test_puzzles = _test_puzzles(stores)
    with new_folder(folder) as partial:
        done = 0
        for split, store in stores.items():
            written = _written(store, views)
            rows, puzzles = int(written.sizes.sum()), len(written.ids)
            place = partial / split
            place.mkdir()
            rng = np.random.default_rng(seed) if split == "train" else None
            files = [place / f"{_SET}__{name}.npy" for name in ("inputs", "labels")]
            blocks = reported(_blocks(store, written, split, tokens, rng), done, report)
            write_arrays(files, (rows, cells), np.uint8, blocks)
            done += rows
            group_ends = np.flatnonzero(np.diff(written.groups, append=-1)) + 1
            indices = {
                "puzzle_identifiers": written.ids,
                "puzzle_indices": np.append(0, np.cumsum(written.sizes)),
                "group_indices": np.append(0, group_ends),
            }
            for name, array in indices.items():
                np.save(place / f"{_SET}__{name}.npy", array.astype(np.int32))
            meta = {
                "pad_id": 0,
                "ignore_label_id": IGNORED,
                "blank_identifier_id": 0,
                "vocab_size": tokens,
                "seq_len": cells,
                "num_puzzle_identifiers": len(names),
                "total_groups": len(group_ends),
                "mean_puzzle_examples": rows / puzzles,
                "total_puzzles": puzzles,
                "sets": [_SET],
            }
            write_text(place / META, json.dumps(meta))
        write_text(partial / IDENTIFIERS, json.dumps(names))
        if test_puzzles is not None:
            write_text(partial / TEST_PUZZLES, json.dumps(test_puzzles))


def exported_rows(store: Store, views: int | None = None) -> int:
    """Number of rows that `export_published` writes for a store."""
    return int(_written(store, views).sizes.sum())


def _shape(stores: Mapping[str, Store]) -> tuple[int, int]:
    """Cells and tokens of the one task of all stores; raises DataError for stores that cannot be published."""
    if not stores:
        raise DataError("no stores to export")
    first = next(iter(stores.values()))
    for split, store in stores.items():
        if store.task != first.task or store.inputs.shape[1] != first.inputs.shape[1]:
            raise DataError(f"{split}: is of another task than the other stores")
        if not len(store):
            raise DataError(f"{split}: no examples to export")
        changes = np.flatnonzero((np.diff(store.puzzles) == 0) & (np.diff(store.puzzle_ids) != 0))
        if len(changes):
            raise DataError(f"{split}: row {changes[0] + 1}: expected one puzzle id for all rows of a puzzle")
        if store.views is not None and not np.isin(store.puzzle_ids - 1, store.views.starts[:-1]).all():
            raise DataError(f"{split}: expected the puzzle id of its task's first augmentation in every row")
    task = get_task(first.task)
    if task.vocab_size > 256:
        raise DataError(
            f"the published layout holds at most 256 different tokens, {called(first.task)} has {task.vocab_size}"
        )
    if task.seq_len != first.inputs.shape[1]:
        raise DataError(f"expected {task.seq_len} cells for {called(first.task)}, got {first.inputs.shape[1]}")
    return task.seq_len, task.vocab_size


def _names(stores: Mapping[str, Store], identifiers: Sequence[str] | None) -> list[str]:
    """The names of all puzzle ids; raises DataError if the stores contradict them or one another."""
    for store in stores.values():
        if store.views is None:
            continue
        own = store.views.identifiers()
        if identifiers is not None and list(identifiers) != own:
            raise DataError("the stores' augmentations differ from one another, or from the names given for puzzle ids")
        identifiers = own
    most = max(store.num_puzzle_ids for store in stores.values())
    if identifiers is None:
        return ["<blank>", *(f"puzzle {number}" for number in range(1, most))]
    if len(identifiers) < most:
        raise DataError(f"expected names for {most} puzzle ids, got {len(identifiers)}")
    return list(identifiers)


def _blocks(
    store: Store, written: _Written, split: str, tokens: int, rng: np.random.Generator | None
) -> Iterator[Pair]:
    """Inputs and labels (B, L) of a store, every augmentation of it, with IGNORED where a label does not count.

    Raises DataError for tokens that the layout cannot hold, including an IGNORED label that counts.
    """
    for rows, ids in _rows(store, written):
        inputs, labels = store.inputs[rows], store.labels[rows]
        if store.views is not None:
            inputs, labels = store.views.show(inputs, labels, ids, rng)
        counted = labels != IGNORE
        require_tokens(split, inputs, rows, range(tokens))
        require_tokens(
            f"{split}, label ({IGNORED} means: does not count)", labels, rows, range(IGNORED + 1, tokens), counted
        )
        yield inputs, np.where(counted, labels, IGNORED)


def _rows(store: Store, written: _Written) -> Iterator[tuple[NDArray[np.integer], NDArray[np.integer]]]:
    """Rows (B,) of the store in the order written, and the puzzle ids (B,) they are written under."""
    if store.views is None:
        for start in range(0, len(store), BLOCK):
            rows = np.arange(start, min(start + BLOCK, len(store)))
            yield rows, store.puzzle_ids[rows]
        return
    changes = np.flatnonzero(np.diff(written.starts)) + 1
    for task in np.split(np.arange(len(written.ids)), changes):  # the augmentations of each
        start, size = written.starts[task[0]], written.sizes[task[0]]
        step = max(1, BLOCK // int(size))
        for some in np.split(written.ids[task], range(step, len(task), step)):
            yield np.tile(np.arange(start, start + size), len(some)), np.repeat(some, size)


def _test_puzzles(stores: Mapping[str, Store]) -> dict[str, Any]:
    """The tasks of the split `test` by name, with all their pairs, in the form of ARC's own files."""
    test = stores["test"]
    assert test.views is not None
    task = get_task(test.task)
    tested = test.views.places(test.puzzle_ids)
    puzzles: dict[str, Any] = {test.views.tasks[place]: {"train": [], "test": []} for place in np.unique(tested)}
    for split in ("train", "test"):
        if split not in stores:
            continue
        store = stores[split]
        places = test.views.places(store.puzzle_ids)
        for row in np.flatnonzero(np.isin(places, tested)).tolist():
            grids = (crop(task.decode(tokens)).tolist() for tokens in (store.inputs[row], store.labels[row]))
            pair = {name: grid or [[0]] for name, grid in zip(("input", "output"), grids, strict=True)}
            puzzles[test.views.tasks[places[row]]][split].append(pair)  # one black cell for an unknown output
    return puzzles
