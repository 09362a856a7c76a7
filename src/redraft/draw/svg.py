"""Draws a grid of any task: text with box-drawing lines, the same in styled pieces, SVG pictures of several steps."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from redraft.tasks.base import OUTSIDE, Grid, Task

BLANK = "·"
Segment = tuple[str, str]  # text and its style: "", "rule", "given", "filled", "changed" or "wrong"
Size = tuple[int, int]  # rows and columns of a grid that are drawn

FONT = "ui-sans-serif, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
PAPER, EDGE, RULE, HAIR, CAPTION = "#ffffff", "#d0d7de", "#3d444d", "#d8dee4", "#57606a"
INK = {"given": "#1f2328", "filled": "#0969da", "changed": "#0550ae", "wrong": "#a40e26", "": "#afb8c1"}
FILL = {"given": "#f3f5f7", "changed": "#ffe8a3", "wrong": "#ffcecb"}
MARK = {"changed": "#0969da", "wrong": "#cf222e"}  # frame of a cell that is known by its colour
MARGIN, CAPTION_HEIGHT, BOARD = 20, 40, 270  # in pixels; a board is about BOARD wide


def used(*grids: Grid) -> Size:
    """Rows and columns up to the last that is not all OUTSIDE in every grid (H, W): what there is to draw."""
    inside = np.any([np.asarray(grid) != OUTSIDE for grid in grids], axis=0)
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    return (int(rows[-1]) + 1, int(columns[-1]) + 1) if len(rows) else inside.shape


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
    size: Size | None = None,
) -> list[list[Segment]]:
    """Lines of (text, style) pieces that a caller can colour, of `size` rows and columns; what is `used` if not given.

    Styles: "rule" for lines, "given", "filled", "changed" (differs from `previous`), "wrong" (where the mask (H, W)
    `wrong` is true), "" for blanks and spaces.
    """
    (tall, wide), (height, width) = task.block, size or used(question, grid)
    symbols, styles = task.symbols(grid), cell_styles(task, question, grid, previous=previous, wrong=wrong)
    bars = ["─" * (2 * min(wide, width - start) + 1) for start in range(0, width, wide)]

    def rule(left: str, middle: str, right: str) -> list[Segment]:
        return [(left + middle.join(bars) + right, "rule")]

    lines = [rule("┌", "┬", "┐")]
    for r in range(height):
        if r and r % tall == 0:
            lines.append(rule("├", "┼", "┤"))
        line: list[Segment] = []
        for c in range(width):
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
    cells that break a rule a red one. Where cells are known by their colour (`Task.fills`), those are framed instead,
    in blue (from the second draft on) and red.
    """
    _check_captions(grids, captions)
    size = used(question, *grids)
    _, width, height = _pixels(size)
    boards = [
        f'<g transform="translate({MARGIN + i * (width + MARGIN)} {MARGIN})">{board}</g>'
        for i, board in enumerate(_boards(task, question, grids, captions, size))
    ]
    return _document(MARGIN + len(grids) * (width + MARGIN), MARGIN + height + CAPTION_HEIGHT, captions, boards)


def svg_animation(
    task: Task, question: Grid, grids: Sequence[Grid], captions: Sequence[str], *, seconds_per_step: float = 1.0
) -> str:
    """An SVG picture of one board that goes through the steps in a loop and rests on the last for three of them.

    A viewer that plays no animations, or that is asked for reduced motion, shows the last step.
    """
    _check_captions(grids, captions)
    size = used(question, *grids)
    _, width, height = _pixels(size)
    steps, rest = len(grids), 3
    beats, beat = steps + rest - 1, seconds_per_step
    total = beats * beat
    shown = [  # negative delays: every step is somewhere in its own turn from the first moment on
        f'<g class="step{" last" if i == steps - 1 else ""}" style="animation-delay:{_number(i * beat - total)}s">'
        # the paper hides the step before, so that turns may overlap by a moment rather than leave a blank one
        f'<g transform="translate({MARGIN} {MARGIN})">'
        f'<rect width="{width}" height="{height + CAPTION_HEIGHT - 5}" fill="{PAPER}"/>{board}</g></g>'
        for i, board in enumerate(_boards(task, question, grids, captions, size))
    ]
    style = (
        "<style>.step{visibility:hidden}.last{visibility:visible}"
        "@media (prefers-reduced-motion:no-preference){"
        f".step{{animation:step {_number(total)}s step-end infinite}}.last{{animation-name:last}}}}"
        f"@keyframes step{{0%{{visibility:visible}}{_number(100 / beats + 0.01)}%,100%{{visibility:hidden}}}}"
        f"@keyframes last{{0%{{visibility:visible}}{_number(100 * rest / beats)}%,100%{{visibility:hidden}}}}</style>"
    )
    return _document(width + 2 * MARGIN, MARGIN + height + CAPTION_HEIGHT, captions, [style, *shown])


def _boards(task: Task, question: Grid, grids: Sequence[Grid], captions: Sequence[str], size: Size) -> list[str]:
    previous = [None, *grids[:-1]]
    return [
        _board(task, question, grid, before, caption, size)
        for grid, before, caption in zip(grids, previous, captions, strict=True)
    ]


def _board(task: Task, question: Grid, grid: Grid, previous: Grid | None, caption: str, size: Size) -> str:
    wrong = task.wrong_cells(question, grid)
    styles = cell_styles(task, question, grid, previous=previous, wrong=wrong)
    # A wrong cell that has not changed keeps its own ink, so that a given in a clash still reads as a given.
    inks = cell_styles(task, question, grid)
    symbols, colours = task.symbols(grid), task.fills(grid)
    cell, width, height = _pixels(size)
    tall, wide = task.block
    cells = [(r, c) for r in range(size[0]) for c in range(size[1])]
    fills = [
        [
            colours[r][c] or FILL.get(styles[r][c], FILL["given"] if inks[r][c] == "given" else "")
            for c in range(size[1])
        ]
        for r in range(size[0])
    ]
    parts = [
        f'<rect x="{c * cell}" y="{r * cell}" width="{count * cell}" height="{cell}" fill="{fill}"/>'
        for r, row in enumerate(fills)
        for c, count, fill in _runs(row)
    ]
    hair = [f"M{c * cell} 0V{height}" for c in range(1, size[1]) if c % wide]
    hair += [f"M0 {r * cell}H{width}" for r in range(1, size[0]) if r % tall]
    bold = [f"M{c} 0V{height}" for c in range(wide * cell, width, wide * cell)]
    bold += [f"M0 {r}H{width}" for r in range(tall * cell, height, tall * cell)]
    parts.append(f'<path d="{"".join(hair)}" stroke="{HAIR}" fill="none"/>')
    frame = f"M0 0H{width}V{height}H0Z"
    parts.append(f'<path d="{"".join(bold)}{frame}" stroke="{RULE}" stroke-width="1.6" fill="none"/>')
    for mark, colour in marks_after(question, previous).items():
        framed = [(r * cell + 1, c * cell + 1) for r, c in cells if colours[r][c] and styles[r][c] == mark]
        marked = [f"M{x} {y}h{cell - 2}v{cell - 2}h{2 - cell}z" for y, x in framed]
        if marked:
            parts.append(f'<path d="{"".join(marked)}" stroke="{colour}" stroke-width="2" fill="none"/>')
    letters = round(cell * 0.58)
    parts.append(f'<g font-size="{letters}" text-anchor="middle">')
    for r, c in cells:
        style = inks[r][c] if inks[r][c] == "given" else styles[r][c]
        if symbols[r][c] not in (BLANK, " ") and (not colours[r][c] or symbols[r][c].isupper()):
            weight = ' font-weight="700"' if style == "given" else ""
            ink = ink_on(colours[r][c]) if colours[r][c] else INK[style]
            x, y = _number((c + 0.5) * cell), _number((r + 0.5) * cell + 0.36 * letters)
            parts.append(f'<text x="{x}" y="{y}" fill="{ink}"{weight}>{escape(symbols[r][c])}</text>')
    text = f'<text x="{_number(width / 2)}" y="{height + 25}" fill="{CAPTION}">{escape(caption)}</text>'
    return f'{"".join(parts)}</g><g font-size="15" text-anchor="middle">{text}</g>'


def marks_after(question: Grid, previous: Grid | None) -> dict[str, str]:
    """The frames of cells known by their colour; what the first draft changes is left out, as it may be all."""
    first = previous is not None and np.array_equal(previous, question)
    return {style: colour for style, colour in MARK.items() if not (first and style == "changed")}


def ink_on(fill: str) -> str:
    """Black or white, whichever is read better on a colour `#rrggbb`."""
    red, green, blue = (int(fill[i : i + 2], 16) for i in (1, 3, 5))
    return "#000000" if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else "#ffffff"


def _runs(row: Sequence[str]) -> list[tuple[int, int, str]]:
    """Where each run of equal fills begins, its length and its fill; cells without one are left out."""
    runs: list[tuple[int, int, str]] = []
    for c, fill in enumerate(row):
        if runs and runs[-1][2] == fill and sum(runs[-1][:2]) == c:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1, fill)
        elif fill:
            runs.append((c, 1, fill))
    return runs


def _document(width: int, height: int, captions: Sequence[str], parts: Sequence[str]) -> str:
    title = escape(", ".join(captions))
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" font-family="{FONT}">\n<title>{title}</title>\n'
        f'<rect x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="12" fill="{PAPER}" stroke="{EDGE}"/>\n'
        f"{body}\n</svg>\n"
    )


def _pixels(size: Size) -> tuple[int, int, int]:
    """Pixels of a cell, and width and height of a board of so many rows and columns."""
    cell = min(max(BOARD // max(size), 9), 44)
    return cell, cell * size[1], cell * size[0]


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
