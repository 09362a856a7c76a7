"""`redraft train`: run a recipe, or resume a run."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, cast

import tyro

from redraft.commands.arguments import Trusted, parse
from redraft.commands.examples import examples
from redraft.commands.fastest import fastest
from redraft.data.build import store_folder
from redraft.data.store import VIEWS
from redraft.device import choose_device, own_device
from redraft.errors import ConfigError
from redraft.recipes import RECIPES, recipe_of
from redraft.recipes.change import apply
from redraft.recipes.own import Size
from redraft.run import carry_out, free_folder, resumed_config
from redraft.tasks import Task
from redraft.tasks.arc.task import Arc
from redraft.tasks.grids.task import Grids
from redraft.train.config import RunConfig
from redraft.train.folder import CONFIG, find_run
from redraft.train.processes import processes
from redraft.trust import remembered_names, trusting

DESCRIPTION = "Trains a model by a recipe ({}). Every value of the recipe is a flag."
USAGE = """usage: redraft train RECIPE [--tiny] [options]
       redraft train DATA [--size nano|tiny|paper] [options]
       redraft train --resume FOLDER [--steps N] [--data.train PATH] [--data.test PATH] [options]

{}
DATA is a folder that `redraft data build` made; its recipe is inferred, as large as --size says (tiny by default).
redraft train RECIPE --help lists the options. --tiny shrinks the recipe to seconds.
On several GPUs: torchrun --nproc-per-node N -m redraft train …"""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """How this machine runs it; not part of the run."""

    device: str = "auto"
    """auto, cpu, cuda or mps."""
    stop_after: Annotated[float | None, tyro.conf.arg(metavar="SECONDS")] = None
    """Stops after this many seconds with a checkpoint to resume from."""
    track: Annotated[str | None, tyro.conf.arg(metavar="TRACKER")] = None
    """Also reports to tensorboard, wandb or trackio."""
    prefetch: Annotated[int | None, tyro.conf.arg(metavar="BATCHES")] = None
    """Batches sampled in advance by a thread; by default 2 where the device is no CPU or a core is idle, else 0."""
    trust: Trusted = False


@dataclass(frozen=True, kw_only=True)
class Arguments(Machine):
    fast: bool = False
    """Takes every option that makes training faster on this machine, and prints the reasons; on a CPU it times a few
    steps with each dtype and number of threads. Other flags win."""
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"], metavar="FOLDER")] = None
    """Folder of the run; by default runs/RECIPE, with a number if that is taken."""
    # --compile True and --data.augment False rather than --compile and --data.no-augment: values as in config.json
    config: Annotated[tyro.conf.FlagConversionOff[RunConfig], tyro.conf.arg(name="")]

    @property
    def threads(self) -> int | None:
        return self.config.threads


@dataclass(frozen=True, kw_only=True)
class Moved:
    """New places of a run's data; the examples must be the same."""

    train: Annotated[str | None, tyro.conf.arg(metavar="PATH")] = None
    """New place of the training data, where it has been moved."""
    test: Annotated[str | None, tyro.conf.arg(metavar="PATH")] = None
    """New place of the test data; that of --data.train if one folder holds both."""


@dataclass(frozen=True, kw_only=True)
class Resumed(Machine):
    """Values of a run that may change when it is resumed."""

    steps: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Steps in all, more or fewer than planned, but no fewer than are done."""
    threads: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Threads of the CPU, where it was stopped before its first checkpoint; else it keeps those it was started with."""
    data: Moved = Moved()


def run(arguments: list[str]) -> int:
    description = DESCRIPTION.format(", ".join(RECIPES))
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE.format(description), examples("train"), sep="\n\n", file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else 2
    resumed, rest = _taken(arguments, "--resume", what="the folder of a run")
    if resumed is not None:
        return _resume(resumed, rest)
    name, *rest = [argument for argument in arguments if argument != "--tiny"] or ["-"]
    if name.startswith("-"):
        raise ConfigError(f"the recipe comes first: redraft train RECIPE [options]; known: {', '.join(RECIPES)}")
    size, rest = _taken(rest, "--size", what="a value")
    recipe = recipe_of(name, size=cast(Size | None, size), tiny="--tiny" in arguments)
    task, rest = _taken(rest, "--task", what="the name of a task")
    if task is not None:  # first, since the model's cells and tokens, whose flags win, are those of the task
        recipe = apply(recipe, {"task": task}, where="--task")

    def parsed(config: RunConfig) -> Arguments:
        default = Arguments(config=config)
        return parse(Arguments, rest, command=f"train {name}", description=description, default=default)

    args = parsed(recipe)
    if not args.fast:
        return _start(recipe, args)
    device = own_device(choose_device(args.device))
    with processes(device) as group:
        ahead = args.prefetch is not None
        return _start(recipe, parsed(fastest(recipe, lambda other: parsed(other).config, device, group, ahead=ahead)))


def _start(recipe: RunConfig, args: Arguments) -> int:
    return _train(args.config, args.out or free_folder(Path("runs") / recipe.recipe), args, resume=False)


def _taken(arguments: list[str], flag: str, *, what: str) -> tuple[str | None, list[str]]:
    """The value of a flag, which names `what`, None if not given, and the arguments without it."""
    for i, argument in enumerate(arguments):
        if argument.startswith(flag + "="):
            return argument.partition("=")[2], arguments[:i] + arguments[i + 1 :]
        if argument == flag:
            if i + 1 == len(arguments) or arguments[i + 1].startswith("-"):
                raise ConfigError(f"{flag}: expected {what}")
            return arguments[i + 1], arguments[:i] + arguments[i + 2 :]
    return None, arguments


def _resume(path: str, arguments: list[str]) -> int:
    args = parse(Resumed, arguments, command="train --resume FOLDER", description="Resumes a run.")
    folder = find_run(Path(path))
    with trusting(remembered_names(folder / CONFIG)):  # of the user's own run, also for the data that it names
        moved = args.data
        config = resumed_config(folder, steps=args.steps, threads=args.threads, train=moved.train, test=moved.test)
        return _train(config, folder, args, resume=True)


def _train(config: RunConfig, folder: Path, args: Resumed | Arguments, *, resume: bool) -> int:
    outcome = carry_out(
        config,
        folder,
        resume=resume,
        device=args.device,
        threads=args.threads,
        stop_after=args.stop_after,
        track=args.track,
        prefetch=args.prefetch,
        hint=_hint,
    )
    return 130 if outcome.interrupted else 0


def _hint(task: Task, folder: Path, config: RunConfig) -> str:
    """Advice on a next command for the weights in the folder of a run."""
    test = store_folder(config.data.test, "test")
    if test is not None and (test / VIEWS).is_file():
        return f"let them vote: redraft arc eval {folder} {config.data.test}"
    if isinstance(task, Arc):
        return f"try them: redraft eval {folder} {config.data.test}"
    if isinstance(task, Grids):
        return f"try them: redraft eval {folder} {config.data.test}, or redraft solve --weights {folder} -f PUZZLES"
    return f"try them: redraft make {task.name} 3 --seed 99 | redraft solve --weights {folder} -f -"
