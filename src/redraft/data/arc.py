"""ARC tasks as stores: the pairs for training, and those kept for the test."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from redraft.data.arc_leaks import OWN_LEAKS, refuse_leaks, some
from redraft.data.store import Store, new_folder, require_new
from redraft.errors import DataError
from redraft.files import write_text
from redraft.tasks.arc.augmentations import Views
from redraft.tasks.arc.files import SIDE, ArcTask, Pair, read_halves, read_tasks, to_json
from redraft.tasks.arc.make import make_tasks
from redraft.tasks.arc.task import Arc, canvas
from redraft.tasks.base import OUTSIDE

TASKS = "tasks.json"  # the evaluation tasks with their known outputs: for voting, scoring and submission


def build_arc(
    source: str,
    folder: Path,
    *,
    concept: str | None = None,
    count: int = 1000,
    seed: int = 0,
    allow: Collection[str] = OWN_LEAKS,
    side: int = SIDE,
    skip_larger: bool = False,
) -> dict[str, Store]:
    """Writes the data folder of `arc_data(source, concept=concept)` and returns its stores, as `write_arc` does.

    Every task has up to `count` augmentations besides itself. Evaluation tasks that leak into training are an error
    unless `allow` names them; "all" allows all. `skip_larger` leaves out tasks with a grid larger than the canvas.
    Raises DataError.
    """
    require_new(folder)  # before the work, not after it
    training, evaluation = arc_data(source, concept=concept)
    if concept:
        source += f", with {concept}"
    if skip_larger:
        tasks = len(training) + len(evaluation)
        training, evaluation = ([task for task in half if fits(task, side)] for half in (training, evaluation))
        if not (training or evaluation):
            raise DataError(f"{source}: every one of {tasks:,} tasks has a grid larger than {side}x{side}")
        source += f", {len(training) + len(evaluation):,} of {tasks:,} tasks that fit {side}x{side}"
    allowed = refuse_leaks(training, evaluation, allow)
    if allowed:
        source += f", evaluation tasks in training, which was allowed: {some(allowed)}"
    return write_arc(training, evaluation, folder, count=count, seed=seed, source=source, side=side)


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
    """Writes the data folder of these tasks, whole or not at all: the stores `train` and `test`, and `tasks.json`.

    Args:
        count: augmentations of each task besides itself.
        source: where the tasks came from, in words.
        side: rows and columns of the canvas; raises DataError if a grid is larger.
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
        raise DataError(
            f"{some(both)}: {len(both)} of the evaluation tasks have names of training tasks; expected other tasks "
            "(a competition's test set as downloaded is mostly a placeholder with copies of such tasks)"
        )
    return training, evaluation


def arc_stores(
    training: Sequence[ArcTask],
    evaluation: Sequence[ArcTask],
    *,
    views: Views,
    source: str = "",
    side: int = SIDE,
) -> dict[str, Store]:
    """The stores `train` and `test`; each task is a group and a puzzle, with the id of its first augmentation.

    `train` has all pairs of the training tasks and the demonstrations of the evaluation tasks, never their test pairs;
    those are `test`, without labels if the output is unknown. Raises DataError for a task without augmentations, and
    for grids larger than the canvas of `side` rows and columns.
    """
    _require_room([*training, *evaluation], side)
    train = [(task.name, (*task.train, *task.test)) for task in training] + [(t.name, t.train) for t in evaluation]
    train = [(name, tuple(pair for pair in pairs if pair.output is not None)) for name, pairs in train]
    test = [(task.name, task.test) for task in evaluation]
    return {"train": _store(train, views, source, side), "test": _store(test, views, source, side)}


def _store(groups: Sequence[tuple[str, tuple[Pair, ...]]], views: Views, source: str, side: int) -> Store:
    first = dict(zip(views.tasks, (views.starts[:-1] + 1).tolist(), strict=True))
    if strange := [name for name, _ in groups if name not in first]:
        raise DataError(f"{some(strange)}: {len(strange)} tasks have no augmentations; make those of all tasks")
    sizes = [len(pairs) for _, pairs in groups]
    numbers = np.repeat(np.arange(len(groups), dtype=np.int32), sizes)
    task = Arc(side)
    return Store(
        task=task.spec,
        inputs=task.encode(_canvases([pair.input for _, pairs in groups for pair in pairs], side)),
        labels=task.encode_labels(_canvases([pair.output for _, pairs in groups for pair in pairs], side)),
        puzzle_ids=np.repeat(np.array([first[name] for name, _ in groups], np.int32), sizes),
        ratings=np.full(sum(sizes), np.nan, np.float32),
        groups=numbers,
        puzzles=numbers,
        views=views,
        source=source,
    )


def _canvases(grids: Sequence[NDArray[np.uint8] | None], side: int) -> NDArray[np.int8]:
    """Canvases (N, side, side) of grids no larger than that; an empty one for None."""
    boards = np.full((len(grids), side, side), OUTSIDE, np.int8)
    for board, grid in zip(boards, grids, strict=True):
        if grid is not None:
            board[:] = canvas(grid, side)
    return boards


def fits(task: ArcTask, side: int) -> bool:
    """Whether no known grid of a task has more than `side` rows or columns."""
    return all(max(grid.shape) <= side for pair in (*task.train, *task.test) for grid in pair if grid is not None)


def _require_room(tasks: Sequence[ArcTask], side: int) -> None:
    """Raises DataError naming the first grid larger than the canvas, and a canvas that holds all of them."""
    grids = [
        (f"task {task.name}, {part} pair {number}, {half}", grid)
        for task in tasks
        for part, pairs in (("train", task.train), ("test", task.test))
        for number, pair in enumerate(pairs, 1)
        for half, grid in pair._asdict().items()
        if grid is not None
    ]
    for place, grid in grids:
        if max(grid.shape) > side:
            raise DataError(
                f"{place}: {grid.shape[0]} rows of {grid.shape[1]} cells; the canvas has {side} of {side}, "
                f"one of {max(max(each.shape) for _, each in grids)} holds all grids (--canvas), or leave out "
                "such tasks (--skip-larger)"
            )
