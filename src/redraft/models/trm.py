"""The Tiny Recursive Model: one small network that refines a latent z and an answer y (Jolicoeur-Martineau 2025).

`RecursiveModel` is the part that models like it share: embedding, networks, heads, and the states they start from.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from redraft.core.carry import Carry
from redraft.core.layers import AttentionBlock, ConvBlock, Linear, MixerBlock, Stack, rotary_tables, truncated_normal_
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
    shape |= {"heads": config.num_heads, "qk_norm": config.qk_norm}
    blocks = [AttentionBlock(size, **shape) for _ in range(config.num_layers)]
    if config.positions not in ("rope", "grid"):
        return Stack(blocks)
    width = config.grid_width if config.positions == "grid" else None
    head_dim, reserved = size // config.num_heads, config.puzzle_positions
    return Stack(blocks, rotary=rotary_tables(positions, head_dim, config.rope_theta, width=width, reserved=reserved))


class PuzzleEmbedding(nn.Module):
    """One learned vector per puzzle id, zero at first, laid over the reserved positions and padded with zeros.

    The table's gradient is sparse: only rows in the batch have one (see `train.optim.SignSGD`).
    """

    def __init__(self, ids: int, dim: int, *, positions: int, features: int) -> None:
        super().__init__()
        self.positions, self.features = positions, features
        self.table = nn.Parameter(torch.zeros(ids, dim))

    def forward(self, ids: Tensor, dtype: torch.dtype) -> Tensor:
        """Ids (B,) to (B, positions, D)."""
        rows = F.embedding(ids, self.table, sparse=True).to(dtype)
        padded = F.pad(rows, (0, self.positions * self.features - rows.shape[-1]))
        return padded.view(-1, self.positions, self.features)


class QuestionEmbedding(nn.Module):
    """Tokens (B, L) and puzzle ids (B,) to the question x (B, S, D), S = reserved positions + L."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.scale = width**0.5
        std = 1 / self.scale
        self.tokens = nn.Parameter(truncated_normal_(torch.empty(config.vocab_size, width), std))
        self.puzzle: PuzzleEmbedding | None = None
        self.positions: nn.Parameter | None = None
        if config.puzzle_positions:
            rows, columns, positions = config.num_puzzles, config.puzzle_dim, config.puzzle_positions
            self.puzzle = PuzzleEmbedding(rows, columns, positions=positions, features=width)
        if config.positions == "learned":
            self.positions = nn.Parameter(truncated_normal_(torch.empty(config.sequence, width), std))

    def forward(self, tokens: Tensor, puzzle_ids: Tensor, dtype: torch.dtype) -> Tensor:
        x = F.embedding(tokens, self.tokens).to(dtype)
        if self.puzzle is not None:
            x = torch.cat((self.puzzle(puzzle_ids, dtype), x), dim=1)
        if self.positions is not None:
            x = 0.5**0.5 * (x + self.positions.to(dtype))  # keeps the variance of one embedding
        return self.scale * x


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
        self.embed = QuestionEmbedding(config)
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
