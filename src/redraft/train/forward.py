"""The part of a training step that is differentiated: one supervision step, and its loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from redraft.core.carry import Carry
from redraft.models.base import Model, StepOutput
from redraft.train.halting import get_halting
from redraft.train.hints import hinted_loss
from redraft.train.losses import StepLoss, get_loss, step_loss

if TYPE_CHECKING:  # a configuration is checked with the losses
    from redraft.train.config import RunConfig
    from redraft.train.slots import Slots

Scored = tuple[StepOutput, StepLoss]


class Forward:
    """The part of a training step that is differentiated: one supervision step of some slots, and its loss.

    Attributes:
        compiled: whether it uses a compiler, which several threads must not start at once.
    """

    compiled = False

    def __init__(self, model: Model, config: RunConfig) -> None:
        """Raises ConfigError where a halting rule that looks ahead needs an output that the model does not have."""
        self.model, self.max_steps, self.hints = model, config.max_steps, config.hints
        self.cell_loss, self.halting = get_loss(config.loss), get_halting(config.halting)
        if self.halting.looks_ahead:  # one row is enough to find out
            zero = torch.zeros(1, dtype=torch.int64, device=next(model.parameters()).device)
            with torch.no_grad():
                output = model(zero.expand(1, model.config.seq_len), zero, model.initial_carry(1))
            self.halting.loss(output, zero.bool(), output, zero.bool())

    def __call__(self, slots: Slots, rows: slice) -> Scored:
        """The output, on the graph, and the loss of these rows of the slots."""
        question = (slots.tokens[rows], slots.puzzle_ids[rows])
        return self.scored(self.model, question, *self.inputs(slots, rows))

    def inputs(self, slots: Slots, rows: slice) -> tuple[Any, ...]:
        """The arguments of `scored` after the question."""
        hinted = (slots.tokens[rows], slots.hints[rows]) if self.hints != "none" else None
        return slots.carry.rows(rows), slots.labels[rows], slots.steps[rows], hinted

    def scored(
        self,
        step: Callable[..., StepOutput],
        question: tuple[Tensor, ...],
        carry: Carry,
        labels: Tensor,
        steps: Tensor,
        hinted: tuple[Tensor, Tensor] | None = None,
    ) -> Scored:
        """The output of `step(*question, carry)` and its loss; `steps` (B,) are those done before.

        `hinted`: in a run with hints, tokens (B, L) and hints (B, 5, L).
        """
        output = step(*question, carry)
        if hinted is not None:
            tokens, hints = hinted
            how: dict[str, Any] = {"cell_loss": self.cell_loss, "halting": self.halting}
            return output, hinted_loss(output, tokens, labels, hints, steps, by_groups=self.hints == "groups", **how)
        ahead = None
        if self.halting.looks_ahead:
            with torch.no_grad():
                ahead = step(*question, output.carry.detach())
        last = steps + 1 >= self.max_steps
        loss = step_loss(output, labels, cell_loss=self.cell_loss, halting=self.halting, ahead=ahead, last=last)
        return output, loss

    def kept(self, output: StepOutput, loss: StepLoss) -> Scored:
        """The parts of an output and its loss that outlive the step, cut off from the graph."""
        return output.detach(), loss.detach()
