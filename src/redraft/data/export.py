"""Stores written in the layout of the published code (see `data/published.py`), every view as rows of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from redraft.data.published import (
    BLOCK,
    IDENTIFIERS,
    META,
    SHAPES,
    TEST_PUZZLES,
    Pair,
    counted,
    write_arrays,
)
from redraft.data.store import Store, new_folder
from redraft.errors import DataError
from redraft.files import write_text
from redraft.tasks import get_task
from redraft.tasks.base import IGNORE

IGNORED = 0  # token that stands for IGNORE in published labels; padding has the same
_SET = "all"
_SHOWN = 1 << 12  # rows shown under views at once
_COLOUR = 2  # token of colour 0 of ARC; smaller ones are padding and end markers


@dataclass(frozen=True, kw_only=True)
class _Layout:
    """Where the puzzles of a store begin, and the views of each that are written.

    Attributes:
        starts: (P + 1,) row where each puzzle begins, and the last ends.
        groups: (P,) group of each puzzle.
        first, count: (P,) puzzle ids of the views: first to first + count - 1.
    """

    starts: NDArray[np.int64]
    groups: NDArray[np.int32]
    first: NDArray[np.int64]
    count: NDArray[np.int64]

    @classmethod
    def of(cls, store: Store, views: int | None) -> _Layout:
        starts = np.flatnonzero(np.diff(store.puzzles, prepend=-1))
        first = store.puzzle_ids[starts].astype(np.int64)
        count = np.ones(len(starts), np.int64)
        if store.views is not None:
            count = store.views.counts(first)
            if views is not None:
                count = np.minimum(count, views)
        return cls(starts=np.append(starts, len(store)), groups=store.groups[starts], first=first, count=count)

    @property
    def rows(self) -> int:
        """Rows written."""
        return int((np.diff(self.starts) * self.count).sum())

    def indices(self) -> dict[str, NDArray[np.int32]]:
        """The published arrays that say what each row is."""
        puzzles = np.repeat(np.arange(len(self.count)), self.count)  # the store's puzzle, of each that is written
        number = np.arange(len(puzzles)) - np.repeat(np.cumsum(self.count) - self.count, self.count)
        last = np.flatnonzero(np.diff(self.groups[puzzles], append=-1))
        arrays = {
            "puzzle_identifiers": self.first[puzzles] + number,
            "puzzle_indices": np.cumsum(np.append(0, np.diff(self.starts)[puzzles])),
            "group_indices": np.append(0, last + 1),
        }
        return {name: array.astype(np.int32) for name, array in arrays.items()}


def export_published(
    stores: Mapping[str, Store],
    folder: Path,
    *,
    identifiers: Sequence[str] | None = None,
    test_puzzles: Any = None,
    views: int | None = None,
    seed: int = 0,
    tell: Callable[[int], None] | None = None,
) -> None:
    """Writes stores, by the names of their splits, to a new folder that the published `PuzzleDataset` reads.

    A store with views (ARC) is written with a puzzle for each view of each task, or the first `views` of them; puzzle
    ids stay what they are. In the split `train` most pairs are moved to a random place on the canvas, once and for all:
    as `Views.show` does it in training, with a generator of this `seed`.

    `identifiers` are the names of puzzle ids from 0 on, `test_puzzles` what test_puzzles.json is to hold; both follow
    from the views where there are any. `tell` hears how many rows are done, of `exported_rows`. No more than a block of
    rows, or one task under all its views, is in memory; the folder is complete or not there. Raises DataError where
    the layout cannot hold a store.
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
            layout = _Layout.of(store, views)
            place = partial / split
            place.mkdir()
            rng = np.random.default_rng(seed) if split == "train" else None
            blocks = _rows(store, split, tokens) if store.views is None else _views(store, layout, split, tokens, rng)
            files = [place / f"{_SET}__{name}.npy" for name in ("inputs", "labels")]
            write_arrays(files, (layout.rows, cells), np.uint8, counted(blocks, done, tell))
            done += layout.rows
            indices = layout.indices()
            for name, array in indices.items():
                np.save(place / f"{_SET}__{name}.npy", array)
            puzzles, groups = (len(indices[name]) - 1 for name in ("puzzle_indices", "group_indices"))
            meta = {
                "pad_id": 0,
                "ignore_label_id": IGNORED,
                "blank_identifier_id": 0,
                "vocab_size": tokens,
                "seq_len": cells,
                "num_puzzle_identifiers": len(names),
                "total_groups": groups,
                "mean_puzzle_examples": layout.rows / puzzles,
                "total_puzzles": puzzles,
                "sets": [_SET],
            }
            write_text(place / META, json.dumps(meta))
        write_text(partial / IDENTIFIERS, json.dumps(names))
        if test_puzzles is not None:
            write_text(partial / TEST_PUZZLES, json.dumps(test_puzzles))


def exported_rows(store: Store, views: int | None = None) -> int:
    """How many rows `export_published` writes for a store."""
    return _Layout.of(store, views).rows


def _shape(stores: Mapping[str, Store]) -> tuple[int, int]:
    """Cells and tokens of the one task of all stores; raises DataError where that cannot be published."""
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
            raise DataError(f"{split}: expected the puzzle id of its task's first view in every row")
    known = {task: shape for shape, task in SHAPES.items()}
    if isinstance(first.task, str) and first.task in known:
        cells, tokens = known[first.task]
    else:
        task = get_task(first.task)
        cells, tokens = task.seq_len, task.vocab_size
    if tokens > 256:
        raise DataError(f"the published layout holds at most 256 different tokens, and {first.task} has {tokens}")
    if cells != first.inputs.shape[1]:
        raise DataError(f"expected {cells} cells for {first.task}, got {first.inputs.shape[1]}")
    return cells, tokens


def _names(stores: Mapping[str, Store], identifiers: Sequence[str] | None) -> list[str]:
    """The names of all puzzle ids; raises DataError where the stores contradict them or one another."""
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


def _rows(store: Store, split: str, tokens: int) -> Iterator[Pair]:
    """The rows of a store as published tokens, block by block."""
    for start in range(0, len(store), BLOCK):
        rows = np.arange(start, min(start + BLOCK, len(store)))
        yield _published(store.inputs[rows], store.labels[rows], split, rows, tokens)


def _views(store: Store, layout: _Layout, split: str, tokens: int, rng: np.random.Generator | None) -> Iterator[Pair]:
    """The pairs of one task after the other under its views, view by view, as published tokens."""
    assert store.views is not None
    bounds = (layout.starts[:-1], layout.starts[1:], layout.first, layout.count)
    for start, stop, first, count in zip(*(array.tolist() for array in bounds), strict=True):
        size = stop - start
        step = max(1, _SHOWN // size)
        for begin in range(first, first + count, step):
            some = np.arange(begin, min(begin + step, first + count))
            rows, ids = np.tile(np.arange(start, stop), len(some)), np.repeat(some, size)
            inputs, labels = store.views.show(store.inputs[rows], store.labels[rows], ids, rng)
            yield _published(inputs, labels, split, rows, tokens)


def _published(
    inputs: NDArray[np.int16], labels: NDArray[np.int16], split: str, rows: NDArray[np.integer], tokens: int
) -> Pair:
    """Inputs and labels (B, L) of these rows of a store with IGNORED where they do not count.

    Raises DataError for tokens that the layout cannot hold, which an IGNORED that counts is too.
    """
    if inputs.min() < 0 or inputs.max() >= tokens:
        row, cell = np.argwhere((inputs < 0) | (inputs >= tokens))[0]
        place = f"{split}: row {rows[row]}, position {cell}"
        raise DataError(f"{place}: expected a token from 0 to {tokens - 1}, got {inputs[row, cell]}")
    ignored = labels == IGNORE
    wrong = ~ignored & ((labels <= IGNORED) | (labels >= tokens))
    if wrong.any():
        row, cell = np.argwhere(wrong)[0]
        place = f"{split}: row {rows[row]}, position {cell}"
        raise DataError(
            f"{place}: expected a label from {IGNORED + 1} to {tokens - 1}, got {labels[row, cell]}; in the published "
            f"layout label {IGNORED} means that the position does not count"
        )
    return inputs, np.where(ignored, IGNORED, labels)


def _test_puzzles(stores: Mapping[str, Store]) -> dict[str, Any]:
    """The tasks of the split `test`, by name: all their pairs as lists of colours, in the form of ARC's own files."""
    test = stores["test"]
    assert test.views is not None
    tasks = test.views.places(test.puzzle_ids)
    puzzles: dict[str, Any] = {test.views.tasks[task]: {"train": [], "test": []} for task in np.unique(tasks).tolist()}
    for split in ("train", "test"):
        if split not in stores:
            continue
        store = stores[split]
        assert store.views is not None
        own = store.views.places(store.puzzle_ids)
        for row in np.flatnonzero(np.isin(own, tasks)).tolist():
            pair = {"input": _grid(store.inputs[row]), "output": _grid(store.labels[row])}
            puzzles[test.views.tasks[own[row]]][split].append(pair)
    return puzzles


def _grid(tokens: NDArray[np.int16]) -> list[list[int]]:
    """The colours of a grid on a canvas (900,); one black cell, as published, where the answer is not known."""
    side = int(np.sqrt(len(tokens)))
    canvas = tokens.reshape(side, side)
    cells = canvas >= _COLOUR
    if not cells.any():
        return [[0]]
    grid: list[list[int]] = (canvas[np.ix_(cells.any(1), cells.any(0))] - _COLOUR).tolist()
    return grid
