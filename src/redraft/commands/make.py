"""`redraft make`: new puzzles, as text or as a CSV that every other command reads."""

from __future__ import annotations

import csv
import io
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from redraft.commands.arguments import parse
from redraft.errors import ConfigError
from redraft.files import require_place, write_text
from redraft.tasks import Examples, Task, get_task
from redraft.tasks.maze import Maze
from redraft.tasks.sudoku import Sudoku


@dataclass(frozen=True, kw_only=True)
class Arguments:
    task: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="TASK")]
    """Name of a task, for example sudoku-6x6 or maze-15x15."""
    count: Annotated[tyro.conf.Positional[int], tyro.conf.arg(metavar="COUNT")] = 1
    """How many puzzles."""
    seed: int = 0
    """The same seed gives the same puzzles."""
    clues: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Clues of a Sudoku; minimal puzzles (no clue can go) if not given."""
    least: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Cells that the shortest path of a maze has at least, S and G included; 110 for 30x30 if not given."""
    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"], metavar="FILE")] = None
    """A CSV file with question, answer and rating; without it, questions go to standard output, one a line."""


def run(arguments: list[str]) -> int:
    args = parse(Arguments, arguments, command="make", description="Makes new puzzles.")
    if args.count < 1:
        raise ConfigError(f"count: expected at least 1, got {args.count}")
    if args.seed < 0:
        raise ConfigError(f"--seed: expected at least 0, got {args.seed}")
    if args.output is not None:
        require_place(args.output)
    task = get_task(args.task)
    examples = _made(task, args)
    if args.output is None:
        for question in examples.questions:
            print(task.format(question))
    else:
        write_text(args.output, to_csv(task, examples))
        print(f"wrote {len(examples)} puzzles to {args.output}", file=sys.stderr)
    return 0


def _made(task: Task, args: Arguments) -> Examples:
    """New puzzles; raises ConfigError for an option of another kind of puzzle."""
    for flag, value, kind, family in (("clues", args.clues, Sudoku, "Sudoku"), ("least", args.least, Maze, "mazes")):
        if value is not None and not isinstance(task, kind):
            raise ConfigError(f"--{flag} is for {family}, not for {task.name}")
    if isinstance(task, Sudoku):
        return task.make(args.count, args.seed, clues=args.clues)
    if isinstance(task, Maze):
        return task.make(args.count, args.seed, least=args.least)
    return task.make(args.count, args.seed)


def to_csv(task: Task, examples: Examples) -> str:
    """Examples in the layout of the published CSV files: source, question, answer, rating."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("source", "question", "answer", "rating"))
    for question, answer, rating in zip(examples.questions, examples.answers, examples.ratings, strict=True):
        writer.writerow(("redraft", task.format(question), task.format(answer), f"{rating:g}"))
    return text.getvalue()
