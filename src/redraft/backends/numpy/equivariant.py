"""A symbol-equivariant TRM in NumPy alone, for inference: the step of `models.equivariant` without torch.

Cells mix by scopes that tile the grid (rows, columns, boxes); other mixers and scopes are torch's.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from redraft.backends.numpy.model import Floats, Layer, NumpyModel, Tensors, gated_channels, gated_weights, normed
from redraft.errors import WeightsError
from redraft.models.config import EquivariantConfig
from redraft.scopes import tiling

Grid = tuple[int, int, int, int]  # rows of blocks, rows of a block, columns of blocks, columns of a block


def runs(config: EquivariantConfig) -> bool:
    """Whether NumPy has what this configuration asks for: cells mix by scopes that tile the grid."""
    return config.mixer == "scopes" and config.symbols > 0 and len(_grids(config)) == len(config.scopes)


def work(config: EquivariantConfig) -> int:
    """About how many multiplications a puzzle takes in a supervision step."""
    width = config.hidden_size
    groups = config.symbols * sum(grid[0] * grid[2] for grid in _grids(config)) + config.seq_len
    each = 2 * groups * width**2 + 2 * config.expansion * config.seq_len * config.symbols * width**2
    return int(config.T * (config.n + 1) * config.num_layers * each)


def _grids(config: EquivariantConfig) -> list[Grid]:
    """How each family of scopes that tiles the grid does so."""
    height, width = config.seq_len // config.grid_width, config.grid_width
    blocks = [tiling(name, height=height, width=width) for name in config.scopes]
    return [(height // block[0], block[0], width // block[1], block[1]) for block in blocks if block is not None]


class NumpyEquivariant(NumpyModel):
    """An equivariant model, from tensors by the names and shapes that its `state_dict` gives them.

    States are (B, L, S, D). Raises WeightsError where tensors do not fit the configuration, or torch alone can run it.
    """

    def __init__(self, config: EquivariantConfig, tensors: Mapping[str, NDArray[np.generic]]) -> None:
        if not runs(config):
            found = f"mixer {config.mixer}, scopes {', '.join(config.scopes) or 'none'} and {config.symbols} symbols"
            raise WeightsError(f"backend numpy needs cells that mix by scopes which tile the grid, got {found}")
        self.config: EquivariantConfig = config
        self.vectors = config.seq_len * config.symbols
        given, width = Tensors(tensors), config.hidden_size
        others = config.vocab_size - config.symbols
        # what a token is to each symbol: given (0), excluded (1), or a token of its own (2 and up)
        self._roles = np.ones((config.vocab_size, config.symbols), np.int64)
        first, last = config.first_symbol, config.first_symbol + config.symbols
        self._roles[first:last][np.diag_indices(config.symbols)] = 0
        own = [token for token in range(config.vocab_size) if not first <= token < last]
        self._roles[own] = np.arange(2, others + 2)[:, None]
        self._embed = given.take("embed", others + 2, width) * np.float32(width**0.5)
        self.layers = _layers(config, given)
        self._symbol_head = given.take("symbol_head.weight", 1, width)
        self._own_head = given.take("own_head.weight", others, width)
        features = 1 if config.halting == "margin" else 2 * width
        self.halt_head = given.take("halt_head.weight", 1, features), given.take("halt_head.bias", 1)
        self._starts = given.take("y_init", width), given.take("z_init", width)
        self.parameters = given.taken
        given.done()

    def initial_carry(self, batch: int) -> tuple[Floats, Floats]:
        """The answer y and the latent z (B, L, S, D) before the first step."""
        shape = (batch, self.config.seq_len, self.config.symbols, self.config.hidden_size)
        y, z = self._starts
        return np.broadcast_to(y, shape), np.broadcast_to(z, shape)

    def embed(self, tokens: NDArray[np.integer], puzzle_ids: NDArray[np.integer]) -> Floats:
        """The question x (B, L, S, D) of tokens (B, L)."""
        return self._embed[self._roles[tokens]]

    def read(self, y: Floats) -> Floats:
        """Logits (B, L, V): a symbol's from its own field, any other token's from the mean of all."""
        first = self.config.first_symbol
        own = y.mean(2) @ self._own_head.T
        symbols = y @ self._symbol_head[0]
        return np.concatenate((own[..., :first], symbols, own[..., first:]), -1)

    def seen(self, y: Floats, logits: Floats) -> Floats:
        if self.config.halting == "pooled":
            return np.concatenate((y.mean((1, 2)), y.max((1, 2))), -1)
        best = np.partition(logits, -2, axis=-1)
        least: Floats = (best[..., -1] - best[..., -2]).min(1, keepdims=True)
        return least


def _layers(config: EquivariantConfig, given: Tensors) -> list[Layer]:
    """Both halves of every block, one after the other: what mixes cells and symbols, then what mixes channels."""
    width, eps = config.hidden_size, np.float32(config.norm_eps)
    layers: list[Layer] = []
    for number in range(config.num_layers):
        block = f"net.blocks.{number}"
        pools = [given.take(f"{block}.mix.pools.{i}.out.weight", width, 2 * width) for i in range(len(config.scopes))]
        symbols = given.take(f"{block}.symbols.out.weight", width, 2 * width)
        layers.append(_pooled(list(zip(_grids(config), pools, strict=True)), symbols, eps))
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
