"""Draws a grid of any task: text with box-drawing lines, the same in styled pieces, SVG pictures of several steps."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from redraft.tasks.base import Grid, Task

BLANK = "·"
Segment = tuple[str, str]  # text and its style: "", "rule", "given", "filled", "changed" or "wrong"

FONT = "ui-sans-serif, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
PAPER, EDGE, RULE, HAIR, CAPTION = "#ffffff", "#d0d7de", "#3d444d", "#d8dee4", "#57606a"
INK = {"given": "#1f2328", "filled": "#0969da", "changed": "#0550ae", "wrong": "#a40e26", "": "#afb8c1"}
FILL = {"given": "#f3f5f7", "changed": "#ffe8a3", "wrong": "#ffcecb"}
MARGIN, CAPTION_HEIGHT, BOARD = 20, 40, 270  # in pixels; a board is about BOARD wide


def board_lines(task: Task, grid: Grid) -> list[str]:
    """The grid as lines of plain text, boxes ruled."""
    return ["".join(text for text, _ in line) for line in board_segments(task, grid, grid)]


def board_segments(
    task: Task,
    question: Grid,
    grid: Grid,
    *,
    previous: Grid | None = None,
    wrong: NDArray[np.bool_] | None = None,
) -> list[list[Segment]]:
    """Lines of (text, style) pieces that a caller can colour.

    Styles: "rule" for lines, "given", "filled", "changed" (differs from `previous`), "wrong" (where the mask (H, W)
    `wrong` is true), "" for blanks and spaces.
    """
    tall, wide = task.block
    symbols, styles = task.symbols(grid), cell_styles(task, question, grid, previous=previous, wrong=wrong)
    bars = ["─" * (2 * min(wide, task.width - start) + 1) for start in range(0, task.width, wide)]

    def rule(left: str, middle: str, right: str) -> list[Segment]:
        return [(left + middle.join(bars) + right, "rule")]

    lines = [rule("┌", "┬", "┐")]
    for r in range(task.height):
        if r and r % tall == 0:
            lines.append(rule("├", "┼", "┤"))
        line: list[Segment] = []
        for c in range(task.width):
            if c % wide == 0:
                line += [("│", "rule"), (" ", "")]
            line += [(symbols[r][c], styles[r][c]), (" ", "")]
        lines.append(_merged([*line, ("│", "rule")]))
    lines.append(rule("└", "┴", "┘"))
    return lines


def cell_styles(
    task: Task,
    question: Grid,
    grid: Grid,
    *,
    previous: Grid | None = None,
    wrong: NDArray[np.bool_] | None = None,
) -> list[list[str]]:
    """The style of each cell; "wrong" wins over "changed", and that over "given" and "filled"."""
    given, shown = task.symbols(question), task.symbols(grid)
    before = shown if previous is None else task.symbols(previous)

    def style(r: int, c: int) -> str:
        if wrong is not None and wrong[r, c]:
            return "wrong"
        if shown[r][c] != before[r][c]:
            return "changed"
        if shown[r][c] == BLANK:
            return ""
        return "given" if shown[r][c] == given[r][c] else "filled"

    return [[style(r, c) for c in range(task.width)] for r in range(task.height)]


def svg_strip(task: Task, question: Grid, grids: Sequence[Grid], captions: Sequence[str]) -> str:
    """An SVG picture of the board at several steps side by side, a caption under each.

    Givens are dark and bold, filled cells blue; cells that changed since the step before have an amber background,
    cells that break a rule a red one.
    """
    _check_captions(grids, captions)
    cell, width, height = _sizes(task)
    boards = [
        f'<g transform="translate({MARGIN + i * (width + MARGIN)} {MARGIN})">{board}</g>'
        for i, board in enumerate(_boards(task, question, grids, captions, cell))
    ]
    return _document(MARGIN + len(grids) * (width + MARGIN), MARGIN + height + CAPTION_HEIGHT, captions, boards)


def svg_animation(
    task: Task, question: Grid, grids: Sequence[Grid], captions: Sequence[str], *, seconds_per_step: float = 1.0
) -> str:
    """An SVG picture of one board that goes through the steps in a loop and rests on the last for three of them.

    A viewer that plays no animations, or that is asked for reduced motion, shows the last step.
    """
    _check_captions(grids, captions)
    cell, width, height = _sizes(task)
    steps, rest = len(grids), 3
    beats, beat = steps + rest - 1, seconds_per_step
    total = beats * beat
    shown = [  # negative delays: every step is somewhere in its own turn from the first moment on
        f'<g class="step{" last" if i == steps - 1 else ""}" style="animation-delay:{_number(i * beat - total)}s">'
        # the paper hides the step before, so that turns may overlap by a moment rather than leave a blank one
        f'<g transform="translate({MARGIN} {MARGIN})">'
        f'<rect width="{width}" height="{height + CAPTION_HEIGHT - 5}" fill="{PAPER}"/>{board}</g></g>'
        for i, board in enumerate(_boards(task, question, grids, captions, cell))
    ]
    style = (
        "<style>.step{visibility:hidden}.last{visibility:visible}"
        "@media (prefers-reduced-motion:no-preference){"
        f".step{{animation:step {_number(total)}s step-end infinite}}.last{{animation-name:last}}}}"
        f"@keyframes step{{0%{{visibility:visible}}{_number(100 / beats + 0.01)}%,100%{{visibility:hidden}}}}"
        f"@keyframes last{{0%{{visibility:visible}}{_number(100 * rest / beats)}%,100%{{visibility:hidden}}}}</style>"
    )
    return _document(width + 2 * MARGIN, MARGIN + height + CAPTION_HEIGHT, captions, [style, *shown])


def _boards(task: Task, question: Grid, grids: Sequence[Grid], captions: Sequence[str], cell: int) -> list[str]:
    previous = [None, *grids[:-1]]
    return [
        _board(task, question, grid, before, caption, cell)
        for grid, before, caption in zip(grids, previous, captions, strict=True)
    ]


def _board(task: Task, question: Grid, grid: Grid, previous: Grid | None, caption: str, cell: int) -> str:
    wrong = task.wrong_cells(question, grid)
    styles = cell_styles(task, question, grid, previous=previous, wrong=wrong)
    # A wrong cell that has not changed keeps its own ink, so that a given in a clash still reads as a given.
    inks = cell_styles(task, question, grid)
    symbols = task.symbols(grid)
    width, height = cell * task.width, cell * task.height
    (tall, wide), parts = task.block, []
    cells = [(r, c) for r in range(task.height) for c in range(task.width)]
    for r, c in cells:
        fill = FILL.get(styles[r][c], FILL["given"] if inks[r][c] == "given" else "")
        if fill:
            parts.append(f'<rect x="{c * cell}" y="{r * cell}" width="{cell}" height="{cell}" fill="{fill}"/>')
    hair = [f"M{c * cell} 0V{height}" for c in range(1, task.width) if c % wide]
    hair += [f"M0 {r * cell}H{width}" for r in range(1, task.height) if r % tall]
    bold = [f"M{c} 0V{height}" for c in range(wide * cell, width, wide * cell)]
    bold += [f"M0 {r}H{width}" for r in range(tall * cell, height, tall * cell)]
    parts.append(f'<path d="{"".join(hair)}" stroke="{HAIR}" fill="none"/>')
    frame = f"M0 0H{width}V{height}H0Z"
    parts.append(f'<path d="{"".join(bold)}{frame}" stroke="{RULE}" stroke-width="1.6" fill="none"/>')
    size = round(cell * 0.58)
    parts.append(f'<g font-size="{size}" text-anchor="middle">')
    for r, c in cells:
        style = inks[r][c] if inks[r][c] == "given" else styles[r][c]
        if symbols[r][c] not in (BLANK, " "):
            weight = ' font-weight="700"' if style == "given" else ""
            x, y = _number((c + 0.5) * cell), _number((r + 0.5) * cell + 0.36 * size)
            parts.append(f'<text x="{x}" y="{y}" fill="{INK[style]}"{weight}>{escape(symbols[r][c])}</text>')
    text = f'<text x="{_number(width / 2)}" y="{height + 25}" fill="{CAPTION}">{escape(caption)}</text>'
    return f'{"".join(parts)}</g><g font-size="15" text-anchor="middle">{text}</g>'


def _document(width: int, height: int, captions: Sequence[str], parts: Sequence[str]) -> str:
    title = escape(", ".join(captions))
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" font-family="{FONT}">\n<title>{title}</title>\n'
        f'<rect x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="12" fill="{PAPER}" stroke="{EDGE}"/>\n'
        f"{body}\n</svg>\n"
    )


def _sizes(task: Task) -> tuple[int, int, int]:
    """Pixels of a cell, and width and height of a board."""
    cell = min(max(BOARD // max(task.width, task.height), 9), 44)
    return cell, cell * task.width, cell * task.height


def _check_captions(grids: Sequence[Grid], captions: Sequence[str]) -> None:
    if not grids or len(grids) != len(captions):
        raise ValueError(f"expected at least one grid and a caption for each, got {len(grids)} and {len(captions)}")


def _merged(line: Sequence[Segment]) -> list[Segment]:
    merged: list[Segment] = []
    for text, style in line:
        if merged and merged[-1][1] == style:
            merged[-1] = (merged[-1][0] + text, style)
        else:
            merged.append((text, style))
    return merged


def _number(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")
