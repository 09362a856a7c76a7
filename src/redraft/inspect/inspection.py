"""All that was found out about one puzzle and a model: shown in a notebook, and saved in any form."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from redraft.errors import ConfigError
from redraft.files import require_place, write_bytes
from redraft.inspect.drafts import ShownDraft, solved_at
from redraft.inspect.influence import Influence
from redraft.inspect.pca import Projection
from redraft.inspect.trace import Trace
from redraft.tasks import Grid, Task

REPORT = (".html", ".htm")
NUMBERS, ANIMATION, PICTURES = ".json", ".gif", (".svg", ".png")
FORMS = (*REPORT, NUMBERS, ANIMATION, *PICTURES)


@dataclass(frozen=True, kw_only=True)
class Landscape:
    """The ways of many puzzles: `y` and, where there is a latent, `z`; `right` (N,) tells which end in the answer."""

    source: str
    y: Projection
    z: Projection | None
    right: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, repr=False)
class Inspection:
    """One puzzle in one model.

    Attributes:
        weights: their name.
        facts: what there is to know of the model, as (label, value).
        place: where the puzzle came from, in words.
        answer: the known one, None where nobody knows it.
        drafts: one for each step of the trace.
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
        """The first step whose draft is right."""
        return solved_at(self.drafts)

    @property
    def verdict(self) -> str:
        """What came of the puzzle, in words."""
        last, first, total = self.drafts[-1], self.solved_at, len(self.drafts)
        if last.right is None:
            return f"not judged: {self.task.name} has no rules, and the answer is not known"
        by = "checked by the rules" if last.verdict is not None else "as the known answer has it"
        if last.right:
            return f"solved from step {first} on, {by}"
        reason = last.verdict.reason if last.verdict is not None else "differs from the known answer"
        lost = f"; it was right at step {first}" if first is not None else ""
        return f"not solved in {total} step{'s' if total != 1 else ''}: {reason}{lost}"

    def save(self, file: str | Path) -> Path:
        """Writes what the name of the file ends in: the report (.html), numbers (.json), an animation (.gif), or the
        drafts side by side (.svg, .png). Raises RedraftError where there is no such form or place."""
        from redraft.inspect.numbers import numbers
        from redraft.inspect.pictures import drafts_png, drafts_svg, redrafting
        from redraft.inspect.report import report

        file = Path(file)
        form = file.suffix.lower()
        if form not in FORMS:
            raise ConfigError(f"{file}: expected a name that ends in {', '.join(FORMS)}")
        require_place(file)
        if form in REPORT:
            content: str | bytes = report(self)
        elif form == NUMBERS:
            content = json.dumps(numbers(self), allow_nan=False) + "\n"
        elif form == ANIMATION:
            content = redrafting(self)
        else:
            content = drafts_svg(self) if form == ".svg" else drafts_png(self)
        write_bytes(file, content.encode() if isinstance(content, str) else content)
        return file

    def to_dict(self) -> dict[str, object]:
        """All numbers, as `redraft inspect --json` writes them."""
        from redraft.inspect.numbers import numbers

        return numbers(self)

    def __repr__(self) -> str:
        return f"Inspection({self.weights} on {self.place}: {self.verdict})"

    def _repr_html_(self) -> str:
        from redraft.inspect.pictures import drafts_svg

        return f"<p>{escape(repr(self))}</p>{drafts_svg(self)}"
