"""Boards as SVG pictures: drafts side by side, or one after the other in a loop."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from redraft.draw.board import CAPTION, EDGE, HAIR, MARK, PAPER, RULE, Board, Size, boards_of
from redraft.tasks.base import Grid, Task

FONT = "ui-sans-serif, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
MARGIN, CAPTION_HEIGHT, BOARD = 20, 40, 270  # in pixels; a board is about BOARD wide


def svg_strip(task: Task, question: Grid, grids: Sequence[Grid], captions: Sequence[str]) -> str:
    """An SVG picture of the board at several steps side by side, a caption under each.

    Givens are dark and bold, filled cells blue; cells that changed since the step before have an amber background,
    cells that break a rule a red one. Where cells are known by their colour (`Task.fills`), those are framed instead,
    in blue (from the second draft on) and red.
    """
    boards = _boards(task, question, grids, captions)
    _, width, height = _pixels(boards[0].size)
    drawn = [
        f'<g transform="translate({MARGIN + i * (width + MARGIN)} {MARGIN})">{_board(board, caption)}</g>'
        for i, (board, caption) in enumerate(zip(boards, captions, strict=True))
    ]
    return _document(MARGIN + len(grids) * (width + MARGIN), MARGIN + height + CAPTION_HEIGHT, captions, drawn)


def svg_animation(
    task: Task, question: Grid, grids: Sequence[Grid], captions: Sequence[str], *, seconds_per_step: float = 1.0
) -> str:
    """An SVG picture of one board that goes through the steps in a loop and rests on the last for three of them.

    A viewer without animations, or set to reduced motion, shows the last step.
    """
    boards = _boards(task, question, grids, captions)
    _, width, height = _pixels(boards[0].size)
    steps, rest = len(grids), 3
    beats, beat = steps + rest - 1, seconds_per_step
    total = beats * beat
    shown = [  # negative delays: every step is somewhere in its own turn from the first moment on
        f'<g class="step{" last" if i == steps - 1 else ""}" style="animation-delay:{_number(i * beat - total)}s">'
        # the paper hides the step before, so that turns may overlap by a moment rather than leave a blank one
        f'<g transform="translate({MARGIN} {MARGIN})">'
        f'<rect width="{width}" height="{height + CAPTION_HEIGHT - 5}" fill="{PAPER}"/>'
        f"{_board(board, caption)}</g></g>"
        for i, (board, caption) in enumerate(zip(boards, captions, strict=True))
    ]
    style = (
        "<style>.step{visibility:hidden}.last{visibility:visible}"
        "@media (prefers-reduced-motion:no-preference){"
        f".step{{animation:step {_number(total)}s step-end infinite}}.last{{animation-name:last}}}}"
        f"@keyframes step{{0%{{visibility:visible}}{_number(100 / beats + 0.01)}%,100%{{visibility:hidden}}}}"
        f"@keyframes last{{0%{{visibility:visible}}{_number(100 * rest / beats)}%,100%{{visibility:hidden}}}}</style>"
    )
    return _document(width + 2 * MARGIN, MARGIN + height + CAPTION_HEIGHT, captions, [style, *shown])


def _boards(task: Task, question: Grid, grids: Sequence[Grid], captions: Sequence[str]) -> list[Board]:
    if not grids or len(grids) != len(captions):
        raise ValueError(f"expected at least one grid and a caption for each, got {len(grids)} and {len(captions)}")
    return boards_of(task, question, grids)


def _board(board: Board, caption: str) -> str:
    (tall, wide), (rows, columns) = board.block, board.size
    side, width, height = _pixels(board.size)
    cells = [(r * side, c * side, cell) for r, row in enumerate(board.cells) for c, cell in enumerate(row)]
    parts = [
        f'<rect x="{c * side}" y="{r * side}" width="{count * side}" height="{side}" fill="{fill}"/>'
        for r, row in enumerate(board.cells)
        for c, count, fill in _runs([cell.fill for cell in row])
    ]
    hair = [f"M{c * side} 0V{height}" for c in range(1, columns) if c % wide]
    hair += [f"M0 {r * side}H{width}" for r in range(1, rows) if r % tall]
    bold = [f"M{x} 0V{height}" for x in range(wide * side, width, wide * side)]
    bold += [f"M0 {y}H{width}" for y in range(tall * side, height, tall * side)]
    parts.append(f'<path d="{"".join(hair)}" stroke="{HAIR}" fill="none"/>')
    frame = f"M0 0H{width}V{height}H0Z"
    parts.append(f'<path d="{"".join(bold)}{frame}" stroke="{RULE}" stroke-width="1.6" fill="none"/>')
    for colour in MARK.values():
        framed = [(y + 1, x + 1) for y, x, cell in cells if cell.frame == colour]
        marked = [f"M{x} {y}h{side - 2}v{side - 2}h{2 - side}z" for y, x in framed]
        if marked:
            parts.append(f'<path d="{"".join(marked)}" stroke="{colour}" stroke-width="2" fill="none"/>')
    letters = round(side * 0.58)
    parts.append(f'<g font-size="{letters}" text-anchor="middle">')
    for top, left, cell in cells:
        if cell.letter:
            weight = ' font-weight="700"' if cell.bold else ""
            x, y = _number(left + 0.5 * side), _number(top + 0.5 * side + 0.36 * letters)
            parts.append(f'<text x="{x}" y="{y}" fill="{cell.ink}"{weight}>{escape(cell.letter)}</text>')
    text = f'<text x="{_number(width / 2)}" y="{height + 25}" fill="{CAPTION}">{escape(caption)}</text>'
    return f'{"".join(parts)}</g><g font-size="15" text-anchor="middle">{text}</g>'


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
    """Pixels of a cell, and width and height of a board of this size."""
    cell = min(max(BOARD // max(size), 9), 44)
    return cell, cell * size[1], cell * size[0]


def _number(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")
