"""`redraft train --fast`: every option that makes training faster on this machine, with its reason; given flags win.

On a CPU, dtype and threads are chosen by timed steps (`train.trials`); elsewhere by the kind of device.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch

from redraft.device import fast_bfloat16
from redraft.kernels import cpu
from redraft.models.config import DType
from redraft.models.execution import has_gpu_kernels
from redraft.terminal import figure_words
from redraft.train.compiled import missing_compiler
from redraft.train.config import RunConfig
from redraft.train.processes import Processes
from redraft.train.slots import core_to_spare, cores
from redraft.train.trials import (
    WORTH,
    Setting,
    Stand,
    Together,
    Trials,
    fitting,
    promising,
    run_trials,
    time_together,
)

Parsed = Callable[[RunConfig], RunConfig]  # a recipe with the flags that were given

# the values of a run that are chosen, by the names they are printed under
CHOSEN: dict[str, Callable[[RunConfig], Any]] = {
    "rows shared by threads": lambda config: config.threads,
    "bfloat16": lambda config: config.model.dtype,
    "compile": lambda config: config.compile,
    "micro-batches": lambda config: config.micro_batch,
}


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The facts that decide which options help."""

    device: str  # its kind, `cpu`, `cuda` or `mps`
    cores: int  # of the CPU
    threads: int  # that torch uses
    bfloat16: bool  # the device multiplies it faster than float32
    compiler: bool  # `torch.compile` finds what it needs
    numba: bool  # installed, so that there are kernels for a CPU

    @staticmethod
    def of(device: torch.device) -> Facts:
        """Those of this machine."""
        return Facts(
            device=device.type,
            cores=cores(),
            threads=torch.get_num_threads(),
            bfloat16=fast_bfloat16(device),
            compiler=missing_compiler(device) is None,
            numba=cpu.kernels() is not None,
        )


@dataclass(frozen=True)
class Choice:
    """An option, taken or not, and the reason."""

    name: str
    taken: bool
    why: str

    def __str__(self) -> str:
        return f"{self.name}: {'yes' if self.taken else 'no'}, {self.why}"


def fastest(recipe: RunConfig, parsed: Parsed, device: torch.device, group: Processes, *, ahead: bool) -> RunConfig:
    """The recipe with the options that are fastest here, which are printed to standard error with their reasons.

    `ahead`: a flag gives the number of batches sampled ahead.
    """
    asked = parsed(recipe)
    given = _given(asked, recipe, parsed)
    before = torch.get_num_threads()
    torch.set_num_threads(asked.threads or before)
    facts = Facts.of(device)
    torch.set_num_threads(before)
    trials = measure(asked, given, facts, device, group) if facts.device == "cpu" else None
    slots = _slots(asked, group)

    def fits(config: RunConfig) -> int | None:
        if trials is not None:
            return trials.slots
        if facts.device != "cuda" or "micro-batches" in given:
            return None
        setting = Setting(dtype=config.model.dtype, threads=facts.threads)
        with torch.random.fork_rng(devices=[]), Stand(replace(config, micro_batch=None), device) as stand:
            return fitting(stand, setting, slots, group, device)

    chosen, choices = fast_choices(asked, facts, fits, slots=slots, trials=trials)
    if group.first:
        as_given = {*given, *(["sampling ahead"] if ahead else [])}
        for line in [] if trials is None else trials.table():
            print(f"fast: {line}", file=sys.stderr)
        for choice in choices:
            print(f"fast: {choice.name}: as given" if choice.name in as_given else f"fast: {choice}", file=sys.stderr)
    return _with(recipe, chosen.model.dtype, chosen.compile, chosen.micro_batch, chosen.threads)


def measure(config: RunConfig, given: set[str], facts: Facts, device: torch.device, group: Processes) -> Trials:
    """Trials of the values that were not given: dtypes, and as many threads as this process has cores, or fewer."""
    dtype = config.model.dtype
    others: list[DType] = ["bfloat16"] if dtype == "float32" else ["float32"]
    cores = max(1, facts.cores // int(os.environ.get("LOCAL_WORLD_SIZE", str(group.world))))
    threads = [cores]
    while threads[-1] > 1:
        threads.append(threads[-1] // 2)
    if "rows shared by threads" in given:
        threads = [facts.threads]
    if group.first:
        print("fast: timing steps …", file=sys.stderr)
    with torch.random.fork_rng(devices=[]), Stand(config, device, processes=group) as stand:
        dtypes = [dtype, *([] if "bfloat16" in given else others)]
        trials = run_trials(dtypes, threads, stand, slots=_slots(config, group))
    alone = group.world == 1 and cores > 1 and threads[-1] == 1 and config.batch_size % cores == 0
    half = promising(trials, cores) if alone else None
    if half is None:
        return trials
    each = max(1, min(config.batch_size, trials.slots) // cores)
    return replace(trials, together=time_together(config, half, cores, slots=each))


def fast_choices(
    config: RunConfig,
    facts: Facts,
    fits: Callable[[RunConfig], int | None],
    *,
    slots: int,
    trials: Trials | None = None,
) -> tuple[RunConfig, list[Choice]]:
    """The run with the options that help on such a machine, and all choices, taken or not.

    `fits` returns how many of a process's `slots` a step takes at a time, None where that was not tried; `trials` are
    of steps on a CPU.
    """
    if trials is not None:
        facts = replace(facts, threads=trials.taken.threads, bfloat16=trials.taken.dtype == "bfloat16")
        config = replace(config, threads=trials.taken.threads)
    gpu, on_cpu = facts.device == "cuda", facts.device == "cpu"
    choices = [Choice("rows shared by threads", on_cpu and facts.threads > 1, _threads(facts, trials))]
    if on_cpu:
        missing = "Numba is missing: pip install 'redraft[train]'"
        choices.append(
            Choice("kernels", facts.numba, "one pass over memory between matmuls" if facts.numba else missing)
        )
    choices.append(Choice("bfloat16", facts.bfloat16, _bfloat16(facts, trials)))
    kernels = gpu and facts.bfloat16 and facts.compiler and has_gpu_kernels(config.model)
    compiled = gpu and facts.compiler and not kernels
    choices.append(Choice("compile", compiled, _compile(facts, kernels)))
    ahead = core_to_spare(facts.device, facts.cores, facts.threads)
    why = "a thread beside" if ahead else f"all {facts.cores} cores compute the step"
    choices.append(Choice("sampling ahead", ahead, why))
    model = replace(config.model, dtype="bfloat16") if facts.bfloat16 else config.model
    config = replace(config, model=model, compile=compiled)
    size = fits(config)
    split = size is not None and size < slots
    choices.append(Choice("micro-batches", split, _micro_batches(facts, size, split)))
    if trials is not None and trials.together is not None:
        choices.append(_together(trials.together, trials.rates[trials.taken]))
    return (replace(config, micro_batch=size) if split else config), choices


def _threads(facts: Facts, trials: Trials | None) -> str:
    if facts.device != "cpu":
        return f"{facts.device} has threads of its own"
    if facts.threads > 1:
        return f"{facts.threads} of them"
    tried = set() if trials is None else {each.threads for each in trials.rates}
    return "one is faster" if len(tried) > 1 else "there is only one"


def _bfloat16(facts: Facts, trials: Trials | None) -> str:
    half, single = (None, None) if trials is None else (trials.best("bfloat16"), trials.best("float32"))
    kept = "; weights stay float32" * facts.bfloat16
    if half is not None and single is not None:
        return f"{figure_words(half)} examples/s, {figure_words(single)} in float32{kept}"
    return f"this {facts.device} {'multiplies it' if facts.bfloat16 else 'does not multiply it'} faster{kept}"


def _compile(facts: Facts, kernels: bool) -> str:
    if kernels:
        return "the blocks of this model are kernels of our own, which start at once"
    if facts.device == "cpu":
        return "on a CPU the kernels are as fast, without a minute of compiling"
    if facts.device != "cuda":
        return f"untried on {facts.device}"
    return "one graph a step, replayed as a CUDA graph" if facts.compiler else "Triton is missing: pip install triton"


def _micro_batches(facts: Facts, size: int | None, split: bool) -> str:
    if size is None:
        return f"untried on {facts.device}"
    if facts.device == "cpu":
        return f"{size} slots at a time are as fast and need less memory" if split else "a step is short"
    return f"{size} slots at a time fit into memory" if split else "a step fits into memory"


def _together(found: Together, here: float) -> Choice:
    """The timed processes beside this one's rate; a process cannot start them, so the choice is never taken."""
    count, rate = found.processes, figure_words(found.rate)
    rates = f"{count} of one thread train {rate} examples/s in {found.dtype}, this one {figure_words(here)}"
    better = found.rate > WORTH * here
    advice = f"start it by torchrun --nproc-per-node {count} -m redraft train …" if better else "one will do"
    return Choice("processes", False, f"{rates}; {advice}")


def _slots(config: RunConfig, group: Processes) -> int:
    """Slots at a time of a process."""
    share = config.batch_size // group.world
    return min(share, config.micro_batch or share)


def _with(recipe: RunConfig, dtype: DType, compiled: bool, micro_batch: int | None, threads: int | None) -> RunConfig:
    model = replace(recipe.model, dtype=dtype)
    return replace(recipe, model=model, compile=compiled, micro_batch=micro_batch, threads=threads)


def _given(config: RunConfig, recipe: RunConfig, parsed: Parsed) -> set[str]:
    """The names in `CHOSEN` whose values a flag gives: those that do not follow another recipe's."""
    dtype: DType = "float32" if recipe.model.dtype == "bfloat16" else "bfloat16"
    other = _with(recipe, dtype, not recipe.compile, (recipe.micro_batch or 0) + 1, (recipe.threads or 0) + 1)
    found = parsed(other)
    return {name for name, value in CHOSEN.items() if value(config) == value(found)}
