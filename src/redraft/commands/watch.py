"""Boards in the terminal: an answer at a glance, or redrafted step by step with changed cells coloured."""

from __future__ import annotations

import time

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from redraft.solve.solver import Answer
from redraft.tasks import Grid, Task
from redraft.tasks.render import board_segments

STYLES = {
    "": "dim",
    "rule": "dim",
    "given": "bold",
    "filled": "blue",
    "changed": "black on yellow",
    "wrong": "white on red",
}


def board(task: Task, question: Grid, grid: Grid, *, previous: Grid | None = None, judge: bool = False) -> Text:
    """The board as coloured text; with `judge`, cells that break a rule are red."""
    wrong = task.wrong_cells(question, grid) if judge else None
    text = Text()
    for line in board_segments(task, question, grid, previous=previous, wrong=wrong):
        for piece, style in line:
            text.append(piece, STYLES[style])
        text.append("\n")
    text.right_crop(1)
    return text


def verdict_line(answer: Answer) -> Text:
    """What came of the puzzle, in words."""
    steps = f"{answer.steps} step{'s' if answer.steps != 1 else ''}"
    if answer.solved:
        return Text.assemble(("solved", "bold green"), f" in {steps}, checked by the rules")
    return Text.assemble(("not solved", "bold red"), f" in {steps}: the last draft {answer.verdict.reason}")


def print_answer(task: Task, answer: Answer, console: Console) -> None:
    """Question and answer side by side, with the verdict."""
    table = Table.grid(padding=(0, 3))
    table.add_row(
        board(task, answer.question, answer.question),
        board(task, answer.question, answer.grid, judge=not answer.solved),
    )
    console.print(table, verdict_line(answer), "", sep="\n")


def watch(task: Task, answer: Answer, console: Console, *, delay: float, max_steps: int) -> None:
    """Shows every draft in turn; without a terminal, one under the other."""
    frames = list(_frames(task, answer, max_steps))
    if console.is_terminal:
        with Live(frames[0], console=console, auto_refresh=False) as live:
            for frame in frames:
                live.update(frame, refresh=True)
                time.sleep(delay)
    else:
        for frame in frames:
            console.print(frame, "", sep="\n")
    console.print(verdict_line(answer), "", sep="\n")


def _frames(task: Task, answer: Answer, max_steps: int) -> list[RenderableType]:
    caption = Text(f"the question: {int((answer.question != 0).sum())} cells given")
    frames: list[RenderableType] = [Group(board(task, answer.question, answer.question), caption)]
    previous = answer.question
    for number, step in enumerate(answer.trace, start=1):
        changed = int(np.not_equal(previous, step.grid).sum())
        last = number == len(answer.trace)
        caption = Text(
            f"step {number} of at most {max_steps}, {changed} cell{'s' if changed != 1 else ''} changed, "
            f"{step.halt_probability:.0%} sure to be right"
        )
        drawn = board(task, answer.question, step.grid, previous=previous, judge=last and not answer.solved)
        frames.append(Group(drawn, caption))
        previous = step.grid
    return frames
