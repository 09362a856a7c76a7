"""Measures weights on data: opens both, runs every puzzle, and returns a report."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rich.console import Console

from redraft import terminal
from redraft.backends.choose import Backend, Here
from redraft.contents import within
from redraft.data.build import answered, has_split, open_source
from redraft.errors import DataError, DataWarning, require_at_least
from redraft.evaluate.evaluate import evaluate
from redraft.evaluate.ids import require_ids
from redraft.evaluate.report import report, show
from redraft.evaluate.scale import scale as scale_of
from redraft.progress import progress
from redraft.solve.load import find_weights, is_exported, open_stepper
from redraft.solve.solver import Solver
from redraft.tasks import get_task
from redraft.tasks.arc.task import Arc


@dataclass(frozen=True, kw_only=True)
class Report:
    """Accuracy of weights on data; `print` shows it in full, a notebook as a table.

    Attributes:
        weights, data, device: names of what was measured, on what, and where.
        seconds: duration of the evaluation.
        figures: as plain values: after each step, of the halting head, by difficulty (`evaluate.report.report`).
    """

    weights: str
    data: str
    device: str
    seconds: float
    figures: dict[str, Any] = field(repr=False)

    @property
    def exact(self) -> float:
        """Share of puzzles, from 0 to 1, whose last answer equals the known one in every cell."""
        return float(self.figures["exact"])

    @property
    def solved(self) -> float:
        """Share of puzzles whose last answer keeps the rules; `exact` for a task without rules."""
        return float(self.figures["solved"])

    def to_dict(self) -> dict[str, Any]:
        """The values that `redraft eval --json` prints."""
        context = {"weights": self.weights, "data": self.data, "device": self.device, "seconds": self.seconds}
        return {**context, **self.figures}

    def show(self, console: Console) -> None:
        """Prints tables for people."""
        show(self.figures, console)

    def plot(self, file: str | Path) -> Path:
        """Draws accuracy against steps, or compute, into a .png or .svg file; needs the extra `plot`."""
        from redraft.plotting import plot_scale, plot_steps

        draw = plot_scale if "scale" in self.figures else plot_steps
        draw(self.figures, Path(file), title=f"{self.weights} on {self.data}")
        return Path(file)

    def __repr__(self) -> str:
        puzzles = self.figures["puzzles"]
        return f"Report({self.weights} on {self.data}: {self.exact:.2%} of {puzzles:,} puzzles exact)"

    def __str__(self) -> str:
        return terminal.text_of(self.show)

    def _repr_html_(self) -> str:
        return terminal.html_of(self.show)


def measure(
    weights: str | Path,
    data: str | Path,
    *,
    split: str = "test",
    limit: int | None = None,
    steps: int = 16,
    scale: bool = False,
    batch_size: int = 256,
    device: str = "auto",
    dtype: Literal["float32", "bfloat16", "int8"] = "float32",
    task: str | None = None,
    quiet: bool = False,
) -> Report:
    """The report on weights after `steps` supervision steps of every puzzle with an answer; see `redraft.evaluate`.

    With `scale`, puzzles that rules can judge are also solved as `redraft solve` does, for its figures under that name.

    Warns (DataWarning) if the weights were trained on the data, or if its puzzle ids may not be theirs. Raises
    RedraftError.
    """
    require_at_least(1, {"steps": steps, "batch_size": batch_size})
    name, source = str(weights), str(data)
    usual: Backend = "torch" if Here.of_this_machine().torch else "numpy"
    backend = "onnx" if is_exported(find_weights(weights)) else usual
    sized = None if task is None else get_task(task)
    opened = open_stepper(weights, device=device, dtype=dtype, backend=backend, task=sized)
    judged = get_task(opened.task)
    trained_on = source == within(opened.card, "run", "data", "train")
    if trained_on and (split == "train" or not has_split(source, split)):
        warnings.warn(f"{source} is what these weights were trained on", DataWarning, stacklevel=3)
    store = open_source(judged, source, split=split, limit=limit)
    for remark in require_ids(opened.table, store, name=name, data=source):
        warnings.warn(remark, DataWarning, stacklevel=3)
    store = answered(store)
    if not len(store):
        submit = f"; for a submission: redraft arc eval {name} {source} --submission FILE"
        raise DataError(f"{source}: no puzzle has a known answer" + (submit if isinstance(judged, Arc) else ""))
    started = time.monotonic()
    with progress("evaluating", len(store), shown=not quiet) as done:
        records = evaluate(opened.stepper, judged, store, steps=steps, batch_size=batch_size, progress=done)
    figures = report(records)
    if scale:
        habits = opened.habits("rules")._asdict()
        solver = Solver(opened.stepper, judged, **habits, batch_size=batch_size, trace=False)
        answers = []
        with progress("searching", len(store), shown=not quiet) as done:
            for _, answer in solver.stream(judged.decode(store.inputs)) if judged.judges else ():
                answers.append((answer.solved, answer.steps))
                done(len(answers))
        figures["scale"] = scale_of(records, answers)
    seconds = round(time.monotonic() - started, 2)
    return Report(weights=name, data=store.source, device=opened.device, seconds=seconds, figures=figures)
