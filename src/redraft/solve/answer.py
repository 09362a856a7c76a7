"""The answer to a puzzle: in text, as plain values and as a picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from redraft.draw.board import board_lines
from redraft.draw.svg import svg_strip
from redraft.errors import ConfigError
from redraft.files import write_bytes
from redraft.tasks import Grid, Task, Verdict

NOT_JUDGED = "not judged: no rules"


@dataclass(frozen=True, kw_only=True)
class TraceStep:
    """The draft after a supervision step.

    Attributes:
        halt_probability: the model's own probability that it is right.
        attempt: the try it belongs to, 1 for the first; a restart begins the next.
        guesses: the cells (from 0, row by row) and the tokens that this try filled them with before it began.
    """

    grid: Grid
    halt_probability: float
    attempt: int = 1
    guesses: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, kw_only=True, repr=False)
class Answer:
    """The result for a puzzle; `print` shows it as a board, a notebook as a picture of its drafts.

    Attributes:
        task: the task of the puzzle.
        question, grid: (H, W) int8; `grid` is the last draft, right only if `verdict.solved`.
        verdict: judgement by the rules alone.
        steps: supervision steps spent, the last maybe in part.
        tries: starts, 1 without a restart.
        halt_probability: the model's own probability that the answer is right.
        trace: every draft, where the solver keeps them.
    """

    task: Task = field(compare=False)
    question: Grid
    grid: Grid
    verdict: Verdict
    steps: int
    halt_probability: float
    tries: int = 1
    trace: tuple[TraceStep, ...] = ()

    @property
    def solved(self) -> bool:
        return self.verdict.solved

    @property
    def done(self) -> bool:
        """True if it is right, or, for a task without rules, if the model takes it to be."""
        return self.solved if self.task.judges else self.halt_probability > 0.5

    @property
    def text(self) -> str:
        """The grid in one line, as the task writes it and `redraft solve` prints it."""
        return self.task.format(self.grid)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON. A grid that is `done` is the `answer`, any other the `draft`."""
        statuses = ("unsolved", "solved") if self.task.judges else ("unhalted", "halted")
        values: dict[str, Any] = {
            "question": self.task.format(self.question),
            "status": statuses[self.done],
            "answer" if self.done else "draft": self.text,
            "steps": self.steps,
            "tries": self.tries,
            "halt_probability": round(self.halt_probability, 6),
            "message": self.verdict.reason if self.task.judges else NOT_JUDGED,
        }
        if self.trace:
            values["trace"] = [
                {
                    "draft": self.task.format(step.grid),
                    "halt_probability": round(step.halt_probability, 6),
                    "attempt": step.attempt,
                }
                for step in self.trace
            ]
        return values

    def save(self, file: str | Path) -> Path:
        """Draws the question and every draft that differs from the one before into a .svg or .png file.

        Raises RedraftError where it cannot be written, or a PNG lacks a letter for a symbol.
        """
        file = Path(file)
        if file.suffix.lower() == ".png":
            from redraft.draw.pixels import png_strip

            content = png_strip(self.task, self.question, *self._drafts())
        elif file.suffix.lower() == ".svg":
            content = self._repr_html_().encode()
        else:
            raise ConfigError(f"{file}: expected a name that ends in .svg or .png")
        write_bytes(file, content)
        return file

    def _drafts(self) -> tuple[list[Grid], list[str]]:
        """Question and drafts, and their captions."""
        grids, captions = [self.question], ["the question"]
        trace = self.trace or (TraceStep(grid=self.grid, halt_probability=self.halt_probability),)
        first = self.steps if not self.trace else 1
        for number, step in enumerate(trace, start=first):
            if step is trace[-1] or not np.array_equal(grids[-1], step.grid):
                grids.append(step.grid)
                captions.append(f"step {number}, {step.halt_probability:.0%} sure")
        return grids, captions

    def __repr__(self) -> str:
        status = str(self.to_dict()["status"])
        steps = f"{self.steps} step{'s' if self.steps != 1 else ''}"
        return f"Answer({self.task.name}, {status} in {steps}: {self.text!r})"

    def __str__(self) -> str:
        return "\n".join(board_lines(self.task, self.grid))

    def _repr_html_(self) -> str:
        return svg_strip(self.task, self.question, *self._drafts())
