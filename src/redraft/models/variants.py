"""A TRM with choices of the paper undone, or with something added, one by one or together, for ablations."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from redraft.core.carry import Carry
from redraft.core.general_recursion import general_recursion
from redraft.core.layers import truncated_normal_
from redraft.models.base import DTYPES, StepOutput, Update
from redraft.models.config import VariantConfig
from redraft.models.trm import TRM, build_network, halting_head
from redraft.scopes import scope_numbers


class Variant(TRM):
    """A TRM with choices undone or added; see `VariantConfig` for them and `core.general_recursion` for its loop.

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
        self.tables = nn.ModuleList(ScopeTable(config, name) for name in config.tables)
        self.keep = nn.Parameter(torch.zeros(2, config.hidden_size)) if config.gated else None
        self.draft = nn.Parameter(torch.zeros(config.vocab_size, config.hidden_size)) if config.feedback else None

    def initial_carry(self, batch: int) -> Carry:
        config, dtype = self.config, DTYPES[self.config.dtype]
        y = self.y_init.to(dtype).expand(config.sequence, -1)
        z = self.z_init.to(dtype).view(-1, config.hidden_size).repeat_interleave(config.sequence, dim=0)
        return Carry(y.expand(batch, -1, -1), z.expand(batch, -1, -1))

    def question(self, tokens: Tensor, puzzle_ids: Tensor) -> Tensor:
        x = super().question(tokens, puzzle_ids)
        if not self.tables:
            return x
        places = sum(table() for table in self.tables)  # (L, D)
        return x + self._at_cells(self.embed.scale * places)

    def recur(self, x: Tensor, carry: Carry) -> StepOutput:  # type: ignore[override]  # its recursions are not alike
        config, networks = self.config, self.networks()
        if self.draft is not None:
            with torch.no_grad():
                said = self.read(carry.y).softmax(-1)  # (B, L, V)
            x = x + self._at_cells(self.embed.scale * said @ self.draft)
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
            kept=None if self.keep is None else self.keep.sigmoid().to(x.dtype),
        )
        z = torch.cat(latents, dim=1) if latents else carry.z
        halt_logits = self.halt_head(y[:, 0]).float()  # (B, 1), or (B, 2) with the value of continuing
        return StepOutput(Carry(y, z), self.read(y), *halt_logits.unbind(-1))

    def _at_cells(self, values: Tensor) -> Tensor:
        """Values of the cells (..., L, D) at the positions of a state (..., S, D), with zeros at the reserved ones."""
        return F.pad(values, (0, 0, self.config.puzzle_positions, 0)).to(DTYPES[self.config.dtype])

    def schedule(self) -> tuple[Update, ...]:
        if not self.config.latents:  # every evaluation updates the single state
            single: tuple[Update] = ("y",)
            return single * self.config.evaluations
        return super().schedule()


class ScopeTable(nn.Module):
    """A learned vector for each scope of a family, zero at first, looked up for every cell, (L, D)."""

    numbers: Tensor  # (L,)

    def __init__(self, config: VariantConfig, name: str) -> None:
        super().__init__()
        assert config.grid_width is not None
        numbers = scope_numbers(name, height=config.seq_len // config.grid_width, width=config.grid_width)
        self.register_buffer("numbers", torch.tensor(numbers), persistent=False)
        self.vectors = nn.Parameter(torch.zeros(max(numbers) + 1, config.hidden_size))

    def forward(self) -> Tensor:
        return self.vectors[self.numbers]
