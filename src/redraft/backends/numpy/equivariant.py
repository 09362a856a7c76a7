"""A symbol-equivariant TRM in NumPy alone, for inference: the step of `models.equivariant` without torch.

Cells mix by scopes that tile the grid (rows, columns, boxes); only torch runs other mixers and scopes.
"""

from __future__ import annotations

import numpy as np

from redraft.backends.numpy.model import Layer, NumpyModel, Tensors, gated_channels, gated_weights, normed
from redraft.backends.protocol import Floats, Ints
from redraft.errors import WeightsError
from redraft.models.config import EquivariantConfig
from redraft.scopes import scope_axes


def runs(config: EquivariantConfig) -> bool:
    """True if NumPy can run a model of this configuration."""
    pools = config.mixer == "scopes" and config.across == "pool"
    return pools and config.symbols > 0 and len(_grids(config)) == len(config.scopes)


def work(config: EquivariantConfig) -> int:
    """About how many multiplications a puzzle takes in a supervision step."""
    width = config.hidden_size
    groups = config.symbols * sum(grid[0] * grid[2] for grid in _grids(config)) + config.seq_len
    each = 2 * groups * width**2 + 2 * config.expansion * config.seq_len * config.symbols * width**2
    return int(config.T * (config.n + 1) * config.num_layers * each)


def _grids(config: EquivariantConfig) -> list[tuple[int, ...]]:
    """The grid as blocks, for each family of scopes that tiles it."""
    height, width = config.seq_len // config.grid_width, config.grid_width
    found = [scope_axes(name, height=height, width=width) for name in config.scopes]
    return [axes.grid for axes in found if axes is not None]


class NumpyEquivariant(NumpyModel):
    """A symbol-equivariant TRM; states are (B, L, S, D). Raises WeightsError where only torch can run it."""

    config: EquivariantConfig

    def take(self, given: Tensors, width: int) -> None:
        config = self.config
        if not runs(config):
            mixing = f"mixer {config.mixer}, scopes {', '.join(config.scopes) or 'none'}"
            found = f"{mixing} and {config.symbols} symbols that mix by {config.across}"
            raise WeightsError(f"backend numpy needs pools over symbols and scopes that tile the grid, got {found}")
        self.positions = config.seq_len, config.symbols
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

    def embed(self, tokens: Ints, puzzle_ids: Ints) -> Floats:
        return self._embed[self._roles[tokens]]

    def read(self, y: Floats) -> Floats:
        # a symbol's logit from its own state, any other token's from the mean of all
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
    """The layers of all blocks in order; each block mixes cells and symbols, then channels."""
    width, eps = config.hidden_size, np.float32(config.norm_eps)
    grids = _grids(config)
    layers: list[Layer] = []
    for number in range(config.num_layers):
        block = f"net.blocks.{number}"
        pools = [given.take(f"{block}.mix.pools.{i}.out.weight", width, 2 * width) for i in range(len(grids))]
        symbols = given.take(f"{block}.symbols.out.weight", width, 2 * width)
        layers.append(_pooled(list(zip(grids, pools, strict=True)), symbols, eps))
        layers.append(gated_channels(*gated_weights(given, f"{block}.mlp", width), eps))
    return layers


def _pooled(scopes: list[tuple[tuple[int, ...], Floats]], symbols: Floats, eps: np.float32) -> Layer:
    """`norm(h + cells(h) + symbols(h))`: cells mix within their scopes, and symbols within a cell."""

    def layer(h: Floats) -> Floats:
        total = h.copy()
        for grid, weight in scopes:
            cells = h.reshape(len(h), *grid, *h.shape[2:])
            mean, peak = cells, cells
            for axis in (4, 2):
                if cells.shape[axis] > 1:
                    mean, peak = mean.mean(axis, keepdims=True), peak.max(axis, keepdims=True)
            pooled = total.reshape(cells.shape)
            pooled += np.concatenate((mean, peak), -1) @ weight.T
        both = np.concatenate((h.mean(2, keepdims=True), h.max(2, keepdims=True)), -1)
        total += both @ symbols.T
        return normed(total, -1, eps)

    return layer
