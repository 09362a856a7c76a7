"""A TRM with choices of the paper undone, one by one or together, for ablations."""

from __future__ import annotations

import torch
from torch import Tensor

from redraft.core.carry import Carry
from redraft.core.general_recursion import general_recursion
from redraft.core.layers import truncated_normal_
from redraft.models.base import DTYPES, StepOutput, Update
from redraft.models.config import VariantConfig
from redraft.models.trm import TRM, build_network, halting_head


class Variant(TRM):
    """A TRM with choices undone; see `VariantConfig` for them and `core.general_recursion` for its loop.

    Its carry holds the latents one after the other along the positions: z (B, latents x S, D).
    """

    config: VariantConfig

    def __init__(self, config: VariantConfig) -> None:
        super().__init__(config)
        if config.separate:
            self.answer_net = build_network(config)
        if config.continue_head:
            self.halt_head = halting_head(config.hidden_size, outputs=2)
        if config.latents != 1:
            self.z_init = truncated_normal_(torch.empty(config.latents, config.hidden_size), 1.0)

    def initial_carry(self, batch: int) -> Carry:
        config, dtype = self.config, DTYPES[self.config.dtype]
        y = self.y_init.to(dtype).expand(config.sequence, -1)
        z = self.z_init.to(dtype).view(-1, config.hidden_size).repeat_interleave(config.sequence, dim=0)
        return Carry(y.expand(batch, -1, -1), z.expand(batch, -1, -1))

    def recur(self, x: Tensor, carry: Carry) -> StepOutput:  # type: ignore[override]  # its recursions are not alike
        config, networks = self.config, self.networks()
        y, latents = general_recursion(
            networks[0],
            networks[-1],
            x,
            carry.y,
            carry.z.unflatten(1, (config.latents, config.sequence)).unbind(1),
            n=config.n,
            T=config.T,
            gradient=config.back_propagated,
            reinject=config.reinject,
        )
        z = torch.cat(latents, dim=1) if latents else carry.z
        halt_logits = self.halt_head(y[:, 0]).float()  # (B, 1), or (B, 2) with the value of continuing
        return StepOutput(Carry(y, z), self.read(y), *halt_logits.unbind(-1))

    def schedule(self) -> tuple[Update, ...]:
        if not self.config.latents:  # every evaluation updates the single state
            single: tuple[Update] = ("y",)
            return single * self.config.evaluations
        return super().schedule()
