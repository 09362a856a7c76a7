"""Votes of a model on ARC tasks, kept in a file as they come; and the tasks of a folder of ARC data."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import torch

from redraft.arc.collect import asked, collect, share
from redraft.arc.votes import Shard, Votes, data_fingerprint
from redraft.backends.torch import TorchStepper
from redraft.data.arc import TASKS
from redraft.data.build import store_folder
from redraft.data.store import Store
from redraft.errors import DataError
from redraft.models import Model
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
    tests = Counter(question.task for question in asked(store))
    for name, count in tests.items():
        if name not in known or len(known[name].test) != count:
            held = f"{len(known[name].test)} of it" if name in known else "not that task"
            raise DataError(f"{folder}: holds {count} test inputs of task {name}, {file} holds {held}")
    return store, [known[name] for name in tests]


def vote(
    model: Model,
    store: Store,
    tasks: list[ArcTask],
    *,
    steps: int,
    at: Literal["last", "halt"],
    batch_size: int,
    views: int | None = None,
    shard: tuple[int, int] = (1, 1),
    file: Path | None = None,
    device: torch.device,
    progress: Callable[[int], None] = lambda done: None,
) -> Votes:
    """The votes of a model on the test inputs of tasks, in addition to those that `file` may hold already.

    Args:
        model: a trained model for ARC, on any device.
        store: the test inputs of `tasks`, with augmentations (`open_data`).
        steps: supervision steps of every draft.
        at: which draft votes: the last, or the first that the halting head takes to be right.
        batch_size: drafts made at once.
        views: how many augmentations of each task vote, the first being the task as it is; all by default.
        shard: number and count of the shares that the work is divided into.
        file: where votes are saved every two minutes. DataError where it holds votes of another kind.
        device: where the model runs.
        progress: called with the number of drafts made.
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
    if file is not None and file.exists():
        votes = _begun(file, origin)
    else:
        jobs = len(share(store, views=views, shard=shard).rows)
        votes = Votes(origin, shards=[Shard(*shard, 0, jobs)])
    return collect(
        TorchStepper(model, device=device),
        get_task(str(store.task)),
        store,
        steps=steps,
        batch_size=batch_size,
        views=views,
        shard=shard,
        at=at,
        votes=votes,
        progress=_saving(file, progress),
    )


def _begun(file: Path, origin: dict[str, Any]) -> Votes:
    """The votes of an interrupted run, to go on with; raises DataError where they are others."""
    votes = Votes.open(file)
    for key, value in origin.items():
        if votes.origin.get(key) != value:
            raise DataError(f"{file}: already holds votes of other {key}; name another file, or remove it")
    return votes


def _saving(file: Path | None, progress: Callable[[int], None]) -> Callable[[Votes], None]:
    """What `collect` calls after every batch: reports progress, and saves every two minutes."""
    saved = time.monotonic()

    def after_batch(votes: Votes) -> None:
        nonlocal saved
        (shard,) = votes.shards
        progress(shard.done)
        if file is not None and time.monotonic() - saved >= SAVE_EVERY:
            votes.save(file)
            saved = time.monotonic()

    return after_batch
