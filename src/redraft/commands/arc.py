"""`redraft arc`: what ARC tasks need besides training; votes over many views, merged, scored and handed in."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro
from rich.table import Table

from redraft import terminal
from redraft.commands.arguments import Trusted, parse
from redraft.commands.progress import progress
from redraft.config import to_dict
from redraft.data.arc import TASKS
from redraft.data.build import store_folder
from redraft.data.store import Store
from redraft.errors import ConfigError, DataError
from redraft.evaluate.arc import asked, collect, share
from redraft.evaluate.ids import require_ids
from redraft.evaluate.votes import Score, Shard, Votes, data_fingerprint, score, submission
from redraft.files import require_place, write_text
from redraft.solve.puzzle_table import PuzzleTable
from redraft.tasks import get_task
from redraft.tasks.arc_files import ArcTask, read_tasks

if TYPE_CHECKING:
    import torch

    from redraft.models import Model
    from redraft.models.io import Weights

SAVE_EVERY = 120.0  # seconds


@dataclass(frozen=True, kw_only=True)
class Result:
    """What becomes of votes."""

    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"], metavar="FILE")] = None
    """Keeps the votes in a file (.npz). An evaluation goes on with those that an interrupted one left there."""
    submission: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Writes the two best answers to every test input, as Kaggle's ARC Prize wants them."""
    json: bool = False
    """Prints all figures as JSON, with the rank of the right answer to every test input."""
    trust: Trusted = False


@dataclass(frozen=True, kw_only=True)
class Voting(Result):
    """How drafts are made and vote."""

    steps: int = 16
    """Supervision steps of every draft."""
    at: Literal["last", "halt"] = "last"
    """Which draft votes: the last, as published, or the first that the halting head takes to be right."""
    batch_size: int = 256
    """Drafts made at once."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Of the activations."""


@dataclass(frozen=True, kw_only=True)
class Eval(Voting):
    weights: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="WEIGHTS")]
    """A folder of weights, or a run's folder."""
    data: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="DATA")]
    """A folder of ARC data: a store `test` and tasks.json."""
    views: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Votes of each task's first so many views, the first being the task as it is; all if not given."""
    shard: Annotated[str, tyro.conf.arg(metavar="I/N")] = "1/1"
    """Share of the work, where N processes or machines divide it; each needs an --output of its own, to be merged."""


@dataclass(frozen=True, kw_only=True)
class Merge(Result):
    votes: Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="VOTES …")] = ()
    """Files of votes."""
    data: Annotated[str, tyro.conf.arg(metavar="DATA")]
    """The folder of ARC data that was voted on."""
    force: bool = False
    """Also merges votes of different weights, views or steps, each counting once."""


def run(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_usage(), file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else 2
    if arguments[0] not in COMMANDS:
        raise ConfigError(f"unknown command {arguments[0]!r}; known: {', '.join(COMMANDS)}")
    return COMMANDS[arguments[0]][0](arguments[1:])


def run_eval(arguments: list[str]) -> int:
    args = parse(Eval, arguments, command="arc eval", description=COMMANDS["eval"][1])
    from redraft.device import choose_device
    from redraft.solve.load import open_weights

    shard = _shard(args.shard)
    if shard[1] > 1 and args.output is None:
        raise ConfigError(f"--shard {args.shard}: needs --output FILE, to be merged with the other shards")
    for file in filter(None, (args.output, args.submission)):
        require_place(file)
    weights = open_weights(args.weights, dtype=args.dtype)
    store, tasks = open_data(args.data)
    if store.task != weights.task:
        raise DataError(f"{args.data}: holds examples of {store.task}, expected {weights.task}, as {args.weights} does")
    for remark in require_fit(weights, store, name=args.weights, data=args.data):
        print(f"redraft arc: {remark}", file=sys.stderr)
    device = choose_device(args.device)
    started = time.monotonic()
    votes = vote(weights.model, store, tasks, args, views=args.views, shard=shard, device=device)
    context = {"weights": args.weights, "device": str(device), "seconds": round(time.monotonic() - started, 2)}
    return conclude(votes, tasks, args, context, data=args.data)


def vote(
    model: Model,
    store: Store,
    tasks: list[ArcTask],
    args: Voting,
    *,
    views: int | None,
    shard: tuple[int, int],
    device: torch.device,
) -> Votes:
    """The votes of a model on the test inputs of tasks; goes on with those that `args.output` may hold already."""
    from redraft.models.io import digest
    from redraft.solve.torch_stepper import TorchStepper

    assert store.views is not None
    origin = {
        "weights": digest(model),
        "data": data_fingerprint(tasks),
        "views": store.views.fingerprint(),
        "number of views": views,
        "steps": args.steps,
        "draft": args.at,
    }
    jobs = len(share(store, views=views, shard=shard).rows)
    if args.output is not None and args.output.exists():
        votes = _begun(args.output, origin)
    else:
        votes = Votes(origin, shards=[Shard(*shard, 0, jobs)])
    with progress("voting", jobs) as tell:
        return collect(
            TorchStepper(model, device=device),
            get_task(str(store.task)),
            store,
            steps=args.steps,
            batch_size=args.batch_size,
            views=views,
            shard=shard,
            at=args.at,
            votes=votes,
            progress=_saving(args.output, tell),
        )


def run_adapt(arguments: list[str]) -> int:
    from redraft.commands.arc_adapt import run  # imports training

    return run(arguments)


def run_merge(arguments: list[str]) -> int:
    args = parse(Merge, arguments, command="arc merge", description=COMMANDS["merge"][1], gather="votes")
    if not args.votes:
        raise ConfigError("nothing to merge: name files of votes that redraft arc eval wrote")
    for file in filter(None, (args.output, args.submission)):
        require_place(file)
    _, tasks = open_data(args.data)
    first, *others = (Votes.open(Path(file)) for file in args.votes)
    data = data_fingerprint(tasks)
    for votes in (first, *others):
        if votes.origin.get("data", data) != data:
            raise DataError(f"{votes.place}: votes on other data than {args.data}")
    return conclude(first.merge(*others, force=args.force), tasks, args, {}, data=args.data)


# Each runs with the arguments after its name and gives the exit status; what it does.
COMMANDS: dict[str, tuple[Callable[[list[str]], int], str]] = {
    "eval": (
        run_eval,
        "Lets weights vote on the test inputs of ARC tasks, each seen under many views, and scores them.",
    ),
    "merge": (run_merge, "Puts the votes of several processes together and scores them."),
    "adapt": (run_adapt, "Learns new tasks from their demonstrations alone, then votes on their test inputs."),
}


def open_data(source: str) -> tuple[Store, list[ArcTask]]:
    """The test inputs of a folder of ARC data, and the tasks they belong to; raises DataError."""
    folder = store_folder(source, "test")
    if folder is None:
        raise DataError(f"{source}: no store of test inputs; expected a folder of ARC data")
    store = Store.open(folder)
    if store.views is None:
        raise DataError(f"{folder}: has no views of tasks; expected ARC data")
    file = next((place / TASKS for place in (folder, folder.parent) if (place / TASKS).is_file()), None)
    if file is None:
        raise DataError(f"{folder.parent / TASKS}: no such file; expected the tasks of the data")
    known = {task.name: task for task in read_tasks(str(file))}
    tests = Counter(question.task for question in asked(store))
    for name, count in tests.items():
        if name not in known or len(known[name].test) != count:
            held = f"{len(known[name].test)} of it" if name in known else "not that task"
            raise DataError(f"{folder}: holds {count} test inputs of task {name}, {file} holds {held}")
    return store, [known[name] for name in tests]


def require_fit(weights: Weights, store: Store, *, name: str, data: str) -> list[str]:
    """Remarks of `evaluate.ids.require_ids`; raises WeightsError where the embeddings are of other puzzles."""
    return require_ids(PuzzleTable.of(to_dict(weights.model.config), weights.card), store, name=name, data=data)


def _shard(text: str) -> tuple[int, int]:
    """`I/N` as two numbers; raises ConfigError."""
    number, slash, of = text.partition("/")
    if not (slash and number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
        raise ConfigError(f"--shard: expected I/N with I from 1 to N, such as 1/4, got {text!r}")
    return int(number), int(of)


def _begun(file: Path, origin: dict[str, Any]) -> Votes:
    """The votes of an interrupted run, to go on with; raises DataError where they are others."""
    votes = Votes.open(file)
    for key, value in origin.items():
        if votes.origin.get(key) != value:
            raise DataError(f"{file}: already holds votes of other {key}; name another file, or remove it")
    return votes


def _saving(file: Path | None, tell: Callable[[int], None]) -> Callable[[Votes], None]:
    """What `collect` calls after every batch: shows how far it is, and saves now and then."""
    saved = time.monotonic()

    def after_batch(votes: Votes) -> None:
        nonlocal saved
        (shard,) = votes.shards
        tell(shard.done)
        if file is not None and time.monotonic() - saved >= SAVE_EVERY:
            votes.save(file)
            saved = time.monotonic()

    return after_batch


def conclude(votes: Votes, tasks: list[ArcTask], args: Result, context: dict[str, Any], *, data: str) -> int:
    """Keeps, hands in, scores and prints."""
    if args.output is not None:
        votes.save(args.output)
    if args.submission is not None:
        write_text(args.submission, json.dumps(submission(votes, tasks)) + "\n")
    missing = votes.missing()
    if missing:
        print(f"redraft arc: these are not all votes; missing: shard {', '.join(missing)}", file=sys.stderr)
    result = score(votes, tasks)
    if args.json:
        figures = {} if result is None else result.figures()
        print(json.dumps({**context, "data": data, "votes": len(votes), "missing": missing, **figures}))
    elif result is None:
        print(f"{len(votes):,} votes; {data} has no outputs to score by")
    else:
        _show(result, votes)
    return 0


def _show(result: Score, votes: Votes) -> None:
    figures = result.figures()
    table = Table("candidates", "tasks", "test inputs")
    table.title = f"Solved of {figures['tasks']:,} tasks with {figures['tests']:,} test inputs, by {len(votes):,} votes"
    for column in table.columns:
        column.justify = "right"
    for k in result.ks:
        table.add_row(f"{k:,}", f"{result.pass_at(k):.2%}", f"{result.pairs_at(k):.2%}")
    terminal.print_table(table, terminal.console())


def _usage() -> str:
    rows = [f"  {name:<6} {what}" for name, (_, what) in COMMANDS.items()]
    usage = f"usage: redraft arc {'|'.join(COMMANDS)} [options]"
    return "\n".join([usage, "", *rows, "", "redraft arc COMMAND --help lists the options."])
