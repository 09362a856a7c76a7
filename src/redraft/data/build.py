"""Opens a data source of a task as a store: a file, a folder, or new puzzles (`make:COUNT[@SEED][+CELLS]`)."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from redraft.data import kept
from redraft.data.published import META, SPLITS
from redraft.data.store import Store, called, is_store, numbered, task_in
from redraft.errors import DataError
from redraft.tasks import Examples, Task, get_task
from redraft.tasks.base import IGNORE

_MAKE = re.compile(r"make:(\d+)(?:@(\d+))?(?:\+(\d+))?")


def open_source(task: Task, source: str, *, split: str = "train", limit: int | None = None) -> Store:
    """The examples of `source`, at most `limit`.

    `source` is a store's folder, a file or folder that the task reads, or `make:COUNT` / `make:COUNT@SEED` for
    new puzzles, `make:COUNT@SEED+CELLS` for easier ones with CELLS more cells given. Raises DataError.
    """
    if limit is not None and limit < 1:
        raise DataError(f"{source}: expected a limit of at least 1 example, got {limit}")
    if not _can_be_a_name(source):
        raise DataError(f"{source!r}: not a possible file name")
    made = _MAKE.fullmatch(source)
    if made:
        count, seed, cells = (int(part or 0) for part in made.groups())
        examples = kept.make(task, count, seed)
        examples = task.reveal(examples, cells, seed) if cells else examples
        store = from_examples(task, examples, source=source)
    elif source.startswith("make:"):
        raise DataError(f"{source}: expected make:COUNT or make:COUNT@SEED, for example make:1000@7, or make:1000@7+4")
    elif (folder := store_folder(source, split)) is not None:
        store = Store.open(folder, task=task.spec)
    else:
        store = from_examples(task, task.load(source, split=split, limit=limit), source=f"{source} ({split})")
    store = store if limit is None else store.rows(slice(limit))
    if not len(store):
        raise DataError(f"{source}: no examples")
    return store


def _can_be_a_name(source: str) -> bool:
    try:
        return b"\0" not in os.fsencode(source)
    except UnicodeEncodeError:
        return False


def task_of(name: str, source: str) -> Task:
    """The task of the folder of stores or store that `source` names, else the task called `name`."""
    folder = store_folder(source, "train")
    return get_task(name if folder is None else task_in(folder))


def store_folder(source: str, split: str) -> Path | None:
    """The store that `source` names: its own folder, or one with a store per split; None for anything else."""
    return next((folder for folder in (Path(source), Path(source) / split) if is_store(folder)), None)


def has_split(source: str, split: str) -> bool:
    """Whether a source keeps a split apart: a data set of the Hub, or a folder with a store or a file of that name."""
    return source.startswith("hf:") or is_store(Path(source) / split) or any(Path(source).glob(f"{split}.*"))


def open_stores(folder: Path) -> dict[str, tuple[Path, Store]]:
    """Folder and store, memory-mapped, of each split of a folder, or of the one store it is; raises DataError."""
    if is_store(folder):
        folders = {"test" if folder.name == "test" else "train": folder}
    else:
        folders = {split: folder / split for split in SPLITS if is_store(folder / split)}
    if not folders and any((folder / split / META).exists() for split in SPLITS):
        raise DataError(f"{folder}: is in the published layout; first redraft data import {folder} -o FOLDER")
    if not folders:
        raise DataError(f"{folder}: expected a store, or a folder with stores called train and test")
    return {split: (place, Store.open(place, mmap=True)) for split, place in folders.items()}


def facts_of(store: Store, folder: Path) -> dict[str, Any]:
    """Numbers of a store as values for JSON, and its size in bytes; None for properties it does not have."""
    rated = store.ratings[~np.isnan(store.ratings)]
    return {
        "task": called(store.task),
        "rows": len(store),
        "groups": int(store.groups.max(initial=-1)) + 1,
        "puzzles": int(store.puzzles.max(initial=-1)) + 1,
        "cells": store.inputs.shape[1],
        "puzzle_ids": store.num_puzzle_ids,
        "views": None if store.views is None else len(store.views),
        "ratings": {name: float(getattr(rated, name)()) for name in ("min", "mean", "max")} if len(rated) else None,
        "bytes": sum(file.stat().st_size for file in folder.iterdir()),
        "source": store.source,
    }


def from_examples(task: Task, examples: Examples, *, source: str) -> Store:
    """Encodes examples, all with puzzle id 0; brings rows of a group together and otherwise keeps the order."""
    each = np.arange(len(examples), dtype=np.int32)
    groups = each
    if examples.groups is not None:
        _, first, inverse = np.unique(examples.groups, return_index=True, return_inverse=True)
        order = np.argsort(first[inverse], kind="stable")
        examples, groups = examples[order], numbered(first[inverse][order])
    return Store(
        task=task.spec,
        inputs=task.encode(examples.questions),
        labels=task.encode_labels(examples.answers),
        puzzle_ids=np.zeros(len(examples), dtype=np.int32),
        ratings=examples.ratings,
        groups=groups,
        puzzles=each,
        source=source,
    )


def answered(store: Store) -> Store:
    """The store without the rows whose answer is unknown, which have no label."""
    known = (store.labels != IGNORE).any(1)
    return store if known.all() else store.rows(np.flatnonzero(known))


def without(store: Store, others: Store) -> Store:
    """The store without the rows whose question is also in `others`: those a model trained on `others` has not seen."""
    seen = {row.tobytes() for row in others.inputs}
    return store.rows(np.flatnonzero([row.tobytes() not in seen for row in store.inputs]))
