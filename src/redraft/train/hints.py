"""Training on hints: a loss at every iteration for what can be known by then, on puzzles that go on while all is well.

A model that passes word from cell to cell needs hundreds of iterations for an answer, and a loss on the answer alone
does not teach it: whatever it does wrong, it did long before. Hints (`Task.hints`) say what it can know on the way. A
puzzle on which it has gone wrong is given up, so training gets as far into puzzles as it masters them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from redraft.errors import ConfigError
from redraft.models import model_kind
from redraft.models.base import Course, StepOutput
from redraft.tasks.base import IGNORE, NEVER, Task
from redraft.train.halting import HaltingRule
from redraft.train.losses import HALT_WEIGHT, CellLoss, StepLoss

if TYPE_CHECKING:
    from redraft.train.config import RunConfig

FEW = 30  # cells of a group, over a step's iterations: fewer count for less, so that the first ones do not upset all
LOST = 0.9  # share of the due cells below which a puzzle is given up: what went wrong cannot be known any more
_SPANS = 5  # key that keeps the random stream of spans apart from others


def require_hints(config: RunConfig, task: Task) -> None:
    """Raises ConfigError where a model does not show its iterations or takes other notes, DataError without hints."""
    notes = getattr(config.model, "notes", None)
    if notes is None:
        kind = model_kind(config.model)
        raise ConfigError(f"hints: expected a model that shows its iterations, of kind local, got kind {kind}")
    task.hints(np.zeros((0, task.seq_len), np.int16))
    if notes not in (0, len(task.notes)):
        what = ", ".join(task.notes)
        raise ConfigError(f"model.notes: expected {len(task.notes)} ({what}), or 0 for none, got {notes}")


class _Group(NamedTuple):
    """Cells that count together: the loss (I, B, L) of all cells, which are right, and which belong to the group."""

    loss: Tensor
    right: Tensor
    cells: Tensor


def hinted_loss(
    output: StepOutput,
    tokens: Tensor,
    labels: Tensor,
    hints: Tensor,
    steps: Tensor,
    *,
    by_groups: bool = True,
    cell_loss: CellLoss,
    halting: HaltingRule,
) -> StepLoss:
    """The loss of a step's course on questions and labels (B, L) with hints (B, 5, L), after `steps` (B,) steps.

    Cells fall into groups, each of which counts the same; unless `by_groups`, each cell does. In the answer: those that
    are due, that must still wait, and that do not change; in the notes: those whose note can be known, cannot yet, and
    never will. `right_cells` is about the notes, from which the answer follows: the mean over the first two of their
    groups, or of the answer's where there are none; unless `by_groups`, 0 where a cell of the answer is wrong.
    `exact` judges the answer as a whole.
    """
    assert output.course is not None
    heads = _groups(output.course, tokens, labels, hints, steps, cell_loss)
    answer = torch.zeros((), device=labels.device)
    for head in heads:
        totals = torch.stack([(group.loss * group.cells).sum((0, 2)) for group in head])  # (3, B)
        sizes = torch.stack([group.cells.sum((0, 2)) for group in head])
        share = totals / sizes.clamp_min(FEW) if by_groups else len(head) * totals / sizes.sum(0)
        answer = answer + share.sum()
    with torch.no_grad():
        told, sizes = heads[-1][:2], sizes[:2]
        shares = torch.stack([(group.right & group.cells).sum((0, 2)) for group in told]) / sizes.clamp_min(1)
        right_cells = shares.sum(0) / (sizes > 0).sum(0).clamp_min(1)
        if not by_groups:  # such a model draws well: where it has not, what follows from that teaches nothing
            wrong = torch.stack([(group.cells & ~group.right)[-1].any(-1) for group in heads[0]])
            right_cells = right_cells * ~wrong.any(0)
        exact = ((output.logits.argmax(-1) == labels) | (labels == IGNORE)).all(-1)
    halt = halting.loss(output, exact, None, None)
    return StepLoss(answer + HALT_WEIGHT * halt, answer, halt, right_cells, exact)


def _groups(
    course: Course, tokens: Tensor, labels: Tensor, hints: Tensor, steps: Tensor, cell_loss: CellLoss
) -> list[list[_Group]]:
    """The three groups of the answer and, where the model takes notes, those of the notes."""
    iterations, (note, last_note, noted, earliest, latest) = len(course.logits), hints.unbind(1)
    now = torch.arange(1, iterations + 1, device=steps.device)[:, None, None] + (steps * iterations)[:, None]
    late, early = now >= latest, now < earliest
    changes, same = (labels != tokens) & (labels != IGNORE), (labels == tokens).expand(iterations, -1, -1)
    due, waits = changes & late, changes & early
    loss, right = _judged(course.logits, torch.where(due, labels, tokens), cell_loss)
    heads = [[_Group(loss, right, cells) for cells in (due, waits, same)]]
    if course.notes is not None:
        known, never = now >= noted, (noted == NEVER).expand(iterations, -1, -1)
        either = (note != last_note) & ~late & ~early
        first = torch.where(known, note, 0)
        # a first note that stays where it was to change does not lose the puzzle
        loss, right = _judged(course.notes, torch.where(known & late, last_note, first), cell_loss, first)
        heads.append([_Group(loss, right, cells) for cells in (known & ~either, ~known & ~never, never)])
    return heads


def _judged(logits: Tensor, wanted: Tensor, cell_loss: CellLoss, also: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The loss of each cell of logits (I, B, L, K), and whether it is as `wanted`, or as `also`, (I, B, L) each."""
    loss = cell_loss(logits.flatten(0, 1), wanted.flatten(0, 1)).view_as(wanted)
    chosen = logits.detach().argmax(-1)
    return loss, (chosen == wanted) if also is None else (chosen == wanted) | (chosen == also)


def spans(hints: Tensor, chances: Tensor, *, iterations: int) -> Tensor:
    """Most supervision steps (B,) int64 of puzzles with hints (B, 5, L), by chances (B,) from 0 to 1.

    They last until the last date to twice that, so that a finished answer learns to stay.
    """
    dates = hints[:, 2:].flatten(1)
    last = torch.where(dates < NEVER, dates, 0).amax(1) / iterations
    return ((1 + chances) * last).ceil().clamp_min(1).long()


def span_chances(seed: int, step: int, rank: int, *, batch: int) -> Tensor:
    """Chances (B,) float32 for `spans` in a step."""
    return torch.from_numpy(np.random.default_rng((seed, _SPANS, step, rank)).random(batch, np.float32))
