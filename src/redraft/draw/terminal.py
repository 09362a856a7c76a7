"""Boards in the terminal, by rich: ruled boxes of symbols, or tiles where cells are known by their colour."""

from __future__ import annotations

from rich.console import Console
from rich.style import Style
from rich.text import Text

from redraft.draw.board import Board, ink_on, segments

STYLES = {
    "": "dim",
    "rule": "dim",
    "given": "bold",
    "filled": "blue",
    "changed": "black on yellow",
    "wrong": "white on red",
}
HALF_WRONG = "#ff00ff"  # a colour that no other cell has
MARKS = {"changed": "∙", "wrong": "×"}  # on cells that are known by their colour
WORDS = {"given": "given", "filled": "filled in", "changed": "changed", "wrong": "breaks a rule"}


def has_colours(console: Console) -> bool:
    """Whether colours may be shown: on a terminal that has them, unless NO_COLOR is set."""
    return console.is_terminal and console.color_system is not None and not console.no_color


def board_text(board: Board, *, colours: bool = False, dense: bool = False) -> Text:
    """The board as text.

    With `colours`, a cell that is known by its colour is a tile two columns wide; with `dense` as well, half a
    character, which leaves no room for marks: one that breaks a rule is magenta.
    """
    if colours and board.coloured:
        return _halves(board) if dense else _tiles(board)
    lines = (((piece, STYLES[style]) for piece, style in line) for line in segments(board))
    return Text("\n").join(Text.assemble(*line) for line in lines)


def legend(board: Board, *, judged: bool, dense: bool = False) -> Text:
    """One line that explains the marks of cells where there are colours; `judged`: whether there are rules to break."""
    if not board.coloured:
        marks = [(WORDS[style], STYLES[style]) for style in WORDS if judged or style != "wrong"]
    elif dense:
        marks = [(WORDS["wrong"], HALF_WRONG)] if judged else []
    else:
        marks = [(f"{sign} {WORDS[style]}", "") for style, sign in MARKS.items() if judged or style != "wrong"]
    return Text("  ").join(Text(word, style) for word, style in marks)


def _tiles(board: Board) -> Text:
    """A tile for each cell, with a mark where it changed or breaks a rule, and capitals (S and G of a maze)."""
    lines = []
    for row in board.cells:
        line = Text()
        for cell in row:
            if cell.colour:
                style = Style(color=ink_on(cell.colour), bgcolor=cell.colour, bold=True)
                line.append(f"{MARKS.get(cell.mark) or cell.letter or ' '} ", style)
            else:
                line.append(f"{cell.symbol} ", STYLES[cell.mark or cell.kind])
        lines.append(line)
    return _unwrapped(lines)


def _halves(board: Board) -> Text:
    """Two cells, one above the other, in each character; cells that break a rule in magenta."""
    colours = [[HALF_WRONG if cell.mark == "wrong" else cell.colour for cell in row] for row in board.cells]
    below = [*colours[1::2], [""] * board.size[1]]
    lines = []
    for uppers, lowers in zip(colours[::2], below, strict=False):
        line = Text()
        for upper, lower in zip(uppers, lowers, strict=True):
            line.append("▀" if upper else " ", Style(color=upper or None, bgcolor=lower or None))
        lines.append(line)
    return _unwrapped(lines)


def _unwrapped(lines: list[Text]) -> Text:
    text = Text("\n").join(lines)
    text.no_wrap = True
    return text
