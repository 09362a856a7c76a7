"""A board in box-drawing characters, as plain lines or in styled pieces."""

from __future__ import annotations

from redraft.draw.board import Board, board_of
from redraft.tasks.base import Grid, Task

Segment = tuple[str, str]  # text and its style: "rule", or as of a cell


def board_lines(task: Task, grid: Grid) -> list[str]:
    """The grid as lines of plain text, boxes ruled."""
    return ["".join(text for text, _ in line) for line in segments(board_of(task, grid, grid, judge=False))]


def segments(board: Board) -> list[list[Segment]]:
    """Lines of (text, style) pieces that a caller can colour.

    Styles: "rule" for lines, "" for blanks and spaces, and those of cells (`Cell.style`).
    """
    (tall, wide), (_, width) = board.block, board.size
    bars = ["─" * (2 * min(wide, width - start) + 1) for start in range(0, width, wide)]

    def rule(left: str, middle: str, right: str) -> list[Segment]:
        return [(left + middle.join(bars) + right, "rule")]

    lines = [rule("┌", "┬", "┐")]
    for r, row in enumerate(board.cells):
        if r and r % tall == 0:
            lines.append(rule("├", "┼", "┤"))
        line: list[Segment] = []
        for c, cell in enumerate(row):
            if c % wide == 0:
                line += [("│", "rule"), (" ", "")]
            line += [(cell.symbol, cell.style), (" ", "")]
        lines.append(_merged([*line, ("│", "rule")]))
    lines.append(rule("└", "┴", "┘"))
    return lines


def _merged(line: list[Segment]) -> list[Segment]:
    merged: list[Segment] = []
    for text, style in line:
        if merged and merged[-1][1] == style:
            merged[-1] = (merged[-1][0] + text, style)
        else:
            merged.append((text, style))
    return merged
