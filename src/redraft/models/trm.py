"""The Tiny Recursive Model: one small network that refines a latent z and an answer y (Jolicoeur-Martineau 2025)."""

from __future__ import annotations

from torch import Tensor

from redraft.core.carry import Carry
from redraft.core.recursion import deep_recursion
from redraft.kernels.ops import laid_out
from redraft.models.base import StepOutput, Update, recursions
from redraft.models.config import TRMConfig
from redraft.models.network import RecursiveModel


class TRM(RecursiveModel):
    """A tiny recursive model; see `TRMConfig` for its shape and `core.recursion` for its loop."""

    config: TRMConfig
    lays_out = True  # whether a state lies in memory as eager execution likes it; see `execution.leave_layout`

    def question(self, tokens: Tensor, puzzle_ids: Tensor) -> Tensor:
        x = super().question(tokens, puzzle_ids)  # (B, S, D)
        return laid_out(x) if self.lays_out and self.config.mixer == "mlp" else x

    def recur(self, x: Tensor, carry: Carry, recursions: int | None = None) -> StepOutput:
        y, z = deep_recursion(self.net, x, carry.y, carry.z, n=self.config.n, T=recursions or self.config.T)
        logits = self.read(y)  # (B, L, V)
        halt_logit = self.halt_head(y[:, 0]).squeeze(-1)  # (B,)
        return StepOutput(Carry(y, z), logits, halt_logit.float())

    def schedule(self) -> tuple[Update, ...]:
        return recursions(self.config.n, self.config.T)
