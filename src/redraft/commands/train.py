"""`redraft train`: run a recipe, or go on with a run."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
import tyro
from rich.console import Console

from redraft.commands.arguments import parse
from redraft.data.build import open_source, without
from redraft.data.store import Store
from redraft.device import choose_device
from redraft.errors import ConfigError
from redraft.evaluate.evaluate import evaluate
from redraft.evaluate.report import report
from redraft.models import Model
from redraft.models.io import count_parameters
from redraft.recipes import RECIPES, get_recipe
from redraft.solve.stepper import TorchStepper
from redraft.tasks import Task, get_task
from redraft.train.checkpoint import STATE
from redraft.train.config import RunConfig, run_to_dict
from redraft.train.log import Display, MetricsFile, Reporter, open_tracker, require_tracker
from redraft.train.loop import BEST, LAST, Evaluate, Outcome, Trainer, open_run

DESCRIPTION = "Trains a model by a recipe ({}); every value of the recipe is a flag."


@dataclass(frozen=True, kw_only=True)
class Machine:
    """How this machine runs it; does not belong to the run."""

    device: str = "auto"
    """auto, cpu, cuda or mps."""
    threads: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Threads of the CPU; by default one a core. A resumed run keeps those it was started with."""
    stop_after: Annotated[float | None, tyro.conf.arg(metavar="SECONDS")] = None
    """Stops after so many seconds with a checkpoint to resume from."""
    track: Annotated[str | None, tyro.conf.arg(metavar="TRACKER")] = None
    """Also reports to tensorboard, wandb or trackio."""


@dataclass(frozen=True, kw_only=True)
class Arguments(Machine):
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"], metavar="FOLDER")] = None
    """Folder of the run; by default runs/RECIPE, with a number if that is taken."""
    # --compile True and --data.augment False rather than --compile and --data.no-augment: values as in config.json
    config: Annotated[tyro.conf.FlagConversionOff[RunConfig], tyro.conf.arg(name="")]


def run(arguments: list[str]) -> int:
    description = DESCRIPTION.format(", ".join(RECIPES))
    if not arguments or arguments[0] in ("-h", "--help"):
        print(
            "usage: redraft train RECIPE [--tiny] [options]\n       redraft train --resume FOLDER [options]\n\n"
            f"{description}\nredraft train RECIPE --help lists them. --tiny shrinks the recipe to seconds.",
            file=sys.stdout if arguments else sys.stderr,
        )
        return 0 if arguments else 2
    if arguments[0] == "--resume":
        return _resume(arguments[1:])
    name, *rest = [argument for argument in arguments if argument != "--tiny"] or ["-"]
    if name.startswith("-"):
        raise ConfigError(f"the recipe comes first: redraft train RECIPE [options]; known: {', '.join(RECIPES)}")
    recipe = get_recipe(name, tiny="--tiny" in arguments)
    args = parse(
        Arguments,
        rest,
        command=f"train {name}",
        description=description,
        default=Arguments(config=recipe),
    )
    folder = args.out or _free_folder(Path("runs") / recipe.recipe)
    return _train(args.config, folder, args, resume=False)


def _resume(arguments: list[str]) -> int:
    if not arguments or arguments[0].startswith("-"):
        raise ConfigError("--resume: expected the folder of a run")
    folder = Path(arguments[0])
    args = parse(Machine, arguments[1:], command="train --resume FOLDER", description="Goes on with a run.")
    return _train(open_run(folder), folder, args, resume=True)


def _train(config: RunConfig, folder: Path, args: Machine, *, resume: bool) -> int:
    console = Console(stderr=True)
    if args.threads is not None:
        if args.threads < 1:
            raise ConfigError(f"threads: expected at least 1, got {args.threads}")
        torch.set_num_threads(args.threads)
    if args.track is not None:
        require_tracker(args.track)  # before there is a folder that a second try would stumble over
    device = choose_device(args.device)
    task = get_task(config.task)
    console.print(f"reading {config.data.train} and {config.data.test} …", highlight=False)
    data = open_source(task, config.data.train, split="train", limit=config.data.train_limit)
    test = without(open_source(task, config.data.test, split="test", limit=config.data.test_limit), data)
    if not len(test):
        raise ConfigError(f"every puzzle of {config.data.test} is also trained on; name other test data")
    trainer = Trainer(config, folder, task=task, data=data, device=device, resume=resume)
    network, table = count_parameters(trainer.model)
    console.print(
        f"{config.recipe} in {folder}: {network:,} parameters"
        + (f" and {table:,} in the puzzle embedding" if table else "")
        + f", {len(data):,} puzzles to learn from, {len(test):,} unseen ones to judge by, on {device}",
        highlight=False,
        soft_wrap=True,
    )
    reporters: list[Reporter] = [MetricsFile(folder, resumed_at=trainer.progress.step)]
    if args.track is not None:
        reporters.append(open_tracker(args.track, folder, run_to_dict(config)))
    reporters.append(Display(total=config.steps, start=trainer.progress.step, console=console))
    try:
        outcome = trainer.run(evaluator(task, test, config), reporters, stop_after=args.stop_after)
    finally:
        for reporter in reporters:
            reporter.close()
    return _conclude(outcome, config, console)


def _conclude(outcome: Outcome, config: RunConfig, console: Console) -> int:
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
        f"try them: redraft make {config.task} 3 --seed 99 | redraft solve --weights {folder} -f -",
        highlight=False,
        soft_wrap=True,
    )
    return 0


def evaluator(task: Task, test: Store, config: RunConfig) -> Evaluate:
    """What training calls to judge a model: the figures of a full evaluation that are worth a line."""

    def judge(model: Model) -> dict[str, float]:
        device = next(model.parameters()).device
        records = evaluate(
            TorchStepper(model, device=device), task, test, steps=config.eval_steps, batch_size=config.batch_size
        )
        figures = report(records)
        return {
            "exact": figures["exact"],
            "solved": figures["solved"],
            "cells": figures["cells"],
            "halt_exact": figures["halting"]["exact"],
            "halt_steps": figures["halting"]["mean_steps"],
        }

    return judge


def _free_folder(folder: Path) -> Path:
    candidate, number = folder, 2
    while candidate.exists():
        candidate, number = folder.with_name(f"{folder.name}-{number}"), number + 1
    return candidate
