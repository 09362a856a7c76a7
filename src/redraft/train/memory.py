"""How much memory a training step takes, and what to say when there is too little.

    bytes = fixed + slots at a time x kept + slots x carried

`fixed` is weights, their gradients, the optimiser's two averages and the moving average, float32 each, and the puzzle
table. `kept` is what autograd keeps of one slot until its gradient comes, counted as what a second slot adds to the
first, and what the evaluation of a network whose gradient is being computed takes besides. `carried` is a slot's state.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from redraft.errors import RedraftError
from redraft.hardware import free_memory
from redraft.models import Model, ModelConfig, build_model
from redraft.models.execution import recompute_networks
from redraft.train.config import RunConfig
from redraft.weights.io import count_parameters

HEADROOM = 0.8  # share of the free memory to count on: there are buffers besides, and pieces too small to use
FLAT_BUFFERS = 5  # weights, gradients, two averages of the optimiser, moving average
STATES = 3  # of a slot: the initial one, that before the step and that after it
WORKING = 1.8  # what the gradient of an evaluation takes, as a share of what the evaluation keeps; measured
SIZE = Path("/proc/self/statm")


class OutOfMemory(RedraftError):
    """There is not enough memory for a step as it was asked for."""


@dataclass(frozen=True, kw_only=True)
class Need:
    """Bytes that training takes: `fixed`, `kept` for each slot worked on at a time, `carried` for every slot."""

    fixed: int
    kept: int
    carried: int

    def total(self, slots: int, at_a_time: int) -> int:
        return self.fixed + self.carried * slots + self.kept * at_a_time

    def fitting(self, free: int, slots: int) -> int:
        """How many slots at a time fit into so many free bytes, on top of what is fixed; 0 where not even one does."""
        return max(0, min(slots, int((HEADROOM * free - self.carried * slots) // max(1, self.kept))))


def need_of(config: ModelConfig, device: torch.device, *, recompute: bool = False) -> Need:
    """What training a model of this configuration takes: counted, or measured on a slot more and a table of one."""
    model = build_model(replace(config, num_puzzles=1)).to(device)
    dense, row = count_parameters(model)

    def inside(slots: int) -> int:
        state = model.initial_carry(slots).y
        return max(kept_bytes(model, partial(net, state)) for net in model.networks())

    def kept(slots: int) -> int:
        tokens = torch.zeros(slots, model.config.seq_len, dtype=torch.int64, device=device)
        return kept_bytes(model, partial(model, tokens, tokens[:, 0], model.initial_carry(slots)))

    working = int((WORKING + recompute) * (inside(2) - inside(1)))
    if recompute:
        recompute_networks(model)
    return Need(
        fixed=4 * (FLAT_BUFFERS * dense + row * config.num_puzzles),
        kept=kept(2) - kept(1) + working,
        carried=STATES * sum(part.numel() * part.element_size() for part in model.initial_carry(1)),
    )


def kept_bytes(model: Model, function: Callable[[], object]) -> int:
    """Bytes that autograd keeps of a function of the model, weights not counted, for as long as its result lives."""
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, int] = {}  # by storage, of which many tensors may be views

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        result = function()  # holds what is kept, so that no other tensor takes its place meanwhile
    del result
    return sum(kept.values())


def free_bytes(device: torch.device) -> int | None:
    """Memory that is free on the device, None where nobody tells."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(free + unused)
    if device.type != "cpu":
        return None
    available = free_memory()
    return None if available is None else min(available, _left_by_limit())


def _left_by_limit() -> int:
    """Bytes of address space that a limit of the shell (`ulimit -v`) leaves this process, on Linux."""
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return sys.maxsize
    return max(0, limit - int(SIZE.read_text().split()[0]) * resource.getpagesize())


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out: CUDA's own, Python's, or the CPU allocator's, which has no type."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)


def too_little(config: RunConfig, device: torch.device, *, slots: int) -> OutOfMemory:
    """The error that tells what was asked for and what would fit; `slots` are those of this process."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    at_a_time = min(slots, config.micro_batch or slots)
    asked = f"out of memory on {device}: {at_a_time} slots at a time"
    try:
        wanted = need_of(config.model, device, recompute=config.recompute)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return OutOfMemory(f"{asked} do not fit, nor do two; {_smaller(config)}")
    asked += f" take about {_gib(wanted.total(slots, at_a_time))}"
    free = free_bytes(device)
    # what ran out may have been a limit that nobody tells of: suggest less than was tried in any case
    fits = at_a_time // 2 if free is None else min(at_a_time // 2, wanted.fitting(free, slots))
    if free is not None:
        asked += f", {_gib(free)} are free besides the weights"
    if not fits:
        return OutOfMemory(f"{asked}; not even one at a time is sure to fit: {_smaller(config)}")
    advice = f"add --micro-batch {fits}"
    if not config.recompute:
        advice += " or --recompute True"
    return OutOfMemory(f"{asked}; {advice}, the result stays the same")


def _smaller(config: RunConfig) -> str:
    return "choose a smaller model" if config.recompute else "add --recompute True --micro-batch 1"


def _gib(size: int) -> str:
    return f"{size / 2**30:.2g} GiB" if size >= 2**30 else f"{size / 2**20:.3g} MiB"
