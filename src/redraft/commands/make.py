"""`redraft make`: new puzzles, as text or as a CSV that every other command reads."""

from __future__ import annotations

import csv
import io
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from redraft.api import make_examples, make_task
from redraft.commands.arguments import parse, require_options
from redraft.files import require_place, write_text
from redraft.tasks import Examples, Task

FRESH = 1_000_000  # seeds that are drawn lie below, for they are typed again by hand


@dataclass(frozen=True, kw_only=True)
class Arguments:
    task: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="TASK")]
    """Name of a task, for example sudoku-6x6 or maze-15x15; sudoku is sudoku-9x9, maze is maze-8x8."""
    count: Annotated[tyro.conf.Positional[int], tyro.conf.arg(metavar="COUNT")] = 1
    """How many puzzles."""
    seed: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """The same seed gives the same puzzles. By default 0, and a new one each time puzzles are shown on a terminal."""
    clues: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Clues of a Sudoku; minimal puzzles (no clue can go) if not given."""
    least: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Cells that the shortest path of a maze has at least, S and G included; 110 for 30x30 if not given."""
    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"], metavar="FILE")] = None
    """A CSV file with question, answer and rating (`-` for standard output); without it, questions go to standard
    output, one a line, or as boards on a terminal."""


def run(arguments: list[str]) -> int:
    args = parse(Arguments, arguments, command="make", description="Makes new puzzles.")
    require_options(args, "seed", least=0)
    to_file = args.output is not None and str(args.output) != "-"
    if args.output is not None and to_file:
        require_place(args.output)
    task = make_task(args.task)
    shown = args.output is None and on_terminal()
    seed = args.seed if args.seed is not None else secrets.randbelow(FRESH) if shown else 0
    examples = make_examples(task, args.count, seed, clues=args.clues, least=args.least)
    if args.output is not None and to_file:
        write_text(args.output, to_csv(task, examples))
        print(f"wrote {len(examples)} puzzles to {args.output}", file=sys.stderr)
    elif args.output is not None:
        print(to_csv(task, examples), end="")
    elif shown:
        _show(task, examples)
        if args.seed is None:
            print(f"redraft make: --seed {seed} makes the same again", file=sys.stderr)
    else:
        for question in examples.questions:
            print(task.format(question))
    return 0


def on_terminal() -> bool:
    """Whether a person is looking, rather than a program reading."""
    return sys.stdout.isatty()


def _show(task: Task, examples: Examples) -> None:
    """Draws the questions as boards, a blank line after each."""
    from redraft import terminal
    from redraft.draw.board import board_of
    from redraft.draw.terminal import board_text, has_colours

    console = terminal.console()
    for question in examples.questions:
        console.print(board_text(board_of(task, question, question), colours=has_colours(console)), soft_wrap=True)
        console.print()


def to_csv(task: Task, examples: Examples) -> str:
    """Examples in the layout of the published CSV files: source, question, answer, rating."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("source", "question", "answer", "rating"))
    for question, answer, rating in zip(examples.questions, examples.answers, examples.ratings, strict=True):
        writer.writerow(("redraft", task.format(question), task.format(answer), f"{rating:g}"))
    return text.getvalue()
