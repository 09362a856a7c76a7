"""Exponential moving average of the weights: what is evaluated, shipped and solved with."""

from __future__ import annotations

import copy

import torch

from redraft.models.base import Model
from redraft.train.optim import FlatParameters


class MovingAverage:
    """A copy of the model whose dense weights follow `average = decay * average + (1 - decay) * weights`.

    Sparse tables are shared with the live model, not averaged: a row changes only when its puzzle is seen.
    """

    def __init__(self, model: Model, live: FlatParameters, *, decay: float) -> None:
        self.decay, self.live = decay, live
        tables = {id(p): p for p in model.sparse_parameters().values()}
        self.model: Model = copy.deepcopy(model, memo=dict(tables))
        self.average = FlatParameters(self.model.dense_parameters())
        self.model.requires_grad_(False)
        for table in tables.values():
            table.requires_grad_(True)
        self.model.eval()

    @torch.no_grad()
    def update(self) -> None:
        self.average.values.lerp_(self.live.values, 1 - self.decay)
