"""Several processes that train one model: each takes its share of the batch, gradients are summed over all.

`torchrun --nproc-per-node N -m redraft train …` starts them and sets RANK, WORLD_SIZE and LOCAL_RANK. Gradients are one
flat buffer (`train.optim.FlatParameters`), so a step needs one all-reduce; of puzzle tables only the rows of the batch
are exchanged.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

PATIENCE = timedelta(hours=6)  # others wait while the first process evaluates


@dataclass(frozen=True, kw_only=True)
class Processes:
    """This process among those of a run; alone, every method returns its argument."""

    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes, reports and evaluates."""
        return self.rank == 0

    def add_up(self, tensor: Tensor) -> Tensor:
        """The sum of a dense tensor over all processes, in place."""
        if self.world > 1:
            dist.all_reduce(tensor)
        return tensor

    def add_up_rows(self, gradient: Tensor) -> Tensor:
        """The sum of a sparse gradient of a table (N, D) over all processes; only rows that occur are sent.

        Every process must have the same number of rows, which those of a batch are.
        """
        if self.world == 1:
            return gradient
        rows, values = gradient._indices().contiguous(), gradient._values().contiguous()
        all_rows = [torch.empty_like(rows) for _ in range(self.world)]
        all_values = [torch.empty_like(values) for _ in range(self.world)]
        dist.all_gather(all_rows, rows)
        dist.all_gather(all_values, values)
        return _sparse(all_rows, all_values, gradient)

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process."""
        if self.world == 1:
            return flag
        flags: list[bool] = [False] * self.world
        dist.all_gather_object(flags, flag)
        return any(flags)

    def from_first(self, value: Any) -> Any:
        """The value of the first process; the others wait for it."""
        if self.world == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0)
        return box[0]

    def wait(self) -> None:
        """Returns when every process has called it."""
        self.any(False)


def sum_rows(gradients: Sequence[Tensor]) -> Tensor:
    """The sum of sparse gradients of a table, with all their rows one after the other.

    Unlike `+`, which may merge equal rows, it has equally many rows in every process.
    """
    if len(gradients) == 1:
        return gradients[0]
    return _sparse([each._indices() for each in gradients], [each._values() for each in gradients], gradients[0])


def _sparse(rows: Sequence[Tensor], values: Sequence[Tensor], like: Tensor) -> Tensor:
    return torch.sparse_coo_tensor(
        torch.cat(list(rows), 1), torch.cat(list(values)), like.shape, check_invariants=False
    )


@contextmanager
def processes(device: torch.device) -> Iterator[Processes]:
    """The processes that torchrun started, connected within the `with` block; without torchrun, this one alone.

    A block within another has the same processes.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield Processes()
        return
    if dist.is_initialized():
        yield Processes(rank=dist.get_rank(), world=world)
        return
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, timeout=PATIENCE)
    try:
        yield Processes(rank=dist.get_rank(), world=world)
    finally:
        dist.destroy_process_group()
