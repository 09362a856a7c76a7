"""Benchmarks and studies run from a checkout: `python -m benchmarks KIND [options]`; `--help` lists the options."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import tyro

from benchmarks import show
from benchmarks.effort.main import Effort, measure_effort
from benchmarks.effort.show import show_effort
from benchmarks.scale_show import show_scale
from benchmarks.serve import Serve, measure_serve, show_serve
from benchmarks.sizes.show import show_sizes
from benchmarks.sizes.sizes import Sizes, bench_sizes
from redraft.commands import bench
from redraft.commands.arguments import parse
from redraft.commands.bench import Benchmark, Common, SolveOptions, TimedOptions, TrainOptions, publish, settings_of
from redraft.errors import RedraftError
from redraft.export import PACKAGES

if TYPE_CHECKING:
    from rich.console import Console

    from redraft.bench.contest import Log

ALL = "all"
C = TypeVar("C", bound=Common)


@dataclass(frozen=True, kw_only=True)
class StartOptions(TimedOptions):
    threads: int | None = None
    """Threads of the CPU; by default as many as torch takes."""
    seed: int = 0
    """Seed of weights and puzzles."""


@dataclass(frozen=True, kw_only=True)
class DataOptions(StartOptions):
    puzzles: int | None = None
    """Sudokus of 9x9 per repeat, by default 50; eight times as many of 6x6."""


@dataclass(frozen=True, kw_only=True)
class Reference:
    reference: Path | None = None
    """A checkout of SamsungSAILMontreal/TinyRecursiveModels, to be measured in turn with the same weights and
    puzzles, trained with AdamW on both sides. Needs the packages einops and pydantic."""


@dataclass(frozen=True, kw_only=True)
class ComparedTrain(TrainOptions, Reference):
    """Options of `train`."""


@dataclass(frozen=True, kw_only=True)
class ComparedSolve(SolveOptions, Reference):
    """Options of `solve`."""


@dataclass(frozen=True, kw_only=True)
class ExportOptions(StartOptions):
    models: tuple[str, ...] = ("sudoku-6x6", "maze-8x8", "sudoku-9x9")
    """Bundled weights or folders of weights; or recipes, for models of their size with random weights."""
    batch_size: int = 16
    """Puzzles worked on at once."""


@dataclass(frozen=True, kw_only=True)
class Scale(TimedOptions):
    recipe: str = "sudoku-extreme-mlp"
    """Whose step is put under the machine's roof."""
    batch_size: int = 8
    """Puzzles that this step works on at once."""
    axes: tuple[str, ...] = ()
    """Axes to grow along: batch, cells-mlp, cells-attention, T, n, width, steps; by default all of them."""
    pictures: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER")] = None
    """Draws roofline.svg and growth.svg into a folder. Needs matplotlib."""


@dataclass(frozen=True, kw_only=True)
class AllOptions(ComparedSolve):
    models: tuple[str, ...] = ExportOptions.models
    """Exported models: bundled weights or folders of weights; or recipes, for random weights of their size."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of benchmark.

    Attributes:
        what: what it measures, in a line.
        arguments: the class of its options.
        measure: runs it, given its options, threads and a log; returns plain values for JSON.
        show: prints what `measure` returned.
        threads: of torch, where the options do not decide that.
        needs: packages without which `all` leaves it out.
        check: raises RedraftError for options that cannot be meant, before anything at all is measured.
    """

    what: str
    arguments: type[Common]
    measure: Callable[[Any, int, Log], dict[str, Any]]
    show: Callable[[dict[str, Any], Console], None]
    threads: int | None = None
    needs: tuple[str, ...] = ()
    check: Callable[[Any], None] = lambda options: None

    def benchmark(self, args: Common) -> Benchmark:
        return Benchmark(measure=lambda threads, report: self.measure(args, threads, report), show=self.show)


def _train(args: ComparedTrain, threads: int, report: Log) -> dict[str, Any]:
    from benchmarks.published.models import Compared, bench_train

    return bench_train(settings_of(args, threads, Compared), report)


def _solve(args: ComparedSolve, threads: int, report: Log) -> dict[str, Any]:
    from benchmarks.published.models import Compared, bench_solve

    return bench_solve(settings_of(args, threads, Compared), report)


def _data(args: DataOptions, threads: int, report: Log) -> dict[str, Any]:
    from benchmarks.data import bench_data

    puzzles = 50 if args.puzzles is None else args.puzzles
    return bench_data(warmup=args.warmup, repeats=args.repeats, seed=args.seed, puzzles=puzzles, report=report)


def _start(args: StartOptions, threads: int, report: Log) -> dict[str, Any]:
    from benchmarks.start import bench_start

    return bench_start(threads=threads, warmup=args.warmup, repeats=args.repeats, seed=args.seed, report=report)


def _check_export(args: ExportOptions) -> None:
    from benchmarks.export import require_models

    require_models(args.models)


def _export(args: ExportOptions, threads: int, report: Log) -> dict[str, Any]:
    from benchmarks.export import bench_export

    return bench_export(
        args.models,
        batch_size=args.batch_size,
        threads=threads,
        warmup=args.warmup,
        repeats=args.repeats,
        seed=args.seed,
        report=report,
    )


def _scale(args: Scale, threads: int, report: Log) -> dict[str, Any]:
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
        report=report,
    )
    if args.pictures is not None:
        draw_pictures(found, args.pictures)
    return found


SPEED: dict[str, Kind] = {  # all of `all`
    "train": Kind(
        what="training, beside its matmuls alone and the published code",
        arguments=ComparedTrain,
        measure=_train,
        show=show.show_models,
    ),
    "solve": Kind(
        what="solving at equal steps, and with halting where weights are given; beside the same",
        arguments=ComparedSolve,
        measure=_solve,
        show=show.show_models,
    ),
    "data": Kind(
        what="making puzzles, checking them, and sampling batches",
        arguments=DataOptions,
        measure=_data,
        show=show.show_data,
    ),
    "start": Kind(
        what="the first answer from a cold and a warm process, the first step of a training run",
        arguments=StartOptions,
        measure=_start,
        show=show.show_start,
    ),
    "export": Kind(
        what="how long exporting models takes, and how fast graphs solve beside torch",
        arguments=ExportOptions,
        measure=_export,
        show=show.show_export,
        needs=PACKAGES,
        check=_check_export,
    ),
}
STUDIES = {
    "scale": Kind(
        what="how the cost of a step grows with its shape, beside a formula; its place under the machine's roof",
        arguments=Scale,
        measure=_scale,
        show=show_scale,
        threads=1,
    ),
    "effort": Kind(
        what="accuracy against compute for stopping, restart and guessing policies",
        arguments=Effort,
        measure=measure_effort,
        show=show_effort,
    ),
    "sizes": Kind(
        what="what each way to run the bundled models takes: bytes, memory, milliseconds and joules per step",
        arguments=Sizes,
        measure=bench_sizes,
        show=show_sizes,
        threads=1,
    ),
    "serve": Kind(
        what="requests per second and latency of redraft serve with many clients, in one batch and one at a time",
        arguments=Serve,
        measure=measure_serve,
        show=show_serve,
    ),
}
KINDS = {**SPEED, **STUDIES}


def main(arguments: list[str]) -> int:
    """Runs a benchmark; returns its exit status: 0 done, 2 a mistake in the input."""
    name, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if name not in (*KINDS, ALL):
        print(_usage(), file=sys.stderr)
        return 2
    try:
        if name == ALL:
            options = _parse(AllOptions, rest, name, f"{', '.join(SPEED)}, and redraft bench kernels")
            return publish(ALL, options, all_of(options, SPEED))
        kind = KINDS[name]
        args = _parse(kind.arguments, rest, name, kind.what)
        kind.check(args)
        return publish(name, args, {name: kind.benchmark(args)}, threads=kind.threads)
    except RedraftError as error:
        print(f"benchmarks {name}: {error}", file=sys.stderr)
        return 2


def _usage() -> str:
    rows = [f"  {name:<6}  {kind.what}" for name, kind in KINDS.items()]
    rows.append(f"  {ALL:<6}  {', '.join(SPEED)}, and redraft bench kernels")
    return "\n".join([f"usage: python -m benchmarks {'|'.join((*KINDS, ALL))} [options]", "", *rows])


def _parse(arguments: type[C], rest: list[str], name: str, what: str) -> C:
    return parse(arguments, rest, command=f"-m benchmarks {name}", description=f"Measures {what}.", program="python")


def all_of(args: AllOptions, kinds: dict[str, Kind]) -> dict[str, Benchmark]:
    """The benchmarks whose packages are installed, their options checked; those left out are named."""
    options = {}
    for name, kind in kinds.items():
        if all(map(find_spec, kind.needs)):
            options[name] = part_of(args, kind)
            kind.check(options[name])
        else:
            print(f"{name} was left out: it needs {', '.join(kind.needs)}", file=sys.stderr)
    found = {name: kinds[name].benchmark(given) for name, given in options.items()}
    return {**found, "kernels": bench.kernels_benchmark()}


def part_of(args: AllOptions, kind: Kind) -> Any:
    """The options of one kind among those given for all; an option not given is as that kind has it."""
    known = {field.name for field in fields(kind.arguments)}
    values = {field.name: getattr(args, field.name) for field in fields(args) if field.name in known}
    default = {field.name: field.default for field in fields(args)}
    return kind.arguments(**{name: value for name, value in values.items() if value != default[name]})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
