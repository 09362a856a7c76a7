"""`redraft arc adapt`: embeddings for ARC tasks that were not in training, trained on their demonstrations alone."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import torch
import tyro
from rich.console import Console

from redraft import terminal
from redraft.arc.vote import open_data, vote
from redraft.commands.arc.voting import Voting, conclude
from redraft.commands.arguments import parse, require_options
from redraft.contents import within
from redraft.data.arc import TASKS, write_arc
from redraft.data.arc_leaks import OWN_LEAKS, refuse_leaks
from redraft.data.store import Store, is_store
from redraft.device import choose_device
from redraft.errors import DataError, WeightsError
from redraft.models import Model
from redraft.recipes.arc import adaptation, arc1
from redraft.run import assemble, conduct, evaluator
from redraft.solve.load import find_weights, open_weights
from redraft.tasks import get_task
from redraft.tasks.arc.files import read_tasks
from redraft.tasks.arc.task import Arc
from redraft.train.config import RunConfig, run_from_dict
from redraft.train.folder import CONFIG, open_run, own_run
from redraft.train.loop import TrainingOutcome
from redraft.train.processes import Processes
from redraft.trust import require_consent
from redraft.weights.io import Weights, count_parameters

DATA, RUN, VOTES = "data", "run", "votes.npz"
JUDGED = 256  # demonstrations evaluated at the end


@dataclass(frozen=True, kw_only=True)
class Adapt(Voting):
    weights: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="WEIGHTS")]
    """Weights trained on other ARC tasks: a folder of weights, or a run's folder."""
    tasks: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="TASKS")]
    """The new tasks: a folder with a JSON file each, Kaggle's NAME_challenges.json, or a folder of ARC data."""
    out: Annotated[Path, tyro.conf.arg(metavar="FOLDER")]
    """Folder for data, run and votes; after an interruption the same command continues."""
    views: int = 100
    """Augmentations per task, besides itself, for training and votes."""
    visits: int = 4
    """Visits to each demonstration under each augmentation."""
    learn: Literal["embeddings", "all"] = "embeddings"
    """Trains only puzzle embeddings, or also the weights, at the low rate --lr."""
    lr: float = 1e-5
    """Learning rate of the weights."""
    puzzle_lr: float = 1e-2
    """Learning rate of the puzzle embeddings."""
    train_batch_size: int = 64
    """Slots in training."""
    seed: int = 0
    """Seed of augmentations, order and exploration."""
    allow_leaks: Annotated[tuple[str, ...], tyro.conf.arg(metavar="TASK …")] = ()
    """Tasks whose test pairs may be among the demonstrations; all for all of them."""


def run(arguments: list[str]) -> int:
    args = parse(
        Adapt, arguments, command="arc adapt", description="Trains on new ARC tasks, then votes on their tests."
    )
    require_options(args, "views", "visits", "train_batch_size", "steps", "batch_size")
    weights = open_weights(args.weights, dtype=args.dtype)
    task = get_task(weights.task)
    if not isinstance(task, Arc):
        raise WeightsError(f"{args.weights}: made for {task.name}, expected weights for ARC")
    if not weights.model.config.puzzle_positions and args.learn == "embeddings":
        raise WeightsError(f"{args.weights}: has no puzzle embeddings to train; add --learn all")
    console = terminal.console(stderr=True)
    device = choose_device(args.device)
    with own_run(args.out / RUN, Processes()):
        outcome, model = _learn(args, weights, task, _data(args, task), device, console)
    if not outcome.finished:
        console.print("stopped; the same command continues from here", highlight=False)
        return 130
    store, tasks = open_data(str(args.out / DATA))
    started = time.monotonic()
    kept = replace(args, output=args.output or args.out / VOTES)
    votes = vote(model, store, tasks, **kept.policy, device=device)
    voting = time.monotonic() - started
    cost = {
        "tasks": len(tasks),
        "seconds_learning_a_task": round(outcome.progress.seconds / len(tasks), 2),
        "seconds_voting_a_task": round(voting / len(tasks), 2),
        "parameters_learnt_a_task": round(count_parameters(model)[1] / len(tasks)),
    }
    console.print(
        f"per task: {cost['seconds_learning_a_task']:g} s of training, {cost['seconds_voting_a_task']:g} s of votes, "
        f"{cost['parameters_learnt_a_task']:,} parameters in its embeddings",
        highlight=False,
        soft_wrap=True,
    )
    context = {"weights": args.weights, "device": str(device), "cost": cost}
    return conclude(votes, tasks, kept, context, data=args.tasks)


def _data(args: Adapt, task: Arc) -> Store:
    """The demonstrations of the new tasks under augmentations, written by the first call and opened by later ones."""
    folder = args.out / DATA
    beside = Path(args.tasks) / TASKS  # of a folder of ARC data
    source = str(beside) if beside.is_file() else args.tasks
    if not is_store(folder / "train"):
        tasks, side = read_tasks(source), task.height
        refuse_leaks([], tasks, (*OWN_LEAKS, *args.allow_leaks))
        return write_arc([], tasks, folder, count=args.views, seed=args.seed, source=source, side=side)["train"]
    store = Store.open(folder / "train", task=task.spec)
    if not store.source.startswith(f"{source}, ") or f"up to {args.views} a task, seed {args.seed}" not in store.source:
        raise DataError(f"{args.out}: holds an adaptation to {store.source}; name another folder with --out")
    return store


def _learn(
    args: Adapt, weights: Weights, task: Arc, data: Store, device: torch.device, console: Console
) -> tuple[TrainingOutcome, Model]:
    """Trains to the end or until interrupted; returns the outcome and the trained model."""
    folder = args.out / RUN
    resume = (folder / CONFIG).exists()
    config = open_run(folder) if resume else _recipe(args, weights, data)
    test = data.rows(slice(JUDGED))  # evaluated at the end, to report the fit
    trainer = assemble(config, folder, task=task, data=data, test=test, device=device, resume=resume, initial=weights)
    outcome = conduct(trainer, evaluator(task, test, config), console)
    return outcome, trainer.learner.average.model


def _recipe(args: Adapt, weights: Weights, data: Store) -> RunConfig:
    assert data.views is not None
    return adaptation(
        _trained(args, weights),
        weights=args.weights,
        data=str(args.out / DATA),
        ids=data.num_puzzle_ids,
        pairs=len(data),
        views=-(-len(data.views) // len(data.views.tasks)),
        visits=args.visits,
        batch_size=args.train_batch_size,
        learn=args.learn,
        lr=args.lr,
        puzzle_lr=args.puzzle_lr,
        seed=args.seed,
    )


def _trained(args: Adapt, weights: Weights) -> RunConfig:
    """The run that trained the weights, by their card; that of the recipe `arc1` if they have none."""
    values, file = within(weights.card, "run"), find_weights(args.weights) / CONFIG
    if not isinstance(values, dict):
        return replace(arc1(), task=str(weights.task), model=weights.model.config)
    require_consent(file, values)
    return replace(run_from_dict(values, where=f"{file}: card.run"), model=weights.model.config)
