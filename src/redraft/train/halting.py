"""Halting rules: when a slot takes a new puzzle in training, and the loss of the halting head."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from redraft.errors import ConfigError
from redraft.models.base import StepOutput
from redraft.naming import known, made


class HaltingRule:
    """The paper's rule, `binary`: the head learns whether the answer is exact, and a slot stops where it predicts so.

    Attributes:
        looks_ahead: `loss` needs `last`, and `ahead`, the output of one supervision step more (without gradient), which
            costs a second forward pass.
    """

    looks_ahead = False

    def loss(self, output: StepOutput, exact: Tensor, ahead: StepOutput | None, last: Tensor | None) -> Tensor:
        """The head's loss, summed over the batch ().

        `exact` (B,) bool: the answer is right; `last` (B,) bool: the puzzle's last step.
        """
        return F.binary_cross_entropy_with_logits(output.halt_logit, exact.to(output.halt_logit.dtype), reduction="sum")

    def stops(self, output: StepOutput, exact: Tensor) -> Tensor:
        """Slots (B,) bool that stop after this step, unless they must take more."""
        return output.halts


class QLearning(HaltingRule):
    """HRM's rule, `q`: the value of halting is to be right, that of continuing the higher of the two a step later.

    The bootstrapped target has neither replay buffer nor target network; at the last step only halting is left.
    Sapient Intelligence 2025, "Hierarchical Reasoning Model", adaptive computation time.
    """

    looks_ahead = True

    def loss(self, output: StepOutput, exact: Tensor, ahead: StepOutput | None, last: Tensor | None) -> Tensor:
        if output.continue_logit is None or ahead is None or ahead.continue_logit is None or last is None:
            raise ConfigError(
                "halting: q needs a model with a second halting output, for continuing: "
                "an HRM, or a TRM variant with --model.continue-head True"
            )
        better = torch.maximum(ahead.halt_logit, ahead.continue_logit)
        target = torch.where(last, ahead.halt_logit, better).sigmoid().detach()
        continuing = F.binary_cross_entropy_with_logits(output.continue_logit, target, reduction="sum")
        return super().loss(output, exact, ahead, last) + continuing


class NoHalting(HaltingRule):
    """`none`: every puzzle gets all its steps, and the head learns nothing."""

    def loss(self, output: StepOutput, exact: Tensor, ahead: StepOutput | None, last: Tensor | None) -> Tensor:
        return output.halt_logit.sum() * 0

    def stops(self, output: StepOutput, exact: Tensor) -> Tensor:
        return torch.zeros_like(exact)


class Oracle(HaltingRule):
    """`oracle`: a slot stops once its answer is exact; the head learns as in `binary`."""

    def stops(self, output: StepOutput, exact: Tensor) -> Tensor:
        return exact


BINARY = HaltingRule()
HALTING: dict[str, HaltingRule] = {"binary": BINARY, "q": QLearning(), "none": NoHalting(), "oracle": Oracle()}


def get_halting(name: str) -> HaltingRule:
    """The rule of that name in `HALTING`, or your own class as `module:NAME`; raises RedraftError."""
    if ":" in name:
        expected = "a subclass of redraft.train.halting.HaltingRule"
        rule: HaltingRule = made(name, HaltingRule, what="a halting rule", expected=expected, functions=False)
        return rule
    return known(HALTING, name, what="halting")
