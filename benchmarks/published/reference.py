"""The published TRM code as a side of the contest: imported from the user's checkout, in a process of its own.

Repository SamsungSAILMontreal/TinyRecursiveModels. The code around its modules here does what its `pretrain.py`
(`train_batch`, `evaluate`) does. Its AdamAtan2 is a CUDA extension, so both sides train with AdamW. Its batches lie
ready in memory: its loader works in another process. It rounds inner widths up to multiples of 256; for models with
another multiple, that number alone is replaced as it is imported.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.published.contest import ARCH, BATCHES, PUBLISHED, STORE, Workload
from benchmarks.published.names import THEIR_MULTIPLE
from redraft.bench.timing import seconds_on_end
from redraft.data.store import Store
from redraft.machine import clock_of
from redraft.tasks import Task, get_task
from redraft.weights.format import read_json


class _Reference:
    """The published model under its loss head, with the job's weights."""

    def __init__(self, job: Workload) -> None:
        sys.path.insert(0, job.reference)
        folder = Path(job.folder)
        self.job, self.described = job, read_json(folder / ARCH)
        if self.described["width_multiple"] != THEIR_MULTIPLE:
            _round_widths_to(self.described["width_multiple"])
        self.model: Any = import_module("models.recursive_reasoning.trm").TinyRecursiveReasoningModel_ACTV1(
            self.described["arch"]
        )
        self.head: Any = import_module("models.losses").ACTLossHead(self.model, self.described["loss"])
        self.head.load_state_dict(torch.load(folder / PUBLISHED, weights_only=True))
        self.head.to(job.device)
        self.clock = clock_of(torch.device(job.device))
        self.task = get_task(job.task)
        self.store = Store.open(folder / STORE, task=job.task)
        self.call: Any = torch.compile(self.head) if job.compile else self.head

    def first_logits(self) -> NDArray[np.float32]:
        batch = self._batches()[0]
        training = self.head.training
        self.head.eval()
        with torch.no_grad():
            kept = self.head(carry=self.initial_carry(batch), batch=batch, return_keys=["logits"])[3]
        self.head.train(training)
        found: NDArray[np.float32] = kept["logits"].float().cpu().numpy()
        return found

    def initial_carry(self, batch: dict[str, Tensor]) -> Any:
        """The state before the first step, on the job's device."""
        with torch.device(self.job.device):
            return self.head.initial_carry(batch)

    def to_device(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        return {name: tensor.to(self.job.device) for name, tensor in batch.items()}

    def _batches(self) -> list[dict[str, Tensor]]:
        size, store = self.job.batch_size, self.store
        return [
            self.to_device(
                _batch(store.inputs[i : i + size], store.labels[i : i + size], store.puzzle_ids[i : i + size])
            )
            for i in range(0, len(store), size)
        ]


class ReferenceTrain(_Reference):
    """Its training step: forward with losses, backward, both optimisers, moving average, metrics."""

    def __init__(self, job: Workload) -> None:
        super().__init__(job)
        with np.load(Path(job.folder) / f"{BATCHES}.npz") as arrays:
            rows = zip(arrays["inputs"], arrays["labels"], arrays["puzzle_ids"], strict=True)
            self.ready = [_batch(*row) for row in rows]
        settings = self.described["settings"]
        self.optimisers: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(
                self.head.parameters(),
                lr=settings["lr"],
                betas=(settings["beta1"], settings["beta2"]),
                weight_decay=settings["weight_decay"],
                fused=True,
            )
        ]
        if self.described["arch"]["puzzle_emb_ndim"]:
            sparse = import_module("models.sparse_embedding").CastedSparseEmbeddingSignSGD_Distributed
            self.optimisers.insert(
                0,
                sparse(
                    self.model.puzzle_emb.buffers(),
                    lr=settings["puzzle_lr"],
                    weight_decay=settings["puzzle_weight_decay"],
                    world_size=1,
                ),
            )
        self.average: Any = import_module("models.ema").EMAHelper(mu=settings["ema"])
        self.average.register(self.head)
        self.carry: Any = None
        self.count = 0
        self.head.train()

    def run(self, mode: str) -> dict[str, Any]:
        return {"seconds": seconds_on_end(self.step, clock=self.clock)}

    def step(self) -> None:
        batch = self.to_device(self.ready[self.count % len(self.ready)])
        self.count += 1
        if self.carry is None:
            self.carry = self.initial_carry(batch)
        self.carry, loss, metrics, _, _ = self.call(carry=self.carry, batch=batch, return_keys=[])
        (loss / self.job.batch_size).backward()
        for optimiser in self.optimisers:
            optimiser.step()
            optimiser.zero_grad()
        torch.stack([metrics[name] for name in sorted(metrics)]).cpu().numpy()
        self.average.update(self.head)


class ReferenceSolve(_Reference):
    """Its evaluation: the same number of steps for every puzzle, batch by batch."""

    def __init__(self, job: Workload) -> None:
        super().__init__(job)
        self.head.eval()
        self.ready = self._batches()

    def run(self, mode: str) -> dict[str, Any]:
        started = self.clock()
        predictions = [self._solve(batch) for batch in self.ready]
        seconds = self.clock() - started
        solved = share_solved(self.task, self.store, torch.cat(predictions).cpu().numpy())
        return {"seconds": seconds, "solved": solved, "steps": float(self.job.steps)}

    @torch.inference_mode()
    def _solve(self, batch: dict[str, Tensor]) -> Tensor:
        carry, finished, kept = self.initial_carry(batch), False, {}
        while not finished:
            carry, _, _, kept, finished = self.call(carry=carry, batch=batch, return_keys={"preds"})
        found: Tensor = kept["preds"]
        return found


def _round_widths_to(multiple: int) -> None:
    """Has the published layers round inner widths up to this multiple rather than to their own."""
    layers: Any = import_module("models.layers")
    rounded_up = layers._find_multiple
    layers._find_multiple = lambda width, _: rounded_up(width, multiple)


def _batch(inputs: Any, labels: Any, ids: Any) -> dict[str, Tensor]:
    arrays = {"inputs": inputs, "labels": labels, "puzzle_identifiers": ids}
    return {name: torch.from_numpy(np.asarray(array, dtype=np.int32)) for name, array in arrays.items()}


def share_solved(task: Task, store: Store, predictions: NDArray[np.integer]) -> float:
    """Share of the store's puzzles that predictions (N, L) solve by the rules."""
    return float(task.check_many(task.decode(store.inputs), task.decode(predictions)).mean())
