"""`redraft train`: run a recipe, or go on with a run."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, cast

import torch
import tyro
from rich.console import Console

from redraft.commands.arguments import parse
from redraft.commands.fastest import fastest
from redraft.data.build import open_source, store_folder, task_of
from redraft.data.store import Store
from redraft.device import choose_device, own_device
from redraft.errors import ConfigError
from redraft.evaluate.judge import in_brief, judge, unseen
from redraft.models.io import count_parameters
from redraft.recipes import RECIPES, get_recipe, shrunk
from redraft.recipes.own import Size, recipe_for
from redraft.solve.load import open_weights
from redraft.tasks import Task
from redraft.tasks.arc import Arc
from redraft.tasks.grids import Grids
from redraft.train.checkpoint import STATE
from redraft.train.config import RunConfig, run_to_dict, with_table
from redraft.train.log import Display, MetricsFile, Reporter, open_tracker, require_tracker
from redraft.train.loop import BEST, LAST, Evaluate, Outcome, Trainer, open_run
from redraft.train.processes import Processes, processes

DESCRIPTION = "Trains a model by a recipe ({}); every value of the recipe is a flag."
USAGE = """usage: redraft train RECIPE [--tiny] [options]
       redraft train DATA [--size nano|tiny|paper] [options]
       redraft train --resume FOLDER [options]

{}
DATA is a folder that `redraft data build` made; its recipe is inferred, as large as --size says (tiny by default).
redraft train RECIPE --help lists the options. --tiny shrinks the recipe to seconds.
On several GPUs: torchrun --nproc-per-node N -m redraft train …"""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """How this machine runs it; does not belong to the run."""

    device: str = "auto"
    """auto, cpu, cuda or mps."""
    stop_after: Annotated[float | None, tyro.conf.arg(metavar="SECONDS")] = None
    """Stops after so many seconds with a checkpoint to resume from."""
    track: Annotated[str | None, tyro.conf.arg(metavar="TRACKER")] = None
    """Also reports to tensorboard, wandb or trackio."""
    prefetch: Annotated[int | None, tyro.conf.arg(metavar="BATCHES")] = None
    """Batches sampled in advance by a thread; by default 2 where the device is no CPU or a core is idle, else 0."""


@dataclass(frozen=True, kw_only=True)
class Resumed(Machine):
    threads: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Threads of the CPU, where it was stopped before its first checkpoint; else it keeps those it was started with."""


@dataclass(frozen=True, kw_only=True)
class Arguments(Machine):
    fast: bool = False
    """Takes every option that makes training faster on this machine, and says which and why; on a CPU it times a few
    steps with each dtype and number of threads. Other flags win."""
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"], metavar="FOLDER")] = None
    """Folder of the run; by default runs/RECIPE, with a number if that is taken."""
    # --compile True and --data.augment False rather than --compile and --data.no-augment: values as in config.json
    config: Annotated[tyro.conf.FlagConversionOff[RunConfig], tyro.conf.arg(name="")]

    @property
    def threads(self) -> int | None:
        return self.config.threads


def run(arguments: list[str]) -> int:
    description = DESCRIPTION.format(", ".join(RECIPES))
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE.format(description), file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else 2
    if arguments[0] == "--resume":
        return _resume(arguments[1:])
    name, *rest = [argument for argument in arguments if argument != "--tiny"] or ["-"]
    if name.startswith("-"):
        raise ConfigError(f"the recipe comes first: redraft train RECIPE [options]; known: {', '.join(RECIPES)}")
    size, rest = _taken(rest, "--size")
    recipe = _recipe(name, size=size, tiny="--tiny" in arguments)

    def parsed(config: RunConfig) -> Arguments:
        default = Arguments(config=config)
        return parse(Arguments, rest, command=f"train {name}", description=description, default=default)

    args = parsed(recipe)
    with processes(own_device(choose_device(args.device))) if args.fast else nullcontext(Processes()) as group:
        if args.fast:
            args = fastest(args, recipe, parsed, group)
        folder = args.out or _free_folder(Path("runs") / recipe.recipe)
        return _train(args.config, folder, args, resume=False)


def _set_threads(args: Resumed | Arguments) -> None:
    if args.threads is not None:
        if args.threads < 1:
            raise ConfigError(f"threads: expected at least 1, got {args.threads}")
        torch.set_num_threads(args.threads)


def _recipe(name: str, *, size: str | None, tiny: bool) -> RunConfig:
    """The recipe of that name, or that inferred from a folder of data (one called like a recipe is `./NAME`)."""
    if name in RECIPES or store_folder(name, "train") is None:
        if size is not None:
            raise ConfigError("--size is for a folder of data, whose recipe is inferred; a recipe has its own")
        return get_recipe(name, tiny=tiny)
    if store_folder(name, "test") is None:
        raise ConfigError(f"{name}: has no store `test` beside `train`; build one with redraft data build")
    task = task_of(name, name)
    recipe = recipe_for(task, open_source(task, name), folder=name, size=cast(Size, size or "tiny"))
    return shrunk(recipe, made=False) if tiny else recipe


def _taken(arguments: list[str], flag: str) -> tuple[str | None, list[str]]:
    """The value of a flag, None where it is not there, and the arguments without it."""
    for i, argument in enumerate(arguments):
        if argument.startswith(flag + "="):
            return argument.partition("=")[2], arguments[:i] + arguments[i + 1 :]
        if argument == flag:
            if i + 1 == len(arguments):
                raise ConfigError(f"{flag}: expected a value")
            return arguments[i + 1], arguments[:i] + arguments[i + 2 :]
    return None, arguments


def _resume(arguments: list[str]) -> int:
    if not arguments or arguments[0].startswith("-"):
        raise ConfigError("--resume: expected the folder of a run")
    folder = Path(arguments[0])
    args = parse(Resumed, arguments[1:], command="train --resume FOLDER", description="Goes on with a run.")
    return _train(open_run(folder), folder, args, resume=True)


def _train(config: RunConfig, folder: Path, args: Resumed | Arguments, *, resume: bool) -> int:
    _set_threads(args)
    if args.track is not None:
        require_tracker(args.track)  # before there is a folder that a second try would stumble over
    device = own_device(choose_device(args.device))
    with processes(device) as group:
        console = Console(stderr=True, quiet=not group.first)
        task = task_of(config.task, config.data.train)
        console.print(f"reading {config.data.train} and {config.data.test} …", highlight=False)
        data = open_source(task, config.data.train, split="train", limit=config.data.train_limit)
        test = unseen(task, config.data.test, trained_on=data, limit=config.data.test_limit)
        config = with_table(config, data.num_puzzle_ids)
        trainer = Trainer(
            config,
            folder,
            task=task,
            data=data,
            device=device,
            resume=resume,
            initial=None if config.init is None or (folder / STATE).exists() else open_weights(config.init),
            processes=group,
            prefetch=args.prefetch,
        )
        _announce(trainer, test, console)
        outcome = conduct(trainer, evaluator(task, test, config), console, track=args.track, stop_after=args.stop_after)
        return _conclude(outcome, config, task, console)


def _announce(trainer: Trainer, test: Store, console: Console) -> None:
    network, table = count_parameters(trainer.learner.model)
    world = trainer.processes.world
    console.print(
        f"{trainer.config.recipe} in {trainer.folder}: {network:,} parameters"
        + (f" and {table:,} in the puzzle embedding" if table else "")
        + f", {len(trainer.data):,} puzzles to learn from, {len(test):,} unseen ones to judge by, on {trainer.device}"
        + (f" in {world} processes" if world > 1 else ""),
        highlight=False,
        soft_wrap=True,
    )


def conduct(
    trainer: Trainer,
    evaluate: Evaluate,
    console: Console,
    *,
    track: str | None = None,
    stop_after: float | None = None,
) -> Outcome:
    """Runs the trainer, and reports to its folder, the console and the tracker, if this process is the first."""
    reporters = _reporters(trainer, track, console) if trainer.processes.first else []
    try:
        return trainer.run(evaluate, reporters, stop_after=stop_after)
    finally:
        for reporter in reporters:
            reporter.close()


def _reporters(trainer: Trainer, track: str | None, console: Console) -> list[Reporter]:
    step, config = trainer.progress.step, trainer.config
    reporters: list[Reporter] = [MetricsFile(trainer.folder, resumed_at=step)]
    if track is not None:
        reporters.append(open_tracker(track, trainer.folder, run_to_dict(config)))
    return [*reporters, Display(total=config.steps, start=step, console=console)]


def _conclude(outcome: Outcome, config: RunConfig, task: Task, console: Console) -> int:
    progress, folder = outcome.progress, outcome.folder
    if not outcome.finished:
        console.print(
            f"stopped at step {progress.step} of {config.steps}, saved in {folder / STATE}\n"
            f"go on with: redraft train --resume {folder}",
            highlight=False,
            soft_wrap=True,
        )
        return 130 if outcome.interrupted else 0
    console.print(
        f"done: {config.steps} steps in {progress.seconds:.0f} s; best evaluation {progress.best:.2%} exact "
        f"at step {progress.best_step}\nweights: {folder / BEST} (best), {folder / LAST}\n"
        + _hint(task, folder, config),
        highlight=False,
        soft_wrap=True,
    )
    return 0


def _hint(task: Task, folder: Path, config: RunConfig) -> str:
    """What to do with the weights in the folder of a run."""
    if isinstance(task, Arc):
        return f"let them vote: redraft arc eval {folder} {config.data.test}"
    if isinstance(task, Grids):
        return f"try them: redraft eval {folder} {config.data.test}, or redraft solve --weights {folder} -f PUZZLES"
    return f"try them: redraft make {task.name} 3 --seed 99 | redraft solve --weights {folder} -f -"


def evaluator(task: Task, test: Store, config: RunConfig) -> Evaluate:
    """What training calls to judge a model: the figures of a full evaluation that are worth a line."""
    return lambda model: in_brief(judge(model, task, test, steps=config.eval_steps, batch_size=config.batch_size))


def _free_folder(folder: Path) -> Path:
    candidate, number = folder, 2
    while candidate.exists():
        candidate, number = folder.with_name(f"{folder.name}-{number}"), number + 1
    return candidate
