"""A symbol-equivariant TRM in NumPy alone, for inference: the step of `models.equivariant` without torch.

Cells mix by scopes that tile the grid (rows, columns, boxes); other mixers and scopes are torch's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from redraft.backends.numpy.model import Floats, Layer, NumpyModel, Tensors, gated_channels, gated_weights, normed
from redraft.errors import ConfigError
from redraft.scopes import tiling

Grid = tuple[int, int, int, int]  # rows of blocks, rows of a block, columns of blocks, columns of a block


@dataclass(frozen=True, kw_only=True)
class EquivariantShape:
    """The fields of `models.equivariant.EquivariantConfig`, which tells what they mean."""

    vocab_size: int
    seq_len: int
    puzzle_positions: int = 0
    num_puzzles: int = 1
    dtype: Literal["float32", "bfloat16"] = "float32"
    first_symbol: int
    symbols: int
    grid_width: int
    scopes: tuple[str, ...] = ()
    mixer: Literal["scopes", "mlp", "attention"] = "scopes"
    halting: Literal["pooled", "margin"] = "pooled"
    hidden_size: int = 32
    num_layers: int = 2
    n: int = 3
    T: int = 2
    num_heads: int = 4
    expansion: float = 4.0
    width_multiple: int = 32
    norm_eps: float = 1e-5

    def __post_init__(self) -> None:
        for name in ("vocab_size", "seq_len", "grid_width", "symbols", "hidden_size", "num_layers", "n", "T"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}: expected at least 1, got {getattr(self, name)}")
        if self.seq_len % self.grid_width:
            raise ConfigError(f"grid_width: {self.grid_width} columns do not make a grid of {self.seq_len} cells")
        if not 0 <= self.first_symbol <= self.vocab_size - self.symbols:
            raise ConfigError(f"symbols: {self.symbols} from {self.first_symbol} on are more than the tokens")
        if self.mixer != "scopes":
            raise ConfigError(f"mixer: NumPy mixes cells by scopes, not by {self.mixer}")
        self.grids()

    @property
    def sequence(self) -> int:
        """Vectors of a state: one for every cell and symbol."""
        return self.seq_len * self.symbols

    @property
    def work(self) -> int:
        """About how many multiplications a puzzle takes in a step."""
        width = self.hidden_size
        groups = self.symbols * sum(grid[0] * grid[2] for grid in self.grids()) + self.seq_len
        each = 2 * groups * width**2 + 2 * self.expansion * self.sequence * width**2
        return int(self.T * (self.n + 1) * self.num_layers * each)

    def grids(self) -> list[Grid]:
        """How each family of scopes tiles the grid; raises ConfigError for one that does not."""
        height, width = self.seq_len // self.grid_width, self.grid_width
        found = []
        for name in self.scopes:
            block = tiling(name, height=height, width=width)
            if block is None:
                raise ConfigError(f"scopes: {name} does not tile the grid, which is a matter for torch")
            tall, wide = block
            found.append((height // tall, tall, width // wide, wide))
        return found


class NumpyEquivariant(NumpyModel):
    """An equivariant model, from tensors by the names and shapes that its `state_dict` gives them.

    States are (B, L, S, D). Raises WeightsError where tensors do not fit the shape.
    """

    def __init__(self, shape: EquivariantShape, tensors: Mapping[str, NDArray[np.generic]]) -> None:
        self.shape: EquivariantShape = shape
        given, width = Tensors(tensors), shape.hidden_size
        others = shape.vocab_size - shape.symbols
        # what a token is to each symbol: given (0), excluded (1), or a token of its own (2 and up)
        self._roles = np.ones((shape.vocab_size, shape.symbols), np.int64)
        first, last = shape.first_symbol, shape.first_symbol + shape.symbols
        self._roles[first:last][np.diag_indices(shape.symbols)] = 0
        own = [token for token in range(shape.vocab_size) if not first <= token < last]
        self._roles[own] = np.arange(2, others + 2)[:, None]
        self._embed = given.take("embed", others + 2, width) * np.float32(width**0.5)
        self.layers = _layers(shape, given)
        self._symbol_head = given.take("symbol_head.weight", 1, width)
        self._own_head = given.take("own_head.weight", others, width)
        features = 1 if shape.halting == "margin" else 2 * width
        self.halt_head = given.take("halt_head.weight", 1, features), given.take("halt_head.bias", 1)
        self._starts = given.take("y_init", width), given.take("z_init", width)
        self.parameters = given.taken
        given.done()

    def initial_carry(self, batch: int) -> tuple[Floats, Floats]:
        """The answer y and the latent z (B, L, S, D) before the first step."""
        shape = (batch, self.shape.seq_len, self.shape.symbols, self.shape.hidden_size)
        y, z = self._starts
        return np.broadcast_to(y, shape), np.broadcast_to(z, shape)

    def embed(self, tokens: NDArray[np.integer], puzzle_ids: NDArray[np.integer]) -> Floats:
        """The question x (B, L, S, D) of tokens (B, L)."""
        return self._embed[self._roles[tokens]]

    def read(self, y: Floats) -> Floats:
        """Logits (B, L, V): a symbol's from its own field, any other token's from the mean of all."""
        first = self.shape.first_symbol
        own = y.mean(2) @ self._own_head.T
        symbols = y @ self._symbol_head[0]
        return np.concatenate((own[..., :first], symbols, own[..., first:]), -1)

    def seen(self, y: Floats, logits: Floats) -> Floats:
        if self.shape.halting == "pooled":
            return np.concatenate((y.mean((1, 2)), y.max((1, 2))), -1)
        best = np.partition(logits, -2, axis=-1)
        least: Floats = (best[..., -1] - best[..., -2]).min(1, keepdims=True)
        return least


def _layers(shape: EquivariantShape, given: Tensors) -> list[Layer]:
    """Both halves of every block, one after the other: what mixes cells and symbols, then what mixes channels."""
    width, eps = shape.hidden_size, np.float32(shape.norm_eps)
    layers: list[Layer] = []
    for number in range(shape.num_layers):
        block = f"net.blocks.{number}"
        pools = [given.take(f"{block}.mix.pools.{i}.out.weight", width, 2 * width) for i in range(len(shape.scopes))]
        symbols = given.take(f"{block}.symbols.out.weight", width, 2 * width)
        layers.append(_pooled(list(zip(shape.grids(), pools, strict=True)), symbols, eps))
        layers.append(gated_channels(*gated_weights(given, f"{block}.mlp", width), eps))
    return layers


def _pooled(scopes: list[tuple[Grid, Floats]], symbols: Floats, eps: np.float32) -> Layer:
    """`norm(h + cells(h) + symbols(h))` where cells hear their scopes, and the symbols of a cell one another."""

    def layer(h: Floats) -> Floats:
        total = h.copy()
        for grid, weight in scopes:
            cells = h.reshape(len(h), *grid, *h.shape[2:])
            mean, peak = cells, cells
            for axis in (4, 2):
                if cells.shape[axis] > 1:
                    mean, peak = mean.mean(axis, keepdims=True), peak.max(axis, keepdims=True)
            heard = total.reshape(cells.shape)
            heard += np.concatenate((mean, peak), -1) @ weight.T
        both = np.concatenate((h.mean(2, keepdims=True), h.max(2, keepdims=True)), -1)
        total += both @ symbols.T
        return normed(total, -1, eps)

    return layer
