"""`redraft eval`: accuracy of weights on a data set."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from redraft import terminal
from redraft.commands.arguments import Flag, Trusted, parse


@dataclass(frozen=True, kw_only=True)
class Arguments:
    weights: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="WEIGHTS")]
    """Bundled weights (sudoku-6x6), a folder of weights or of an exported model, or a run's folder."""
    data: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="DATA")]
    """A file or folder of puzzles with answers, or make:COUNT@SEED for new ones."""
    split: str = "test"
    """The file of a folder of data."""
    limit: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Maximum number of puzzles, taken from the start."""
    steps: int = 16
    """Supervision steps; more than in training is allowed and often better."""
    scale: Flag = False
    """Adds accuracy against compute: the last draft, the surest, any, and search by the rules, for 1, 2, 4, … steps."""
    batch_size: int = 256
    """Puzzles run at once."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    dtype: Literal["float32", "bfloat16", "int8"] = "float32"
    """Type of the activations; int8, of weights too, needs a CPU."""
    task: Annotated[str | None, tyro.conf.arg(metavar="TASK")] = None
    """The task, for boards of another size than those of training (maze-40x40), which a local network's weights fit."""
    json: bool = False
    """Prints all figures as JSON."""
    plot: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Draws accuracy against steps, with --scale against compute, into a .png or .svg file."""
    trust: Trusted = False


def run(arguments: list[str]) -> int:
    args = parse(Arguments, arguments, command="eval", description="Measures weights on puzzles they have not seen.")
    from redraft.evaluate.measure import measure
    from redraft.plotting import require_picture

    if args.plot is not None:
        require_picture(args.plot)
    found = measure(
        args.weights,
        args.data,
        split=args.split,
        limit=args.limit,
        steps=args.steps,
        scale=args.scale,
        batch_size=args.batch_size,
        device=args.device,
        dtype=args.dtype,
        task=args.task,
    )
    if args.plot is not None:
        found.plot(args.plot)
    if args.json:
        print(json.dumps(found.to_dict(), allow_nan=False))
    else:
        found.show(terminal.console())
    return 0
