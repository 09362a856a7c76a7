"""Studies run from a checkout: `python -m benchmarks scale|effort|serve [options]`; the options of each by `--help`."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from benchmarks.effort.main import Effort, measure_effort
from benchmarks.effort.show import show_effort
from benchmarks.scale_show import show_scale
from benchmarks.serve import Serve, measure_serve, show_serve
from redraft.commands.arguments import parse
from redraft.commands.bench import report
from redraft.commands.bench_kinds import Kind, TimedOptions
from redraft.errors import RedraftError

if TYPE_CHECKING:
    from redraft.bench.contest import Tell


@dataclass(frozen=True, kw_only=True)
class Scale(TimedOptions):
    recipe: str = "sudoku-extreme-mlp"
    """Whose step is put under the machine's roof."""
    batch_size: int = 8
    """Puzzles that this step works on at once."""
    axes: tuple[str, ...] = ()
    """What to let grow: batch, cells-mlp, cells-attention, T, n, width, steps; by default all of them."""
    pictures: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER")] = None
    """Draws roofline.svg and growth.svg into a folder. Needs matplotlib."""


def _scale(args: Scale, threads: int, tell: Tell) -> dict[str, Any]:
    from benchmarks.plot import draw_pictures, require_pictures
    from benchmarks.scale import AXES, bench_scale, named_axes

    if args.pictures is not None:
        require_pictures(args.pictures)
    found = bench_scale(
        named_axes(args.axes) if args.axes else AXES,
        recipe=args.recipe,
        batch_size=args.batch_size,
        warmup=args.warmup,
        repeats=args.repeats,
        tell=tell,
    )
    if args.pictures is not None:
        draw_pictures(found, args.pictures)
    return found


STUDIES = {
    "scale": Kind(
        what="how the cost of a step grows with its shape, beside a formula; its place under the machine's roof",
        arguments=Scale,
        measure=_scale,
        show=show_scale,
        one_thread=True,
    ),
    "effort": Kind(
        what="what ways to stop and start solve against what they cost: less work for the same answer",
        arguments=Effort,
        measure=measure_effort,
        show=show_effort,
    ),
    "serve": Kind(
        what="requests a second and waiting times of `redraft serve` with many clients, in one batch and one at a time",
        arguments=Serve,
        measure=measure_serve,
        show=show_serve,
    ),
}


def main(arguments: list[str]) -> int:
    """Runs a study; returns its exit status: 0 done, 2 a mistake in the input."""
    name, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if name not in STUDIES:
        print(f"usage: python -m benchmarks {'|'.join(STUDIES)} [options]", file=sys.stderr)
        return 2
    study = STUDIES[name]
    try:
        args = parse(
            study.arguments, rest, command=name, description=f"Measures {study.what}.", program="python -m benchmarks"
        )
        return report(name, args, {name: study})
    except RedraftError as error:
        print(f"benchmarks {name}: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
