"""Inspects one puzzle in one model, given or by name; expensive parts are shortened or left out unless requested."""

from __future__ import annotations

import math
import os
import warnings
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np

from redraft.config import to_dict
from redraft.contents import within
from redraft.data.build import open_source
from redraft.data.store import Store
from redraft.device import choose_device
from redraft.errors import ConfigError, DataWarning, PuzzleError, RedraftError, WeightsError, require_at_least
from redraft.evaluate.ids import require_ids
from redraft.inspect.drafts import drafts
from redraft.inspect.influence import Influence, blank_of, givens, occlusion
from redraft.inspect.inspection import Inspection, Landscape
from redraft.inspect.pca import projection, trajectories
from redraft.inspect.trace import Probability, Trace, trace
from redraft.models import Model, model_kind
from redraft.models.execution import work
from redraft.progress import Bar, progress, silent
from redraft.solve.load import open_weights
from redraft.solve.opened import PuzzleTable
from redraft.solve.resolve import entries_of
from redraft.tasks import Grid, Puzzle, Task, get_task
from redraft.tasks.base import IGNORE, Tokens
from redraft.weights.io import Weights, count_parameters

MUCH = 4e11  # multiplications that each expensive part may take by default: about five seconds of one core
ON_GPU = 100  # times as many
MANY = 4 << 20  # numbers of an influence by default: a report of some megabytes
FILES = (".csv", ".txt", ".json", ".jsonl")  # endings that mean a file
MOST_OTHERS, FEWEST_OTHERS = 100, 8  # puzzles made for trajectories; the fewest may take twice as long


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
        bar=silent if quiet else progress,
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


def inspect(
    weights: Weights,
    task: Task,
    puzzle: Puzzle,
    *,
    name: str = "model",
    puzzle_id: int = 0,
    steps: int = 16,
    recursions: bool = False,
    influence: Literal["auto", "always", "never"] = "auto",
    others: Store | Literal["auto", "none"] = "auto",
    bar: Bar = silent,
) -> Inspection:
    """Inspects a valid puzzle over `steps` supervision steps.

    Args:
        name: of the weights.
        recursions: keeps every evaluation of the networks.
        influence: blanks each given in turn; `auto` notes what it leaves out.
        others: puzzles whose trajectories are followed; `auto` makes new ones, and notes what it leaves out.
        bar: opens a progress bar for a job and its number of puzzles.
    """
    probability: Probability = "softmax" if training_run(weights.card).get("loss") == "softmax" else "stablemax"
    tokens = task.encode(puzzle.question)
    options: dict[str, Any] = {"puzzle_id": puzzle_id, "steps": steps, "probability": probability}
    look = _Look(model=weights.model, task=task, tokens=tokens, bar=bar, **options)
    traced = trace(weights.model, tokens, recursions=recursions, attention=True, **options)
    _require_finite(traced, name)
    store = look.made() if others == "auto" else None if others == "none" else others
    return Inspection(
        weights=name,
        facts=_facts(weights, task),
        task=task,
        question=puzzle.question,
        answer=puzzle.answer,
        place=puzzle.place,
        trace=traced,
        drafts=drafts(task, puzzle.question, traced, answer=puzzle.answer),
        influence=None if influence == "never" else look.influence(puzzle.question, limited=influence == "auto"),
        landscape=None if store is None else look.landscape(store),
        notes=look.notes,
    )


@dataclass(frozen=True, kw_only=True)
class _Look:
    """The expensive parts; `notes` gathers what was left out."""

    model: Model
    task: Task
    tokens: Tokens
    puzzle_id: int
    steps: int
    probability: Probability
    bar: Bar
    notes: list[str] = field(default_factory=list)

    @property
    def much(self) -> float:
        """Multiplications that each part may take by default, on the model's device."""
        return MUCH if next(self.model.parameters()).device.type == "cpu" else MUCH * ON_GPU

    def influence(self, question: Grid, *, limited: bool) -> Influence | None:
        """The influence of each given; None where it is `limited` and too much."""
        cells, steps = givens(self.task, question), self.steps
        if limited and len(cells):
            numbers = MANY // (len(cells) * len(self.tokens))
            steps = min(steps, int(self.much / (len(cells) * work(self.model))), numbers)
            named = f"the influence of {len(cells)} givens"
            if not steps:
                self.notes.append(f"{named} was left out, because it takes long (--influence always)")
                return None
            if steps < self.steps:
                kept = f"was followed for {steps} of {self.steps} steps, because they take long"
                self.notes.append(f"{named} {kept} (--influence always follows all)")
        with self.bar("blanking givens", len(cells)) as done:
            return occlusion(
                self.model,
                self.tokens,
                cells=cells,
                blank=blank_of(self.task, question),
                puzzle_id=self.puzzle_id,
                steps=steps,
                probability=self.probability,
                progress=done,
            )

    def made(self) -> Store | None:
        """New puzzles, as many as do not take long; None where these are too few, or the task makes none."""
        each = work(self.model, self.steps)
        count = max(FEWEST_OTHERS, min(MOST_OTHERS, int(self.much / each)))
        left_out = "trajectories of other puzzles are left out, because"
        if count * each > 2 * self.much:
            self.notes.append(f"{left_out} they take long (--puzzles make:{count}@1)")
            return None
        try:
            store = open_source(self.task, f"make:{count}@1")
        except RedraftError:
            self.notes.append(f"{left_out} {self.task.name} makes none (--puzzles FILE)")
            return None
        if count < MOST_OTHERS:
            more = f"--puzzles make:{MOST_OTHERS}@1 shows more"
            self.notes.append(f"trajectories of {count} puzzles are shown, because each takes long ({more})")
        return store

    def landscape(self, store: Store) -> Landscape | None:
        """The trajectories of the puzzles in the store and of this one; None where states are not finite."""
        with self.bar("following other puzzles", len(store)) as done:
            found = trajectories(self.model, store.inputs, store.puzzle_ids, steps=self.steps, progress=done)
        if not np.isfinite(found.y).all():
            self.notes.append(f"trajectories of {store.source} are left out, because some states are not finite")
            return None
        own = trajectories(self.model, self.tokens[None], np.array([self.puzzle_id]), steps=self.steps)
        if self.task.judges:
            right = self.task.check_many(self.task.decode(store.inputs), self.task.decode(found.tokens))
        else:
            right = ((found.tokens == store.labels) | (store.labels == IGNORE)).all(1)
        return Landscape(
            source=store.source,
            y=projection(found.y, own.y[0]),
            z=projection(found.z, own.z[0]) if found.z is not None and own.z is not None else None,
            right=right,
        )


def _require_finite(traced: Trace, name: str) -> None:
    """Raises WeightsError where a model's numbers overflow."""
    for number, step in enumerate(traced.steps, 1):
        if not (math.isfinite(step.halt_logit) and np.isfinite(step.y.probabilities).all()):
            raise WeightsError(f"{name}: its numbers are not finite in step {number}: the weights are too large")


def training_run(card: dict[str, Any]) -> dict[str, Any]:
    """The configuration of the last run that made weights, where their model card has it."""
    training = card.get("training")
    run = within(training[-1] if isinstance(training, list) and training else training, "run")
    return run if isinstance(run, dict) else {}


def _facts(weights: Weights, task: Task) -> list[tuple[str, str]]:
    """Facts about the model, as (label, value)."""
    model = weights.model
    dense, tables = count_parameters(model)
    states = model.schedule()
    facts = [
        ("model", model_kind(model.config)),
        ("parameters", f"{dense:,}" + (f", and {tables:,} of puzzle embeddings" if tables else "")),
        ("task", task.name),
        ("a step", f"{len(states)} evaluations: z updated {states.count('z')} times, y {states.count('y')}"),
        ("depth of a step", f"{model.config.effective_depth} layers"),
        ("summary", str(weights.card.get("summary", "")).partition("\n")[0]),
    ]
    return [(name, value) for name, value in facts if value]
