"""The Tiny Recursive Model: one small network that refines a latent z and an answer y (Jolicoeur-Martineau 2025).

`RecursiveModel` is the part that models like it share: embedding, networks, heads, and the states they start from.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from redraft.core.carry import Carry
from redraft.core.layers import (
    AttentionBlock,
    ConvBlock,
    Linear,
    MixerBlock,
    QuestionEmbedding,
    Stack,
    truncated_normal_,
)
from redraft.core.recursion import deep_recursion
from redraft.kernels.ops import laid_out
from redraft.models.base import DTYPES, Model, StepOutput, Update, recursions
from redraft.models.config import NetworkConfig, TRMConfig


def build_network(config: NetworkConfig) -> Stack:
    """A network of the configured shape, (B, S, D) to (B, S, D)."""
    size, positions = config.hidden_size, config.sequence
    shape: dict[str, Any] = {"expansion": config.expansion, "multiple": config.width_multiple, "eps": config.norm_eps}
    if config.mixer == "mlp":
        return Stack([MixerBlock(size, positions=positions, **shape) for _ in range(config.num_layers)])
    if config.mixer == "conv":
        assert config.grid_width is not None
        return Stack([ConvBlock(size, width=config.grid_width, **shape) for _ in range(config.num_layers)])
    rotary = (positions, size // config.num_heads, config.rope_theta) if config.positions == "rope" else None
    blocks = [AttentionBlock(size, heads=config.num_heads, **shape) for _ in range(config.num_layers)]
    return Stack(blocks, rotary=rotary)


def question_embedding(config: NetworkConfig) -> QuestionEmbedding:
    """Tokens and puzzle ids to the question x (B, S, D)."""
    return QuestionEmbedding(
        vocab_size=config.vocab_size,
        seq_len=config.seq_len,
        features=config.hidden_size,
        puzzle_positions=config.puzzle_positions,
        puzzle_ids=config.num_puzzles,
        puzzle_dim=config.puzzle_dim,
        learned_positions=config.positions == "learned",
    )


def halting_head(features: int, outputs: int = 1) -> Linear:
    """A head that at first takes every answer to be wrong: zero weights, bias -5."""
    head = Linear(features, outputs, bias=True)
    assert head.bias is not None
    with torch.no_grad():
        head.weight.zero_()
        head.bias.fill_(-5)
    return head


def initial_state(features: int) -> Tensor:
    """A fixed random vector (D,) that every position of a state starts from."""
    return truncated_normal_(torch.empty(features), 1.0)


def puzzle_tables(embed: QuestionEmbedding) -> dict[str, nn.Parameter]:
    """The sparse parameters of a model whose question embedding is its attribute `embed`."""
    return {} if embed.puzzle is None else {"embed.puzzle.table": embed.puzzle.table}


class RecursiveModel(Model):
    """A model of one network, or two, that starts from a fixed y and z; a subclass adds the recursion.

    Attributes:
        embed: tokens and puzzle ids to the question x (B, S, D).
        net, answer_net: the networks, (B, S, D) to the same shape; `answer_net` where there are two.
        answer_head, halt_head: read the answer y, and whether it is right.
        y_init, z_init: start of every position (D,).
    """

    config: NetworkConfig
    answer_net: Stack
    y_init: Tensor
    z_init: Tensor

    def __init__(self, config: NetworkConfig, *, networks: int = 1, halting_outputs: int = 1) -> None:
        super().__init__()
        self.config = config
        self.embed = question_embedding(config)
        self.net = build_network(config)
        if networks == 2:
            self.answer_net = build_network(config)
        self.answer_head = Linear(config.hidden_size, config.vocab_size)
        self.halt_head = halting_head(config.hidden_size, halting_outputs)
        self.register_buffer("y_init", initial_state(config.hidden_size))
        self.register_buffer("z_init", initial_state(config.hidden_size))

    def initial_carry(self, batch: int) -> Carry:
        shape, dtype = (batch, self.config.sequence, self.config.hidden_size), DTYPES[self.config.dtype]
        return Carry(self.y_init.to(dtype).expand(shape), self.z_init.to(dtype).expand(shape))

    def question(self, tokens: Tensor, puzzle_ids: Tensor) -> Tensor:
        x: Tensor = self.embed(tokens, puzzle_ids, DTYPES[self.config.dtype])
        return x

    def read(self, state: Tensor) -> Tensor:
        logits: Tensor = self.answer_head(state[:, self.config.puzzle_positions :])
        return logits.float()

    def networks(self) -> tuple[nn.Module, ...]:
        return (self.net, self.answer_net) if hasattr(self, "answer_net") else (self.net,)

    def sparse_parameters(self) -> dict[str, nn.Parameter]:
        return puzzle_tables(self.embed)


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
