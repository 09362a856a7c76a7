"""Drawings of Sudoku whose blanks are spaces: which column of the text holds which column of the puzzle."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from redraft.tasks.sudoku.cells import is_cell

BARS = "|!¦│┃║┆┊"


class _Layout(NamedTuple):
    """Where the cells of a box stand in its text: from `start`, every `step` characters."""

    start: int
    step: int

    def signs(self, line: str, count: int) -> str:
        places = range(self.start, self.start + self.step * count, self.step)
        return "".join(line[c] if c < len(line) and line[c] != " " else "." for c in places)


def by_columns(lines: Sequence[str], size: int) -> list[str] | None:
    """The rows of a drawing, `size` signs each with `.` for blanks; None where it cannot be read so.

    Bars that stand in the same columns of every line divide it into boxes of equally many cells. Cells stand side by
    side or with a space between, in all boxes alike.
    """
    lines = [line.expandtabs().rstrip() for line in lines]
    width = max(map(len, lines), default=0)
    padded = [line.ljust(width) for line in lines]
    bars = [c for c in range(width) if any(line[c] in BARS for line in padded)]
    if any(line[c] not in BARS for c in bars for line in padded):
        return None
    edges = [-1, *bars, width]
    spans = [(left + 1, right) for left, right in pairwise(edges) if right - left > 1]
    boxes = [[line[left:right] for line in padded] for left, right in spans]
    behind_bar = [left - 1 in bars for left, _ in spans]
    if len(boxes) > 1 and not behind_bar[0] and bars[-1] == width - 1 and not any(map(str.strip, boxes[0])):
        boxes, behind_bar = boxes[1:], behind_bar[1:]  # the margin before a frame
    if not boxes or size % len(boxes):
        return None
    count = size // len(boxes)
    framed = [line for box, behind in zip(boxes, behind_bar, strict=True) if behind for line in box]
    inner = _layout(framed, count, margin=None) if framed else None
    outer = None if all(behind_bar) else _layout(boxes[0], count, margin=0, step=inner.step if inner else None)
    if (framed and inner is None) or (not all(behind_bar) and outer is None):
        return None
    rows = [""] * len(lines)
    for box, behind in zip(boxes, behind_bar, strict=True):
        layout = inner if behind else outer
        assert layout is not None
        rows = [row + layout.signs(line, count) for row, line in zip(rows, box, strict=True)]
    return rows if all(is_cell(sign, max(size, 9)) for row in rows for sign in row) else None


def _layout(lines: Sequence[str], count: int, *, margin: int | None, step: int | None = None) -> _Layout | None:
    """The layout with a place for every sign: that with the margin (None: in the middle) and step that is likeliest."""
    width = max(map(len, lines))
    used = {c for line in lines for c, sign in enumerate(line) if sign != " "}
    likely = 1 if width <= count + 2 else 2
    found = []
    for each in (step,) if step is not None else (1, 2, 3, 4):
        span = each * (count - 1) + 1
        for start in range(max(0, max(used, default=0) - span + 1), min(used, default=0) + 1):
            if used <= set(range(start, start + span, each)):
                wanted = (max(width, span) - span) / 2 if margin is None else margin
                found.append((each != likely, abs(start - wanted), start, each))
    return _Layout(*min(found)[2:]) if found else None
