"""The loss of a supervision step: the answer's cross-entropy, and the halting head's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from redraft.errors import ConfigError
from redraft.models.base import StepOutput
from redraft.naming import function, known
from redraft.tasks.base import IGNORE
from redraft.train.halting import BINARY, HaltingRule

HALT_WEIGHT = 0.5

# Logits (B, L, V) float32 and labels (B, L) int64 to a loss for every cell (B, L), 0 where the label is IGNORE.
CellLoss = Callable[[Tensor, Tensor], Tensor]


def log_stablemax(logits: Tensor) -> Tensor:
    """Log of the stable-max probabilities over the last axis: `s(a) = a + 1` for a >= 0, `1 / (1 - a)` below.

    Prieto et al. 2025, "Grokking at the edge of numerical stability". In log space float32 is exact enough.
    """
    positive = logits >= 0
    log_s = torch.where(positive, 1.0, -1.0) * torch.log1p(logits.abs())
    s = torch.where(positive, 1 + logits, 1 / (1 + logits.abs()))
    return log_s - s.sum(-1, keepdim=True).log()


def stablemax(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy under stable-max, the paper's loss."""
    return _cross_entropy(log_stablemax(logits), labels)


def softmax(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy under soft-max."""
    return _cross_entropy(logits.log_softmax(-1), labels)


def _cross_entropy(log_p: Tensor, labels: Tensor) -> Tensor:
    return F.nll_loss(log_p.flatten(0, -2), labels.flatten(), ignore_index=IGNORE, reduction="none").view_as(labels)


LOSSES: dict[str, CellLoss] = {"stablemax": stablemax, "softmax": softmax}


def get_loss(name: str) -> CellLoss:
    """The loss of that name in `LOSSES`, or your own as `module:NAME`; raises RedraftError.

    Your own raises ConfigError where its result is not a number per cell.
    """
    if ":" not in name:
        return known(LOSSES, name, what="loss")
    loss = function(name, "logits", "labels", what="a loss")

    def checked(logits: Tensor, labels: Tensor) -> Tensor:
        found = loss(logits, labels)
        if not isinstance(found, Tensor) or found.shape != labels.shape:
            got = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise ConfigError(f"{name}: expected a loss of each cell {tuple(labels.shape)}, got {got}")
        return found

    return checked


class StepLoss(NamedTuple):
    """Losses of a supervision step, summed over the batch, and what they were computed from."""

    total: Tensor  # () answer + HALT_WEIGHT x halt
    answer: Tensor  # ()
    halt: Tensor  # ()
    right_cells: Tensor  # (B,) share of the labelled cells that are right
    exact: Tensor  # (B,) bool: every labelled cell is right

    def detach(self) -> StepLoss:
        """The same losses, cut off from the graph that computed them."""
        return StepLoss(*(each.detach() for each in self))

    @staticmethod
    def cat(parts: Sequence[StepLoss]) -> StepLoss:
        """The loss of all parts together."""
        if len(parts) == 1:
            return parts[0]
        *losses, right_cells, exact = zip(*parts, strict=True)
        total, answer, halt = (torch.stack(each).sum(0) for each in losses)
        return StepLoss(total, answer, halt, torch.cat(right_cells), torch.cat(exact))


def step_loss(
    output: StepOutput,
    labels: Tensor,
    *,
    cell_loss: CellLoss = stablemax,
    halting: HaltingRule = BINARY,
    ahead: StepOutput | None = None,
    last: Tensor | None = None,
) -> StepLoss:
    """The answer's loss, a mean over the labelled cells of each sequence, plus half of the halting head's.

    Labels (B, L) int64. `ahead` (the output of one step more) and `last` (B,) are for rules that look ahead, see
    `HaltingRule`.
    """
    labelled = labels != IGNORE
    with torch.no_grad():
        right = (output.logits.argmax(-1) == labels) & labelled
        exact = right.sum(-1) == labelled.sum(-1)
        right_cells = right.sum(-1) / labelled.sum(-1).clamp_min(1)
    answer = (cell_loss(output.logits, labels).sum(-1) / labelled.sum(-1).clamp_min(1)).sum()
    halt = halting.loss(output, exact, ahead, last)
    return StepLoss(answer + HALT_WEIGHT * halt, answer, halt, right_cells, exact)
