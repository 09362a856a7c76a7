"""A TRM that treats all symbols alike: one field of states for each symbol, every weight shared among the fields.

Renaming the digits of a Sudoku renames the answer and changes nothing else, so no renaming has to be learned or shown.
The loop is the TRM's; the state of a puzzle is (cells, symbols, d) in place of (cells, D). In a block, cells mix
within each symbol's field and symbols within each cell, then comes the channel SwiGLU.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from redraft.core.carry import Carry
from redraft.core.layers import Attention, Linear, SwiGLU, rotary_tables, truncated_normal_
from redraft.core.pooling import AxesPool, heard, scope_pool, symbol_pool
from redraft.core.recursion import deep_recursion
from redraft.kernels import amx
from redraft.kernels.ops import pools_block
from redraft.models.base import DTYPES, Model, StepOutput, Update, recursions
from redraft.models.config import EquivariantConfig
from redraft.models.trm import halting_head, initial_state


class Equivariant(Model):
    """A symbol-equivariant TRM; see `EquivariantConfig`. States are (B, L, S, d)."""

    config: EquivariantConfig
    roles: (
        Tensor  # (V, S) meaning of a token for each symbol: given (0), excluded (1), or a token of its own (2 and up)
    )

    def __init__(self, config: EquivariantConfig) -> None:
        super().__init__()
        self.config = config
        width, self.scale = config.hidden_size, config.hidden_size**0.5
        last = config.first_symbol + config.symbols
        own = [token for token in range(config.vocab_size) if not config.first_symbol <= token < last]
        roles = torch.ones(config.vocab_size, config.fields, dtype=torch.int64)
        for symbol in range(config.symbols):
            roles[config.first_symbol + symbol, symbol] = 0
        for role, token in enumerate(own, start=2):
            roles[token] = role
        self.register_buffer("roles", roles, persistent=False)
        self.embed = nn.Parameter(truncated_normal_(torch.empty(len(own) + 2, width), 1 / self.scale))
        self.net = EquivariantNetwork(config)
        self.symbol_head = Linear(width, 1) if config.symbols else None
        self.own_head = Linear(width, len(own))
        self.halt_head = halting_head(2 * width if config.halting == "pooled" else 1)
        self.y_init: Tensor
        self.z_init: Tensor
        self.register_buffer("y_init", initial_state(width))
        self.register_buffer("z_init", initial_state(width))

    def initial_carry(self, batch: int) -> Carry:
        config = self.config
        shape, dtype = (batch, config.seq_len, config.fields, config.hidden_size), DTYPES[config.dtype]
        return Carry(self.y_init.to(dtype).expand(shape), self.z_init.to(dtype).expand(shape))

    def forward(self, tokens: Tensor, puzzle_ids: Tensor, carry: Carry, recursions: int | None = None) -> StepOutput:
        x = self.scale * F.embedding(self.roles[tokens], self.embed).to(DTYPES[self.config.dtype])  # (B, L, S, d)
        y, z = deep_recursion(self.net, x, carry.y, carry.z, n=self.config.n, T=recursions or self.config.T)
        logits = self.read(y)
        seen = _least_margin(logits) if self.config.halting == "margin" else _pooled(y)
        return StepOutput(Carry(y, z), logits, self.halt_head(seen).squeeze(-1).float())

    def read(self, state: Tensor) -> Tensor:
        """The logit of a symbol comes from its own field, that of any other token from the mean of all fields."""
        config = self.config
        own = self.own_head(state.mean(2))  # (B, L, V - symbols)
        if self.symbol_head is None:
            return own.float()
        first = config.first_symbol
        symbols = self.symbol_head(state).squeeze(-1)  # (B, L, S)
        return torch.cat((own[..., :first], symbols, own[..., first:]), dim=-1).float()

    def networks(self) -> tuple[nn.Module, ...]:
        return (self.net,)

    def schedule(self) -> tuple[Update, ...]:
        return recursions(self.config.n, self.config.T)


def _pooled(y: Tensor) -> Tensor:
    """Mean and maximum of y (B, L, S, d) over cells and symbols, (B, 2d)."""
    return torch.cat((y.mean((1, 2)), y.amax((1, 2))), dim=-1)


def _least_margin(logits: Tensor) -> Tensor:
    """The least gap, over the cells, between a cell's two best logits (B, 1); the answer learns nothing from it."""
    best = logits.detach().topk(2, dim=-1).values
    return (best[..., 0] - best[..., 1]).amin(1, keepdim=True)


class EquivariantNetwork(nn.Module):
    """Blocks one after the other, (B, L, S, d) to the same shape."""

    def __init__(self, config: EquivariantConfig) -> None:
        super().__init__()
        kind = {"scopes": ScopesMix, "mlp": CellsMix, "attention": AttentionMix}[config.mixer]
        self.blocks = nn.ModuleList(EquivariantBlock(config, kind(config)) for _ in range(config.num_layers))

    def forward(self, h: Tensor) -> Tensor:
        for block in self.blocks:
            h = block(h)
        return h


class EquivariantBlock(nn.Module):
    """`h = norm(h + cells(h) + symbols(h)); h = norm(h + swiglu(h))`, all weights shared by the symbols."""

    packed: amx.Packed | None

    def __init__(self, config: EquivariantConfig, mix: nn.Module) -> None:
        super().__init__()
        self.eps = config.norm_eps
        self.mix = mix
        pooled = config.across == "pool"
        self.symbols = symbol_pool(config.hidden_size, config.seq_len) if pooled else SymbolsMix(config)
        self.mlp = SwiGLU(config.hidden_size, expansion=config.expansion, multiple=config.width_multiple)
        self.fields, self.packed = config.fields, None

    @property
    def parts(self) -> list[nn.Module]:
        """The mixing of cells, in one part or several, and that of symbols."""
        cells = self.mix.pools if isinstance(self.mix, ScopesMix) else [self.mix]
        return [*cells, self.symbols]

    @torch.no_grad()
    def for_tiles(self) -> amx.Packed | None:
        """Its present weights, laid out for tiles; None where there are no kernels for it."""
        pools = [part for part in self.parts if isinstance(part, AxesPool)]
        layers = [*(pool.out for pool in pools), self.mlp.gate_up, self.mlp.down]
        if len(pools) < len(self.parts) or not all(isinstance(layer, Linear) for layer in layers):
            return None
        *out, gate_up, down = (layer.weight_as(torch.bfloat16) for layer in layers)
        return amx.packed(tuple(pool.over for pool in pools), out, gate_up, down, symbols=self.fields)

    def forward(self, h: Tensor) -> Tensor:
        if self.packed is None or torch.is_grad_enabled() or h.dtype != torch.bfloat16:
            weights: tuple[Any, ...] = (*heard(h, self.parts), *self.mlp.weights(h.dtype))
        else:
            weights = self.packed.plain  # looking them up takes longer than a small puzzle may
        return pools_block(h, *weights, eps=self.eps, packed=self.packed)


class ScopesMix(nn.Module):
    """Pools over the scopes of a field's cells, which the block adds to that of the symbols."""

    def __init__(self, config: EquivariantConfig) -> None:
        super().__init__()
        height, width = config.seq_len // config.grid_width, config.grid_width
        self.pools = nn.ModuleList(
            scope_pool(config.hidden_size, name, height=height, width=width) for name in config.scopes
        )


class CellsMix(nn.Module):
    """A SwiGLU over the cells of a field, the same for every channel."""

    def __init__(self, config: EquivariantConfig) -> None:
        super().__init__()
        self.cells = SwiGLU(config.seq_len, expansion=config.expansion, multiple=config.width_multiple)

    def forward(self, h: Tensor) -> Tensor:
        mixed: Tensor = self.cells(h.movedim(1, -1)).movedim(-1, 1)
        return mixed


class AttentionMix(nn.Module):
    """Self-attention among the cells of a field, with rotary positions."""

    def __init__(self, config: EquivariantConfig) -> None:
        super().__init__()
        self.attention = Attention(config.hidden_size, config.num_heads, qk_norm=config.qk_norm)
        width = config.grid_width if config.places == "grid" else None
        cos, sin = rotary_tables(config.seq_len, config.hidden_size // config.num_heads, 10000.0, width=width)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def forward(self, h: Tensor) -> Tensor:
        fields = h.movedim(2, 1)  # (B, S, L, d)
        mixed = self.attention(fields.flatten(0, 1), (self.cos, self.sin))
        return mixed.view_as(fields).movedim(1, 2)


class SymbolsMix(nn.Module):
    """Self-attention among the symbols of a cell, which have no order."""

    def __init__(self, config: EquivariantConfig) -> None:
        super().__init__()
        self.attention = Attention(config.hidden_size, config.num_heads, qk_norm=config.qk_norm)

    def forward(self, h: Tensor) -> Tensor:
        mixed: Tensor = self.attention(h.flatten(0, 1), None).view(h.shape)
        return mixed
