"""Attention between cells in a model that has it: the probabilities of every layer and head."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from redraft.core.layers import Attention
from redraft.models import Model

MOST = 4 << 20  # numbers kept in a trace; where all steps have more, only the last one's maps are


def attention_layers(model: Model) -> list[Attention]:
    """The attention layers of the networks that a step evaluates again and again, in order."""
    return [layer for network in model.networks() for layer in network.modules() if isinstance(layer, Attention)]


def attention_probabilities(layer: Attention, x: Tensor, rotary: tuple[Tensor, Tensor] | None = None) -> Tensor:
    """The attention of each position to each, (B, heads, S, S) float32, for the layer's input x (B, S, D)."""
    query, key, _ = (each.float() for each in layer.heads_of(x, rotary))
    return (query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5).softmax(-1)


class AttentionMaps:
    """Until it is closed, `end_step` after each step appends the maps of its last evaluation to `kept`.

    Maps are (layers, heads, L, L) float32, or None.
    """

    def __init__(self, model: Model, steps: int, *, wanted: bool) -> None:
        """`steps`: of which maps may be kept; unless `wanted`, none are."""
        self.cells, self.reserved = model.config.seq_len, model.config.puzzle_positions
        self.layers = attention_layers(model) if wanted else []
        size = sum(layer.heads for layer in self.layers) * self.cells**2
        first = 0 if size * steps <= MOST else steps - 1 if size <= MOST else steps
        self.kept_steps = range(first, steps)
        self.inputs: dict[int, tuple[Any, ...]] = {}  # of each layer's last call
        self.kept: list[NDArray[np.float32] | None] = []
        self.hooks = [layer.register_forward_pre_hook(self._record) for layer in self.layers]

    def close(self) -> None:
        for hook in self.hooks:
            hook.remove()

    def end_step(self) -> None:
        self.kept.append(self._maps() if len(self.kept) in self.kept_steps else None)
        self.inputs.clear()

    def _record(self, layer: nn.Module, call: tuple[Any, ...]) -> None:
        self.inputs[id(layer)] = call

    @torch.inference_mode()
    def _maps(self) -> NDArray[np.float32] | None:
        """Only of layers that mix the positions of cells; rows of a puzzle (symbols, say) are averaged."""
        maps = []
        for layer in self.layers:
            x, *rotary = self.inputs.get(id(layer), (torch.empty(0, 0, 0),))
            if x.ndim == 3 and x.shape[1] == self.reserved + self.cells:
                shares = attention_probabilities(layer, x, *rotary)[..., self.reserved :, self.reserved :]
                maps.append(shares.mean(0).cpu().numpy())
        return np.stack(maps) if maps and len({each.shape for each in maps}) == 1 else None
