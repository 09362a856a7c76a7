"""ARC tasks as stores: which pairs may be trained on, which are kept for the test, and what of the test leaks."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from redraft.data.store import Store, new_folder
from redraft.errors import DataError, PuzzleError
from redraft.files import write_text
from redraft.tasks.arc import Arc, canvas
from redraft.tasks.arc_files import SIDE, ArcTask, Pair, read_halves, read_tasks, to_json
from redraft.tasks.arc_make import make_tasks
from redraft.tasks.base import OUTSIDE
from redraft.tasks.views import Views

TASKS = "tasks.json"  # the evaluation tasks, with what outputs are known: for voting, scoring and submission
SHOWN = 5  # tasks that a message names

# ARC-AGI-1's own leak: this evaluation task is the training task 40853293 again. Published scores count it.
OWN_LEAKS = ("070dd51e",)


def build_arc(
    source: str,
    folder: Path,
    *,
    concept: str | None = None,
    count: int = 1000,
    seed: int = 0,
    allow: Collection[str] = OWN_LEAKS,
    side: int = SIDE,
) -> dict[str, Store]:
    """Writes the data folder of `arc_data(source, concept=concept)` and gives its stores, `train` and `test`.

    The folder holds a store for each of them, and `tasks.json`; it is written whole or not at all. Every task has up
    to `count` views besides itself. Evaluation tasks that leak into training are an error unless `allow` names them;
    "all" allows all. Raises DataError.
    """
    if folder.exists():  # before the work, not after it
        raise DataError(f"{folder}: already exists; name another folder")
    training, evaluation = arc_data(source, concept=concept)
    allowed = refuse_leaks(training, evaluation, allow)
    words = [source, *([f"with {concept}"] if concept else [])]
    words += [f"evaluation tasks in training, which was allowed: {_some(allowed)}"] if allowed else []
    return write_arc(training, evaluation, folder, count=count, seed=seed, source=", ".join(words), side=side)


def write_arc(
    training: Sequence[ArcTask],
    evaluation: Sequence[ArcTask],
    folder: Path,
    *,
    count: int,
    seed: int,
    source: str,
    side: int = SIDE,
) -> dict[str, Store]:
    """Writes the data folder of these tasks, whole or not at all, and gives its stores; `source` says whence.

    `side`: rows and columns of the canvas; DataError where a grid is larger.
    """
    views = Views.make([*training, *evaluation], count=count, seed=seed)
    source = f"{source}, {len(views)} views of up to {count} a task, seed {seed}"
    stores = arc_stores(training, evaluation, views=views, source=source, side=side)
    with new_folder(folder) as partial:
        for split, store in stores.items():
            store.save(partial / split)
        write_text(partial / TASKS, json.dumps({task.name: to_json(task) for task in evaluation}) + "\n")
    return stores


def arc_data(source: str, *, concept: str | None = None) -> tuple[list[ArcTask], list[ArcTask]]:
    """Training and evaluation tasks of a source of `arc_files.read_halves`, `arc1` for example, or `make:COUNT@SEED`.

    `concept` is a source of more training tasks, ConceptARC in the published recipes. Raises DataError.
    """
    if made := re.fullmatch(r"make:(\d+)(?:@(\d+))?", source):
        halves: tuple[list[ArcTask], list[ArcTask]] = [], make_tasks(int(made[1]), int(made[2] or 0))
    else:
        halves = read_halves(source)
    training, evaluation = [*halves[0], *(read_tasks(concept) if concept else [])], halves[1]
    names = {task.name for task in training}
    if both := [task.name for task in evaluation if task.name in names]:
        raise DataError(f"{_some(both)}: {len(both)} of the evaluation tasks are called as training tasks are")
    return training, evaluation


def arc_stores(
    training: Sequence[ArcTask],
    evaluation: Sequence[ArcTask],
    *,
    views: Views,
    source: str = "",
    side: int = SIDE,
) -> dict[str, Store]:
    """The stores `train` and `test`; each task is a group and a puzzle, under the id of its first view.

    `train` has all pairs of the training tasks and the demonstrations of the evaluation tasks, never their test pairs;
    those are `test`, without labels where the output is not known. Raises DataError for a task without views.
    """
    train = [(task.name, (*task.train, *task.test)) for task in training] + [(t.name, t.train) for t in evaluation]
    # nothing can be learnt from a pair without output
    train = [(name, tuple(pair for pair in pairs if pair.output is not None)) for name, pairs in train]
    test = [(task.name, task.test) for task in evaluation]
    return {split: _store(groups, views, source, side) for split, groups in (("train", train), ("test", test))}


def _store(groups: Sequence[tuple[str, tuple[Pair, ...]]], views: Views, source: str, side: int) -> Store:
    first = dict(zip(views.tasks, (views.starts[:-1] + 1).tolist(), strict=True))
    if strange := [name for name, _ in groups if name not in first]:
        raise DataError(f"{_some(strange)}: {len(strange)} tasks have no views; make the views of all tasks")
    sizes = [len(pairs) for _, pairs in groups]
    numbers = np.repeat(np.arange(len(groups), dtype=np.int32), sizes)
    task = Arc(side)
    return Store(
        task=task.spec,
        inputs=task.encode(_canvases([(name, pair.input) for name, pairs in groups for pair in pairs], side)),
        labels=task.encode_labels(_canvases([(name, pair.output) for name, pairs in groups for pair in pairs], side)),
        puzzle_ids=np.repeat(np.array([first[name] for name, _ in groups], np.int32), sizes),
        ratings=np.full(sum(sizes), np.nan, np.float32),
        groups=numbers,
        puzzles=numbers,
        views=views,
        source=source,
    )


def _canvases(grids: Sequence[tuple[str, NDArray[np.uint8] | None]], side: int) -> NDArray[np.int8]:
    """Canvases (N, side, side) of grids, each with the name of its task."""
    boards = np.full((len(grids), side, side), OUTSIDE, np.int8)
    for board, (name, grid) in zip(boards, grids, strict=True):
        if grid is not None:
            try:
                board[:] = canvas(grid, side)
            except PuzzleError as error:
                raise DataError(f"task {name}: a grid has {error.message}") from None
    return boards


# leaks
class Leak(NamedTuple):
    """An evaluation task of which `pairs` test pairs stand in a training task; `whole` where all its pairs do."""

    task: str
    training: str
    pairs: int
    whole: bool


def seen(tasks: Sequence[ArcTask]) -> dict[bytes, set[str]]:
    """The names of the tasks that hold each pair, and each input, by the hash of its content."""
    names: dict[bytes, set[str]] = {}
    for task in tasks:
        for pair in (*task.train, *task.test):
            for key in {_key(pair), _key(Pair(pair.input, None))}:
                names.setdefault(key, set()).add(task.name)
    return names


def leaks(training: Sequence[ArcTask], evaluation: Sequence[ArcTask]) -> list[Leak]:
    """The evaluation tasks with test pairs that training tasks hold too, whatever their names.

    Pairs are compared by content; a test pair whose output is not known, by its input.
    """
    known = seen(training)
    found = []
    for task in evaluation:
        tests = [known.get(_key(pair), set()) for pair in task.test]
        shown = [known.get(_key(pair), set()) for pair in task.train]
        for name in sorted(set().union(*tests)):
            held = sum(name in names for names in tests)
            whole = all(name in names for names in (*tests, *shown))
            found.append(Leak(task=task.name, training=name, pairs=held, whole=whole))
    return found


def refuse_leaks(training: Sequence[ArcTask], evaluation: Sequence[ArcTask], allow: Collection[str] = ()) -> list[str]:
    """The leaking evaluation tasks that `allow` names ("all" for all); raises DataError where others leak."""
    allowed = {allow} if isinstance(allow, str) else set(allow)
    found = leaks(training, evaluation)
    names = list(dict.fromkeys(leak.task for leak in found))
    if wrong := [name for name in names if name not in allowed and "all" not in allowed]:
        whole = len({leak.task for leak in found if leak.whole and leak.task in wrong})
        raise DataError(
            f"{len(wrong)} of {len(evaluation)} evaluation tasks have test pairs in the training data, {whole} of them "
            f"are there as a whole: {_some(wrong)}; a score on these means nothing: take them from the training data, "
            "or allow them by name"
        )
    return names


def _key(pair: Pair) -> bytes:
    """A hash of the content of a pair."""
    content = hashlib.sha256()
    for grid in pair:
        content.update(repr(None if grid is None else grid.shape).encode())
        content.update(b"" if grid is None else np.ascontiguousarray(grid, np.uint8).tobytes())
    return content.digest()


def _some(names: Sequence[str]) -> str:
    """The first few names, for a message."""
    return ", ".join(names[:SHOWN]) + (" and more" if len(names) > SHOWN else "")
