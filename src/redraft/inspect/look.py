"""An inspection from names: opens weights, finds the puzzle that is meant, and looks."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from redraft.config import to_dict
from redraft.data.build import open_source
from redraft.data.store import Store
from redraft.device import choose_device
from redraft.errors import ConfigError, DataWarning, PuzzleError, require_at_least
from redraft.evaluate.ids import require_ids
from redraft.inspect.inspect import inspect
from redraft.inspect.inspection import Inspection
from redraft.progress import progress, silent
from redraft.solve.load import open_weights
from redraft.solve.opened import PuzzleTable
from redraft.solve.resolve import entries_of
from redraft.tasks import Puzzle, Task, get_task

FILES = (".csv", ".txt", ".json", ".jsonl")  # what ends so is meant as a file


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """What the caller means by a puzzle; see `look`."""

    name: str
    puzzle: str
    number: int
    split: str
    answer: str | None
    puzzles: str | None


def look(
    weights: str | Path,
    puzzle: str,
    *,
    number: int = 1,
    split: str = "test",
    answer: str | None = None,
    steps: int = 16,
    recursions: bool = False,
    influence: Literal["auto", "always", "never"] = "auto",
    puzzles: str | None = None,
    device: str = "auto",
    dtype: Literal["float32", "bfloat16"] = "float32",
    quiet: bool = False,
) -> Inspection:
    """The inspection of weights at work on a puzzle; see `redraft.inspect`. Raises RedraftError."""
    require_at_least(1, {"steps": steps, "number": number})
    opened = open_weights(weights, dtype=dtype)
    task = get_task(opened.task)
    table = PuzzleTable.of(to_dict(opened.model.config), opened.card)
    asked = _Asked(name=str(weights), puzzle=puzzle, number=number, split=split, answer=answer, puzzles=puzzles)
    found, puzzle_id = _puzzle(task, asked, table)
    opened.model.to(choose_device(device))
    return inspect(
        opened,
        task,
        found,
        name=asked.name,
        puzzle_id=puzzle_id,
        steps=steps,
        recursions=recursions,
        influence=influence,
        others=_others(task, asked, table),
        progress=silent if quiet else progress,
    )


def _puzzle(task: Task, asked: _Asked, table: PuzzleTable) -> tuple[Puzzle, int]:
    """The puzzle that is meant, its answer where it is known, and its puzzle id, a row of the weights' table.

    Raises RedraftError.
    """
    text, puzzle_id = asked.puzzle, 0
    if text.startswith("make:") or os.path.isdir(text):
        found, puzzle_id = _of_source(task, asked, table)
    elif os.path.isfile(text) or text.lower().endswith(FILES):
        found = _of_file(task, Path(text), asked.number)
    else:
        if asked.number != 1:
            raise ConfigError(f"number {asked.number}: the puzzle is written out, and the only one")
        try:
            found = Puzzle(question=task.parse(text), place="as given")
        except PuzzleError as error:
            raise PuzzleError(error.message, error.place or repr(text)) from error
    try:
        task.validate(found.question)
    except PuzzleError as error:
        raise PuzzleError(error.message, found.place or repr(text)) from error
    if asked.answer is not None:
        try:
            found = Puzzle(question=found.question, answer=task.parse(asked.answer), place=found.place)
        except PuzzleError as error:
            raise PuzzleError(error.message, f"answer {asked.answer!r}") from error
    return found, puzzle_id


def _of_source(task: Task, asked: _Asked, table: PuzzleTable) -> tuple[Puzzle, int]:
    """A puzzle that is made, or of a folder of data, and its puzzle id."""
    store = _store(task, asked.puzzle, asked, table)
    row = _row(len(store), asked.puzzle, asked.number)
    labels = store.labels[row]
    known = bool((labels >= 0).any())
    answer = task.decode(labels.clip(0)) if known else None  # what does not count is as padding
    place = f"puzzle {asked.number} of {store.source or asked.puzzle}"
    return Puzzle(question=task.decode(store.inputs[row]), answer=answer, place=place), int(store.puzzle_ids[row])


def _of_file(task: Task, file: Path, number: int) -> Puzzle:
    entries = list(islice(entries_of(task, str(file)), number))
    if len(entries) < number:
        entries = list(entries_of(task, str(file)))
    if not entries:
        raise ConfigError(f"{file}: no puzzles")
    entry = entries[_row(len(entries), str(file), number)]
    if isinstance(entry, PuzzleError):
        raise entry
    return entry


def _others(task: Task, asked: _Asked, table: PuzzleTable) -> Store | Literal["auto", "none"]:
    """The puzzles whose ways are shown."""
    if asked.puzzles is None:
        return "auto"
    return "none" if asked.puzzles == "none" else _store(task, asked.puzzles, asked, table)


def _store(task: Task, source: str, asked: _Asked, table: PuzzleTable) -> Store:
    """The puzzles of a source, whose ids are rows of the weights' table; raises RedraftError."""
    store = open_source(task, source, split=asked.split)
    for remark in require_ids(table, store, name=asked.name, data=source):
        warnings.warn(remark, DataWarning, stacklevel=2)
    return store


def _row(count: int, source: str, number: int) -> int:
    if number > count:
        raise ConfigError(f"number {number}: {source} holds {count} puzzle{'s' if count != 1 else ''}")
    return number - 1
