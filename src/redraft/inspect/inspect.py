"""Finds out everything about one puzzle in one model, the slow things only where they do not take long."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from redraft.data.build import open_source
from redraft.data.store import Store
from redraft.errors import RedraftError, WeightsError
from redraft.inspect.drafts import drafts
from redraft.inspect.influence import Influence, blank_of, givens, occlusion
from redraft.inspect.inspection import Inspection, Landscape
from redraft.inspect.pca import projection, ways
from redraft.inspect.trace import Probability, Trace, trace
from redraft.models import Model, model_kind
from redraft.models.execution import work
from redraft.progress import Bar, silent
from redraft.tasks import Grid, Puzzle, Task
from redraft.tasks.base import IGNORE, Tokens
from redraft.weights.io import Weights, count_parameters

MUCH = 4e11  # multiplications that each of the slow things may take unasked: some five seconds of one core
ON_GPU = 100  # times as many
MANY = 4 << 20  # numbers that what depends on what may come to unasked: a report of some megabytes
MOST_OTHERS, FEWEST_OTHERS = 100, 8  # puzzles made to show the ways of many; so few may take twice as long


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
    progress: Bar = silent,
) -> Inspection:
    """Looks at a sound puzzle for so many supervision steps.

    `recursions` keeps every evaluation of the networks. `influence` tells whether each given is blanked in turn, and
    `others` whose ways are followed: `auto` makes new puzzles; what it leaves out stands in the notes. `name` is what
    the weights are called; `progress` opens a bar for a job and its number of puzzles.
    """
    probability: Probability = "softmax" if training_run(weights.card).get("loss") == "softmax" else "stablemax"
    look = _Look(
        model=weights.model,
        task=task,
        tokens=task.encode(puzzle.question),
        puzzle_id=puzzle_id,
        steps=steps,
        probability=probability,
        progress=progress,
    )
    traced = trace(
        weights.model,
        look.tokens,
        puzzle_id=puzzle_id,
        steps=steps,
        recursions=recursions,
        attention=True,
        probability=probability,
    )
    _require_numbers(traced, name)
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
        influence=None if influence == "never" else look.influence(puzzle.question, unasked=influence == "auto"),
        landscape=None if store is None else look.landscape(store),
        notes=look.notes,
    )


@dataclass(frozen=True, kw_only=True)
class _Look:
    """What every slow look needs; `notes` gathers what was left out."""

    model: Model
    task: Task
    tokens: Tokens
    puzzle_id: int
    steps: int
    probability: Probability
    progress: Bar
    notes: list[str] = field(default_factory=list)

    @property
    def much(self) -> float:
        """Multiplications that each slow look may take unasked, on the device that the model is on."""
        on_cpu = next(self.model.parameters()).device.type == "cpu"
        return MUCH if on_cpu else MUCH * ON_GPU

    def influence(self, question: Grid, *, unasked: bool) -> Influence | None:
        """What depends on each given; None where nobody asked and there is much of it."""
        cells = givens(self.task, question)
        count, steps = len(cells), self.steps
        if unasked and count:
            numbers = MANY // (count * len(self.tokens))
            steps = min(steps, int(self.much / (count * work(self.model))), numbers)
            named = f"what depends on each of {count} givens"
            if not steps:
                self.notes.append(f"{named} was left out, as there is much of it (--influence always)")
                return None
            if steps < self.steps:
                kept = f"was followed for {steps} of {self.steps} steps, as they take long"
                self.notes.append(f"{named} {kept} (--influence always follows all)")
        with self.progress("blanking givens", count) as tell:
            return occlusion(
                self.model,
                self.tokens,
                cells=cells,
                blank=blank_of(self.task, question),
                puzzle_id=self.puzzle_id,
                steps=steps,
                probability=self.probability,
                progress=tell,
            )

    def made(self) -> Store | None:
        """New puzzles, as many as do not take long; None where that is too few, or the task makes none."""
        each = work(self.model, self.steps)
        count = max(FEWEST_OTHERS, min(MOST_OTHERS, int(self.much / each)))
        if count * each > 2 * self.much:
            self.notes.append(f"the ways of many puzzles are left out, as they take long (--puzzles make:{count}@1)")
            return None
        try:
            store = open_source(self.task, f"make:{count}@1")
        except RedraftError:
            self.notes.append(f"the ways of many puzzles are left out, as {self.task.name} makes none (--puzzles FILE)")
            return None
        if count < MOST_OTHERS:
            more = f"--puzzles make:{MOST_OTHERS}@1"
            self.notes.append(f"the ways of {count} puzzles are shown, as each takes long ({more} shows more)")
        return store

    def landscape(self, store: Store) -> Landscape | None:
        """The ways of the puzzles in the store, and of this one among them; None where there is nothing to see."""
        with self.progress("following many puzzles", len(store)) as tell:
            found = ways(self.model, store.inputs, store.puzzle_ids, steps=self.steps, progress=tell)
        if not np.isfinite(found.y).all():
            self.notes.append(f"the ways of {store.source} are left out, as some of their states are not finite")
            return None
        own = ways(self.model, self.tokens[None], np.array([self.puzzle_id]), steps=self.steps)
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


def _require_numbers(traced: Trace, name: str) -> None:
    """Raises WeightsError where a model's numbers overflow: there is nothing to see in it then."""
    for number, step in enumerate(traced.steps, 1):
        if not (math.isfinite(step.halt_logit) and np.isfinite(step.y.probabilities).all()):
            raise WeightsError(f"{name}: its numbers are not finite in step {number}: the weights are too large")


def training_run(card: dict[str, Any]) -> dict[str, Any]:
    """The configuration of the last run that made weights, where their card tells."""
    training = card.get("training")
    last = training[-1] if isinstance(training, list) and training else training
    run = last.get("run") if isinstance(last, dict) else None
    return run if isinstance(run, dict) else {}


def _facts(weights: Weights, task: Task) -> list[tuple[str, str]]:
    """What there is to know of the model."""
    model = weights.model
    dense, tables = count_parameters(model)
    renewed = model.schedule()
    facts = [
        ("model", model_kind(model.config)),
        ("parameters", f"{dense:,}" + (f", and {tables:,} of puzzle embeddings" if tables else "")),
        ("task", task.name),
        ("a step", f"{len(renewed)} evaluations: z renewed {renewed.count('z')} times, y {renewed.count('y')}"),
        ("depth of a step", f"{model.config.effective_depth} layers"),
        ("summary", str(weights.card.get("summary", "")).partition("\n")[0]),
    ]
    return [(name, value) for name, value in facts if value]
