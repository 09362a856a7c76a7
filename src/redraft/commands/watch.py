"""Boards in the terminal: an answer at a glance, or redrafted step by step with changed cells coloured."""

from __future__ import annotations

import time
from functools import partial

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.style import Style
from rich.table import Table
from rich.text import Text

from redraft.draw.svg import BLANK, Size, board_segments, cell_styles, ink_on, used
from redraft.solve.answer import NOT_JUDGED, Answer
from redraft.tasks import Grid, Task

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


def board(
    task: Task,
    question: Grid,
    grid: Grid,
    *,
    previous: Grid | None = None,
    judge: bool = False,
    size: Size | None = None,
    colours: bool = False,
    dense: bool = False,
) -> Text:
    """The board as text, `size` rows and columns of it; with `judge`, cells that break a rule are marked.

    With `colours`, a cell that is known by its colour is a tile two columns wide; with `dense` as well, half a
    character, which leaves no room for marks.
    """
    size = size or used(question, grid)
    wrong = task.wrong_cells(question, grid) if judge else None
    if colours and any(fill for row in task.fills(grid) for fill in row):
        tiles = _halves if dense else _tiles
        previous = None if previous is not None and np.array_equal(previous, question) else previous
        return tiles(task, grid, cell_styles(task, question, grid, previous=previous, wrong=wrong), size)
    text = Text()
    for line in board_segments(task, question, grid, previous=previous, wrong=wrong, size=size):
        for piece, style in line:
            text.append(piece, STYLES[style])
        text.append("\n")
    text.right_crop(1)
    return text


def _tiles(task: Task, grid: Grid, styles: list[list[str]], size: Size) -> Text:
    """A tile for each cell, with a mark where it changed or breaks a rule, and capitals (S and G of a maze)."""
    fills, symbols = task.fills(grid), task.symbols(grid)
    text = Text(no_wrap=True)
    for r in range(size[0]):
        for c in range(size[1]):
            letter = MARKS.get(styles[r][c], symbols[r][c] if symbols[r][c].isupper() else " ")
            if fill := fills[r][c]:
                text.append(f"{letter} ", Style(color=ink_on(fill), bgcolor=fill, bold=True))
            else:
                text.append(f"{symbols[r][c]} ", STYLES[styles[r][c]])
        text.append("\n")
    text.right_crop(1)
    return text


def _halves(task: Task, grid: Grid, styles: list[list[str]], size: Size) -> Text:
    """Two cells, one above the other, in each character; cells that break a rule in red."""
    fills = [
        [HALF_WRONG if style == "wrong" else fill for style, fill in zip(*rows, strict=True)]
        for rows in zip(styles, task.fills(grid), strict=True)
    ]
    text = Text(no_wrap=True)
    for r in range(0, size[0], 2):
        for c in range(size[1]):
            lower = fills[r + 1][c] if r + 1 < size[0] else ""
            text.append("▀" if fills[r][c] else " ", Style(color=fills[r][c] or None, bgcolor=lower or None))
        text.append("\n")
    text.right_crop(1)
    return text


def has_colours(console: Console) -> bool:
    """Whether colours may be shown: on a terminal that has them, unless NO_COLOR is set."""
    return console.is_terminal and console.color_system is not None and not console.no_color


def verdict_line(task: Task, answer: Answer) -> Text:
    """What came of the puzzle, in words."""
    steps = f"{answer.steps} step{'s' if answer.steps != 1 else ''}"
    if not task.judges:
        word, style = ("halted", "bold green") if answer.done else ("not halted", "bold yellow")
        sure = f"{answer.halt_probability:.0%} sure to be right"
        return Text.assemble((word, style), f" in {steps}, {sure}; {NOT_JUDGED}")
    if answer.solved:
        return Text.assemble(("solved", "bold green"), f" in {steps}, checked by the rules")
    return Text.assemble(("not solved", "bold red"), f" in {steps}; the last draft: {answer.verdict.reason}")


def print_answer(task: Task, answer: Answer, console: Console) -> None:
    """Question and answer side by side, or one under the other where the terminal is too narrow, with the verdict."""
    size, colours = used(answer.question, answer.grid), has_colours(console)
    boards = [
        board(task, answer.question, answer.question, size=size, colours=colours),
        board(task, answer.question, answer.grid, judge=not answer.solved, size=size, colours=colours),
    ]
    gap = 3
    if sum(max(map(len, each.plain.splitlines())) for each in boards) + gap <= console.width:
        table = Table.grid(padding=(0, gap))
        table.add_row(*boards)
        console.print(table, verdict_line(task, answer), "", sep="\n")
    else:
        console.print(*boards, verdict_line(task, answer), "", sep="\n\n", soft_wrap=True)


def watch(task: Task, answer: Answer, console: Console, *, delay: float, max_steps: int) -> None:
    """Shows every draft in turn; without a terminal, one under the other."""
    size = used(answer.question, *(step.grid for step in answer.trace))
    dense = console.is_terminal and size[0] + 3 > console.height  # with a caption and the cursor's line
    frames = _frames(task, answer, max_steps, size, colours=has_colours(console), dense=dense)
    if console.is_terminal:
        with Live(frames[0], console=console, auto_refresh=False) as live:
            for frame in frames:
                live.update(frame, refresh=True)
                time.sleep(delay)
    else:
        for frame in frames:
            console.print(frame, "", sep="\n", soft_wrap=True)
    console.print(verdict_line(task, answer), "", sep="\n", soft_wrap=True)


def _frames(
    task: Task, answer: Answer, max_steps: int, size: Size, *, colours: bool, dense: bool
) -> list[RenderableType]:
    shown = partial(board, task, answer.question, size=size, colours=colours, dense=dense)
    frames: list[RenderableType] = [
        Group(shown(answer.question), Text(f"the question: {_told(task, answer.question)}"))
    ]
    previous = answer.question
    for number, step in enumerate(answer.trace, start=1):
        changed = int(np.not_equal(previous, step.grid).sum())
        judge = number == len(answer.trace) and not answer.solved
        caption = Text(
            f"step {number} of at most {max_steps}, {changed} cell{'s' if changed != 1 else ''} changed, "
            f"{step.halt_probability:.0%} sure to be right"
        )
        frames.append(Group(shown(step.grid, previous=previous, judge=judge), caption))
        previous = step.grid
    return frames


def _told(task: Task, question: Grid) -> str:
    """What a question gives: some of its cells, or, where none is left blank for the answer, its size."""
    height, width = used(question)
    if any(fill for row in task.fills(question) for fill in row):
        return f"{height}x{width} cells"
    given = sum(symbol != BLANK for row in task.symbols(question)[:height] for symbol in row[:width])
    return f"{given} cells given" if given < height * width else f"{height}x{width} cells"
