"""Rows of a comparison: those of the data with answers that no contender was trained on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from redraft.arc.collect import questions_of
from redraft.arc.vote import open_data
from redraft.compare.llm.contender import Pairs, examples_of
from redraft.contents import within
from redraft.data.arc import arc_data, arc_stores
from redraft.data.build import answered, open_source, store_folder, without
from redraft.data.store import Store
from redraft.errors import ConfigError, DataError, RedraftError
from redraft.solve.load import open_weights
from redraft.tasks import Task
from redraft.tasks.arc.augmentations import Views
from redraft.tasks.arc.files import ArcTask
from redraft.tasks.arc.task import Arc
from redraft.tasks.base import IGNORE
from redraft.weights.io import Weights

MOST_STAGES = 20  # weights initialised from others, which were initialised from others: a card may also name itself


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Rows for all contenders.

    Attributes:
        task: of the puzzles.
        store: the rows, all with answers.
        source: their origin, as the user named it.
        tasks: of ARC, those that the rows are test inputs of, maybe more.
        index: of ARC, the rows' places among the test inputs with a known output.
        notes: remarks on them.
    """

    task: Task
    store: Store
    source: str
    tasks: Sequence[ArcTask] = ()
    index: slice = field(default_factory=lambda: slice(None))
    notes: tuple[str, ...] = ()

    def examples(self) -> Callable[[int], Pairs]:
        """The solved examples in the prompt of each row for a language model."""
        if isinstance(self.task, Arc):
            known = {task.name: task for task in self.tasks}
            shown = [
                [(pair.input, pair.output) for pair in known[each.task].train] for each in questions_of(self.store)
            ]
            return lambda row: shown[row]  # type: ignore[return-value]  # demonstrations have outputs
        folder = store_folder(self.source, "train")
        return examples_of(self.task, None if folder is None else Store.open(folder, task=self.task.spec))


def open_rows(task: Task, source: str, *, split: str, limit: int | None, contenders: Mapping[str, Weights]) -> Rows:
    """The rows of a source with answers that no contender was trained on, at most `limit`.

    Raises RedraftError if none is left.
    """
    if isinstance(task, Arc):
        return _arc_rows(task, source, limit)
    store = answered(open_source(task, source, split=split, limit=limit))
    if not len(store):
        raise DataError(f"{source}: no puzzle has an answer to compare with")
    whole, notes = len(store), []
    seen: dict[tuple[str, int | None], list[str]] = {}
    for name, weights in contenders.items():
        sources, complete = _trained_on(weights.card)
        if not complete:
            notes.append(f"{name}: not all of its training data is known; rows of it may be among these")
        for each in sources:
            seen.setdefault(each, []).append(name)
    for (trained, most), names in seen.items():
        try:
            others = open_source(task, trained, split="train", limit=most)
        except RedraftError as error:
            notes.append(f"{', '.join(names)}: its training data cannot be read ({error}); rows may be among these")
            continue
        before = len(store)
        store = without(store, others)
        if before - len(store):
            notes.append(f"{before - len(store):,} rows left out, which {', '.join(names)} trained on ({trained})")
    if not len(store):
        raise ConfigError(f"{source}: every one of {whole:,} rows was trained on by a contender; name other data")
    return Rows(task=task, store=store, source=source, notes=tuple(notes))


def _trained_on(card: Mapping[str, Any], stages: int = MOST_STAGES) -> tuple[list[tuple[str, int | None]], bool]:
    """Sources of training data in a card, with their limits, and whether that is all there was."""
    training = card.get("training", [card])  # of bundled weights, one run after the other
    runs = [within(each, "run") for each in (training if isinstance(training, list) else [training])]
    found: list[tuple[str, int | None]] = []
    for run in runs:
        train, limit = within(run, "data", "train"), within(run, "data", "train_limit")
        if isinstance(train, str):
            found.append((train, limit if isinstance(limit, int) else None))
    complete = bool(runs) and len(found) == len(runs)
    begun = within(runs[0], "init") if runs else None
    if begun is not None:
        try:
            before, known = _trained_on(open_weights(str(begun)).card, stages - 1) if stages else ([], False)
        except RedraftError:
            before, known = [], False
        found, complete = [*before, *found], complete and known
    return list(dict.fromkeys(found)), complete


def _arc_rows(task: Arc, source: str, limit: int | None) -> Rows:
    """The test inputs of ARC data, which `build_arc` keeps out of training."""
    if limit is not None and limit < 1:
        raise DataError(f"{source}: expected a limit of at least 1 example, got {limit}")
    if store_folder(source, "test") is not None:
        store, tasks = open_data(source)
    else:
        tasks = arc_data(source)[1]
        store = arc_stores([], tasks, views=Views.make(tasks, count=0), side=task.height)["test"]
    if store.task != task.spec:
        raise DataError(f"{source}: holds examples of {store.task}, expected {task.spec}")
    known = np.flatnonzero((store.labels != IGNORE).any(1))
    if not len(known):
        raise DataError(f"{source}: no test input has a known output to compare with")
    index = slice(limit)
    return Rows(task=task, store=store.rows(known[index]), source=source, tasks=tasks, index=index)
