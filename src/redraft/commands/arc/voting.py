"""`redraft arc eval` and `merge`: votes on ARC tasks under many augmentations, merged, scored and submitted."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from rich.table import Table

from redraft import terminal
from redraft.arc.score import Score, baselines, score, submission
from redraft.arc.votes import Votes, data_fingerprint
from redraft.commands.arguments import Trusted, parse
from redraft.errors import ConfigError, DataError
from redraft.files import require_place, write_text
from redraft.tasks.arc.files import ArcTask

EVAL = "Lets weights vote on the test inputs of ARC tasks, each seen under many augmentations, and scores them."
MERGE = "Merges the votes of several processes and scores them."


@dataclass(frozen=True, kw_only=True)
class Result:
    """Output of votes."""

    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"], metavar="FILE")] = None
    """Keeps the votes in a file (.npz). An evaluation continues with those of an interrupted one there."""
    submission: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Writes the two best answers to every test input in the form of Kaggle's ARC Prize."""
    json: bool = False
    """Prints all figures as JSON, with the rank of the right answer to every test input."""
    trust: Trusted = False


@dataclass(frozen=True, kw_only=True)
class Voting(Result):
    """Settings of drafts."""

    steps: int = 16
    """Supervision steps of every draft."""
    at: Literal["last", "halt"] = "last"
    """Draft that votes: the last, as published, or the first that the halting head takes to be right."""
    batch_size: int = 256
    """Drafts made at once."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Type of the activations."""

    @property
    def policy(self) -> dict[str, Any]:
        """Options of `arc.vote.vote`."""
        return {"steps": self.steps, "at": self.at, "batch_size": self.batch_size, "file": self.output}


@dataclass(frozen=True, kw_only=True)
class Eval(Voting):
    weights: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="WEIGHTS")]
    """A folder of weights, or a run's folder."""
    data: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="DATA")]
    """A folder of ARC data: a store `test` and tasks.json."""
    views: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Number of augmentations per task that vote, the first being the task as it is; by default all."""
    shard: Annotated[str, tyro.conf.arg(metavar="I/N")] = "1/1"
    """Share of the work, if N processes or machines divide it; each needs its own --output, to be merged."""


@dataclass(frozen=True, kw_only=True)
class Merge(Result):
    votes: Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="VOTES …")] = ()
    """Files of votes."""
    data: Annotated[str, tyro.conf.arg(metavar="DATA")]
    """The folder of ARC data of these votes."""
    force: bool = False
    """Also merges votes of different weights, augmentations or steps, each counting once."""


def run_eval(arguments: list[str]) -> int:
    args = parse(Eval, arguments, command="arc eval", description=EVAL)
    from redraft.arc.vote import open_data, vote
    from redraft.device import choose_device
    from redraft.evaluate.ids import require_fit
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
    votes = vote(weights.model, store, tasks, **args.policy, views=args.views, shard=shard, device=device)
    context = {"weights": args.weights, "device": str(device), "seconds": round(time.monotonic() - started, 2)}
    return conclude(votes, tasks, args, context, data=args.data)


def run_merge(arguments: list[str]) -> int:
    args = parse(Merge, arguments, command="arc merge", description=MERGE, gather="votes")
    from redraft.arc.vote import open_data

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


def _shard(text: str) -> tuple[int, int]:
    """`I/N` as two numbers; raises ConfigError."""
    number, slash, of = text.partition("/")
    if not (slash and number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
        raise ConfigError(f"--shard: expected I/N with I from 1 to N, such as 1/4, got {text!r}")
    return int(number), int(of)


def conclude(votes: Votes, tasks: list[ArcTask], args: Result, context: dict[str, Any], *, data: str) -> int:
    """Saves and scores votes, writes their submission, and prints the result."""
    if args.output is not None:
        votes.save(args.output)
    if args.submission is not None:
        write_text(args.submission, json.dumps(submission(votes, tasks)) + "\n")
    missing = votes.missing()
    if missing:
        print(f"redraft arc: these are not all votes; missing: shard {', '.join(missing)}", file=sys.stderr)
    result = score(votes, tasks)
    if args.json:
        figures = {} if result is None else {**result.figures(), "baselines": baselines(tasks)}
        print(json.dumps({**context, "data": data, "votes": len(votes), "missing": missing, **figures}))
    elif result is None:
        print(f"{len(votes):,} votes; {data} has no outputs to score by")
    else:
        _show(result, votes)
        without = ", ".join(f"{name} {share:.2%}" for name, share in baselines(tasks).items())
        print(f"without a model: {without} (the input as it is; the commonest output of the demonstrations)")
    return 0


def _show(result: Score, votes: Votes) -> None:
    table = Table("candidates", "tasks", "test inputs")
    table.title = f"Solved of {len(result.ranks):,} tasks with {result.tests:,} test inputs, by {len(votes):,} votes"
    for column in table.columns:
        column.justify = "right"
    for k in result.ks:
        table.add_row(f"{k:,}", f"{result.pass_at(k):.2%}", f"{result.pairs_at(k):.2%}")
    terminal.print_table(table, terminal.console())
