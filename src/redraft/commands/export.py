"""`redraft export`: weights become an ONNX graph that solves without PyTorch."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from redraft import terminal
from redraft.commands.arguments import Trusted, parse
from redraft.errors import ConfigError
from redraft.export import require_export


@dataclass(frozen=True, kw_only=True)
class Arguments:
    weights: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="WEIGHTS")]
    """Weights that ship (sudoku-6x6), a folder of weights, or a run's folder."""
    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"], metavar="FOLDER")] = None
    """Folder to write; by default the name of the weights with `-onnx` appended."""
    int8: bool = False
    """Products in 8-bit integers, unless fewer puzzles were solved so."""
    check: Annotated[int, tyro.conf.arg(metavar="INT")] = 64
    """New puzzles on which graph and model are compared before anything is written."""
    seed: int = 20261127
    """Of these puzzles."""
    trust: Trusted = False


def run(arguments: list[str]) -> int:
    args = parse(Arguments, arguments, command="export", description="Makes an ONNX graph that solves without PyTorch.")
    from redraft.solve.load import find_weights, open_weights

    if args.check < 1:
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
    from redraft.export.export import export

    with terminal.console(stderr=True).status("starting") as status:
        made = export(
            weights,
            folder,
            name=args.weights,
            int8=args.int8,
            count=args.check,
            seed=args.seed,
            tell=status.update,
        )
    if made.rejected is not None:
        print(f"int8: {made.rejected}; written in float32", file=sys.stderr)
    kind = "int8" if made.int8 else "float32"
    print(f"wrote {folder}: {kind}, {made.bytes / 1e6:.1f} MB; {made.agreement}")
    return 0


def _name(weights: Path) -> str:
    """What a folder of weights is called: of a run's best or last, the run."""
    weights = weights.resolve()
    return weights.parent.name if weights.name in ("best", "last") else weights.name
