"""`redraft inspect`: looks inside a model while it works on one puzzle."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro
from rich.console import Console
from rich.table import Table

from redraft import terminal
from redraft.commands.arguments import Trusted, parse
from redraft.commands.progress import progress
from redraft.config import to_dict
from redraft.errors import ConfigError, PuzzleError
from redraft.files import require_place, write_bytes
from redraft.solve.puzzle_table import PuzzleTable
from redraft.solve.resolve import entries_of
from redraft.tasks import Puzzle, Task, get_task

if TYPE_CHECKING:
    from redraft.data.store import Store
    from redraft.inspect.inspection import Inspection

PICTURES = (".svg", ".png")
FILES = (".csv", ".txt", ".json", ".jsonl")  # what ends so is meant as a file


@dataclass(frozen=True, kw_only=True)
class Arguments:
    weights: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="WEIGHTS")]
    """Weights that ship (sudoku-6x6), a folder of weights, or a run's folder."""
    puzzle: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="PUZZLE")]
    """A puzzle written out as in redraft solve, a file or folder of puzzles, or make:COUNT@SEED for a new one."""
    number: Annotated[int, tyro.conf.arg(aliases=["-n"], metavar="INT")] = 1
    """Which puzzle of several, from 1."""
    split: str = "test"
    """Which file of a folder of data."""
    answer: Annotated[str | None, tyro.conf.arg(metavar="ANSWER")] = None
    """The answer, written out; data that has answers tells it anyway."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"], metavar="FILE")] = Path("inspect.html")
    """The report: one HTML file, for any browser."""
    steps: int = 16
    """Supervision steps."""
    recursions: bool = False
    """Looks at every evaluation of the network within the steps, too."""
    influence: Literal["auto", "always", "never"] = "auto"
    """Blanks each given in turn, to see what depends on it; where that takes long, auto follows it for fewer steps, or
    leaves it out."""
    puzzles: Annotated[str | None, tyro.conf.arg(metavar="SOURCE")] = None
    """Puzzles whose ways through the states are shown: a file, a folder, make:COUNT@SEED, or none; by default up to 100
    new ones where the task makes them, fewer where each takes long."""
    animation: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """An animated .gif of the board being redrafted."""
    picture: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """The drafts that differ, side by side, as .svg or .png."""
    json: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """All numbers, as JSON."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Of the activations."""
    trust: Trusted = False


def run(arguments: list[str]) -> int:
    args = parse(Arguments, arguments, command="inspect", description="Looks inside a model at work on one puzzle.")
    _require_sense(args)
    from redraft.device import choose_device
    from redraft.inspect.inspect import inspect
    from redraft.inspect.inspection import numbers
    from redraft.inspect.pictures import drafts_png, drafts_svg, redrafting
    from redraft.inspect.report import report
    from redraft.solve.load import open_weights

    weights = open_weights(args.weights, dtype=args.dtype)
    task = get_task(weights.task)
    table = PuzzleTable.of(to_dict(weights.model.config), weights.card)
    puzzle, puzzle_id = _puzzle(task, args, table)
    weights.model.to(choose_device(args.device))
    found = inspect(
        weights,
        task,
        puzzle,
        name=args.weights,
        puzzle_id=puzzle_id,
        steps=args.steps,
        recursions=args.recursions,
        influence=args.influence,
        others=_others(task, args, table),
        progress=progress,
    )
    written: list[tuple[str, Path]] = []

    def write(what: str, file: Path, content: str | bytes) -> None:
        write_bytes(file, content.encode() if isinstance(content, str) else content)
        written.append((what, file))

    write("report", args.output, report(found))
    if args.json is not None:
        write("numbers", args.json, json.dumps(numbers(found), allow_nan=False) + "\n")
    if args.animation is not None:
        write("animation", args.animation, redrafting(found))
    if args.picture is not None:
        write("picture", args.picture, (drafts_svg if args.picture.suffix.lower() == ".svg" else drafts_png)(found))
    _show(found, terminal.console())
    for note in found.notes:
        print(f"redraft inspect: {note}", file=sys.stderr)
    for what, file in written:
        print(f"{what}: {file}")
    return 0


def _require_sense(args: Arguments) -> None:
    """Raises RedraftError for arguments that cannot be meant, before anything is computed."""
    if args.steps < 1 or args.number < 1:
        raise ConfigError(f"expected steps and number of at least 1, got {args.steps} and {args.number}")
    endings = (
        ("-o", args.output, (".html", ".htm")),
        ("--animation", args.animation, (".gif",)),
        ("--picture", args.picture, PICTURES),
        ("--json", args.json, (".json",)),
    )
    for flag, file, known in endings:
        if file is not None:
            if file.suffix.lower() not in known:
                raise ConfigError(f"{flag} {file}: expected a name that ends in {' or '.join(known)}")
            require_place(file)
    if args.animation is not None or (args.picture is not None and args.picture.suffix.lower() == ".png"):
        import PIL  # noqa: F401  # where it is lacking, that is said before the model runs


def _puzzle(task: Task, args: Arguments, table: PuzzleTable) -> tuple[Puzzle, int]:
    """The puzzle that is meant, its answer where it is known, and its puzzle id, a row of the weights' table.

    Raises RedraftError.
    """
    text, puzzle_id = args.puzzle, 0
    if text.startswith("make:") or os.path.isdir(text):
        found, puzzle_id = _of_source(task, args, table)
    elif os.path.isfile(text) or text.lower().endswith(FILES):
        found = _of_file(task, Path(text), args.number)
    else:
        if args.number != 1:
            raise ConfigError(f"--number {args.number}: the puzzle is written out, and the only one")
        try:
            found = Puzzle(question=task.parse(text), place="as given")
        except PuzzleError as error:
            raise PuzzleError(error.message, error.place or repr(text)) from error
    try:
        task.validate(found.question)
    except PuzzleError as error:
        raise PuzzleError(error.message, found.place or repr(text)) from error
    if args.answer is not None:
        try:
            found = Puzzle(question=found.question, answer=task.parse(args.answer), place=found.place)
        except PuzzleError as error:
            raise PuzzleError(error.message, f"--answer {args.answer!r}") from error
    return found, puzzle_id


def _of_source(task: Task, args: Arguments, table: PuzzleTable) -> tuple[Puzzle, int]:
    """A puzzle that is made, or of a folder of data, and its puzzle id."""
    store = _store(task, args.puzzle, args, table)
    row = _row(len(store), args.puzzle, args.number)
    labels = store.labels[row]
    known = bool((labels >= 0).any())
    answer = task.decode(labels.clip(0)) if known else None  # what does not count is as padding
    place = f"puzzle {args.number} of {store.source or args.puzzle}"
    return Puzzle(question=task.decode(store.inputs[row]), answer=answer, place=place), int(store.puzzle_ids[row])


def _of_file(task: Task, file: Path, number: int) -> Puzzle:
    entries = list(islice(entries_of(task, str(file)), number))
    if len(entries) < number:
        entries = list(entries_of(task, str(file)))
    if not entries:
        raise ConfigError(f"{file}: no puzzles")
    entry = entries[_row(len(entries), str(file), number)]
    if isinstance(entry, PuzzleError):
        raise entry
    return entry


def _others(task: Task, args: Arguments, table: PuzzleTable) -> Store | Literal["auto", "none"]:
    """The puzzles whose ways are shown."""
    if args.puzzles is None:
        return "auto"
    return "none" if args.puzzles == "none" else _store(task, args.puzzles, args, table)


def _store(task: Task, source: str, args: Arguments, table: PuzzleTable) -> Store:
    """The puzzles of a source, whose ids are rows of the weights' table; raises RedraftError."""
    from redraft.data.build import open_source
    from redraft.evaluate.ids import require_ids

    store = open_source(task, source, split=args.split)
    for remark in require_ids(table, store, name=args.weights, data=source):
        print(f"redraft inspect: {remark}", file=sys.stderr)
    return store


def _row(count: int, source: str, number: int) -> int:
    if number > count:
        raise ConfigError(f"--number {number}: {source} holds {count} puzzle{'s' if count != 1 else ''}")
    return number - 1


def _show(found: Inspection, console: Console) -> None:
    """A table of the steps, and the verdict."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("step", "changed", "wrong", "sure", "confidence", "y moved", "z moved", "residual"):
        table.add_column(name, justify="right")
    for number, (step, draft) in enumerate(zip(found.trace.steps, found.drafts, strict=True), 1):
        wrong = draft.broken if draft.verdict is not None or draft.differs is None else draft.differs
        moved = [f"{way:.2g}" if way == way else "-" for way in (step.y_moved, step.z_moved, step.residual)]
        sure = (f"{step.halt_probability:.0%}", f"{draft.confidence:.1%}")
        style = "green" if draft.right else ""
        table.add_row(str(number), str(draft.changed), str(int(wrong.sum())), *sure, *moved, style=style)
    terminal.print_table(table, console)
    console.print(found.verdict, highlight=False, soft_wrap=True)
