"""`redraft compare`: several weights, language models and ARC votes on the same rows, with tests of the differences."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Literal

import tyro

from redraft import terminal
from redraft.commands.arguments import Trusted, parse, require_options
from redraft.commands.compare_llm import Llm, open_models


@dataclass(frozen=True, kw_only=True)
class Arguments:
    contenders: Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="WEIGHTS …")] = ()
    """Bundled weights, folders of weights, or folders of runs, optionally with their own steps (sudoku-6x6@32); for
    ARC also files of votes that redraft arc eval wrote (.npz)."""
    data: str
    """A file or folder of puzzles with answers, or make:COUNT@SEED for new ones; for ARC its folder or its tasks."""
    task: Annotated[str | None, tyro.conf.arg(metavar="TASK")] = None
    """The task, if neither weights nor data name it."""
    split: str = "test"
    """The file of a folder of data."""
    limit: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Maximum number of rows, taken from the start."""
    steps: int = 16
    """Supervision steps of contenders without their own."""
    at: Literal["last", "halt"] = "last"
    """Answer that counts in pairs: after the last step, or where each contender would halt."""
    measure: Literal["solved", "exact"] = "solved"
    """Solved by the rules, if the task has some, or exact: equal to the known answer."""
    attempts: int = 1
    """Number of the best candidates of ARC votes that count."""
    batch_size: int = 256
    """Puzzles run at once."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Type of the activations."""
    save: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER")] = None
    """Folder to keep outcomes in, so that the same command does not evaluate a contender again."""
    json: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Writes all figures as JSON."""
    markdown: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Writes the tables as Markdown."""
    plot: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Draws the shares with their intervals into a .png or .svg file."""
    reported: bool = False
    """Shows figures that papers report on public sets of any task; by default of this task alone."""
    trust: Trusted = False
    asked: Annotated[Llm, tyro.conf.arg(name="")] = field(default_factory=Llm)


def run(arguments: list[str]) -> int:
    description = "Compares weights, and language models if you name some, on the same unseen rows."
    args = parse(Arguments, arguments, command="compare", description=description, gather="contenders")
    from redraft.compare.contest import Terms, contest
    from redraft.files import require_place, write_text
    from redraft.plotting import require_picture

    require_options(args, "steps", "batch_size", "attempts")
    for file in filter(None, (args.json, args.markdown, args.plot)):
        require_place(file)
    if args.plot is not None:
        require_picture(args.plot)
    terms = Terms(**{each.name: getattr(args, each.name) for each in fields(Terms)})
    with ExitStack() as stack:
        models = open_models(args.asked, args.save, args.contenders, stack, trust=args.trust)
        found = contest(args.contenders, terms, models=models)
    if args.json is not None:
        write_text(args.json, json.dumps(found.to_dict(), indent=2, allow_nan=False) + "\n")
    if args.markdown is not None:
        found.save(args.markdown)
    if args.plot is not None:
        found.plot(args.plot)
    found.show(terminal.console())
    errors = [] if models is None else models.errors
    for error in errors:
        print(f"redraft compare: {error}", file=sys.stderr)
    return 2 if errors else 0
