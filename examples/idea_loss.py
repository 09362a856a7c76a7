"""A loss of one's own, in one file: cells that are almost right count less (Lin et al. 2017, focal loss).

redraft train sudoku-6x6 --loss idea_loss:focal      # in this folder
"""

from __future__ import annotations

from torch import Tensor

from redraft.train.losses import stablemax


def focal(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of each cell (B, L) times `(1 - p)²`, p being the probability of the right token."""
    loss = stablemax(logits, labels)
    return (1 - (-loss).exp()) ** 2 * loss
