"""A symbol-equivariant TRM in NumPy alone, for inference: the step of `models.equivariant` without torch.

Cells mix by scopes; only torch runs other mixers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from redraft.backends.numpy.model import Layer, NumpyModel, Tensors, gated_channels, gated_weights, normed
from redraft.backends.protocol import Floats, Ints
from redraft.errors import WeightsError
from redraft.models.config import EquivariantConfig
from redraft.scopes import scope_axes, scope_members


def runs(config: EquivariantConfig) -> bool:
    """True if NumPy can run a model of this configuration."""
    return (config.mixer, config.across) == ("scopes", "pool")


def work(config: EquivariantConfig) -> int:
    """About how many multiplications a puzzle takes in a supervision step."""
    width = config.hidden_size
    scopes = sum(over[0] * over[2] if isinstance(over, tuple) else len(over.shares) for over in _families(config))
    groups = config.fields * scopes + config.seq_len
    each = 2 * groups * width**2 + 2 * config.expansion * config.seq_len * config.fields * width**2
    return int(config.T * (config.n + 1) * config.num_layers * each)


@dataclass(frozen=True)
class _Gathered:
    """Scopes that are no blocks: their cells (K, M), shares of each in the mean (K, M), and each cell's scope (L,)."""

    members: Ints
    shares: Floats
    home: Ints

    @classmethod
    def of(cls, heard: list[list[int]]) -> _Gathered:
        scopes = list(dict.fromkeys(map(tuple, heard)))
        most = max(map(len, scopes))
        members = [[*cells, *cells[:1] * (most - len(cells))] for cells in scopes]
        shares = [[1 / len(cells)] * len(cells) + [0] * (most - len(cells)) for cells in scopes]
        home = [scopes.index(tuple(cells)) for cells in heard]
        return cls(np.array(members), np.array(shares, np.float32), np.array(home))


def _families(config: EquivariantConfig) -> list[tuple[int, ...] | _Gathered]:
    """For each family of scopes the grid as blocks, or the cells of the scopes."""
    size = {"height": config.seq_len // config.grid_width, "width": config.grid_width}
    found = [(name, scope_axes(name, **size)) for name in config.scopes]
    return [_Gathered.of(scope_members(name, **size)) if axes is None else axes.grid for name, axes in found]


class NumpyEquivariant(NumpyModel):
    """A symbol-equivariant TRM; states are (B, L, S, D). Raises WeightsError where only torch can run it."""

    config: EquivariantConfig

    def take(self, given: Tensors, width: int) -> None:
        config = self.config
        if not runs(config):
            found = f"mixer {config.mixer} and {config.across} across symbols"
            raise WeightsError(f"backend numpy needs cells that mix by scopes and symbols by pools, got {found}")
        self.positions = config.seq_len, config.fields
        others = config.vocab_size - config.symbols
        # what a token is to each symbol: given (0), excluded (1), or a token of its own (2 and up)
        self._roles = np.ones((config.vocab_size, config.fields), np.int64)
        first, last = config.first_symbol, config.first_symbol + config.symbols
        self._roles[first:last][np.diag_indices(config.symbols)] = 0
        own = [token for token in range(config.vocab_size) if not first <= token < last]
        self._roles[own] = np.arange(2, others + 2)[:, None]
        self._embed = given.take("embed", others + 2, width) * np.float32(width**0.5)
        self.layers = _layers(config, given)
        self._symbol_head = given.take("symbol_head.weight", 1, width) if config.symbols else np.zeros((1, width))
        self._own_head = given.take("own_head.weight", others, width)
        features = 1 if config.halting == "margin" else 2 * width
        self.halt_head = given.take("halt_head.weight", 1, features), given.take("halt_head.bias", 1)

    def embed(self, tokens: Ints, puzzle_ids: Ints) -> Floats:
        return self._embed[self._roles[tokens]]

    def read(self, y: Floats) -> Floats:
        # a symbol's logit from its own state, any other token's from the mean of all
        first = self.config.first_symbol
        own: Floats = y.mean(2) @ self._own_head.T
        if not self.config.symbols:
            return own
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
    families = _families(config)
    layers: list[Layer] = []
    for number in range(config.num_layers):
        block = f"net.blocks.{number}"
        pools = [given.take(f"{block}.mix.pools.{i}.out.weight", width, 2 * width) for i in range(len(families))]
        symbols = given.take(f"{block}.symbols.out.weight", width, 2 * width)
        layers.append(_pooled(list(zip(families, pools, strict=True)), symbols, eps))
        layers.append(gated_channels(*gated_weights(given, f"{block}.mlp", width), eps))
    return layers


def _pooled(scopes: list[tuple[tuple[int, ...] | _Gathered, Floats]], symbols: Floats, eps: np.float32) -> Layer:
    """`norm(h + cells(h) + symbols(h))`: cells mix within their scopes, and symbols within a cell."""

    def layer(h: Floats) -> Floats:
        total = h.copy()
        for over, weight in scopes:
            if isinstance(over, _Gathered):
                there = h[:, over.members]  # (B, K, M, S, D)
                mean, peak = np.einsum("bkmsd,km->bksd", there, over.shares), there.max(2)
                total += (np.concatenate((mean, peak), -1) @ weight.T)[:, over.home]
                continue
            cells = h.reshape(len(h), *over, *h.shape[2:])
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
