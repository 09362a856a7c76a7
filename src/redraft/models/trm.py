"""The Tiny Recursive Model: one small network that refines a latent z and an answer y (Jolicoeur-Martineau 2025)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from redraft.core.blocks import AttentionBlock, ConvBlock, MixerBlock, Stack
from redraft.core.carry import Carry
from redraft.core.embed import QuestionEmbedding
from redraft.core.layers import Linear, truncated_normal_
from redraft.core.recursion import deep_recursion
from redraft.errors import ConfigError
from redraft.models.base import DTYPES, Model, ModelConfig, StepOutput, Update


@dataclass(frozen=True, kw_only=True)
class TRMConfig(ModelConfig):
    """Size and shape of a TRM.

    Attributes:
        hidden_size: width D.
        num_layers: blocks of the one network.
        n, T: latent updates a recursion, recursions a supervision step.
        mixer: how positions mix, `mlp` (fixed length, best on small full grids), `attention`, or `conv` (each cell with
            its neighbours and the mean of all: for puzzles whose rules are local, such as mazes).
        positions: `rope` or `learned` (attention), or `none` (the other mixers know where a cell is, or need not).
        grid_width: cells in a row, for `conv`.
        num_heads: attention heads; ignored by the MLP mixer.
        expansion, width_multiple: inner width of each SwiGLU, see `core.layers.swiglu_width`.
        puzzle_dim: width of the puzzle-embedding table.
    """

    hidden_size: int = 512
    num_layers: int = 2
    n: int = 6
    T: int = 3
    mixer: Literal["mlp", "attention", "conv"] = "attention"
    positions: Literal["rope", "learned", "none"] = "rope"
    grid_width: int | None = None
    num_heads: int = 8
    expansion: float = 4.0
    width_multiple: int = 256
    puzzle_positions: int = 16
    puzzle_dim: int = 512
    rope_theta: float = 10000.0
    norm_eps: float = 1e-5

    def __post_init__(self) -> None:
        self.require(vocab_size=1, seq_len=1, num_puzzles=1, hidden_size=1, num_layers=1, n=1, T=1)
        self.require(num_heads=1, width_multiple=1)
        if self.mixer == "attention" and self.hidden_size % (2 * self.num_heads):
            raise ConfigError(
                f"model.hidden_size: expected a multiple of 2 x num_heads = {2 * self.num_heads}, "
                f"got {self.hidden_size}"
            )
        if self.mixer == "conv" and (self.grid_width is None or self.grid_width < 1 or self.seq_len % self.grid_width):
            raise ConfigError(f"model.grid_width: expected a divisor of {self.seq_len} cells, got {self.grid_width}")
        if self.mixer == "conv" and self.puzzle_positions:
            raise ConfigError("model.puzzle_positions: the conv mixer has none, for they are not part of the grid")
        if not 0 <= self.puzzle_dim <= max(1, self.puzzle_positions) * self.hidden_size and self.puzzle_positions:
            raise ConfigError(
                f"model.puzzle_dim: {self.puzzle_dim} does not fit into {self.puzzle_positions} positions "
                f"of width {self.hidden_size}"
            )

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
        self.embed = QuestionEmbedding(
            vocab_size=config.vocab_size,
            seq_len=config.seq_len,
            features=config.hidden_size,
            puzzle_positions=config.puzzle_positions,
            puzzle_ids=config.num_puzzles,
            puzzle_dim=config.puzzle_dim,
            learned_positions=config.positions == "learned",
        )
        self.net = build_network(config)
        self.answer_head = Linear(config.hidden_size, config.vocab_size)
        self.halt_head = Linear(config.hidden_size, 1, bias=True)
        with torch.no_grad():  # the model starts out sure that it is not done
            self.halt_head.weight.zero_()
            self.halt_head.bias.fill_(-5)  # type: ignore[union-attr]
        self.y_init: Tensor
        self.z_init: Tensor
        self.register_buffer("y_init", truncated_normal_(torch.empty(config.hidden_size), 1.0))
        self.register_buffer("z_init", truncated_normal_(torch.empty(config.hidden_size), 1.0))

    def initial_carry(self, batch: int) -> Carry:
        shape = (batch, self.config.puzzle_positions + self.config.seq_len, self.config.hidden_size)
        dtype = DTYPES[self.config.dtype]
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
        latent: tuple[Update, ...] = ("z",) * self.config.n
        return (*latent, "y") * self.config.T

    def sparse_parameters(self) -> dict[str, nn.Parameter]:
        puzzle = self.embed.puzzle
        return {} if puzzle is None else {"embed.puzzle.table": puzzle.table}


def build_network(config: TRMConfig) -> Stack:
    """The one network of a TRM, (B, S, D) to (B, S, D)."""
    size, positions = config.hidden_size, config.puzzle_positions + config.seq_len
    shape: dict[str, Any] = {"expansion": config.expansion, "multiple": config.width_multiple, "eps": config.norm_eps}
    if config.mixer == "mlp":
        return Stack([MixerBlock(size, positions=positions, **shape) for _ in range(config.num_layers)])
    if config.mixer == "conv":
        assert config.grid_width is not None
        return Stack([ConvBlock(size, width=config.grid_width, **shape) for _ in range(config.num_layers)])
    rotary = (positions, size // config.num_heads, config.rope_theta) if config.positions == "rope" else None
    blocks = [AttentionBlock(size, heads=config.num_heads, **shape) for _ in range(config.num_layers)]
    return Stack(blocks, rotary=rotary)
