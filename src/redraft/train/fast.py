"""What `--fast` chooses: all that makes training faster on this machine, each choice with its reason.

On a CPU, dtype and threads are chosen by trials (`train.trials`); elsewhere by what is known of the device.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from redraft.device import fast_bfloat16
from redraft.kernels import cpu
from redraft.models import ModelConfig
from redraft.models.execution import has_gpu_kernels
from redraft.terminal import figure_words
from redraft.train.compiled import missing_compiler
from redraft.train.config import RunConfig
from redraft.train.feed import core_to_spare, cores
from redraft.train.memory import Need, free_bytes
from redraft.train.trials import WORTH, Trials


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What decides which options help.

    Attributes:
        device: its kind, `cpu`, `cuda` or `mps`.
        cores, threads: of the CPU, and those that torch uses.
        bfloat16: whether the device multiplies it faster than float32.
        compiler: whether `torch.compile` finds what it needs.
        numba: whether it is there, which compiles the kernels for a CPU.
        free: bytes of memory, None where nobody tells.
    """

    device: str
    cores: int
    threads: int
    bfloat16: bool
    compiler: bool
    numba: bool
    free: int | None

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
            free=free_bytes(device),
        )


@dataclass(frozen=True, kw_only=True)
class Choice:
    """An option that was or was not taken, and why."""

    name: str
    taken: bool
    why: str

    def __str__(self) -> str:
        return f"{self.name}: {'yes' if self.taken else 'no'}, {self.why}"


def fast_choices(
    config: RunConfig,
    facts: Facts,
    need: Callable[[ModelConfig], Need],
    *,
    world: int = 1,
    trials: Trials | None = None,
) -> tuple[RunConfig, list[Choice]]:
    """The run with what helps on such a machine, and all choices, taken or not.

    `need` tells what training a model takes; `world` processes share the batch; `trials` are of steps on a CPU.
    """
    if trials is not None:
        facts = replace(facts, threads=trials.taken.threads, bfloat16=trials.taken.dtype == "bfloat16")
        config = replace(config, threads=trials.taken.threads)
    config, choices = _compute(config, facts, trials)
    config, fitting = fit(config, facts, need, config.batch_size // world)
    together = [] if trials is None or trials.together is None else [_together(trials)]
    return config, [*choices, fitting, *together]


def _compute(config: RunConfig, facts: Facts, trials: Trials | None) -> tuple[RunConfig, list[Choice]]:
    """What makes the arithmetic faster."""
    gpu = facts.device == "cuda"
    if facts.device == "cpu":
        missing = "Numba is missing: pip install 'redraft[train]'"
        between = "one pass over memory between matmuls" if facts.numba else missing
        own = [
            Choice(name="rows shared by threads", taken=facts.threads > 1, why=_threads(facts, trials)),
            Choice(name="kernels", taken=facts.numba, why=between),
        ]
    else:
        own = [Choice(name="rows shared by threads", taken=False, why=f"{facts.device} has threads of its own")]
    bfloat16 = Choice(name="bfloat16", taken=facts.bfloat16, why=_bfloat16(facts, trials))
    kernels = gpu and bfloat16.taken and facts.compiler and has_gpu_kernels(config.model)
    if kernels:
        why = "the blocks of this model are kernels of our own, which start at once"
    elif not gpu:
        why = "on a CPU the kernels are as fast, without a minute of compiling"
        why = why if facts.device == "cpu" else f"untried on {facts.device}"
    else:
        why = (
            "one graph a step, replayed as a CUDA graph" if facts.compiler else "Triton is missing: pip install triton"
        )
    compiled = Choice(name="compile", taken=gpu and facts.compiler and not kernels, why=why)
    ahead = core_to_spare(facts.device, facts.cores, facts.threads)
    prefetch = Choice(
        name="sampling ahead",
        taken=ahead,
        why="a thread beside" if ahead else f"all {facts.cores} cores compute the step",
    )
    model = replace(config.model, dtype="bfloat16") if bfloat16.taken else config.model
    return replace(config, model=model, compile=compiled.taken), [*own, bfloat16, compiled, prefetch]


def _threads(facts: Facts, trials: Trials | None) -> str:
    if facts.threads > 1:
        return f"{facts.threads} of them"
    tried = set() if trials is None else {each.threads for each in trials.rates}
    return "one is faster" if len(tried) > 1 else "there is only one"


def _bfloat16(facts: Facts, trials: Trials | None) -> str:
    half, single = (None, None) if trials is None else (trials.best("bfloat16"), trials.best("float32"))
    if half is not None and single is not None:
        return (
            f"{figure_words(half)} examples/s, {figure_words(single)} in float32"
            + "; weights stay float32" * facts.bfloat16
        )
    if facts.bfloat16:
        return f"this {facts.device} multiplies it faster; weights stay float32"
    return f"this {facts.device} does not multiply it faster"


def _together(trials: Trials) -> Choice:
    """What is known of processes; they are not for a process to start, so the choice is never taken."""
    found = trials.together
    assert found is not None
    here = trials.rates[trials.taken]
    count = (
        f"{found.processes} of one thread train {figure_words(found.rate)} examples/s in {found.dtype}, "
        f"this one {figure_words(here)}"
    )
    better = found.rate > WORTH * here
    advice = f"start it by torchrun --nproc-per-node {found.processes} -m redraft train …" if better else "one will do"
    return Choice(name="processes", taken=False, why=f"{count}; {advice}")


def fit(config: RunConfig, facts: Facts, need: Callable[[ModelConfig], Need], slots: int) -> tuple[RunConfig, Choice]:
    """The run in parts that fit into memory: parts cost no arithmetic, so that nothing need be computed twice."""
    if facts.free is None:
        return config, Choice(name="micro-batches", taken=False, why=f"free memory of {facts.device} is not known")
    wanted = need(config.model)
    free = facts.free - wanted.fixed
    fits = wanted.fitting(free, slots)
    gib = f"{wanted.total(slots, slots) / 2**30:.2g} of {facts.free / 2**30:.2g} GiB"
    if fits >= slots:
        return config, Choice(name="micro-batches", taken=False, why=f"a step takes about {gib}")
    size = max(1, fits)
    return replace(config, micro_batch=size), Choice(
        name="micro-batches", taken=True, why=f"a step would take about {gib}; {size} slots at a time fit"
    )
