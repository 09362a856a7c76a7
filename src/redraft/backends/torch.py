"""Runs the steps of any PyTorch model, on any device."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from redraft.backends.protocol import Draft, Floats, Ints, starting_vectors
from redraft.core.carry import Carry
from redraft.kernels.threads import RowThreads, even_slices
from redraft.models import Model, StepOutput

# Numbers of a state that a CPU works on at once. More of them leave its caches between one operation and the next, and
# memory for intermediate results is allocated anew each time (docs/log.md).
AT_ONCE = 2**20


class TorchState(NamedTuple):
    """Puzzles and how far their answers have come, on the model's device."""

    tokens: Tensor
    puzzle_ids: Tensor
    carry: Carry


class TorchStepper:
    """Runs a PyTorch model, in inference mode, on the device it is given."""

    def __init__(self, model: Model, *, device: torch.device | str = "cpu") -> None:
        self.device = torch.device(device)
        self.model = model.to(self.device).eval()
        self.recursions = model.recursions
        self.threads = RowThreads(self.device, least_rows=1)

    def start(self, inputs: Ints, puzzle_ids: Ints, tries: Ints | None = None) -> TorchState:
        tokens = torch.from_numpy(np.ascontiguousarray(inputs)).to(self.device, torch.int64)
        ids = torch.from_numpy(np.ascontiguousarray(puzzle_ids)).to(self.device, torch.int64)
        carry = self.model.initial_carry(len(tokens))
        if tries is not None and tries.any():
            again = torch.from_numpy(tries > 0).to(self.device)
            carry = carry.where(again, Carry(*map(_everywhere, starting_vectors(tries, carry.y.shape[-1]), carry)))
        return TorchState(tokens, ids, carry)

    def step(self, state: TorchState, recursions: int | None = None) -> tuple[TorchState, Draft]:
        slices = self.threads.slices(len(state.tokens))
        some = {} if recursions in (None, self.recursions) else {"recursions": recursions}
        output = StepOutput.cat(self.threads.map(lambda rows: self._step(state, rows, some), slices))
        go_on = output.continue_logit
        draft = Draft(
            output.logits.argmax(-1).to("cpu", torch.int16).numpy(),
            output.halt_logit.float().cpu().numpy(),
            None if go_on is None else go_on.float().cpu().numpy(),
        )
        return state._replace(carry=output.carry), draft

    @torch.inference_mode()
    def logits(self, state: TorchState) -> Floats:
        found: Floats = self.model.read(state.carry.y).cpu().numpy()
        return found

    @torch.inference_mode()
    def _step(self, state: TorchState, rows: slice, some: Mapping[str, int | None]) -> StepOutput:
        count, each = rows.stop - rows.start, max(1, state.carry.y[:1].numel())
        parts = -(-count * each // AT_ONCE) if self.device.type == "cpu" else 1
        slices = even_slices(count, max(1, min(count, parts)), start=rows.start)
        return StepOutput.cat(
            [self.model(state.tokens[part], state.puzzle_ids[part], state.carry.rows(part), **some) for part in slices]
        )

    @torch.inference_mode()
    def select(self, state: TorchState, rows: Ints) -> TorchState:
        index = torch.from_numpy(rows).to(self.device)
        return TorchState(state.tokens[index], state.puzzle_ids[index], state.carry.rows(index))

    @torch.inference_mode()
    def join(self, first: TorchState, second: TorchState) -> TorchState:
        tokens, ids = (torch.cat(pair) for pair in zip(first[:2], second[:2], strict=True))
        return TorchState(tokens, ids, Carry.cat((first.carry, second.carry)))


def _everywhere(vectors: Floats, state: Tensor) -> Tensor:
    """Vectors (B, D) at every position of states (B, ..., D); an empty state stays empty."""
    if not state.numel():
        return state
    rows = torch.from_numpy(vectors).to(state)
    return rows.view(len(rows), *[1] * (state.ndim - 2), -1).expand(state.shape)
