"""`redraft eval`: accuracy of weights on a data set."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from redraft import terminal
from redraft.commands.arguments import Trusted, parse
from redraft.commands.progress import progress


@dataclass(frozen=True, kw_only=True)
class Arguments:
    weights: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="WEIGHTS")]
    """Weights that ship (sudoku-6x6), a folder of weights or of an exported model, or a run's folder."""
    data: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="DATA")]
    """A file or folder of puzzles with answers, or make:COUNT@SEED for new ones."""
    split: str = "test"
    """Which file of a folder of data."""
    limit: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """At most so many puzzles (the first ones)."""
    steps: int = 16
    """Supervision steps; more than in training is allowed and often better."""
    batch_size: int = 256
    """Puzzles run at once."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    dtype: Literal["float32", "bfloat16", "int8"] = "float32"
    """Of the activations; int8, of weights too, needs a CPU."""
    json: bool = False
    """Prints all figures as JSON."""
    plot: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Draws accuracy against steps into a .png or .svg file."""
    trust: Trusted = False


def run(arguments: list[str]) -> int:
    args = parse(Arguments, arguments, command="eval", description="Measures weights on puzzles they have not seen.")
    from redraft.backends.choose import Here
    from redraft.contents import within
    from redraft.data.build import answered, open_source, store_folder
    from redraft.errors import ConfigError, DataError
    from redraft.evaluate.evaluate import evaluate
    from redraft.evaluate.ids import require_ids
    from redraft.evaluate.report import report, show
    from redraft.plotting import plot_steps, require_picture
    from redraft.solve.load import find_weights, is_exported, open_stepper
    from redraft.tasks import get_task
    from redraft.tasks.arc.task import Arc

    if args.steps < 1 or args.batch_size < 1:
        raise ConfigError(f"expected steps and batch-size of at least 1, got {args.steps} and {args.batch_size}")
    if args.plot is not None:
        require_picture(args.plot)
    bare = "torch" if Here.of_this_machine().torch else "numpy"
    backend = "onnx" if is_exported(find_weights(args.weights)) else bare
    weights = open_stepper(args.weights, device=args.device, dtype=args.dtype, backend=backend)
    task = get_task(weights.task)
    trained_on = args.data == within(weights.card, "run", "data", "train")
    if trained_on and (args.split == "train" or store_folder(args.data, "test") is None):
        print(f"redraft eval: {args.data} is what these weights were trained on", file=sys.stderr)
    store = open_source(task, args.data, split=args.split, limit=args.limit)
    for remark in require_ids(weights.table, store, name=args.weights, data=args.data):
        print(f"redraft eval: {remark}", file=sys.stderr)
    store = answered(store)
    if not len(store):
        votes = f"; its answers are for others to judge: redraft arc eval {args.weights} {args.data} --submission FILE"
        raise DataError(f"{args.data}: no puzzle has a known answer" + (votes if isinstance(task, Arc) else ""))
    started = time.monotonic()
    with progress("evaluating", len(store)) as tell:
        records = evaluate(weights.stepper, task, store, steps=args.steps, batch_size=args.batch_size, progress=tell)
    figures = report(records)
    context = {
        "weights": args.weights,
        "data": store.source,
        "device": weights.device,
        "seconds": round(time.monotonic() - started, 2),
    }
    if args.plot is not None:
        plot_steps(figures, args.plot, title=f"{args.weights} on {store.source}")
    if args.json:
        print(json.dumps({**context, **figures}, allow_nan=False))
    else:
        show(figures, terminal.console())
    return 0
