"""Direct prediction: one pass through a network, no recursion: the baseline of recursive models."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from redraft.core.carry import Carry
from redraft.core.layers import Linear
from redraft.models.base import DTYPES, Model, StepOutput, Update
from redraft.models.config import DirectConfig
from redraft.models.trm import QuestionEmbedding, build_network, halting_head, puzzle_tables


class Direct(Model):
    """A network that answers at once: `y = net(x)`. The carry is not read; its latent is empty, z (B, 0)."""

    config: DirectConfig

    def __init__(self, config: DirectConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = QuestionEmbedding(config)
        self.net = build_network(config)
        self.answer_head = Linear(config.hidden_size, config.vocab_size)
        self.halt_head = halting_head(config.hidden_size)

    def initial_carry(self, batch: int) -> Carry:
        nothing = torch.zeros((), dtype=DTYPES[self.config.dtype], device=self.answer_head.weight.device)
        y = nothing.expand(batch, self.config.sequence, self.config.hidden_size)
        return Carry(y, nothing.expand(batch, 0))

    def forward(  # type: ignore[override]  # in one piece
        self, tokens: Tensor, puzzle_ids: Tensor, carry: Carry
    ) -> StepOutput:
        y = self.net(self.embed(tokens, puzzle_ids, DTYPES[self.config.dtype]))
        halt_logit = self.halt_head(y[:, 0]).squeeze(-1)
        return StepOutput(Carry(y, carry.z), self.read(y), halt_logit.float())

    def read(self, state: Tensor) -> Tensor:
        logits: Tensor = self.answer_head(state[:, self.config.puzzle_positions :])
        return logits.float()

    def networks(self) -> tuple[nn.Module, ...]:
        return (self.net,)

    def schedule(self) -> tuple[Update, ...]:
        return ("y",)

    def sparse_parameters(self) -> dict[str, nn.Parameter]:
        return puzzle_tables(self.embed)
