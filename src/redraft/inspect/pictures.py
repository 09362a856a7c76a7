"""Pictures of an inspection: the board being redrafted as an animated GIF, and the drafts side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from redraft.draw.svg import svg_strip
from redraft.tasks import Grid

if TYPE_CHECKING:
    from redraft.inspect.inspection import Inspection


def redrafting(found: Inspection) -> bytes:
    """An animated GIF of the drafts up to the first that is right, or of all; faint where the model is not sure."""
    from redraft.draw.pixels import gif_animation

    count = found.solved_at or len(found.drafts)
    return gif_animation(
        found.task,
        found.question,
        [draft.grid for draft in found.drafts[:count]],
        [step.y.confidence.reshape(found.question.shape) for step in found.trace.steps[:count]],
        solved=found.solved_at is not None,
    )


def drafts_svg(found: Inspection) -> str:
    """The question and every draft that differs from the one before, as an SVG picture."""
    return svg_strip(found.task, found.question, *_different(found))


def drafts_png(found: Inspection) -> bytes:
    """The same in pixels."""
    from redraft.draw.pixels import png_strip

    return png_strip(found.task, found.question, *_different(found))


def _different(found: Inspection) -> tuple[list[Grid], list[str]]:
    grids, captions = [found.question], ["the question"]
    for number, (step, draft) in enumerate(zip(found.trace.steps, found.drafts, strict=True), 1):
        if not np.array_equal(grids[-1], draft.grid):
            grids.append(draft.grid)
            captions.append(f"step {number}, {step.halt_probability:.0%} sure")
    return grids, captions
