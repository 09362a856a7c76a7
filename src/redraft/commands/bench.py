"""`redraft bench`: how fast this machine trains, solves and makes puzzles, maybe beside the published code."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro
from rich.console import Console

from redraft.commands.arguments import parse
from redraft.errors import ConfigError

if TYPE_CHECKING:
    from redraft.bench.models import Settings

KINDS = {
    "train": "Measures training: supervision steps with everything that belongs to them.",
    "solve": "Measures solving: puzzles a second at equal steps, and with halting where weights are given.",
    "make": "Measures making puzzles, checking them, and sampling batches.",
    "all": "Measures training, solving and making puzzles.",
}


@dataclass(frozen=True, kw_only=True)
class Make:
    threads: int | None = None
    """Threads of the CPU; by default as many as torch takes."""
    warmup: int = 1
    """Untimed repeats before the timed ones."""
    repeats: int = 5
    """Timed repeats."""
    seed: int = 0
    """Of weights and puzzles."""
    puzzles: int | None = None
    """Puzzles a repeat; by default one batch to solve, and 50 to make (of 6x6 eight times as many)."""
    json: bool = False
    """Prints the result as JSON, with every raw time."""
    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """Writes the same JSON to a file."""


@dataclass(frozen=True, kw_only=True)
class Train(Make):
    recipe: str = "sudoku-extreme-mlp"
    """Whose model and task; puzzles are made, so no data is needed."""
    batch_size: int = 8
    """Slots in training, puzzles worked on at once in solving."""
    compile: bool = False
    """Also measures every implementation under torch.compile."""
    reference: Path | None = None
    """A checkout of SamsungSAILMontreal/TinyRecursiveModels, to be measured in turn with the same weights and
    puzzles, trained with AdamW on both sides. Needs the packages einops and pydantic."""


@dataclass(frozen=True, kw_only=True)
class Solve(Train):
    weights: str | None = None
    """Weights that ship, a folder of weights, or a run's folder; else random ones of the recipe."""
    steps: int = 16
    """Supervision steps a puzzle gets at most."""


ARGUMENTS: dict[str, type[Make]] = {"train": Train, "solve": Solve, "make": Make, "all": Solve}


def run(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_usage())
        return 0 if arguments else 2
    kind = arguments[0]
    if kind not in KINDS:
        raise ConfigError(f"unknown benchmark {kind!r}; known: {', '.join(KINDS)}")
    args = parse(ARGUMENTS[kind], arguments[1:], command=f"bench {kind}", description=KINDS[kind])
    if args.output is not None and not args.output.parent.is_dir():
        raise ConfigError(f"--output {args.output}: the folder {args.output.parent} does not exist")
    result = measure(kind, args)
    text = json.dumps(result, indent=2)
    if args.output is not None:
        from redraft.files import write_text

        write_text(args.output, text + "\n")
    if args.json:
        print(text)
    else:
        from redraft.bench.show import show

        show(result, Console())
    return 0


def measure(kind: str, args: Make) -> dict[str, Any]:
    """The benchmarks of `kind`, with what they were measured on, as plain values for JSON."""
    import torch

    from redraft.bench.machine import context
    from redraft.bench.make import bench_make
    from redraft.bench.models import bench_solve, bench_train

    if args.threads is not None and args.threads < 1:
        raise ConfigError(f"--threads: expected at least 1, got {args.threads}")
    threads = args.threads or torch.get_num_threads()
    kept = torch.get_num_threads()
    torch.set_num_threads(threads)
    values = {field.name: getattr(args, field.name) for field in fields(args)}
    plain = {name: str(value) if isinstance(value, Path) else value for name, value in values.items()}
    result = {"benchmark": kind, **context(threads), "arguments": plain}
    console = Console(stderr=True)
    try:
        with console.status("starting") as status:
            tell: Callable[[str], None] = status.update if console.is_terminal else _plain
            if isinstance(args, Train):
                settings = _settings(args, threads)
                if kind in ("train", "all"):
                    result["train"] = bench_train(settings, tell)
                if kind in ("solve", "all"):
                    result["solve"] = bench_solve(settings, tell)
            if kind in ("make", "all"):
                result["make"] = bench_make(
                    warmup=args.warmup,
                    repeats=args.repeats,
                    seed=args.seed,
                    puzzles=50 if args.puzzles is None else args.puzzles,
                    tell=tell,
                )
    finally:
        torch.set_num_threads(kept)
    return result


def _settings(args: Train, threads: int) -> Settings:
    from redraft.bench.models import Settings

    known = {field.name for field in fields(Settings)} - {"threads"}
    given = {field.name: getattr(args, field.name) for field in fields(args) if field.name in known}
    return Settings(threads=threads, **given)


def _plain(text: str) -> None:
    print(text, file=sys.stderr)


def _usage() -> str:
    rows = [f"  {name:<6} {what}" for name, what in KINDS.items()]
    tail = "redraft bench train --help lists the options."
    return "\n".join(["usage: redraft bench train|solve|make|all [options]", "", *rows, "", tail])
