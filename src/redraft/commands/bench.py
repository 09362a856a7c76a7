"""`redraft bench`: how fast this machine trains a recipe and solves with weights, and which kernels it has."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import tyro

from redraft import terminal
from redraft.commands.arguments import Trusted, parse
from redraft.commands.group import Group
from redraft.errors import ConfigError, require_at_least
from redraft.files import require_place, write_text

if TYPE_CHECKING:
    from rich.console import Console

    from redraft.bench.contest import Log
    from redraft.bench.models import Settings

S = TypeVar("S", bound="Settings")

WHAT = {
    "train": "training: supervision steps with everything that belongs to them",
    "solve": "solving: puzzles per second at equal steps, and with halting where weights are given",
    "kernels": "kernels: which implementation of an operation runs when, and which this machine has (nothing is timed)",
}
GROUP = Group("redraft bench", {name: (f"redraft.commands.bench:{name}", what) for name, what in WHAT.items()})
# Kinds that need a checkout of the repository, as does `--reference`, with their names there.
MOVED = {"data": "data", "make": "data", "start": "start", "export": "export", "all": "all"}


@dataclass(frozen=True, kw_only=True)
class Common:
    json: bool = False
    """Prints the result as JSON, with every raw time."""
    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"], metavar="FILE")] = None
    """Writes the same JSON to a file."""
    trust: Trusted = False


@dataclass(frozen=True, kw_only=True)
class TimedOptions(Common):
    warmup: int = 1
    """Untimed repeats before the timed ones."""
    repeats: int = 5
    """Timed repeats."""


@dataclass(frozen=True, kw_only=True)
class TrainOptions(TimedOptions):
    recipe: str = "sudoku-extreme-mlp"
    """Whose model and task; puzzles are made, so no data is needed."""
    batch_size: int = 8
    """Slots in training, puzzles worked on at once in solving."""
    device: str = "cpu"
    """Where it runs: cpu, cuda or auto."""
    dtype: Literal["float32", "bfloat16"] | None = None
    """Type of the activations; by default as in the recipe or the weights."""
    compile: bool = False
    """Also measures under torch.compile."""
    threads: int | None = None
    """Threads of the CPU; by default as many as torch takes."""
    seed: int = 0
    """Seed of weights and puzzles."""


@dataclass(frozen=True, kw_only=True)
class SolveOptions(TrainOptions):
    weights: str | None = None
    """Bundled weights, a folder of weights, or a run's folder; by default random ones of the recipe."""
    puzzles: int | None = None
    """Puzzles per repeat; by default one batch."""
    steps: int = 16
    """Most supervision steps per puzzle."""
    int8: bool = False
    """Also measures solving with linear layers in 8-bit integers."""
    onnx: bool = False
    """Also measures exported graphs, in float32 and in 8-bit integers. Needs redraft[export]."""


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """`measure` takes the number of threads and a log and returns plain values for JSON, which `show` prints."""

    measure: Callable[[int, Log], dict[str, Any]]
    show: Callable[[dict[str, Any], Console], None]


def run(arguments: list[str]) -> int:
    name = arguments[0] if arguments else ""
    compared = any(each.partition("=")[0] == "--reference" for each in arguments)
    if name in MOVED or (name in WHAT and compared):
        what = f"{name} --reference" if compared else name
        raise ConfigError(f"{what}: run python -m benchmarks {MOVED.get(name, name)} in a checkout of redraft")
    return GROUP.run(arguments)


def train(arguments: list[str]) -> int:
    args = _parse(TrainOptions, "train", arguments)
    from redraft.bench.models import bench_train

    return publish("train", args, {"train": _of_models(bench_train, args)})


def solve(arguments: list[str]) -> int:
    args = _parse(SolveOptions, "solve", arguments)
    from redraft.bench.models import bench_solve

    return publish("solve", args, {"solve": _of_models(bench_solve, args)})


def kernels(arguments: list[str]) -> int:
    args = _parse(Common, "kernels", arguments)
    return publish("kernels", args, {"kernels": kernels_benchmark()})


def kernels_benchmark() -> Benchmark:
    """The table of kernels, which measures nothing."""
    from redraft.bench.show import show_kernels
    from redraft.kernels.ops import table

    return Benchmark(measure=lambda threads, report: {"rows": table()}, show=show_kernels)


def publish(name: str, args: Common, parts: Mapping[str, Benchmark], *, threads: int | None = None) -> int:
    """Measures all parts, and prints or writes the results and the machine as `args` says.

    `threads`: of torch; by default those of `args`, if it has any, else as many as torch takes.
    """
    import torch

    from redraft.bench.show import show_machine
    from redraft.device import choose_device
    from redraft.machine import context

    given = getattr(args, "threads", None)
    require_at_least(1, {"--threads": given})
    if args.output is not None:
        require_place(args.output)
    threads = threads or given or torch.get_num_threads()
    values = {field.name: getattr(args, field.name) for field in fields(args)}
    plain = {key: value.name if isinstance(value, Path) else value for key, value in values.items()}
    device = choose_device(getattr(args, "device", "cpu"))
    result = {"benchmark": name, **context(threads, device), "arguments": plain}
    console = terminal.console(stderr=True)
    before = torch.get_num_threads()
    with console.status("starting") as status:
        report: Log = status.update if console.is_terminal else lambda text: print(text, file=sys.stderr)
        try:
            for each, part in parts.items():
                torch.set_num_threads(threads)  # the part before may have changed it
                result[each] = part.measure(threads, report)
        finally:
            torch.set_num_threads(before)
    text = json.dumps(result, indent=2)
    if args.output is not None:
        write_text(args.output, text + "\n")
    if args.json:
        print(text)
        return 0
    console = terminal.console()
    show_machine(result, console)
    for each, part in parts.items():
        part.show(result[each], console)
    return 0


def settings_of(args: TrainOptions, threads: int, kind: type[S]) -> S:
    """The options that `kind` has a field for, as such settings."""
    from redraft.device import choose_device

    known = {field.name for field in fields(kind)} - {"threads", "device"}
    given = {field.name: getattr(args, field.name) for field in fields(args) if field.name in known}
    return kind(threads=threads, device=str(choose_device(args.device)), **given)


def _parse(kind: type[Any], name: str, arguments: list[str]) -> Any:
    return parse(kind, arguments, command=f"bench {name}", description=f"Measures {WHAT[name]}.")


def _of_models(measure: Callable[[Settings, Log], dict[str, Any]], args: TrainOptions) -> Benchmark:
    from redraft.bench.models import Settings
    from redraft.bench.show import show_models

    return Benchmark(
        measure=lambda threads, report: measure(settings_of(args, threads, Settings), report), show=show_models
    )
