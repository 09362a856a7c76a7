"""The Hierarchical Reasoning Model, from which TRM set out (Sapient Intelligence 2025, "Hierarchical Reasoning Model").

Two networks of equal shape: one renews the latent z (their low level, z_L) n times, then the other the answer y (their
high level, z_H) once. The gradient flows through the last evaluation of each alone, which the authors justify by a
fixed point that the recursion need not have. What halting and going on are worth is learnt by Q-learning: train it
with `halting="q"`.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from redraft.core.carry import Carry
from redraft.core.general_recursion import general_recursion
from redraft.core.layers import Linear
from redraft.models.base import DTYPES, Model, StepOutput, Update
from redraft.models.network import (
    NetworkConfig,
    build_network,
    halting_head,
    initial_state,
    puzzle_tables,
    question_embedding,
)

ONE_STEP = 2  # evaluations back-propagated: the last of each network


@dataclass(frozen=True, kw_only=True)
class HRMConfig(NetworkConfig):
    """Size and shape of an HRM, which all else equal has twice the layers and twice the networks of a TRM.

    Attributes:
        num_layers: blocks of each of the two networks.
        n: latent updates before an update of the answer (their L_cycles).
        T: updates of the answer a step (their H_cycles).
    """

    num_layers: int = 4
    puzzle_positions: int = 1
    n: int = 2
    T: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require(n=1, T=1)

    @property
    def effective_depth(self) -> int:
        return self.T * (self.n + 1) * self.num_layers

    def build(self) -> HRM:
        return HRM(self)


class HRM(Model):
    """A hierarchical reasoning model: `net` renews z, `answer_net` renews y."""

    config: HRMConfig

    def __init__(self, config: HRMConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = question_embedding(config)
        self.net = build_network(config)
        self.answer_net = build_network(config)
        self.answer_head = Linear(config.hidden_size, config.vocab_size)
        self.halt_head = halting_head(config.hidden_size, outputs=2)
        self.y_init: Tensor
        self.z_init: Tensor
        self.register_buffer("y_init", initial_state(config.hidden_size))
        self.register_buffer("z_init", initial_state(config.hidden_size))

    def initial_carry(self, batch: int) -> Carry:
        shape, dtype = (batch, self.config.sequence, self.config.hidden_size), DTYPES[self.config.dtype]
        return Carry(self.y_init.to(dtype).expand(shape), self.z_init.to(dtype).expand(shape))

    def forward(self, tokens: Tensor, puzzle_ids: Tensor, carry: Carry) -> StepOutput:
        x = self.embed(tokens, puzzle_ids, DTYPES[self.config.dtype])
        y, (z,) = general_recursion(
            self.net, self.answer_net, x, carry.y, [carry.z], n=self.config.n, T=self.config.T, gradient=ONE_STEP
        )
        halt_logit, continue_logit = self.halt_head(y[:, 0]).float().unbind(-1)
        return StepOutput(Carry(y, z), self.read(y), halt_logit, continue_logit)

    def read(self, state: Tensor) -> Tensor:
        logits: Tensor = self.answer_head(state[:, self.config.puzzle_positions :])
        return logits.float()

    def networks(self) -> tuple[nn.Module, ...]:
        return (self.net, self.answer_net)

    def schedule(self) -> tuple[Update, ...]:
        recursion: list[Update] = ["z"] * self.config.n
        return tuple([*recursion, "y"] * self.config.T)

    def sparse_parameters(self) -> dict[str, nn.Parameter]:
        return puzzle_tables(self.embed)
