"""A comparison from names to figures: opens contenders and data, runs all on the same rows, tests differences."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from rich.console import Console

from redraft import terminal
from redraft.compare.compare import At, Measure, Outcome, figures, fingerprint
from redraft.compare.llm.contender import Models
from redraft.compare.llm.reported import REPORTED, reported_for
from redraft.compare.rows import Rows, open_rows
from redraft.compare.show import markdown, plot_shares, show
from redraft.data.build import store_folder
from redraft.data.store import task_in
from redraft.errors import ConfigError, DataError, RedraftError, WeightsError, require_at_least
from redraft.evaluate import evaluate as evaluating
from redraft.evaluate.ids import require_fit
from redraft.files import write_text
from redraft.progress import progress
from redraft.solve.load import open_weights
from redraft.tasks import Task, get_task
from redraft.tasks.arc.task import Arc

if TYPE_CHECKING:
    from redraft.models import Model
    from redraft.weights.io import Weights


@dataclass(frozen=True)
class Comparison:
    """Contenders on the same rows; `print` shows them in full, a notebook as tables.

    Attributes:
        figures: as plain values: `entrants` with their shares, `pairs` with their tests, `notes`.
    """

    figures: dict[str, Any] = field(repr=False)

    @property
    def sentences(self) -> list[str]:
        """A sentence per pair, with the interval of the difference and McNemar's test."""
        return [each["in_words"] for each in self.figures["pairs"]]

    def to_dict(self) -> dict[str, Any]:
        """The figures that `redraft compare --json` writes."""
        return self.figures

    def show(self, console: Console) -> None:
        """Prints tables for people."""
        show(self.figures, console)

    def save(self, file: str | Path) -> Path:
        """Writes the tables as Markdown."""
        write_text(Path(file), markdown(self.figures))
        return Path(file)

    def plot(self, file: str | Path) -> Path:
        """Draws the shares with their intervals into a .png or .svg file; needs the extra `plot`."""
        plot_shares(self.figures, Path(file))
        return Path(file)

    def __repr__(self) -> str:
        return f"Comparison({'; '.join(self.sentences)})"

    def __str__(self) -> str:
        return terminal.text_of(self.show)

    def _repr_html_(self) -> str:
        return terminal.html_of(self.show)


@dataclass(frozen=True, kw_only=True)
class Terms:
    """Rows and settings of all contenders; see `redraft.compare`."""

    data: str
    task: str | None = None
    split: str = "test"
    limit: int | None = None
    steps: int = 16
    at: At = "last"
    measure: Measure = "solved"
    attempts: int = 1
    batch_size: int = 256
    device: str = "auto"
    dtype: Literal["float32", "bfloat16"] = "float32"
    save: str | Path | None = None
    reported: bool = False


def _require_contenders(names: Sequence[str], others: Sequence[str]) -> None:
    """Raises ConfigError if one is named twice, or there is nothing to compare; `others` are language models."""
    everyone = [*names, *others]
    if twice := next((name for i, name in enumerate(everyone) if name in everyone[:i]), None):
        raise ConfigError(f"{twice} is named twice; add steps to compare weights with themselves, as in {twice}@32")
    if len(everyone) < 2 and not others:
        one = f"only {everyone[0]}" if everyone else "none"
        raise ConfigError(f"expected at least two contenders to compare, got {one}; redraft eval measures one alone")


def contest(names: Sequence[str], terms: Terms, *, models: Models | None = None, quiet: bool = False) -> Comparison:
    """Compares weights (`NAME`, `NAME@STEPS`), files of ARC votes (.npz) and language models; raises RedraftError."""
    _require_contenders(names, [] if models is None else [endpoint.name for endpoint in models.endpoints])
    require_at_least(1, {name: getattr(terms, name) for name in ("steps", "batch_size", "attempts")})
    votes = [name for name in names if name.endswith(".npz")]
    opened = {name: _open(name, terms) for name in names if name not in votes}
    weights = {name: each for name, (each, _) in opened.items()}
    task = _task(terms, weights)
    rows = open_rows(task, terms.data, split=terms.split, limit=terms.limit, contenders=weights)
    examples = None if models is None else rows.examples()  # raises, if there are none, before the work
    outcomes: list[Outcome] = []
    notes = list(rows.notes)
    if terms.save is not None:
        _make_folder(Path(terms.save))
    if models is not None:
        _make_folder(models.file.parent)
    for name in names:
        if name in votes:
            outcomes.append(_of_votes(name, rows, terms, notes))
        else:
            notes += require_fit(opened[name][0], rows.store, name=name, data=terms.data)
            outcomes.append(_of_weights(name, *opened[name], rows, terms, quiet))
    if models is not None and examples is not None:
        more, remarks = models.ask(task, rows.store, examples)
        outcomes += more
        notes += remarks
    found = figures(outcomes, measure=terms.measure, at=terms.at, groups=rows.store.groups)
    if found["grouped"]:
        notes.append(
            "rows stand in groups: intervals of differences draw whole groups, McNemar's test takes rows as independent"
        )
    reported: Sequence[Any] = REPORTED if terms.reported else reported_for(task)
    return Comparison(
        {
            "task": task.name,
            "data": rows.store.source or rows.source,
            "judged": task.judges,
            **found,
            "reported": [each._asdict() for each in reported],
            "notes": notes,
        }
    )


def _open(name: str, terms: Terms) -> tuple[Weights, int]:
    """The weights of a contender, and its steps."""
    plain, at, steps = name.rpartition("@")
    if not at or not steps.isdecimal() or os.path.exists(name):
        return open_weights(name, dtype=terms.dtype), terms.steps
    if int(steps) < 1:
        raise ConfigError(f"{name}: expected at least 1 step")
    return open_weights(plain, dtype=terms.dtype), int(steps)


def _task(terms: Terms, contenders: Mapping[str, Weights]) -> Task:
    """The task of all; raises RedraftError naming two that differ."""
    tasks = {name: get_task(weights.task) for name, weights in contenders.items()}
    if terms.task is not None:
        tasks = {"the task asked for": get_task(terms.task), **tasks}
    folder = store_folder(terms.data, terms.split) or store_folder(terms.data, "train")
    if not tasks and folder is not None:
        tasks = {terms.data: get_task(task_in(folder))}
    if not tasks:
        raise ConfigError(f"{terms.data}: the task of these puzzles is not known; name it, as --task sudoku-9x9")
    first, *others = tasks
    for other in others:
        if tasks[other].spec != tasks[first].spec:
            names = tasks[first].name, tasks[other].name
            differ = "differently described" if names[0] == names[1] else names[1]
            raise WeightsError(f"{first} is for {names[0]}, {other} for {differ}; expected contenders of one task")
    return tasks[first]


def _of_weights(name: str, weights: Weights, steps: int, rows: Rows, terms: Terms, quiet: bool) -> Outcome:
    """The outcome of weights, from the folder of --save if it is there."""
    from redraft.backends.torch import TorchStepper
    from redraft.device import choose_device
    from redraft.models import model_kind
    from redraft.weights.io import count_parameters

    identity = _identity(weights.model)
    key = hashlib.blake2b(repr((identity, fingerprint(rows.store), steps, terms.dtype)).encode(), digest_size=8)
    kept = None if terms.save is None else Path(terms.save) / f"{key.hexdigest()}.npz"
    if kept is not None and kept.exists():
        return replace(Outcome.open(kept, rows=len(rows.store)), name=name)
    device = choose_device(terms.device)
    started = time.monotonic()
    with progress(f"evaluating {name}", len(rows.store), shown=not quiet) as done:
        records = evaluating.evaluate(
            TorchStepper(weights.model, device=device),
            rows.task,
            rows.store,
            steps=steps,
            batch_size=terms.batch_size,
            progress=done,
        )
    network, table = count_parameters(weights.model)
    beside = f" and {table:,} in the puzzle embedding" if table else ""
    outcome = Outcome.of_records(
        records,
        name=name,
        kind=f"{model_kind(weights.model.config)}, {network:,} parameters{beside}, {steps} steps",
        facts={
            "weights": identity,
            "parameters": network,
            "embedding_parameters": table,
            "max_steps": steps,
            "device": str(device),
            "dtype": terms.dtype,
            "seconds": round(time.monotonic() - started, 2),
        },
    )
    if kept is not None:
        outcome.save(kept)
    return outcome


def _identity(model: Model) -> str:
    """A digest of the model's configuration and weights, in 16 characters."""
    from redraft.models import model_kind
    from redraft.weights.io import digest

    config = {key: value for key, value in asdict(model.config).items() if key != "dtype"}
    return digest(model, about=repr((model_kind(model.config), config)))


def _of_votes(name: str, rows: Rows, terms: Terms, notes: list[str]) -> Outcome:
    """The outcome of votes on ARC's test inputs, by their best `--attempts` candidates."""
    from redraft.arc.score import score
    from redraft.arc.votes import Votes, data_fingerprint

    if not isinstance(rows.task, Arc):
        raise DataError(f"{name}: votes are of ARC tasks, and these rows are {rows.task.name}")
    votes = Votes.open(Path(name))
    data = data_fingerprint(rows.tasks)
    if votes.origin.get("data", data) != data:
        raise DataError(f"{name}: votes on other data than {terms.data}")
    if missing := votes.missing():
        notes.append(f"{name}: these are not all votes; missing: shard {', '.join(missing)}")
    scored = score(votes, rows.tasks, (terms.attempts,))
    ranks = [rank for found in (scored.ranks.values() if scored else ()) for rank in found][rows.index]
    solved = np.array([rank is not None and rank <= terms.attempts for rank in ranks], bool)
    tries = "1 try" if terms.attempts == 1 else f"{terms.attempts} tries"
    facts = {"votes": len(votes), "attempts": terms.attempts, **votes.origin}
    about = {"name": name, "kind": f"{len(votes):,} votes, {tries}", "facts": facts}
    return Outcome.of_answers(np.ones(len(solved), bool), solved, solved, **about)


def _make_folder(folder: Path) -> None:
    """Makes a folder, if there is none; raises RedraftError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RedraftError(f"{folder}: cannot be a folder: {error.strerror or error}") from error
