"""The Hierarchical Reasoning Model, TRM's predecessor (Sapient Intelligence 2025, "Hierarchical Reasoning Model").

Two networks of equal shape: one updates the latent z (their low level, z_L) n times, then the other the answer y (their
high level, z_H) once. The gradient flows through the last evaluation of each alone. The values of halting and of
continuing are learned by Q-learning: train it with `halting="q"`.
"""

from __future__ import annotations

from torch import Tensor

from redraft.core.carry import Carry
from redraft.core.general_recursion import general_recursion
from redraft.models.base import StepOutput, Update, recursions
from redraft.models.config import HRMConfig
from redraft.models.trm import RecursiveModel

ONE_STEP = 2  # evaluations back-propagated: the last of each network


class HRM(RecursiveModel):
    """A hierarchical reasoning model: `net` updates z, `answer_net` updates y."""

    config: HRMConfig

    def __init__(self, config: HRMConfig) -> None:
        super().__init__(config, networks=2, halting_outputs=2)

    def forward(self, tokens: Tensor, puzzle_ids: Tensor, carry: Carry, recursions: int | None = None) -> StepOutput:
        x, n, T = self.question(tokens, puzzle_ids), self.config.n, recursions or self.config.T
        y, (z,) = general_recursion(self.net, self.answer_net, x, carry.y, [carry.z], n=n, T=T, gradient=ONE_STEP)
        halt_logit, continue_logit = self.halt_head(y[:, 0]).float().unbind(-1)
        return StepOutput(Carry(y, z), self.read(y), halt_logit, continue_logit)

    def schedule(self) -> tuple[Update, ...]:
        return recursions(self.config.n, self.config.T)
