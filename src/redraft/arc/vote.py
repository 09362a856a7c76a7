"""Votes of a model on ARC tasks, saved while they are collected; and the tasks of a folder of ARC data."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import torch

from redraft.arc.collect import At, collect, questions_of, share
from redraft.arc.votes import Votes, data_fingerprint
from redraft.backends.torch import TorchStepper
from redraft.data.arc import TASKS
from redraft.data.build import store_folder
from redraft.data.store import Store
from redraft.errors import DataError
from redraft.models import Model
from redraft.progress import progress
from redraft.tasks import get_task
from redraft.tasks.arc.files import ArcTask, read_tasks
from redraft.weights.io import digest

SAVE_EVERY = 120.0  # seconds


def open_data(source: str) -> tuple[Store, list[ArcTask]]:
    """The test inputs of a folder of ARC data, and the tasks they belong to; raises DataError."""
    folder = store_folder(source, "test")
    if folder is None:
        raise DataError(f"{source}: no store of test inputs; expected a folder of ARC data")
    store = Store.open(folder)
    if store.views is None:
        raise DataError(f"{folder}: has no augmentations of tasks; expected ARC data")
    file = next((place / TASKS for place in (folder, folder.parent) if (place / TASKS).is_file()), None)
    if file is None:
        raise DataError(f"{folder.parent / TASKS}: no such file; expected the tasks of the data")
    known = {task.name: task for task in read_tasks(str(file))}
    tests = Counter(question.task for question in questions_of(store))
    for name, count in tests.items():
        if name not in known or len(known[name].test) != count:
            held = len(known[name].test) if name in known else "no such task"
            raise DataError(f"{folder}: holds {count} test inputs of task {name}, {file} holds {held}")
    return store, [known[name] for name in tests]


def vote(
    model: Model,
    store: Store,
    tasks: list[ArcTask],
    *,
    steps: int,
    at: At,
    batch_size: int,
    views: int | None = None,
    shard: tuple[int, int] = (1, 1),
    file: Path | None = None,
    device: torch.device,
) -> Votes:
    """The votes of a model on the test inputs of tasks, in addition to those in `file`; shows progress.

    Args:
        model: a trained model for ARC, on any device.
        store: the test inputs of `tasks`, with augmentations (`open_data`).
        file: saves the votes every two minutes. Raises DataError if it holds votes of another kind.
        device: where the model runs.

    For the others see `collect`.
    """
    assert store.views is not None
    origin = {
        "weights": digest(model),
        "data": data_fingerprint(tasks),
        "views": store.views.fingerprint(),
        "number of views": views,
        "steps": steps,
        "draft": at,
    }
    before = Votes.open(file) if file is not None and file.exists() else None
    for key, value in origin.items():
        if before is not None and before.origin.get(key) != value:
            raise DataError(f"{file}: already holds votes of other {key}; name another file, or remove it")
    saved = time.monotonic()
    with progress("voting", len(share(store, views=views, shard=shard).rows)) as done:

        def after_batch(votes: Votes) -> None:
            nonlocal saved
            done(votes.shards[0].done)
            if file is not None and time.monotonic() - saved >= SAVE_EVERY:
                votes.save(file)
                saved = time.monotonic()

        return collect(
            TorchStepper(model, device=device),
            get_task(str(store.task)),
            store,
            steps=steps,
            batch_size=batch_size,
            views=views,
            shard=shard,
            at=at,
            origin=origin,
            votes=before,
            progress=after_batch,
        )
