"""`redraft solve`: answers to people's puzzles, each with a verdict, and how they came about."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro
from rich.console import Console

from redraft.commands.arguments import parse
from redraft.commands.progress import progress
from redraft.errors import ConfigError, PuzzleError, WeightsError
from redraft.files import require_place, write_text
from redraft.tasks import Puzzle, Task, get_task
from redraft.tasks.sudoku import sudoku_for

if TYPE_CHECKING:
    from redraft.models.io import Weights
    from redraft.solve.solver import Answer

BOARDS = 4  # up to so many puzzles are drawn; more get a line each

Entry = Puzzle | PuzzleError
Result = tuple[str, "Answer | PuzzleError"]  # where the puzzle stands, and what came of it


@dataclass(frozen=True, kw_only=True)
class Arguments:
    inputs: Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="[TASK] PUZZLE …")] = ()
    """What to solve: optionally a task (sudoku, sudoku-6x6, …), then puzzles written out, blanks as `.`, `0` or `_`."""
    file: Annotated[Path | None, tyro.conf.arg(aliases=["-f"], metavar="FILE")] = None
    """Puzzles from a file (`-` for standard input): a line each, drawn grids, or a CSV with a column `question`."""
    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"], metavar="FILE")] = None
    """Writes answers to a CSV file instead of the screen."""
    weights: Annotated[str | None, tyro.conf.arg(metavar="WEIGHTS")] = None
    """Weights that ship, a folder of weights, or a run's folder; by default those that ship for the task."""
    watch: bool = False
    """Shows the board step by step as the answer is redrafted."""
    delay: float = 0.5
    """Seconds a step is shown by --watch on a terminal."""
    max_steps: int = 16
    """Supervision steps a puzzle gets at most; more may solve harder ones."""
    halt: Literal["rules", "head", "never"] = "rules"
    """Stops a puzzle once its answer keeps the rules, once the model's halting head says so, or never."""
    no_halt: bool = False
    """The same as --halt never."""
    batch_size: int = 64
    """Puzzles worked on at once."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Of the activations."""
    json: bool = False
    """Prints one JSON object a puzzle, drafts included."""


def run(arguments: list[str]) -> int:
    description = "Solves puzzles; never shows a wrong answer as right."
    args = parse(Arguments, arguments, command="solve", description=description, gather="inputs")
    _require_sense(args)
    texts = list(args.inputs)
    name = texts.pop(0) if texts and _is_task(texts[0]) else None
    lines, source = _read_lines(args.file)
    if not texts and args.file is None:
        raise ConfigError("nothing to solve: write a puzzle out, or name a file with -f")
    if not texts and not any(map(str.strip, lines)):
        raise ConfigError(f"{source}: no puzzles")
    task, opened = _task_and_weights(name, texts, lines, args)
    entries = [_given(task, text) for text in texts] + task.read(lines, source)
    entries = [_validated(task, entry) for entry in entries]
    if not entries:
        raise ConfigError(f"{source}: no puzzles")
    return _solve(opened, task, entries, args)


def _require_sense(args: Arguments) -> None:
    """Raises RedraftError for arguments that cannot be meant, before anything is computed."""
    if args.max_steps < 1 or args.batch_size < 1:
        raise ConfigError(
            f"expected max-steps and batch-size of at least 1, got {args.max_steps} and {args.batch_size}"
        )
    if args.delay < 0:
        raise ConfigError(f"--delay: expected at least 0 seconds, got {args.delay:g}")
    if sum((args.json, args.watch, args.output is not None)) > 1:
        raise ConfigError("--json, --watch and -o exclude each other")
    if args.output is not None:
        require_place(args.output)
    for text in args.inputs:
        if os.path.isfile(text):
            raise ConfigError(f"{text} is a file; have its puzzles read by -f {text}")


def _is_task(text: str) -> bool:
    return text[:1].isalpha() and text[:1].isascii()


def _read_lines(file: Path | None) -> tuple[list[str], str]:
    if file is None:
        return [], ""
    source = "standard input" if str(file) == "-" else str(file)
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{source}: not text in UTF-8") from error
    except OSError as error:
        raise ConfigError(f"{source}: {error.strerror or error}") from error
    return text.splitlines(), source


def _task_and_weights(name: str | None, texts: list[str], lines: list[str], args: Arguments) -> tuple[Task, Weights]:
    """The task named, or that of the weights, or the Sudoku that the puzzles' size tells; and weights for it."""
    import redraft.weights
    from redraft.solve.load import open_weights

    task = None if name in (None, "sudoku") else get_task(str(name))
    if args.weights is not None:
        opened = open_weights(args.weights, dtype=args.dtype)
        made_for = get_task(opened.task)
        if task is not None and task.spec != opened.task:
            raise WeightsError(f"{args.weights}: made for {made_for.name}, but these puzzles are {task.name}")
        return made_for, opened
    task = task or sudoku_for(texts or ["\n".join(lines)])
    shipped = redraft.weights.names()
    if task.name not in shipped:
        raise WeightsError(
            f"no weights for {task.name} ship with redraft (those that do: {', '.join(shipped) or 'none'}); "
            "train some with redraft train, and name them by --weights"
        )
    return task, open_weights(task.name, dtype=args.dtype)


def _given(task: Task, text: str) -> Entry:
    try:
        return Puzzle(question=task.parse(text))
    except PuzzleError as error:
        return PuzzleError(error.message, error.place or repr(text))


def _validated(task: Task, entry: Entry) -> Entry:
    if isinstance(entry, PuzzleError):
        return entry
    try:
        task.validate(entry.question)
    except PuzzleError as error:
        return PuzzleError(error.message, entry.place or repr(task.format(entry.question)))
    return entry


def _solve(opened: Weights, task: Task, entries: Sequence[Entry], args: Arguments) -> int:
    from redraft.commands.watch import watch
    from redraft.device import choose_device
    from redraft.solve.solver import Solver
    from redraft.solve.stepper import TorchStepper

    solver = Solver(
        TorchStepper(opened.model, device=choose_device(args.device)),
        task,
        max_steps=args.max_steps,
        halt="never" if args.no_halt else args.halt,
        batch_size=args.batch_size,
        trace=args.watch or args.json,
    )
    sound = [entry.question for entry in entries if isinstance(entry, Puzzle)]
    started = time.monotonic()
    with progress("solving", len(sound), shown=len(sound) > args.batch_size) as tell:
        found: dict[int, Answer] = {}
        for number, answer in solver.stream(sound):
            found[number] = answer
            tell(len(found))
    seconds = time.monotonic() - started
    solved = [found[number] for number in range(len(sound))]
    answers = iter(solved)
    results = [(entry.place, entry if isinstance(entry, PuzzleError) else next(answers)) for entry in entries]

    if args.output is not None:
        write_text(args.output, _csv(task, results))
    elif args.json:
        for result in results:
            print(json.dumps(_plain(task, result), allow_nan=False))
    elif args.watch:
        for answer in solved:
            watch(task, answer, Console(), delay=args.delay, max_steps=args.max_steps)
    else:
        _print(task, results)
    for entry in entries:
        if isinstance(entry, PuzzleError):
            print(f"redraft solve: {entry}", file=sys.stderr)
    right = sum(answer.solved for answer in solved)
    if len(entries) > 1 or args.output is not None:
        where = f", answers in {args.output}" if args.output is not None else ""
        bad = f", {len(entries) - len(sound)} cannot be solved" if len(sound) < len(entries) else ""
        print(f"{right} of {len(entries)} solved in {seconds:.2f} s{bad}{where}", file=sys.stderr)
    return 2 if len(sound) < len(entries) else 0 if right == len(sound) else 1


def _print(task: Task, results: Sequence[Result]) -> None:
    from redraft.commands.watch import print_answer

    console = Console()
    drawn = len(results) <= BOARDS and console.is_terminal
    for _, answer in results:
        if isinstance(answer, PuzzleError):
            if not console.is_terminal:  # holds the place of an answer; a terminal shows it as an error anyway
                print(f"# {answer}")
        elif drawn:
            print_answer(task, answer, console)
        elif answer.solved:
            print(task.format(answer.grid))
        else:
            print(f"# not solved: {task.format(answer.question)} (after {answer.steps} steps, {answer.verdict.reason})")


def _plain(task: Task, result: Result) -> dict[str, Any]:
    """A result as plain values. Only a solved puzzle has an `answer`; the last draft of another is its `draft`."""
    place, answer = result
    if isinstance(answer, PuzzleError):
        return {"place": place, "status": "error", "message": answer.message}
    values: dict[str, Any] = {
        "place": place,
        "question": task.format(answer.question),
        "status": "solved" if answer.solved else "unsolved",
        "answer" if answer.solved else "draft": task.format(answer.grid),
        "steps": answer.steps,
        "halt_probability": round(answer.halt_probability, 6),
        "message": answer.verdict.reason,
    }
    if answer.trace:
        values["trace"] = [
            {"draft": task.format(step.grid), "halt_probability": round(step.halt_probability, 6)}
            for step in answer.trace
        ]
    return values


def _csv(task: Task, results: Sequence[Result]) -> str:
    text = io.StringIO()
    columns = ("place", "question", "status", "answer", "draft", "steps", "halt_probability", "message")
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n", restval="")
    writer.writeheader()
    for result in results:
        writer.writerow(_plain(task, result))
    return text.getvalue()
