"""What of a training step is differentiated: one supervision step of some slots, and its loss."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from redraft.core.carry import Carry
from redraft.models import Model, StepOutput
from redraft.train.config import RunConfig
from redraft.train.halting import get_halting
from redraft.train.losses import StepLoss, get_loss, step_loss
from redraft.train.slots import Slots

Scored = tuple[StepOutput, StepLoss]


class Forward:
    """One supervision step of a model and its loss, as a run scores it.

    Attributes:
        compiled: whether a compiler is at work in it, which is not to be started by several threads at once.
    """

    compiled = False

    def __init__(self, model: Model, config: RunConfig) -> None:
        self.model, self.max_steps = model, config.max_steps
        self.cell_loss, self.halting = get_loss(config.loss), get_halting(config.halting)

    def __call__(self, slots: Slots, rows: slice) -> Scored:
        """The output, on the graph, and the loss of these rows of the slots."""
        question = (slots.tokens[rows], slots.puzzle_ids[rows])
        return self.scored(self.model, question, slots.carry.rows(rows), slots.labels[rows], slots.steps[rows])

    def scored(
        self,
        step: Callable[..., StepOutput],
        question: tuple[Tensor, ...],
        carry: Carry,
        labels: Tensor,
        steps: Tensor,
    ) -> Scored:
        """The output of `step(*question, carry)` and its loss; `steps` (B,) are those done before."""
        output = step(*question, carry)
        ahead = None
        if self.halting.looks_ahead:
            with torch.no_grad():
                ahead = step(*question, output.carry.detach())
        loss = step_loss(
            output,
            labels,
            cell_loss=self.cell_loss,
            halting=self.halting,
            ahead=ahead,
            last=steps + 1 >= self.max_steps,
        )
        return output, loss

    def kept(self, output: StepOutput, loss: StepLoss) -> Scored:
        """What outlives the step of an output and its loss, cut off from the graph."""
        return output.detach(), loss.detach()
