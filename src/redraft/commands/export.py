"""`redraft export`: weights become an ONNX graph that solves without PyTorch."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from redraft.commands.arguments import Trusted, parse
from redraft.commands.progress import stages
from redraft.errors import ConfigError, RedraftError
from redraft.export import require_export
from redraft.tasks import get_task

if TYPE_CHECKING:
    from redraft.export.check import Trial
    from redraft.weights.io import Weights


@dataclass(frozen=True, kw_only=True)
class Arguments:
    weights: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="WEIGHTS")]
    """Weights that ship (sudoku-6x6), a folder of weights, or a run's folder."""
    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"], metavar="FOLDER")] = None
    """Folder to write; by default the name of the weights with `-onnx` appended."""
    int8: bool = False
    """Products in 8-bit integers, unless fewer puzzles were solved so."""
    check: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Puzzles on which graph and model are compared before anything is written; up to 64 unless given, fewer of what
    takes long."""
    data: Annotated[str | None, tyro.conf.arg(metavar="SOURCE")] = None
    """Where they come from: a file, a folder or make:COUNT@SEED; else a run's own test data, or new puzzles."""
    seed: int = 20261127
    """Of new puzzles."""
    trust: Trusted = False


def run(arguments: list[str]) -> int:
    args = parse(Arguments, arguments, command="export", description="Makes an ONNX graph that solves without PyTorch.")
    from redraft.solve.load import find_weights, open_weights

    if args.check is not None and args.check < 1:
        raise ConfigError(f"--check: expected at least 1, got {args.check}")
    if args.seed < 0:
        raise ConfigError(f"--seed: expected at least 0, got {args.seed}")
    require_export()
    given = find_weights(args.weights)
    folder = args.output or Path(f"{_name(given)}-onnx")
    for file in ("model.onnx", "model.safetensors", "config.json"):
        if (folder / file).exists():
            raise ConfigError(f"{folder}: holds a model or a run already; name another folder with -o")
    if folder.is_file() or not folder.resolve().parent.is_dir():
        raise ConfigError(f"{folder}: no place for a folder; name another with -o")
    weights = open_weights(given)
    from redraft.export.check import count_for
    from redraft.export.export import export

    count = count_for(weights.model) if args.check is None else args.check
    with stages("export") as tell:
        made = export(
            weights,
            folder,
            name=args.weights,
            int8=args.int8,
            trial=_trial(weights, args.data, count, tell),
            count=count,
            seed=args.seed,
            tell=tell,
        )
    if made.rejected is not None:
        print(f"int8: {made.rejected}; written in float32", file=sys.stderr)
    kind = "int8" if made.int8 else "float32"
    print(f"wrote {folder}: {kind}, {made.bytes / 1e6:.1f} MB; {made.agreement}")
    return 0


def _trial(weights: Weights, source: str | None, count: int, tell: Callable[[str], None]) -> Trial | None:
    """At most `count` rows to compare on: of the source, else of the test data of the run that made the weights.

    None where neither is there. Raises RedraftError where a source that was asked for cannot be opened.
    """
    from redraft.data.build import open_source
    from redraft.export.check import Trial, most_for

    task = get_task(weights.task)
    own = None if source is not None else _test_data(weights.card)
    if source is None and own is None:
        return None
    tell(f"reading {source or own}")
    try:
        store = open_source(task, source or str(own), split="test", limit=count)
    except RedraftError as error:
        if source is not None:
            raise
        print(
            f"redraft export: compared on new puzzles, as the run's test data is not to be read: {error}",
            file=sys.stderr,
        )
        return None
    return Trial(
        task=task,
        inputs=store.inputs,
        puzzle_ids=store.puzzle_ids,
        labels=store.labels,
        source=f"rows of {store.source}",
        judged=task.judges or bool((store.labels >= 0).any(1).all()),
        most=most_for(weights.model, len(store)),
    )


def _test_data(card: dict[str, Any]) -> str | None:
    """The test data that a run's card names, where it is on this disk."""
    run = card.get("run")
    data = run.get("data") if isinstance(run, dict) else None
    test = data.get("test") if isinstance(data, dict) else None
    return test if isinstance(test, str) and os.path.exists(test) else None


def _name(weights: Path) -> str:
    """What a folder of weights is called: of a run's best or last, the run."""
    weights = weights.resolve()
    return weights.parent.name if weights.name in ("best", "last") else weights.name
