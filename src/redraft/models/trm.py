"""The Tiny Recursive Model: one small network that refines a latent z and an answer y (Jolicoeur-Martineau 2025)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from redraft.core.carry import Carry
from redraft.core.layers import Linear
from redraft.core.recursion import deep_recursion
from redraft.models.base import DTYPES, Model, StepOutput, Update
from redraft.models.network import (
    NetworkConfig,
    build_network,
    halting_head,
    initial_state,
    puzzle_tables,
    question_embedding,
)


@dataclass(frozen=True, kw_only=True)
class TRMConfig(NetworkConfig):
    """Size and shape of a TRM: that of its one network, and `n` latent updates a recursion, `T` recursions a step."""

    n: int = 6
    T: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require(n=1, T=1)

    @property
    def effective_depth(self) -> int:
        return self.T * (self.n + 1) * self.num_layers

    def build(self) -> TRM:
        return TRM(self)


class TRM(Model):
    """A tiny recursive model; see `TRMConfig` for its shape and `core.recursion` for its loop."""

    config: TRMConfig

    def __init__(self, config: TRMConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = question_embedding(config)
        self.net = build_network(config)
        self.answer_head = Linear(config.hidden_size, config.vocab_size)
        self.halt_head = halting_head(config.hidden_size)
        self.y_init: Tensor
        self.z_init: Tensor
        self.register_buffer("y_init", initial_state(config.hidden_size))
        self.register_buffer("z_init", initial_state(config.hidden_size))

    def initial_carry(self, batch: int) -> Carry:
        shape, dtype = (batch, self.config.sequence, self.config.hidden_size), DTYPES[self.config.dtype]
        return Carry(self.y_init.to(dtype).expand(shape), self.z_init.to(dtype).expand(shape))

    def forward(self, tokens: Tensor, puzzle_ids: Tensor, carry: Carry) -> StepOutput:
        x = self.embed(tokens, puzzle_ids, DTYPES[self.config.dtype])
        return self.recur(x, carry)

    def recur(self, x: Tensor, carry: Carry) -> StepOutput:
        """The step after the embedding: everything dense, so it compiles as one graph."""
        y, z = deep_recursion(self.net, x, carry.y, carry.z, n=self.config.n, T=self.config.T)
        halt_logit = self.halt_head(y[:, 0]).squeeze(-1)
        return StepOutput(Carry(y, z), self.read(y), halt_logit.float())

    def read(self, state: Tensor) -> Tensor:
        logits: Tensor = self.answer_head(state[:, self.config.puzzle_positions :])
        return logits.float()

    def networks(self) -> tuple[nn.Module, ...]:
        return (self.net,)

    def schedule(self) -> tuple[Update, ...]:
        recursion: list[Update] = ["z"] * self.config.n
        return tuple([*recursion, "y"] * self.config.T)

    def sparse_parameters(self) -> dict[str, nn.Parameter]:
        return puzzle_tables(self.embed)
