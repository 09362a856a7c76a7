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
from redraft.commands.arguments import option, parse, require_options
from redraft.files import require_place, write_text
from redraft.tasks import Examples, Task

FRESH = 1_000_000  # random seeds are below this, because they are typed again by hand


@dataclass(frozen=True, kw_only=True)
class Arguments:
    task: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="TASK")]
    """Name of a task, such as sudoku-6x6 or maze-15x15; without a size, sudoku-9x9, maze-8x8 and so on."""
    count: Annotated[tyro.conf.Positional[int], tyro.conf.arg(metavar="[COUNT]")] = 1
    """Number of puzzles."""
    output: Annotated[Path | None, option("FILE", "-o", default="standard output, one question per line")] = None
    """Write a CSV file with question, answer and rating (- for standard output)."""
    seed: Annotated[int | None, option("INT", default="0; a new one for boards on a terminal")] = None
    """The same seed makes the same puzzles."""
    clues: Annotated[int | None, option("INT", default="minimal puzzles: no clue can go")] = None
    """Clues of a Sudoku."""
    guesses: Annotated[int | None, option("INT", default="any number")] = None
    """Guesses that solving a Sudoku by search needs at least: 12 is hard, 50 takes a second to find."""
    near: Annotated[Path | None, option("FILE", default=None)] = None
    """Puzzles of which to make variations, in turn (Sudoku)."""
    least: Annotated[int | None, option("CELLS", default="in proportion to the size; 110 for 30x30")] = None
    """Least length of a maze's shortest path, S and G included."""


def run(arguments: list[str]) -> int:
    args = parse(Arguments, arguments, command="make", description="Make new puzzles.")
    require_options(args, "seed", least=0)
    file = None if args.output is None or str(args.output) == "-" else args.output
    if file is not None:
        require_place(file)
    task = make_task(args.task)
    as_boards = args.output is None and on_terminal()
    seed = args.seed if args.seed is not None else secrets.randbelow(FRESH) if as_boards else 0
    near = None if args.near is None else task.load(str(args.near)).questions
    options = {"clues": args.clues, "guesses": args.guesses, "near": near, "least": args.least}
    examples = make_examples(task, args.count, seed, **options)
    if file is not None:
        write_text(file, to_csv(task, examples))
        print(f"wrote {len(examples)} puzzles to {file}", file=sys.stderr)
    elif args.output is not None:
        print(to_csv(task, examples), end="")
    elif as_boards:
        _show(task, examples)
        if args.seed is None:
            print(f"redraft make: --seed {seed} makes the same again", file=sys.stderr)
    else:
        for question in examples.questions:
            print(task.format(question))
    return 0


def on_terminal() -> bool:
    """True if a person reads the output, rather than a program."""
    return sys.stdout.isatty()


def _show(task: Task, examples: Examples) -> None:
    """Draws the questions as boards, a blank line after each."""
    from redraft import terminal
    from redraft.draw.board import board_of
    from redraft.draw.terminal import board_text, has_colours

    console = terminal.console()
    for question in examples.questions:
        board = board_text(board_of(task, question, question), colours=has_colours(console))
        console.print(board, "", sep="\n", soft_wrap=True)


def to_csv(task: Task, examples: Examples) -> str:
    """Examples in the layout of the published CSV files: source, question, answer, rating."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("source", "question", "answer", "rating"))
    for question, answer, rating in zip(examples.questions, examples.answers, examples.ratings, strict=True):
        writer.writerow(("redraft", task.format(question), task.format(answer), f"{rating:g}"))
    return text.getvalue()
