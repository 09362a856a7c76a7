"""An inspection from names: opens the weights, finds the puzzle, and inspects it."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

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
from redraft.solve.puzzle_table import PuzzleTable
from redraft.solve.resolve import entries_of
from redraft.tasks import Puzzle, Task, get_task

FILES = (".csv", ".txt", ".json", ".jsonl")  # endings that mean a file


def look(
    weights: str | Path,
    puzzle: str,
    *,
    number: int = 1,
    split: str = "test",
    answer: str | None = None,
    steps: int = 16,
    puzzles: str | None = None,
    device: str = "auto",
    dtype: Literal["float32", "bfloat16"] = "float32",
    quiet: bool = False,
    **options: Any,
) -> Inspection:
    """The inspection of weights at work on a puzzle; see `redraft.inspect`. Raises RedraftError.

    `options`: `recursions` and `influence`.
    """
    require_at_least(1, {"steps": steps, "number": number})
    opened = open_weights(weights, dtype=dtype)
    sources = _Sources(
        task=get_task(opened.task),
        name=str(weights),
        table=PuzzleTable.of(to_dict(opened.model.config), opened.card),
        split=split,
    )
    found, puzzle_id = sources.puzzle(puzzle, number, answer)
    others: Store | Literal["auto", "none"] = "auto"
    if puzzles is not None:
        others = "none" if puzzles == "none" else sources.store(puzzles)
    opened.model.to(choose_device(device))
    return inspect(
        opened,
        sources.task,
        found,
        name=sources.name,
        puzzle_id=puzzle_id,
        steps=steps,
        others=others,
        progress=silent if quiet else progress,
        **options,
    )


@dataclass(frozen=True, kw_only=True)
class _Sources:
    """Opens puzzles for the weights called `name`, which have rows in `table` for puzzle ids; raises RedraftError."""

    task: Task
    name: str
    table: PuzzleTable
    split: str

    def puzzle(self, text: str, number: int, answer: str | None) -> tuple[Puzzle, int]:
        """The puzzle that a text means, its answer where known, and its puzzle id, a row of the weights' table."""
        puzzle_id = 0
        if text.startswith("make:") or os.path.isdir(text):
            found, puzzle_id = self._of_source(text, number)
        elif os.path.isfile(text) or text.lower().endswith(FILES):
            found = self._of_file(text, number)
        elif number != 1:
            raise ConfigError(f"number {number}: the puzzle is written out, and the only one")
        else:
            try:
                found = Puzzle(question=self.task.parse(text), place="as given")
            except PuzzleError as error:
                raise PuzzleError(error.message, error.place or repr(text)) from error
        try:
            self.task.validate(found.question)
        except PuzzleError as error:
            raise PuzzleError(error.message, found.place or repr(text)) from error
        if answer is not None:
            try:
                found = replace(found, answer=self.task.parse(answer))
            except PuzzleError as error:
                raise PuzzleError(error.message, f"answer {answer!r}") from error
        return found, puzzle_id

    def store(self, source: str) -> Store:
        """The puzzles of a source, whose ids are rows of the weights' table."""
        store = open_source(self.task, source, split=self.split)
        for remark in require_ids(self.table, store, name=self.name, data=source):
            warnings.warn(remark, DataWarning, stacklevel=2)
        return store

    def _of_source(self, source: str, number: int) -> tuple[Puzzle, int]:
        """A puzzle that is made, or of a folder of data, and its puzzle id."""
        store = self.store(source)
        row = _row(len(store), source, number)
        labels = store.labels[row]
        answer = self.task.decode(labels.clip(0)) if (labels >= 0).any() else None  # ignored cells become padding
        place = f"puzzle {number} of {store.source or source}"
        puzzle = Puzzle(question=self.task.decode(store.inputs[row]), answer=answer, place=place)
        return puzzle, int(store.puzzle_ids[row])

    def _of_file(self, file: str, number: int) -> Puzzle:
        entries = list(islice(entries_of(self.task, file), number))
        if not entries:
            raise ConfigError(f"{file}: no puzzles")
        entry = entries[_row(len(entries), file, number)]
        if isinstance(entry, PuzzleError):
            raise entry
        return entry


def _row(count: int, source: str, number: int) -> int:
    if number > count:
        raise ConfigError(f"number {number}: {source} holds {count} puzzle{'s' if count != 1 else ''}")
    return number - 1
