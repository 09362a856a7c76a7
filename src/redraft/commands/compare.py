"""`redraft compare`: several weights, language models and ARC votes on the same rows, with tests of the differences."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from redraft import terminal
from redraft.commands.arguments import Trusted, parse
from redraft.commands.compare_llm import Llm, ask_models, make_folder, open_endpoints
from redraft.commands.progress import progress

if TYPE_CHECKING:
    from redraft.compare.compare import Outcome
    from redraft.compare.rows import Rows
    from redraft.models import Model
    from redraft.tasks import Task
    from redraft.weights.io import Weights


@dataclass(frozen=True, kw_only=True)
class Arguments:
    entrants: Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="WEIGHTS …")] = ()
    """Weights that ship, folders of weights, or runs' folders, each maybe with steps of its own (sudoku-6x6@32); for
    ARC also files of votes that redraft arc eval wrote (.npz)."""
    data: str
    """A file or folder of puzzles with answers, or make:COUNT@SEED for new ones; for ARC its folder or its tasks."""
    task: Annotated[str | None, tyro.conf.arg(metavar="TASK")] = None
    """The task, where neither weights nor data tell it."""
    split: str = "test"
    """Which file of a folder of data."""
    limit: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """At most so many rows (the first ones)."""
    steps: int = 16
    """Supervision steps of every entrant that has none of its own."""
    at: Literal["last", "halt"] = "last"
    """Which answer the pairs are compared by: that after the last step, or that where each would halt."""
    measure: Literal["solved", "exact"] = "solved"
    """What counts: solved by the rules, where the task has some, or equal to the known answer."""
    attempts: int = 1
    """Of ARC votes, how many of the best candidates count."""
    batch_size: int = 256
    """Puzzles run at once."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Of the activations."""
    save: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER")] = None
    """Keeps what each entrant did, so that the same command does not evaluate it again."""
    json: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Writes all figures as JSON."""
    markdown: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Writes the tables as Markdown."""
    plot: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Draws the shares with their intervals into a .png or .svg file."""
    reported: bool = False
    """Shows what papers report on public sets of any task; by default those of this task alone."""
    trust: Trusted = False
    asked: Annotated[Llm, tyro.conf.arg(name="")] = field(default_factory=Llm)


def run(arguments: list[str]) -> int:
    description = "Compares weights, and language models if you like, on the same unseen rows."
    args = parse(Arguments, arguments, command="compare", description=description, gather="entrants")
    from redraft.compare.compare import figures
    from redraft.compare.rows import open_rows
    from redraft.compare.show import markdown, plot_shares, show
    from redraft.evaluate.ids import require_fit
    from redraft.files import write_text

    _require_sense(args)
    votes = [name for name in args.entrants if name.endswith(".npz")]
    opened = {name: _open(name, args) for name in args.entrants if name not in votes}
    weights = {name: each for name, (each, _) in opened.items()}
    task = _task(args, weights)
    rows = open_rows(task, args.data, split=args.split, limit=args.limit, entrants=weights)
    examples = None if args.asked.llm is None else rows.examples()  # may be lacking: known before the work
    outcomes: list[Outcome] = []
    notes, errors = list(rows.notes), list[str]()
    if args.save is not None:
        make_folder(args.save)
    for name in args.entrants:
        if name in votes:
            outcomes.append(_of_votes(name, rows, args, notes))
        else:
            notes += require_fit(opened[name][0], rows.store, name=name, data=args.data)
            outcomes.append(_of_weights(name, *opened[name], rows, args))
    if examples is not None:
        asked = ask_models(args.asked, rows, examples, args.save)
        outcomes += asked.outcomes
        notes += asked.notes
        errors = asked.errors
    found = figures(outcomes, measure=args.measure, at=args.at, groups=rows.store.groups)
    if found["grouped"]:
        notes.append(
            "rows stand in groups: intervals of differences draw whole groups, McNemar's test takes rows as independent"
        )
    found = {
        "task": task.name,
        "data": rows.store.source or rows.source,
        "judged": task.judges,
        **found,
        "reported": _reported(task, everything=args.reported),
        "notes": notes,
    }
    if args.json is not None:
        write_text(args.json, json.dumps(found, indent=2, allow_nan=False) + "\n")
    if args.markdown is not None:
        write_text(args.markdown, markdown(found))
    if args.plot is not None:
        plot_shares(found, args.plot)
    show(found, terminal.console())
    for error in errors:
        print(f"redraft compare: {error}", file=sys.stderr)
    return 2 if errors else 0


def _require_sense(args: Arguments) -> None:
    """Raises RedraftError for arguments that cannot be meant, before anything is computed."""
    from redraft.errors import ConfigError
    from redraft.files import require_place
    from redraft.plotting import require_picture

    for name in ("steps", "batch_size", "attempts"):
        if getattr(args, name) < 1:
            raise ConfigError(f"--{name.replace('_', '-')}: expected at least 1, got {getattr(args, name)}")
    open_endpoints(args.asked)
    names = [*args.entrants, *args.asked.llm_model]
    if twice := next((name for i, name in enumerate(names) if name in names[:i]), None):
        raise ConfigError(f"{twice} is named twice; add steps to compare weights with themselves, as in {twice}@32")
    if len(names) < 2 and not args.asked.llm_model:
        one = f"only {names[0]}" if names else "none"
        raise ConfigError(f"expected two entrants or more to compare, got {one}; redraft eval measures one alone")
    for file in filter(None, (args.json, args.markdown, args.plot)):
        require_place(file)
    if args.plot is not None:
        require_picture(args.plot)


def _open(name: str, args: Arguments) -> tuple[Weights, int]:
    """The weights that an entrant names, and its steps."""
    from redraft.errors import ConfigError
    from redraft.solve.load import open_weights

    plain, at, steps = name.rpartition("@")
    if not at or not steps.isdecimal() or os.path.exists(name):
        return open_weights(name, dtype=args.dtype), args.steps
    if int(steps) < 1:
        raise ConfigError(f"{name}: expected at least 1 step")
    return open_weights(plain, dtype=args.dtype), int(steps)


def _task(args: Arguments, entrants: Mapping[str, Weights]) -> Task:
    """The task that all are of; raises RedraftError naming two that differ."""
    from redraft.data.build import store_folder
    from redraft.data.store import task_in
    from redraft.errors import ConfigError, WeightsError
    from redraft.tasks import get_task

    tasks = {name: get_task(weights.task) for name, weights in entrants.items()}
    if args.task is not None:
        tasks = {"--task": get_task(args.task), **tasks}
    folder = store_folder(args.data, args.split) or store_folder(args.data, "train")
    if not tasks and folder is not None:
        tasks = {args.data: get_task(task_in(folder))}
    if not tasks:
        raise ConfigError(f"nothing tells what the puzzles of {args.data} are; name the task, as --task sudoku-9x9")
    first, *others = tasks
    for other in others:
        if tasks[other].spec != tasks[first].spec:
            names = tasks[first].name, tasks[other].name
            differ = "differently described" if names[0] == names[1] else names[1]
            raise WeightsError(f"{first} is for {names[0]}, {other} for {differ}; expected entrants of one task")
    return tasks[first]


def _of_weights(name: str, weights: Weights, steps: int, rows: Rows, args: Arguments) -> Outcome:
    """What weights do, from the folder --save names if it was kept there."""
    from redraft.backends.torch import TorchStepper
    from redraft.compare.compare import Outcome, fingerprint
    from redraft.device import choose_device
    from redraft.evaluate.evaluate import evaluate
    from redraft.models import model_kind
    from redraft.weights.io import count_parameters

    identity = _identity(weights.model)
    key = hashlib.blake2b(repr((identity, fingerprint(rows.store), steps, args.dtype)).encode(), digest_size=8)
    kept = None if args.save is None else args.save / f"{key.hexdigest()}.npz"
    if kept is not None and kept.exists():
        return replace(Outcome.open(kept, rows=len(rows.store)), name=name)
    device = choose_device(args.device)
    started = time.monotonic()
    with progress(f"evaluating {name}", len(rows.store)) as tell:
        records = evaluate(
            TorchStepper(weights.model, device=device),
            rows.task,
            rows.store,
            steps=steps,
            batch_size=args.batch_size,
            progress=tell,
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
            "dtype": args.dtype,
            "seconds": round(time.monotonic() - started, 2),
        },
    )
    if kept is not None:
        outcome.save(kept)
    return outcome


def _identity(model: Model) -> str:
    """What the model is and what its weights are, in 16 characters."""
    from redraft.models import model_kind
    from redraft.weights.io import digest

    config = {key: value for key, value in asdict(model.config).items() if key != "dtype"}
    return digest(model, about=repr((model_kind(model.config), config)))


def _of_votes(name: str, rows: Rows, args: Arguments, notes: list[str]) -> Outcome:
    """What votes on ARC's test inputs come to, their best `--attempts` candidates counting."""
    import numpy as np

    from redraft.arc.votes import Votes, data_fingerprint, score
    from redraft.compare.compare import Outcome
    from redraft.errors import DataError
    from redraft.tasks.arc.task import Arc

    if not isinstance(rows.task, Arc):
        raise DataError(f"{name}: votes are of ARC tasks, and these rows are {rows.task.name}")
    votes = Votes.open(Path(name))
    data = data_fingerprint(rows.tasks)
    if votes.origin.get("data", data) != data:
        raise DataError(f"{name}: votes on other data than {args.data}")
    if missing := votes.missing():
        notes.append(f"{name}: these are not all votes; missing: shard {', '.join(missing)}")
    scored = score(votes, rows.tasks, (args.attempts,))
    ranks = [rank for task in (scored.tasks if scored else ()) for rank in task.ranks][rows.index]
    solved = np.array([rank is not None and rank <= args.attempts for rank in ranks], bool)
    tries = "1 try" if args.attempts == 1 else f"{args.attempts} tries"
    facts = {"votes": len(votes), "attempts": args.attempts, **votes.origin}
    kind = f"{len(votes):,} votes, {tries}"
    return Outcome.of_answers(np.ones(len(solved), bool), solved, solved, name=name, kind=kind, facts=facts)


def _reported(task: Task, *, everything: bool) -> list[dict[str, Any]]:
    from redraft.compare.llm.reported import REPORTED, reported_for

    shown: Sequence[Any] = REPORTED if everything else reported_for(task)
    return [each._asdict() for each in shown]
