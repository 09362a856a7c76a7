"""About how much a model computes, from its shape alone: for choices that must not depend on a stopwatch."""

from __future__ import annotations

import math

from redraft.core.layers import Attention
from redraft.models.base import Model

SHARE = 32  # multiplications that a share of attention (soft-max and all) takes as long as


def work(model: Model, steps: int = 1) -> float:
    """About how many multiplications a puzzle takes over so many steps.

    Each weight counts once for every vector of a state, a cell's or that of a cell and symbol, and every evaluation;
    attention looks from every cell to every other one besides.
    """
    cells, networks = model.config.seq_len, model.networks()
    vectors = max(cells, math.prod(model.initial_carry(1).y.shape[1:-1]))
    weights = sum(parameter.numel() for network in networks for parameter in network.parameters())
    layers = [layer for network in networks for layer in network.modules() if isinstance(layer, Attention)]
    pairs = sum(2 * layer.out.weight.shape[0] + SHARE * layer.heads for layer in layers)
    return float((weights + pairs * cells) * vectors * len(model.schedule()) * steps / len(networks))
