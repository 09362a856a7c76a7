"""`redraft train --fast`: what is fast on this machine in place of a recipe's values; flags that were given stay."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol, TypeVar

import torch

from redraft.device import choose_device, own_device
from redraft.models.config import DType
from redraft.train.config import RunConfig
from redraft.train.fast import Facts, fast_choices, fit
from redraft.train.memory import need_of
from redraft.train.processes import Processes
from redraft.train.together import time_together
from redraft.train.trials import Stand, Trials, promising, run_trials


class Requested(Protocol):
    """The arguments of `redraft train` that matter here."""

    @property
    def config(self) -> RunConfig: ...
    @property
    def device(self) -> str: ...
    @property
    def prefetch(self) -> int | None: ...


A = TypeVar("A", bound=Requested)

# what is chosen, by the name it is told under, and its value in a run
CHOSEN: dict[str, Callable[[RunConfig], Any]] = {
    "rows shared by threads": lambda config: config.threads,
    "bfloat16": lambda config: config.model.dtype,
    "compile": lambda config: config.compile,
    "micro-batches": lambda config: config.micro_batch,
}


def fastest(args: A, recipe: RunConfig, parsed: Callable[[RunConfig], A], group: Processes) -> A:
    """The arguments with what is fast here, told on standard error; `parsed` gives those of another recipe."""
    device = own_device(choose_device(args.device))
    given = _given(args.config, recipe, parsed)
    before = torch.get_num_threads()
    torch.set_num_threads(args.config.threads or before)
    facts = Facts.of(device)
    torch.set_num_threads(before)

    def need(model: Any) -> Any:
        return need_of(model, device, recompute=args.config.recompute)

    trials = None
    if facts.device == "cpu":
        sized, _ = fit(args.config, facts, need, args.config.batch_size // group.world)
        trials = measure(sized, given, facts, device, group)
    chosen, choices = fast_choices(args.config, facts, need, world=group.world, trials=trials)
    found = parsed(_with(recipe, chosen))
    if group.first:
        as_given = {*given, *(["sampling ahead"] if args.prefetch is not None else [])}
        for line in [] if trials is None else trials.table():
            print(f"fast: {line}", file=sys.stderr)
        for choice in choices:
            print(f"fast: {choice.name}: as given" if choice.name in as_given else f"fast: {choice}", file=sys.stderr)
    return found


def measure(config: RunConfig, given: set[str], facts: Facts, device: torch.device, group: Processes) -> Trials:
    """Trials of what was not given: dtypes, and as many threads as there are cores for this process, or fewer."""
    dtype = config.model.dtype
    others: list[DType] = ["bfloat16"] if dtype == "float32" else ["float32"]
    cores = max(1, facts.cores // int(os.environ.get("LOCAL_WORLD_SIZE", str(group.world))))
    threads = [cores]
    while threads[-1] > 1:
        threads.append(threads[-1] // 2)
    if "rows shared by threads" in given:
        threads = [facts.threads]
    share = config.batch_size // group.world
    slots = min(share, config.micro_batch or share)
    if group.first:
        print("fast: timing steps …", file=sys.stderr)
    with torch.random.fork_rng(devices=[]), Stand(config, device, processes=group) as stand:
        trials = run_trials([dtype, *([] if "bfloat16" in given else others)], threads, stand, slots=slots)
    alone = group.world == 1 and cores > 1 and threads[-1] == 1 and config.batch_size % cores == 0
    half = promising(trials, cores) if alone else None
    if half is None:
        return trials
    each = max(1, min(config.batch_size, trials.slots) // cores)
    return replace(trials, together=time_together(config, half, cores, slots=each))


def _with(recipe: RunConfig, chosen: RunConfig) -> RunConfig:
    return replace(
        recipe,
        model=replace(recipe.model, dtype=chosen.model.dtype),
        compile=chosen.compile,
        micro_batch=chosen.micro_batch,
        threads=chosen.threads,
    )


def _given(config: RunConfig, recipe: RunConfig, parsed: Callable[[RunConfig], A]) -> set[str]:
    """What of `CHOSEN` was given by a flag: it is the same whatever the recipe has there."""
    other = replace(
        recipe,
        model=replace(recipe.model, dtype="float32" if recipe.model.dtype == "bfloat16" else "bfloat16"),
        compile=not recipe.compile,
        micro_batch=(recipe.micro_batch or 0) + 1,
        threads=(recipe.threads or 0) + 1,
    )
    found = parsed(other).config
    return {name for name, value in CHOSEN.items() if value(config) == value(found)}
