"""`redraft plot`: the curves of training runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from redraft.commands.arguments import Trusted, parse


@dataclass(frozen=True, kw_only=True)
class Arguments:
    runs: Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="RUN …")] = ()
    """Folders of runs, finished or not."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"], metavar="FILE")] = Path("curves.svg")
    """The picture, .svg or .png."""
    trust: Trusted = False


def run(arguments: list[str]) -> int:
    description = "Plots loss and exact accuracy of training runs by step."
    args = parse(Arguments, arguments, command="plot", description=description, gather="runs")
    from redraft.errors import ConfigError
    from redraft.plotting import plot_curves, require_picture
    from redraft.run import Run

    if not args.runs:
        raise ConfigError("expected the folder of a run or more: redraft plot RUN … [-o curves.svg]")
    require_picture(args.output)
    plot_curves({name: Run(name).metrics() for name in args.runs}, args.output)
    print(f"wrote {args.output}")
    return 0
