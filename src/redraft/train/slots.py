"""Slots of deep supervision: each works on one puzzle for up to N_sup steps and takes a new one when it halts."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from redraft.core.carry import Carry
from redraft.models.base import Model, StepOutput

# Key that keeps the exploration's random stream apart from the sampler's.
_EXPLORE = 3


class Slots:
    """The state of a training batch between optimiser steps; all tensors have B rows.

    Attributes:
        tokens, labels, puzzle_ids: the puzzles being worked on, (B, L) and (B,) int64.
        carry: answer y and latent z reached so far.
        steps: supervision steps spent on each puzzle, int64.
        halted: slots that are done and take a new puzzle at the next refill.
    """

    def __init__(self, model: Model, batch: int, *, seq_len: int, device: torch.device) -> None:
        self.initial = Carry(*(state.clone() for state in model.initial_carry(batch)))
        self.carry = self.initial
        self.tokens = torch.zeros(batch, seq_len, dtype=torch.int64, device=device)
        self.labels = torch.zeros_like(self.tokens)
        self.puzzle_ids = torch.zeros(batch, dtype=torch.int64, device=device)
        self.steps = torch.zeros(batch, dtype=torch.int64, device=device)
        self.halted = torch.ones(batch, dtype=torch.bool, device=device)

    def refill(self, tokens: Tensor, labels: Tensor, puzzle_ids: Tensor) -> None:
        """Halted slots take the puzzle in their row and start afresh; the others keep what they have."""
        rows = self.halted.unsqueeze(-1)
        self.tokens = torch.where(rows, tokens, self.tokens)
        self.labels = torch.where(rows, labels, self.labels)
        self.puzzle_ids = torch.where(self.halted, puzzle_ids, self.puzzle_ids)
        self.carry = self.carry.where(self.halted, self.initial)
        self.steps = torch.where(self.halted, 0, self.steps)

    def advance(self, output: StepOutput, *, stops: Tensor, max_steps: int, min_steps: Tensor) -> None:
        """After a supervision step (`output` detached): a slot halts where `stops` (B,), but not before `min_steps`
        (B,)."""
        self.carry = output.carry
        self.steps = self.steps + 1
        self.halted = (stops & (self.steps >= min_steps)) | (self.steps >= max_steps)

    def state(self) -> dict[str, Tensor]:
        """Everything that changes, for a checkpoint."""
        names = ("tokens", "labels", "puzzle_ids", "steps", "halted")
        return {**{name: getattr(self, name) for name in names}, "y": self.carry.y, "z": self.carry.z}

    def restore(self, state: dict[str, Tensor]) -> None:
        device = self.steps.device
        for name, value in state.items():
            if name not in ("y", "z"):
                setattr(self, name, value.to(device))
        self.carry = Carry(state["y"].to(device), state["z"].to(device))


def exploration(seed: int, step: int, rank: int, *, batch: int, max_steps: int, probability: float) -> Tensor:
    """Fewest steps (B,) a slot must spend: with `probability` a random 2..max_steps, else 0 (paper, section 4.6).

    A new draw every step, as in the published code.
    """
    rng = np.random.default_rng((seed, _EXPLORE, step, rank))
    forced = rng.random(batch) < probability
    return torch.from_numpy(np.where(forced, rng.integers(2, max(2, max_steps) + 1, batch), 0))
