"""`redraft solve`: answers to people's puzzles, each with a verdict, and how they came about."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from redraft.commands.answers import Entries, Questions, Results, is_live, shown
from redraft.commands.arguments import Trusted, parse, require_options
from redraft.errors import ConfigError
from redraft.files import require_place
from redraft.progress import progress
from redraft.solve.answer import NOT_JUDGED
from redraft.solve.resolve import Entry, Meant, first_of, resolve
from redraft.solve.solver import SURE, HaltRule
from redraft.tasks import Task
from redraft.tasks.reading.source import STDIN, name_of

PICTURES = (".svg", ".png")
UNSEEN = 64  # up to so many puzzles are done before a progress bar is worth looking at
LOOKED_AT = 2048  # puzzles of a file that are counted before it is decided what solves them


@dataclass(frozen=True, kw_only=True)
class Arguments:
    inputs: Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="[TASK] PUZZLE …")] = ()
    """Optionally a task (sudoku, maze-10x10, …), then puzzles written out: a Sudoku with blanks as `.`,
    `0` or `_`, a maze of `#`, `.`, `S` and `G`, own grids as in their file."""
    file: Annotated[str | None, tyro.conf.arg(aliases=["-f"], metavar="FILE")] = None
    """Puzzles from a file (`-` for standard input): one per line, drawn, CSV, JSON or Parquet, optionally compressed. A
    pipe is answered as it comes."""
    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"], metavar="FILE")] = None
    """Writes answers as they come to a CSV file (`-` for standard output) instead of the screen."""
    weights: Annotated[str | None, tyro.conf.arg(metavar="WEIGHTS")] = None
    """Bundled weights, a folder of weights, or a run's folder; by default the bundled weights of the task."""
    watch: bool = False
    """Shows the board step by step as the answer is redrafted."""
    picture: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Draws the one puzzle given and the drafts of its answer to a file, .svg or .png."""
    delay: float = 0.5
    """Seconds a step is shown by --watch on a terminal."""
    max_steps: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Supervision steps a puzzle gets at most; more may solve harder ones. By default as the card says, or 16."""
    halt: Literal["rules", "head", "never"] = "rules"
    """Stops a puzzle once its answer keeps the rules, once the model's halting head says so, or never."""
    sure: float = SURE
    """How sure the halting head must be to stop a puzzle; the paper's is 0.5."""
    restart: Annotated[int | None, tyro.conf.arg(metavar="STEPS")] = None
    """With --halt rules, restarts a puzzle after this many steps; 0: never. By default as the model card says."""
    guess: Annotated[bool | None, tyro.conf.arg(metavar="True|False")] = None
    """Restarts it with a doubtful cell filled by a guess, where the task has cells to fill, rather than from
    another state. By default as the model card says."""
    no_halt: bool = False
    """The same as --halt never."""
    batch_size: Annotated[int | Literal["auto"], tyro.conf.arg(metavar="INT|auto")] = "auto"
    """Puzzles worked on at once; auto finds out how many are worth it."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    dtype: Literal["auto", "float32", "bfloat16", "int8"] = "auto"
    """Type of the activations: auto takes bfloat16 where weights were trained in it and the machine is faster with it;
    int8, of weights too, needs a CPU."""
    backend: Literal["auto", "torch", "numpy", "onnx"] = "auto"
    """Runs the model by PyTorch, NumPy (starts sooner; for few puzzles and small models), ONNX Runtime (for what
    redraft export wrote), or what fits."""
    json: bool = False
    """Prints one JSON object a puzzle, drafts included."""
    trust: Trusted = False


def run(arguments: list[str]) -> int:
    description = "Solves puzzles; never shows a wrong answer as right."
    args = parse(Arguments, arguments, command="solve", description=description, gather="inputs")
    _require_sense(args)
    meant = resolve(args.inputs, args.file, args.weights)
    # a picture is of one puzzle, so the input has to end before it is drawn
    live = args.file is not None and args.picture is None and is_live(args.file)
    first, entries = ([], meant.entries) if live else first_of(meant.entries, LOOKED_AT)
    if not live and not first:
        raise ConfigError(f"{name_of(args.file or '')}: no puzzles")
    _require_drawable(meant.task, first, args)
    return _solve(meant, Entries(entries, live=live), first, args)


def _require_sense(args: Arguments) -> None:
    """Raises RedraftError for arguments that cannot be meant, before anything is computed."""
    require_options(args, "max_steps")
    require_options(args, "restart", "delay", least=0)
    if args.batch_size != "auto" and args.batch_size < 1:
        raise ConfigError(f"--batch-size: expected at least 1, or auto, got {args.batch_size}")
    if not 0 < args.sure < 1:
        raise ConfigError(f"--sure: expected a probability between 0 and 1, got {args.sure:g}")
    if sum((args.json, args.watch, args.output is not None)) > 1:
        raise ConfigError("--json, --watch and -o exclude each other")
    for file in (args.output, args.picture):
        if file is not None and str(file) != STDIN:
            require_place(file)
    if args.picture is not None and args.picture.suffix.lower() not in PICTURES:
        raise ConfigError(f"--picture {args.picture}: expected a name that ends in {' or '.join(PICTURES)}")
    for text in args.inputs:
        if os.path.isfile(text):
            raise ConfigError(f"{text} is a file; have its puzzles read by -f {text}")


def _require_drawable(task: Task, entries: Sequence[Entry], args: Arguments) -> None:
    """Raises RedraftError where --picture has more than one puzzle or letters that a PNG cannot have.

    A PNG needs Pillow, which is asked for here, before the puzzle is solved.
    """
    if args.picture is None:
        return
    if len(entries) != 1:
        raise ConfigError(f"--picture draws one puzzle; got {len(entries)}")
    if args.picture.suffix.lower() == ".png":
        from redraft.draw.pixels import require_letters

        require_letters(task)


def _solve(meant: Meant, entries: Entries, first: Sequence[Entry], args: Arguments) -> int:
    from redraft.solve.load import open_stepper
    from redraft.solve.solver import Solver

    task = meant.task
    opened = open_stepper(
        meant.weights, device=args.device, dtype=args.dtype, backend=args.backend, puzzles=max(1, len(first))
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
        halt=halt,
        sure=args.sure,
        batch_size=args.batch_size,
        trace=args.watch or args.json or args.picture is not None,
    )
    known = len(first) if first and len(first) < LOOKED_AT else None

    interrupted = False
    started = time.monotonic()
    with (
        shown(task, args, count=lambda: known or entries.count, max_steps=solver.max_steps) as show,
        progress("solving", known, shown=_worth_a_bar(known, args)) as report,
    ):
        results = Results(task, show, report=report)
        try:
            for number, answer in solver.stream(Questions(entries, results)):
                results.put(*entries.of_question(number), answer)
        except KeyboardInterrupt:  # what is done is kept
            interrupted = True
        results.close()
    if not results.count and not interrupted:
        raise ConfigError(f"{name_of(args.file or '')}: no puzzles")
    if results.count > 1 or args.output is not None or interrupted:
        print(_summary(task, results, time.monotonic() - started, args, interrupted=interrupted), file=sys.stderr)
    if interrupted:
        return 130
    return 2 if results.errors else 0 if results.right == results.count else 1


def _summary(task: Task, results: Results, seconds: float, args: Arguments, *, interrupted: bool) -> str:
    where = f", answers in {args.output}" if args.output is not None and results.count else ""
    bad = f", {results.errors:,} cannot be solved" if results.errors else ""
    word, unjudged = ("solved", "") if task.judges else ("halted", f", {NOT_JUDGED}")
    begun = "interrupted: " if interrupted else ""
    return f"{begun}{results.right:,} of {results.count:,} {word} in {seconds:.2f} s{bad}{unjudged}{where}"


def _worth_a_bar(known: int | None, args: Arguments) -> bool:
    """Whether a progress bar is worth looking at: for many puzzles, whose answers do not go to the same terminal."""
    return (known is None or known > UNSEEN) and (args.output is not None or not sys.stdout.isatty())
