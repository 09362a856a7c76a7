"""What runs a supervision step: NumPy in and out, so that the solver need not know what computes it."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from redraft.core.carry import Carry
from redraft.core.threads import RowThreads
from redraft.models import Model, StepOutput

State = Any  # of one stepper, opaque to others


class Draft(NamedTuple):
    """Answers after a step: `tokens` (B, L) int16; `halt_logit` (B,) float32, of the probability that each is right.

    `continue_logit` (B,) float32, where the model has one, is what going on is worth by its own judgement.
    """

    tokens: NDArray[np.int16]
    halt_logit: NDArray[np.float32]
    continue_logit: NDArray[np.float32] | None = None

    @property
    def halts(self) -> NDArray[np.bool_]:
        """Whether the model would stop here (B,)."""
        found: NDArray[np.bool_] = self.halt_logit > (0 if self.continue_logit is None else self.continue_logit)
        return found


class Stepper(Protocol):
    """Runs supervision steps on a state that holds any number of puzzles."""

    def start(self, inputs: NDArray[np.integer], puzzle_ids: NDArray[np.integer]) -> State:
        """The state of puzzles, inputs (B, L) and puzzle_ids (B,), before their first step."""
        ...

    def step(self, state: State) -> tuple[State, Draft]:
        """One supervision step of every puzzle."""
        ...

    def select(self, state: State, rows: NDArray[np.integer]) -> State:
        """The state of some puzzles alone."""
        ...

    def join(self, first: State, second: State) -> State:
        """The state of the puzzles of both."""
        ...


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
        self.threads = RowThreads(self.device, least_rows=1)

    def start(self, inputs: NDArray[np.integer], puzzle_ids: NDArray[np.integer]) -> TorchState:
        tokens = torch.from_numpy(np.ascontiguousarray(inputs)).to(self.device, torch.int64)
        ids = torch.from_numpy(np.ascontiguousarray(puzzle_ids)).to(self.device, torch.int64)
        return TorchState(tokens, ids, self.model.initial_carry(len(tokens)))

    def step(self, state: TorchState) -> tuple[TorchState, Draft]:
        slices = self.threads.slices(len(state.tokens))
        output = StepOutput.cat(self.threads.map(lambda rows: self._step(state, rows), slices))
        going_on = output.continue_logit
        draft = Draft(
            output.logits.argmax(-1).to("cpu", torch.int16).numpy(),
            output.halt_logit.float().cpu().numpy(),
            None if going_on is None else going_on.float().cpu().numpy(),
        )
        return TorchState(state.tokens, state.puzzle_ids, output.carry), draft

    @torch.inference_mode()
    def _step(self, state: TorchState, rows: slice) -> StepOutput:
        return self.model(state.tokens[rows], state.puzzle_ids[rows], state.carry.rows(rows))

    @torch.inference_mode()
    def select(self, state: TorchState, rows: NDArray[np.integer]) -> TorchState:
        index = torch.from_numpy(rows).to(self.device)
        return TorchState(state.tokens[index], state.puzzle_ids[index], state.carry.rows(index))

    @torch.inference_mode()
    def join(self, first: TorchState, second: TorchState) -> TorchState:
        carry = Carry.cat((first.carry, second.carry))
        return TorchState(
            torch.cat((first.tokens, second.tokens)), torch.cat((first.puzzle_ids, second.puzzle_ids)), carry
        )
