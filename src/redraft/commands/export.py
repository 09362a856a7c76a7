"""`redraft export`: writes weights as an ONNX graph, or as an ExecuTorch program, that solves without PyTorch."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from redraft.commands.arguments import Trusted, parse, require_options
from redraft.progress import stages


@dataclass(frozen=True, kw_only=True)
class Arguments:
    weights: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="WEIGHTS")]
    """Bundled weights (sudoku-6x6), a folder of weights, or a run's folder."""
    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"], metavar="FOLDER")] = None
    """Folder to write; default: the name of the weights with `-onnx` or `-executorch` appended."""
    to: Literal["onnx", "executorch"] = "onnx"
    """Format: an ONNX graph, or an ExecuTorch program for one puzzle at a time."""
    int8: bool = False
    """Quantizes matmuls to int8; falls back to float32 if fewer puzzles are solved."""
    check: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Number of puzzles on which graph and model are compared before anything is written; default: up to 64, fewer if
    that takes long."""
    data: Annotated[str | None, tyro.conf.arg(metavar="SOURCE")] = None
    """Source of these puzzles: a file, a folder or make:COUNT@SEED; default: a run's own test data, or new puzzles."""
    seed: int = 20261127
    """Seed of new puzzles."""
    trust: Trusted = False


def run(arguments: list[str]) -> int:
    args = parse(Arguments, arguments, command="export", description="Makes a graph that solves without PyTorch.")
    from redraft.export import require_export

    require_options(args, "check")
    require_options(args, "seed", least=0)
    require_export(args.to)  # before PyTorch is missed: the extra installs it, too
    from redraft.export.export import export_folder

    with stages("export") as report:
        folder, made = export_folder(
            args.weights,
            args.output,
            to=args.to,
            int8=args.int8,
            check=args.check,
            data=args.data,
            seed=args.seed,
            report=report,
        )
    if made.rejected is not None:
        print(f"int8: {made.rejected}; written in float32", file=sys.stderr)
    kind = "int8" if made.int8 else "float32"
    print(f"wrote {folder}: {args.to}, {kind}, {made.bytes / 1e6:.1f} MB; {made.agreement}")
    return 0
