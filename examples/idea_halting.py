"""A halting rule of one's own, in one file: in training, a slot stops only when the head is all but certain.

redraft train sudoku-6x6 --halting idea_halting:Cautious      # in this folder
"""

from __future__ import annotations

from torch import Tensor

from redraft.models import StepOutput
from redraft.train.halting import HaltingRule


class Cautious(HaltingRule):
    """The paper's rule, which halts at a probability of one half, at nine in ten; what the head learns is the same."""

    def stops(self, output: StepOutput, exact: Tensor) -> Tensor:
        return output.halt_logit.sigmoid() > 0.9
