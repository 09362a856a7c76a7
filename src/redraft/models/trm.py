"""The Tiny Recursive Model: one small network that refines a latent z and an answer y (Jolicoeur-Martineau 2025)."""

from __future__ import annotations

from torch import Tensor

from redraft.core.carry import Carry
from redraft.core.recursion import deep_recursion
from redraft.models.base import Model, StepOutput, Update, one_recursion, recursions
from redraft.models.config import TRMConfig
from redraft.models.network import RecursiveModel


class TRM(RecursiveModel):
    """A tiny recursive model; see `TRMConfig` for its shape and `core.recursion` for its loop."""

    config: TRMConfig

    def recur(self, x: Tensor, carry: Carry) -> StepOutput:
        y, z = deep_recursion(self.net, x, carry.y, carry.z, n=self.config.n, T=self.config.T)
        halt_logit = self.halt_head(y[:, 0]).squeeze(-1)
        return StepOutput(Carry(y, z), self.read(y), halt_logit.float())

    def in_parts(self) -> tuple[Model, int]:
        return one_recursion(self), self.config.T

    def schedule(self) -> tuple[Update, ...]:
        return recursions(self.config.n, self.config.T)
