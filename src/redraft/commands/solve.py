"""`redraft solve`: answers to people's puzzles, each with a verdict, and the drafts on the way to them."""

from __future__ import annotations

import os
import select
import stat
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Annotated, Literal

import tyro

from redraft.commands.answers import ERRORS, Printer, print_hints, shown
from redraft.commands.arguments import Flag, Trusted, option, parse, require_options
from redraft.errors import ConfigError
from redraft.files import require_place
from redraft.progress import progress
from redraft.solve.answer import NOT_JUDGED
from redraft.solve.budget import read_budget
from redraft.solve.resolve import Meant, resolve
from redraft.solve.solver import SURE, HaltRule
from redraft.solve.supply import Arriving, Entries, Entry, Supply
from redraft.tasks import Task
from redraft.tasks.reading.source import STDIN, name_of

PICTURES = (".svg", ".png")
UNSEEN = 64  # up to this many puzzles are solved before a progress bar is worth showing
LOOKED_AT = 2048  # puzzles of a file that are counted before a backend is chosen


@dataclass(frozen=True, kw_only=True)
class Arguments:
    inputs: Annotated[tyro.conf.Positional[tuple[str, ...]], option("[TASK] PUZZLE …")] = ()
    """Puzzles, after an optional task (sudoku, maze-10x10, …): a Sudoku with . 0 or _ for blanks, a maze of # . S G."""
    file: Annotated[str | None, option("FILE", "-f")] = None
    """Puzzles from a file (- for standard input): one per line, drawn, CSV, JSON or Parquet; may be compressed."""
    output: Annotated[Path | None, option("FILE", "-o")] = None
    """Write answers to a CSV file (- for standard output) as they come, instead of the screen."""
    watch: Flag = False
    """Show the drafts of each answer, step by step."""
    hint: Flag = False
    """Print one cell of each puzzle, the most certain open one, checked by the rules, instead of the answer."""
    json: Flag = False
    """Print one JSON object per puzzle, drafts included."""
    picture: Annotated[Path | None, option("FILE")] = None
    """Draw the one puzzle given, and the drafts of its answer, into a .svg or .png file."""
    weights: Annotated[str | None, option("WEIGHTS", default="bundled weights of the task")] = None
    """Bundled weights, a folder of weights, a run's folder, or hf:owner/name."""
    max_steps: Annotated[int | None, option("INT", default="from the model card, or 16")] = None
    """Most supervision steps per puzzle; more may solve harder ones."""
    budget: Annotated[str | None, option("STEPS|TIME")] = None
    """Most work per puzzle, in place of --max-steps: supervision steps (200), or time with its unit (50ms, 2s)."""
    halt: Literal["rules", "head", "never"] = "rules"
    """Stop a puzzle once its answer keeps the rules, once the model's halting head is sure of it, or never."""
    no_halt: Flag = False
    """The same as --halt never."""
    sure: float = SURE
    """Probability above which --halt head stops a puzzle; 0.5 in the paper."""
    restart: Annotated[int | None, option("STEPS", default="from the model card, or 0")] = None
    """Restart an unsolved puzzle after this many steps, with --halt rules; 0 never does."""
    guess: Annotated[bool | None, option("True|False", default="from the model card, or False")] = None
    """Restart with an uncertain cell filled by a guess, where the task has cells to fill."""
    delay: float = 0.5
    """Seconds per draft with --watch on a terminal."""
    batch_size: Annotated[int | Literal["auto"], tyro.conf.arg(metavar="INT|auto")] = "auto"
    """Puzzles worked on at once; auto finds a fast number."""
    device: Annotated[str, tyro.conf.arg(metavar="DEVICE")] = "auto"
    """auto, cpu, cuda, cuda:N or mps."""
    dtype: Literal["auto", "float32", "bfloat16", "int8"] = "auto"
    """Dtype of activations; auto is bfloat16 if trained in it and faster here. int8, of weights too, needs a CPU."""
    backend: Literal["auto", "torch", "numpy", "onnx"] = "auto"
    """Inference backend; auto picks one from the weights, the device and the number of puzzles."""
    trust: Trusted = False


def run(arguments: list[str]) -> int:
    description = "Solve puzzles; a wrong answer is never shown as right."
    args = parse(Arguments, arguments, command="solve", description=description, gather="inputs")
    _require_sense(args)
    meant = resolve(args.inputs, args.file, args.weights)
    if args.hint and meant.task.open_token is None:
        raise ConfigError(f"--hint: {meant.task.name} has no cells to fill in, so there are no hints")
    # a picture is of one puzzle, so the input has to end before it is drawn
    if args.file is not None and args.picture is None and _is_live(args.file):
        return _solve(meant, Arriving(meant.entries, wanted=_require_reader), None, args)
    first = list(islice(meant.entries, LOOKED_AT))
    if not first:
        raise ConfigError(f"{name_of(args.file or '')}: no puzzles")
    _require_drawable(meant.task, first, args)
    return _solve(meant, Supply(chain(first, meant.entries)), len(first), args)


def _require_sense(args: Arguments) -> None:
    """Raises RedraftError for arguments that cannot be meant, before anything is computed."""
    require_options(args, "max_steps")
    require_options(args, "restart", "delay", least=0)
    if args.budget is not None:
        if args.max_steps is not None:
            raise ConfigError("--budget and --max-steps exclude each other")
        read_budget(args.budget, "--budget")
    if args.batch_size != "auto" and args.batch_size < 1:
        raise ConfigError(f"--batch-size: expected at least 1, or auto, got {args.batch_size}")
    if sum((args.json, args.watch, args.output is not None, args.hint)) > 1 or (args.hint and args.picture):
        raise ConfigError("--json, --watch, --hint and -o exclude each other, as do --hint and --picture")
    for file in (args.output, args.picture):
        if file is not None and str(file) != STDIN:
            require_place(file)
    if args.picture is not None and args.picture.suffix.lower() not in PICTURES:
        raise ConfigError(f"--picture {args.picture}: expected a name that ends in {' or '.join(PICTURES)}")
    for text in args.inputs:
        if os.path.isfile(text):
            raise ConfigError(f"{text} is a file; read its puzzles with -f {text}")


def _require_drawable(task: Task, entries: Sequence[Entry], args: Arguments) -> None:
    """Raises RedraftError where --picture has more than one puzzle or letters that a PNG cannot have.

    A PNG needs Pillow, which is imported here, before the puzzle is solved.
    """
    if args.picture is None:
        return
    if len(entries) != 1:
        raise ConfigError(f"--picture draws one puzzle; got {len(entries)}")
    if args.picture.suffix.lower() == ".png":
        from redraft.draw.pixels import require_letters

        require_letters(task)


def _is_live(file: str) -> bool:
    """True if a file (`-`: standard input) is a pipe, a terminal or the like, whose lines may be long in coming."""
    with suppress(OSError, ValueError, AttributeError):
        mode = os.fstat(sys.stdin.fileno()).st_mode if file == STDIN else os.stat(file).st_mode
        return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
    return False


def _require_reader() -> None:
    """Raises BrokenPipeError where standard output is a pipe that nobody reads any more."""
    gone = False
    with suppress(OSError, ValueError, AttributeError):  # no poll on this system, or no file behind standard output
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)  # errors are always reported
        gone = any(event & select.POLLERR for _, event in poll.poll(0))
    if gone:
        raise BrokenPipeError


def _solve(meant: Meant, supply: Supply[Entry], counted: int | None, args: Arguments) -> int:
    """Solves and prints; `counted` puzzles are known to come, LOOKED_AT or None where there may be any number."""
    from redraft.solve.load import open_stepper
    from redraft.solve.solver import Solver

    task = meant.task
    opened = open_stepper(
        meant.weights, device=args.device, dtype=args.dtype, backend=args.backend, puzzles=counted or 1, task=task
    )
    if (remark := opened.table.alone(meant.weights)) is not None:
        print(f"redraft solve: {remark}", file=sys.stderr)
    halt: HaltRule = "never" if args.no_halt else args.halt
    habits = opened.habits(halt).but(max_steps=args.max_steps, restart=args.restart, guess=args.guess)
    if args.guess and not (halt == "rules" and habits["restart"]):
        raise ConfigError("--guess True: a guess restarts a puzzle, which needs --halt rules and --restart STEPS")
    solver = Solver(
        opened.stepper,
        task,
        **habits,
        budget=args.budget,
        halt=halt,
        sure=args.sure,
        batch_size=args.batch_size,
        trace=args.watch or args.json or args.picture is not None,
    )
    if args.hint:
        return print_hints(solver, supply)
    total = None if counted == LOOKED_AT else counted
    # a progress bar is for many puzzles whose answers do not go to the same terminal
    with_bar = (total is None or total > UNSEEN) and (args.output is not None or not sys.stdout.isatty())

    interrupted = False
    started = time.monotonic()
    with (
        shown(task, args, count=lambda: total or entries.count, max_steps=solver.max_steps) as show,
        progress("solving", total, shown=with_bar) as report,
    ):
        printer = Printer(show, picture=args.picture, report=report)
        entries = Entries(supply, printer.add)
        try:
            for question, answer in solver.stream(entries):
                entries.answer(question, answer)
        except KeyboardInterrupt:  # what is done is kept
            interrupted = True
        entries.close()
    if printer.errors > ERRORS:
        print(f"redraft solve: {printer.errors - ERRORS:,} more puzzles cannot be solved", file=sys.stderr)
    if not printer.count and not interrupted:
        raise ConfigError(f"{name_of(args.file or '')}: no puzzles")
    if printer.count > 1 or args.output is not None or interrupted:
        where = f", answers in {args.output}" if args.output is not None and printer.count else ""
        bad = f", {printer.errors:,} cannot be solved" if printer.errors else ""
        word, unjudged = ("solved", "") if task.judges else ("halted", f", {NOT_JUDGED}")
        begun = "interrupted: " if interrupted else ""
        took = f"{time.monotonic() - started:.2f} s"
        print(f"{begun}{printer.right:,} of {printer.count:,} {word} in {took}{bad}{unjudged}{where}", file=sys.stderr)
    if interrupted:
        return 130
    return 2 if printer.errors else 0 if printer.right == printer.count else 1
