"""`redraft train`: run a recipe, or go on with a run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, cast

import torch
import tyro
from rich.console import Console

from redraft import terminal
from redraft.commands.arguments import Trusted, parse
from redraft.commands.examples import examples
from redraft.commands.fastest import fastest
from redraft.data.build import open_source, store_folder, task_of
from redraft.data.store import VIEWS, Store
from redraft.device import choose_device, own_device
from redraft.errors import ConfigError
from redraft.evaluate.judge import in_brief, judge, require_rows, unseen
from redraft.recipes import RECIPES, get_recipe, shrunk
from redraft.recipes.own import Size, recipe_for
from redraft.solve.load import open_weights
from redraft.tasks import Task
from redraft.tasks.arc.task import Arc
from redraft.tasks.grids.task import Grids
from redraft.train.checkpoint import STATE
from redraft.train.config import RunConfig, run_to_dict, with_table
from redraft.train.folder import BEST, CONFIG, LAST, data_in, find_run, own_run, path_from
from redraft.train.log import Display, MetricsFile, Reporter, open_tracker, require_tracker
from redraft.train.loop import Evaluate, Outcome, Trainer, open_run
from redraft.train.processes import Processes, processes
from redraft.trust import remembered_names, trusting
from redraft.weights.io import count_parameters

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
    """How this machine runs it; does not belong to the run."""

    device: str = "auto"
    """auto, cpu, cuda or mps."""
    stop_after: Annotated[float | None, tyro.conf.arg(metavar="SECONDS")] = None
    """Stops after so many seconds with a checkpoint to resume from."""
    track: Annotated[str | None, tyro.conf.arg(metavar="TRACKER")] = None
    """Also reports to tensorboard, wandb or trackio."""
    prefetch: Annotated[int | None, tyro.conf.arg(metavar="BATCHES")] = None
    """Batches sampled in advance by a thread; by default 2 where the device is no CPU or a core is idle, else 0."""
    trust: Trusted = False


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


def _taken(arguments: list[str], flag: str, *, what: str) -> tuple[str | None, list[str]]:
    """The value of a flag, None where it is not there, and the arguments without it; it is to name `what`."""
    for i, argument in enumerate(arguments):
        if argument.startswith(flag + "="):
            return argument.partition("=")[2], arguments[:i] + arguments[i + 1 :]
        if argument == flag:
            if i + 1 == len(arguments) or arguments[i + 1].startswith("-"):
                raise ConfigError(f"{flag}: expected {what}")
            return arguments[i + 1], arguments[:i] + arguments[i + 2 :]
    return None, arguments


def _resume(path: str, arguments: list[str]) -> int:
    args = parse(Resumed, arguments, command="train --resume FOLDER", description="Goes on with a run.")
    folder = find_run(Path(path))
    with trusting(remembered_names(folder / CONFIG)):  # of the user's own run, also for the data that it names
        config = open_run(folder)
        data, moved = config.data, args.data
        if moved.test is None and data.test == data.train:  # a folder with both
            moved = replace(moved, test=moved.train)
        if moved.train is not None:
            data = replace(data, train=path_from(folder, moved.train))
        if moved.test is not None:
            data = replace(data, test=path_from(folder, moved.test))
        steps = config.steps if args.steps is None else args.steps
        threads = config.threads if args.threads is None or (folder / STATE).exists() else args.threads
        return _train(replace(config, data=data, steps=steps, threads=threads), folder, args, resume=True)


def _train(config: RunConfig, folder: Path, args: Resumed | Arguments, *, resume: bool) -> int:
    _set_threads(args)
    if args.track is not None:
        require_tracker(args.track)
    device = own_device(choose_device(args.device))
    with processes(device) as group, own_run(folder, group):
        console = terminal.console(stderr=True, quiet=not group.first)
        task, data, test = _read(config, folder if resume else None, console)
        config = with_table(config, data.num_puzzle_ids)
        require_rows(config, data, test)
        if not len(test):
            console.print(
                f"no test input of {config.data.test} has a known output that is not trained on: training without "
                "figures; the last weights count as the best",
                highlight=False,
                soft_wrap=True,
            )
        trainer = Trainer(
            config,
            folder,
            task=task,
            data=data,
            test=test,
            device=device,
            resume=resume,
            initial=None if config.init is None or (folder / STATE).exists() else open_weights(config.init),
            processes=group,
            prefetch=args.prefetch,
        )
        _announce(trainer, test, console, resumed=resume)
        outcome = conduct(trainer, evaluator(task, test, config), console, track=args.track, stop_after=args.stop_after)
        return _conclude(outcome, config, task, console)


def _read(config: RunConfig, run: Path | None, console: Console) -> tuple[Task, Store, Store]:
    """A run's task, and what it is trained on and judged by; `run` is the folder of one that is resumed.

    Raises DataError.
    """
    train, test = config.data.train, config.data.test
    if run is not None:
        train, test = data_in(run, train, flag="--data.train"), data_in(run, test, flag="--data.test")
    console.print(f"reading {train} and {test} …", highlight=False, soft_wrap=True)
    task = task_of(config.task, train)
    data = open_source(task, train, split="train", limit=config.data.train_limit)
    return task, data, unseen(task, test, trained_on=data, limit=config.data.test_limit, needed=False)


def _announce(trainer: Trainer, test: Store, console: Console, *, resumed: bool) -> None:
    network, table = count_parameters(trainer.learner.model)
    world, step, steps = trainer.processes.world, trainer.progress.step, trainer.config.steps
    console.print(
        f"{trainer.config.recipe} in {trainer.folder}: {network:,} parameters"
        + (f" and {table:,} in the puzzle embedding" if table else "")
        + f", {len(trainer.data):,} puzzles to learn from, {len(test):,} unseen ones to judge by, on {trainer.device}"
        + (f" in {world} processes" if world > 1 else ""),
        highlight=False,
        soft_wrap=True,
    )
    if resumed:
        begins = f"resuming at step {step} of {steps}" + ("; --steps N trains for longer" if step == steps else "")
        if not (trainer.folder / STATE).exists():
            begins = "no checkpoint yet: starting at step 0"
        console.print(begins, highlight=False)
    console.print(
        "exact: puzzles that are right in every cell, in training of those that have halted since the last line; "
        "halts after: supervision steps",
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
    with ExitStack() as closing:
        reporters: list[Reporter] = []
        for reporter in _reporters(trainer, track, console) if trainer.processes.first else ():
            closing.callback(reporter.close)
            reporters.append(reporter)
        return trainer.run(evaluate, reporters, stop_after=stop_after)


def _reporters(trainer: Trainer, track: str | None, console: Console) -> Iterator[Reporter]:
    step, config = trainer.progress.step, trainer.config
    yield MetricsFile(trainer.folder, resumed_at=step)
    if track is not None:
        yield open_tracker(track, trainer.folder, run_to_dict(config), console)
    yield Display(total=config.steps, start=step, console=console)


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
    judged = progress.best >= 0
    best = f"best evaluation {progress.best:.2%} exact at step {progress.best_step}" if judged else "not evaluated"
    console.print(
        f"done: {config.steps} steps in {progress.seconds:.0f} s; {best}\n"
        f"weights: {folder / BEST} (best), {folder / LAST}\n"
        + _hint(task, folder, config)
        + ("" if judged else " --submission submission.json"),
        highlight=False,
        soft_wrap=True,
    )
    return 0


def _hint(task: Task, folder: Path, config: RunConfig) -> str:
    """What to do with the weights in the folder of a run."""
    test = store_folder(config.data.test, "test")
    if test is not None and (test / VIEWS).is_file():
        return f"let them vote: redraft arc eval {folder} {config.data.test}"
    if isinstance(task, Arc):
        return f"try them: redraft eval {folder} {config.data.test}"
    if isinstance(task, Grids):
        return f"try them: redraft eval {folder} {config.data.test}, or redraft solve --weights {folder} -f PUZZLES"
    return f"try them: redraft make {task.name} 3 --seed 99 | redraft solve --weights {folder} -f -"


def evaluator(task: Task, test: Store, config: RunConfig) -> Evaluate:
    """What training calls to judge a model: figures of a full evaluation that are worth a line, if any."""
    if not len(test):
        return lambda model: {}
    return lambda model: in_brief(judge(model, task, test, steps=config.eval_steps, batch_size=config.batch_size))


def _free_folder(folder: Path) -> Path:
    candidate, number = folder, 2
    while candidate.exists():
        candidate, number = folder.with_name(f"{folder.name}-{number}"), number + 1
    return candidate
