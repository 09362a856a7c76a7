"""Boards in the terminal, at a glance or step by step, with cells marked that changed or break a rule."""

from __future__ import annotations

import time

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from redraft.draw.board import BLANK, board_of, boards_of, used
from redraft.draw.terminal import board_text, has_colours, legend
from redraft.solve.answer import Answer
from redraft.tasks import Grid, Task

NOT_JUDGED = "not judged: no rules"


def done(task: Task, answer: Answer) -> bool:
    """Whether an answer is right, or, where nothing can judge it, whether the model takes it to be."""
    return answer.solved if task.judges else answer.halt_probability > 0.5


def verdict_line(task: Task, answer: Answer) -> Text:
    """What came of the puzzle, in words."""
    steps = f"{answer.steps} step{'s' if answer.steps != 1 else ''}"
    if not task.judges:
        word, style = ("halted", "bold green") if done(task, answer) else ("not halted", "bold yellow")
        sure = f"{answer.halt_probability:.0%} sure to be right"
        return Text.assemble((word, style), f" in {steps}, {sure}; {NOT_JUDGED}")
    if answer.solved:
        return Text.assemble(("solved", "bold green"), f" in {steps}, checked by the rules")
    return Text.assemble(("not solved", "bold red"), f" in {steps}; the last draft: {answer.verdict.reason}")


def print_answer(task: Task, answer: Answer, console: Console) -> None:
    """Question and answer side by side, or one under the other where the terminal is too narrow, with the verdict."""
    colours = has_colours(console)
    size = used(answer.question, answer.grid)
    boards = [
        board_text(board_of(task, answer.question, grid, size=size), colours=colours)
        for grid in (answer.question, answer.grid)
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
    boards = boards_of(task, answer.question, [answer.question, *(step.grid for step in answer.trace)])
    colours = has_colours(console)
    dense = console.is_terminal and boards[0].size[0] + 3 > console.height  # with a caption and the cursor's line
    frames: list[RenderableType] = [
        Group(board_text(board, colours=colours, dense=dense), caption)
        for board, caption in zip(boards, _captions(task, answer, max_steps), strict=True)
    ]
    if colours and (marks := legend(boards[-1], judged=task.judges, dense=dense)):
        console.print(marks, soft_wrap=True)
    if console.is_terminal:
        with Live(frames[0], console=console, auto_refresh=False) as live:
            for frame in frames:
                live.update(frame, refresh=True)
                time.sleep(delay)
    else:
        for frame in frames:
            console.print(frame, "", sep="\n", soft_wrap=True)
    console.print(verdict_line(task, answer), "", sep="\n", soft_wrap=True)


def _captions(task: Task, answer: Answer, max_steps: int) -> list[Text]:
    """What is said of the question and of each draft."""
    captions, previous = [Text(f"the question: {_told(task, answer.question)}")], answer.question
    for number, step in enumerate(answer.trace, start=1):
        changed = int(np.not_equal(previous, step.grid).sum())
        again = "" if step.attempt == 1 else f"{_try(step.attempt)}, "
        captions.append(
            Text(
                f"step {number} of at most {max_steps}, {again}{changed} cell{'s' if changed != 1 else ''} changed, "
                f"{step.halt_probability:.0%} sure to be right"
            )
        )
        previous = step.grid
    return captions


def _try(number: int) -> str:
    words = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
    return f"{words[number - 1]} try" if number <= len(words) else f"try {number}"


def _told(task: Task, question: Grid) -> str:
    """What a question gives: some of its cells, or, where none is left blank for the answer, its size."""
    height, width = used(question)
    if any(fill for row in task.fills(question) for fill in row):
        return f"{height}x{width} cells"
    given = sum(symbol != BLANK for row in task.symbols(question)[:height] for symbol in row[:width])
    return f"{given} cells given" if given < height * width else f"{height}x{width} cells"
