"""What a supervision step is scored by: the answer's cross-entropy and the halting head's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from redraft.tasks.base import IGNORE

HALT_WEIGHT = 0.5

LossKind = Literal["stablemax", "softmax"]


def log_stablemax(logits: Tensor) -> Tensor:
    """Log of the stable-max probabilities over the last axis: `s(a) = a + 1` for a >= 0, `1 / (1 - a)` below.

    Prieto et al. 2025, "Grokking at the edge of numerical stability". In log space float32 is exact enough.
    """
    positive = logits >= 0
    log_s = torch.where(positive, 1.0, -1.0) * torch.log1p(logits.abs())
    s = torch.where(positive, 1 + logits, 1 / (1 + logits.abs()))
    return log_s - s.sum(-1, keepdim=True).log()


def answer_loss(logits: Tensor, labels: Tensor, *, kind: LossKind) -> Tensor:
    """Cross-entropy (B,): the mean over the cells of each sequence whose label is not IGNORE; 0 where none is.

    Logits (B, L, V) float32, labels (B, L) int64.
    """
    losses = cell_losses(logits, labels, kind=kind)
    return losses.sum(-1) / (labels != IGNORE).sum(-1).clamp_min(1)


def cell_losses(logits: Tensor, labels: Tensor, *, kind: LossKind) -> Tensor:
    """Cross-entropy of every cell (B, L), 0 where the label is IGNORE."""
    log_p = log_stablemax(logits) if kind == "stablemax" else logits.log_softmax(-1)
    return F.nll_loss(log_p.flatten(0, -2), labels.flatten(), ignore_index=IGNORE, reduction="none").view_as(labels)


class StepLoss(NamedTuple):
    """Losses of a supervision step, summed over the batch, and what they were computed from."""

    total: Tensor  # () answer + HALT_WEIGHT x halt
    answer: Tensor  # ()
    halt: Tensor  # ()
    right_cells: Tensor  # (B,) share of the labelled cells that are right
    exact: Tensor  # (B,) bool: every labelled cell is right

    @staticmethod
    def cat(parts: Sequence[StepLoss]) -> StepLoss:
        """The loss of all parts together, detached."""
        sums = [torch.stack([part[i].detach() for part in parts]).sum(0) for i in range(3)]
        return StepLoss(*sums, *(torch.cat([part[i] for part in parts]) for i in (3, 4)))


def step_loss(logits: Tensor, halt_logit: Tensor, labels: Tensor, *, kind: LossKind) -> StepLoss:
    """Answer loss plus half the halting loss: the head predicts whether the answer is already exact."""
    labelled = labels != IGNORE
    with torch.no_grad():
        right = (logits.argmax(-1) == labels) & labelled
        exact = right.sum(-1) == labelled.sum(-1)
        right_cells = right.sum(-1) / labelled.sum(-1).clamp_min(1)
    answer = answer_loss(logits, labels, kind=kind).sum()
    halt = F.binary_cross_entropy_with_logits(halt_logit, exact.to(halt_logit.dtype), reduction="sum")
    return StepLoss(answer + HALT_WEIGHT * halt, answer, halt, right_cells, exact)
