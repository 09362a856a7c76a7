"""An inspection of a puzzle in a model: shown in a notebook, as numbers, and saved as report, animation or picture."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from redraft.draw.svg import svg_strip
from redraft.errors import ConfigError
from redraft.files import require_place, write_bytes
from redraft.inspect.drafts import ShownDraft
from redraft.inspect.influence import Influence
from redraft.inspect.pca import Projection
from redraft.inspect.report import plain, report
from redraft.inspect.trace import StateReading, Trace, TracedStep
from redraft.tasks import Grid, Task

FORMS = (".html", ".htm", ".json", ".gif", ".svg", ".png")


@dataclass(frozen=True, kw_only=True)
class Landscape:
    """Trajectories of many puzzles: of `y` and, where there is a latent, `z`; `right` (N,): ends in the answer."""

    source: str
    y: Projection
    z: Projection | None
    right: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, repr=False)
class Inspection:
    """One puzzle in one model.

    Attributes:
        weights: their name.
        facts: about the model, as (label, value).
        place: where the puzzle came from, in words.
        answer: the known one, None where it is unknown.
        drafts: one per step of the trace.
        notes: what was left out, and why.
    """

    weights: str
    facts: Sequence[tuple[str, str]]
    task: Task
    question: Grid
    answer: Grid | None
    place: str
    trace: Trace
    drafts: Sequence[ShownDraft]
    influence: Influence | None = None
    landscape: Landscape | None = None
    notes: Sequence[str] = field(default_factory=tuple)

    @property
    def solved_at(self) -> int | None:
        """The first step whose draft is right, from 1; None where none is."""
        return next((number for number, draft in enumerate(self.drafts, 1) if draft.right), None)

    @property
    def verdict(self) -> str:
        """Whether and when the puzzle was solved, in words."""
        last, first, total = self.drafts[-1], self.solved_at, len(self.drafts)
        if last.right is None:
            return f"not judged: {self.task.name} has no rules, and the answer is not known"
        if last.right:
            by = "checked by the rules" if last.verdict is not None else "compared with the known answer"
            return f"solved from step {first} on, {by}"
        reason = last.reason if last.verdict is not None else "differs from the known answer"
        lost = f"; it was right at step {first}" if first is not None else ""
        return f"not solved in {total} step{'s' if total != 1 else ''}: {reason}{lost}"

    def save(self, file: str | Path) -> Path:
        """Writes the form that the name of the file ends in: the report (.html), numbers (.json), an animation (.gif),
        or the drafts side by side (.svg, .png). Raises RedraftError where there is no such form or place."""
        file = Path(file)
        form = file.suffix.lower()
        if form not in FORMS:
            raise ConfigError(f"{file}: expected a name that ends in {', '.join(FORMS)}")
        require_place(file)
        if form in (".html", ".htm"):
            content: str | bytes = report(self)
        elif form == ".json":
            content = json.dumps(self.to_dict(), allow_nan=False) + "\n"
        elif form == ".gif":
            content = self._animation()
        elif form == ".svg":
            content = self._strip()
        else:
            from redraft.draw.pixels import png_strip

            content = png_strip(self.task, self.question, *self._different())
        write_bytes(file, content.encode() if isinstance(content, str) else content)
        return file

    def to_dict(self) -> dict[str, Any]:
        """All numbers as plain values, as `redraft inspect --json` writes them; None for those that are not finite."""
        task, influence, land = self.task, self.influence, self.landscape
        steps = enumerate(zip(self.trace.steps, self.drafts, strict=True), 1)
        return {
            "weights": self.weights,
            "task": task.name,
            "model": dict(self.facts),
            "place": self.place,
            "question": task.format(self.question),
            "answer": None if self.answer is None else task.format(self.answer),
            "verdict": self.verdict,
            "solved_at": self.solved_at,
            "probability": self.trace.probability,
            "steps": [_step(task, number, step, draft) for number, (step, draft) in steps],
            "influence": None
            if influence is None
            else {"cells": influence.cells.tolist(), "change": plain(influence.change)},
            "landscape": None if land is None else _landscape(land),
            "notes": list(self.notes),
        }

    def _animation(self) -> bytes:
        """An animated GIF of the drafts up to the first that is right, or of all; faint where the model is not sure."""
        from redraft.draw.pixels import gif_animation

        count = self.solved_at or len(self.drafts)
        return gif_animation(
            self.task,
            self.question,
            [draft.grid for draft in self.drafts[:count]],
            [step.y.confidence.reshape(self.question.shape) for step in self.trace.steps[:count]],
            solved=self.solved_at is not None,
        )

    def _strip(self) -> str:
        return svg_strip(self.task, self.question, *self._different())

    def _different(self) -> tuple[list[Grid], list[str]]:
        """The question and every draft that differs from the one before, with captions."""
        grids, captions = [self.question], ["the question"]
        for number, (step, draft) in enumerate(zip(self.trace.steps, self.drafts, strict=True), 1):
            if not np.array_equal(grids[-1], draft.grid):
                grids.append(draft.grid)
                captions.append(f"step {number}, {step.halt_probability:.0%} sure")
        return grids, captions

    def __repr__(self) -> str:
        return f"Inspection({self.weights} on {self.place}: {self.verdict})"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self._strip()}"


def _step(task: Task, number: int, step: TracedStep, draft: ShownDraft) -> dict[str, Any]:
    values: dict[str, Any] = {
        "step": number,
        "y": _reading(task, step.y),
        "z": _reading(task, step.z),
        "halt_probability": plain(step.halt_probability),
        "halts": step.halts,
        "right": draft.right,
        "reason": draft.reason,
        "changed": draft.changed,
        "broken": draft.broken.astype(int).ravel().tolist(),
        "differs": None if draft.differs is None else draft.differs.astype(int).ravel().tolist(),
        "confidence": plain(draft.confidence),
        "y_moved": plain(step.y_moved),
        "z_moved": plain(step.z_moved),
        "residual": plain(step.residual),
    }
    if step.evaluations:
        values["evaluations"] = [
            {"renews": each.renews, "moved": plain(each.moved), "reading": _reading(task, each.reading)}
            for each in step.evaluations
        ]
    if step.attention is not None:
        values["attention"] = plain(step.attention)
    return values


def _reading(task: Task, reading: StateReading | None) -> dict[str, Any] | None:
    if reading is None:
        return None
    return {
        "draft": task.format(task.decode(reading.tokens)),
        "tokens": reading.tokens.tolist(),
        "probabilities": plain(reading.probabilities),
    }


def _landscape(land: Landscape) -> dict[str, Any]:
    seen = {
        name: None
        if each is None
        else {"points": plain(each.points), "own": plain(each.own), "explained": plain(each.explained)}
        for name, each in (("y", land.y), ("z", land.z))
    }
    return {"source": land.source, "right": land.right.astype(int).tolist(), **seen}
