"""Pooling: cells hear what is in their scopes, and the symbols of a cell hear one another."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from redraft.core.layers import Linear
from redraft.scopes import scope_members


class ScopePool(nn.Module):
    """What is in a cell's scope: mean and maximum over the cells of each scope, through one linear map."""

    members: Tensor  # (K, M) cells of each scope, the first repeated where a scope has fewer than M
    weights: Tensor  # (K, M) of the mean: 0 for a repetition
    home: Tensor  # (L,) the scope that each cell hears

    def __init__(self, features: int, name: str, *, height: int, width: int) -> None:
        super().__init__()
        heard = [tuple(cells) for cells in scope_members(name, height=height, width=width)]
        scopes = list(dict.fromkeys(heard))
        most = max(map(len, scopes))
        padded = [[*scope, *[scope[0]] * (most - len(scope))] for scope in scopes]
        weights = [[1 / len(scope)] * len(scope) + [0.0] * (most - len(scope)) for scope in scopes]
        self.register_buffer("members", torch.tensor(padded), persistent=False)
        self.register_buffer("weights", torch.tensor(weights), persistent=False)
        number = {scope: i for i, scope in enumerate(scopes)}
        self.register_buffer("home", torch.tensor([number[cells] for cells in heard]), persistent=False)
        self.out = Linear(2 * features, features)

    def forward(self, h: Tensor) -> Tensor:
        """h (B, L, S, d) to the same shape."""
        scopes, most = self.members.shape
        there = h[:, self.members.flatten()].unflatten(1, (scopes, most))  # (B, K, M, S, d)
        mean = torch.einsum("bkmsd,km->bksd", there, self.weights.to(h.dtype))
        pooled: Tensor = self.out(torch.cat((mean, there.amax(2)), dim=-1))  # (B, K, S, d)
        return pooled[:, self.home]


class SymbolPool(nn.Module):
    """What the other symbols of a cell are like: mean and maximum over them, through one linear map."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.out = Linear(2 * features, features)

    def forward(self, h: Tensor) -> Tensor:
        """h (B, L, S, d) to (B, L, 1, d)."""
        pooled: Tensor = self.out(torch.cat((h.mean(2, keepdim=True), h.amax(2, keepdim=True)), dim=-1))
        return pooled
