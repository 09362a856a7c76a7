"""The kinds of benchmark: a table of their options, what they run, and how results are shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from redraft.bench import show
from redraft.commands.bench_common import Common
from redraft.export import PACKAGES

if TYPE_CHECKING:
    from rich.console import Console

    from redraft.bench.contest import Tell
    from redraft.bench.models import Settings


@dataclass(frozen=True, kw_only=True)
class TimedOptions(Common):
    warmup: int = 1
    """Untimed repeats before the timed ones."""
    repeats: int = 5
    """Timed repeats."""


@dataclass(frozen=True, kw_only=True)
class StartOptions(TimedOptions):
    threads: int | None = None
    """Threads of the CPU; by default as many as torch takes."""
    seed: int = 0
    """Seed of weights and puzzles."""


@dataclass(frozen=True, kw_only=True)
class DataOptions(StartOptions):
    puzzles: int | None = None
    """Puzzles a repeat; by default one batch to solve, and 50 to make (of 6x6 eight times as many)."""


@dataclass(frozen=True, kw_only=True)
class TrainOptions(DataOptions):
    recipe: str = "sudoku-extreme-mlp"
    """Whose model and task; puzzles are made, so no data is needed."""
    batch_size: int = 8
    """Slots in training, puzzles worked on at once in solving."""
    device: str = "cpu"
    """Where all sides run: cpu, cuda or auto."""
    dtype: Literal["float32", "bfloat16"] | None = None
    """Type of the activations; by default as in the recipe or the weights."""
    compile: bool = False
    """Also measures every implementation under torch.compile."""
    reference: Path | None = None
    """A checkout of SamsungSAILMontreal/TinyRecursiveModels, to be measured in turn with the same weights and
    puzzles, trained with AdamW on both sides. Needs the packages einops and pydantic."""


@dataclass(frozen=True, kw_only=True)
class SolveOptions(TrainOptions):
    weights: str | None = None
    """Bundled weights, a folder of weights, or a run's folder; by default random ones of the recipe."""
    steps: int = 16
    """Supervision steps a puzzle gets at most."""
    int8: bool = False
    """Also measures solving with linear maps in 8-bit integers."""
    onnx: bool = False
    """Also measures exported graphs, in float32 and in 8-bit integers. Needs redraft[export]."""


@dataclass(frozen=True, kw_only=True)
class ExportOptions(StartOptions):
    models: tuple[str, ...] = ("sudoku-6x6", "maze-8x8", "sudoku-9x9")
    """Bundled weights or folders of weights; or recipes, for models of their size with random weights."""
    batch_size: int = 16
    """Puzzles worked on at once."""


@dataclass(frozen=True, kw_only=True)
class AllOptions(SolveOptions):
    models: tuple[str, ...] = ExportOptions.models
    """Exported models: bundled weights or folders of weights; or recipes, for random weights of their size."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of benchmark.

    Attributes:
        what: it measures, in a line.
        arguments: the class of its options.
        measure: runs it, given its options, threads and whom to tell what is under way; plain values for JSON.
        show: prints what `measure` gave.
        one_thread: whether it runs on one thread whatever the machine has.
        needs: packages without which `all` leaves it out.
        check: raises RedraftError for options that cannot be meant, before anything at all is measured.
    """

    what: str
    arguments: type[Common]
    measure: Callable[[Any, int, Tell], dict[str, Any]]
    show: Callable[[dict[str, Any], Console], None]
    one_thread: bool = False
    needs: tuple[str, ...] = ()
    check: Callable[[Any], None] = lambda options: None


def _train(args: TrainOptions, threads: int, tell: Tell) -> dict[str, Any]:
    from redraft.bench.models import bench_train

    return bench_train(_settings(args, threads), tell)


def _solve(args: SolveOptions, threads: int, tell: Tell) -> dict[str, Any]:
    from redraft.bench.models import bench_solve

    return bench_solve(_settings(args, threads), tell)


def _data(args: DataOptions, threads: int, tell: Tell) -> dict[str, Any]:
    from redraft.bench.data import bench_data

    puzzles = 50 if args.puzzles is None else args.puzzles
    return bench_data(warmup=args.warmup, repeats=args.repeats, seed=args.seed, puzzles=puzzles, tell=tell)


def _start(args: StartOptions, threads: int, tell: Tell) -> dict[str, Any]:
    from redraft.bench.start import bench_start

    return bench_start(threads=threads, warmup=args.warmup, repeats=args.repeats, seed=args.seed, tell=tell)


def _kernels(args: Common, threads: int, tell: Tell) -> dict[str, Any]:
    from redraft.kernels.ops import table

    return {"rows": table()}


def _check_export(args: ExportOptions) -> None:
    from redraft.bench.export import require_models

    require_models(args.models)


def _export(args: ExportOptions, threads: int, tell: Tell) -> dict[str, Any]:
    from redraft.bench.export import bench_export

    return bench_export(
        args.models,
        batch_size=args.batch_size,
        threads=threads,
        warmup=args.warmup,
        repeats=args.repeats,
        seed=args.seed,
        tell=tell,
    )


def _settings(args: TrainOptions, threads: int) -> Settings:
    from redraft.bench.models import Settings
    from redraft.device import choose_device

    known = {field.name for field in fields(Settings)} - {"threads", "device"}
    given = {field.name: getattr(args, field.name) for field in fields(args) if field.name in known}
    return Settings(threads=threads, device=str(choose_device(args.device)), **given)


KINDS: dict[str, Kind] = {
    "train": Kind(
        what="training: supervision steps with everything that belongs to them",
        arguments=TrainOptions,
        measure=_train,
        show=show.show_train,
    ),
    "solve": Kind(
        what="solving: puzzles a second at equal steps, and with halting where weights are given",
        arguments=SolveOptions,
        measure=_solve,
        show=show.show_solve,
    ),
    "data": Kind(
        what="data: making puzzles, checking them, and sampling batches (also called make)",
        arguments=DataOptions,
        measure=_data,
        show=show.show_data,
    ),
    "start": Kind(
        what="starting: the first answer from a cold and a warm process, the first step of a training run",
        arguments=StartOptions,
        measure=_start,
        show=show.show_start,
    ),
    "export": Kind(
        what="exported models: how long exporting takes, and how fast graphs solve beside torch",
        arguments=ExportOptions,
        measure=_export,
        show=show.show_export,
        needs=PACKAGES,
        check=_check_export,
    ),
    "kernels": Kind(
        what="kernels: which implementation of an operation runs when, and which this machine has (nothing is timed)",
        arguments=Common,
        measure=_kernels,
        show=show.show_kernels,
    ),
}
ALIASES = {"make": "data"}


def part_of(args: AllOptions, kind: Kind) -> Any:
    """The options of one kind among those given for all; what was not given is as that kind has it."""
    known = {field.name for field in fields(kind.arguments)}
    values = {field.name: getattr(args, field.name) for field in fields(args) if field.name in known}
    default = {field.name: field.default for field in fields(args)}
    return kind.arguments(**{name: value for name, value in values.items() if value != default[name]})
