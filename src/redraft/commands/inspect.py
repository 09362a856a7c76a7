"""`redraft inspect`: looks inside a model at work on one puzzle."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro
from rich.console import Console
from rich.table import Table

from redraft import terminal
from redraft.commands.arguments import Trusted, parse, require_options
from redraft.errors import ConfigError
from redraft.files import require_place

if TYPE_CHECKING:
    from redraft.inspect.inspection import Inspection


@dataclass(frozen=True, kw_only=True)
class Arguments:
    weights: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="WEIGHTS")]
    """Bundled weights (sudoku-6x6), a folder of weights, or a run's folder."""
    puzzle: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="PUZZLE")]
    """A puzzle written out as in redraft solve, a file or folder of puzzles, or make:COUNT@SEED for a new one."""
    number: Annotated[int, tyro.conf.arg(aliases=["-n"], metavar="INT")] = 1
    """Number of the puzzle among several, from 1."""
    split: str = "test"
    """File of a folder of data."""
    answer: Annotated[str | None, tyro.conf.arg(metavar="ANSWER")] = None
    """The answer, written out; not needed for data that has answers."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"], metavar="FILE")] = Path("inspect.html")
    """The report: one HTML file, for any browser."""
    steps: int = 16
    """Supervision steps."""
    recursions: bool = False
    """Also looks at every evaluation of the network within the steps."""
    influence: Literal["auto", "always", "never"] = "auto"
    """Blanks each given in turn to see which cells depend on it; auto follows fewer steps, or none, if that takes
    long."""
    puzzles: Annotated[str | None, tyro.conf.arg(metavar="SOURCE")] = None
    """Puzzles whose trajectories are shown: a file, a folder, make:COUNT@SEED, or none; default: up to 100 new ones if
    the task makes them, fewer if each takes long."""
    animation: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """An animated .gif of the board being redrafted."""
    picture: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """The drafts that differ, side by side, as .svg or .png."""
    json: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """All numbers, as JSON."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Activation dtype."""
    trust: Trusted = False


def run(arguments: list[str]) -> int:
    args = parse(Arguments, arguments, command="inspect", description="Looks inside a model at work on one puzzle.")
    _require_sense(args)
    from redraft.inspect.inspect import look

    names = ("number", "split", "answer", "steps", "recursions", "influence", "puzzles", "device", "dtype")
    found = look(args.weights, args.puzzle, **{name: getattr(args, name) for name in names})
    wanted = {"report": args.output, "numbers": args.json, "animation": args.animation, "picture": args.picture}
    written = [(what, found.save(file)) for what, file in wanted.items() if file is not None]
    _show(found, terminal.console())
    for note in found.notes:
        print(f"redraft inspect: {note}", file=sys.stderr)
    for what, file in written:
        print(f"{what}: {file}")
    return 0


def _require_sense(args: Arguments) -> None:
    """Raises RedraftError for wrong files and numbers before anything is computed."""
    require_options(args, "steps", "number")
    endings = (
        ("-o", args.output, (".html", ".htm")),
        ("--animation", args.animation, (".gif",)),
        ("--picture", args.picture, (".svg", ".png")),
        ("--json", args.json, (".json",)),
    )
    for flag, file, known in endings:
        if file is not None:
            if file.suffix.lower() not in known:
                raise ConfigError(f"{flag} {file}: expected a name that ends in {' or '.join(known)}")
            require_place(file)
    if args.animation is not None or (args.picture is not None and args.picture.suffix.lower() == ".png"):
        import PIL  # noqa: F401  # fails before the model runs, not after


def _show(found: Inspection, console: Console) -> None:
    """A table of the steps, and the verdict."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("step", "changed", "wrong", "sure", "confidence", "y moved", "z moved", "residual"):
        table.add_column(name, justify="right")
    for number, (step, draft) in enumerate(zip(found.trace.steps, found.drafts, strict=True), 1):
        moved = [f"{way:.2g}" if way == way else "-" for way in (step.y_moved, step.z_moved, step.residual)]
        sure = (f"{step.halt_probability:.0%}", f"{draft.confidence:.1%}")
        style = "green" if draft.right else ""
        table.add_row(str(number), str(draft.changed), str(int(draft.wrong.sum())), *sure, *moved, style=style)
    terminal.print_table(table, console)
    console.print(found.verdict, highlight=False, soft_wrap=True)
