"""`python -m benchmarks effort`: puzzles solved against evaluations, for many policies to stop, restart and guess."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from redraft.commands.bench import Common
from redraft.progress import progress

if TYPE_CHECKING:
    from redraft.bench.contest import Log


@dataclass(frozen=True, kw_only=True)
class Effort(Common):
    weights: str = "sudoku-6x6"
    """Bundled weights, a folder of weights, or a run's folder."""
    data: str = "make:2000@4242"
    """Puzzles with answers, or make:COUNT@SEED for new ones; take a seed that nothing was trained on."""
    steps: int = 16
    """Supervision steps a puzzle gets at most."""
    batch_size: int = 256
    """Puzzles run at once."""
    tries: int = 8
    """Restarts of puzzles that stay unsolved."""
    seed: int = 0
    """Seed of the random states they restart from."""
    threads: int | None = None
    """Threads of the CPU; by default as many as torch takes."""
    plot: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Draws the share unsolved against evaluations into a .png or .svg file."""


def measure_effort(args: Effort, threads: int, report: Log) -> dict[str, Any]:
    """The measurement as plain values for JSON; draws the picture too, if one was asked for."""
    from benchmarks.effort.effort import bench_effort
    from benchmarks.effort.plot import plot_effort
    from redraft.data.build import answered, open_source
    from redraft.plotting import require_picture
    from redraft.solve.load import open_weights
    from redraft.tasks import get_task

    if args.plot is not None:
        require_picture(args.plot)
    weights = open_weights(args.weights)
    task = get_task(weights.task)
    store = answered(open_source(task, args.data, split="test"))
    with progress("measuring", len(store)) as done:
        found = bench_effort(
            weights.model,
            task,
            store,
            steps=args.steps,
            batch_size=args.batch_size,
            tries=args.tries,
            seed=args.seed,
            report=report,
            progress=done,
        )
    found = {"weights": args.weights, "task": task.name, "data": store.source, **found}
    if args.plot is not None:
        plot_effort(found, args.plot)
    return found
