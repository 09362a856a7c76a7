"""The state between two supervision steps: the answer y and the latent z of every slot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Carry(NamedTuple):
    """Embedded answer `y` and latent `z`, (B, ...) each: (B, S, D) in a TRM, in the model's activation dtype."""

    y: Tensor
    z: Tensor

    def detach(self) -> Carry:
        """The same state, cut off from the graph that computed it."""
        return Carry(self.y.detach(), self.z.detach())

    def where(self, mask: Tensor, other: Carry) -> Carry:
        """Rows of `other` where `mask` (B,) is true, own rows elsewhere."""

        def pick(own: Tensor, others: Tensor) -> Tensor:
            return torch.where(mask.view(-1, *[1] * (own.ndim - 1)), others, own)

        return Carry(pick(self.y, other.y), pick(self.z, other.z))

    def rows(self, index: Tensor | slice) -> Carry:
        """The rows named by `index`, a slice or (K,), in that order."""
        return Carry(*(state[index] for state in self))

    @staticmethod
    def cat(parts: Sequence[Carry]) -> Carry:
        """The rows of all parts, one after the other."""
        return Carry(*map(torch.cat, zip(*parts, strict=True)))
