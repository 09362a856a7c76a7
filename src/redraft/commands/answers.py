"""Prints answers in the order of the puzzles and as they come: lines, boards, drafts, JSON, CSV and pictures."""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from redraft import terminal
from redraft.draw.board import BLANK, board_of, boards_of, used
from redraft.draw.terminal import board_text, has_colours, legend
from redraft.errors import PuzzleError
from redraft.solve.answer import NOT_JUDGED, Answer
from redraft.solve.budget import ANY
from redraft.solve.hint import solve_hint
from redraft.solve.supply import Entry, Supply
from redraft.tasks import Grid, Puzzle, Task
from redraft.tasks.reading.source import STDIN

if TYPE_CHECKING:
    from redraft.commands.solve import Arguments
    from redraft.solve.solver import Solver

BOARDS = 4  # most puzzles that are drawn; more get a line each
ERRORS = 20  # most puzzles that cannot be solved and are reported one by one
COLUMNS = ("place", "question", "status", "answer", "draft", "steps", "halt_probability", "message")
TRIES = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")

Show = Callable[[Entry, Answer | PuzzleError], None]


class Printer:
    """Shows results, draws them into `picture` if there is to be one, and counts them.

    Attributes:
        count, right, errors: results so far, and of these the solved ones and those that cannot be solved.
    """

    def __init__(self, show: Show, *, picture: Path | None, report: Callable[[int], None]) -> None:
        self.count = self.right = self.errors = 0
        self._show, self._picture, self._report = show, picture, report

    def add(self, entry: Entry, result: Answer | PuzzleError) -> None:
        self.count += 1
        if isinstance(result, PuzzleError):
            self.errors += 1
            if self.errors <= ERRORS:
                print(f"redraft solve: {result}", file=sys.stderr)
        else:
            self.right += result.done
            if self._picture is not None:
                result.save(self._picture)
        self._show(entry, result)
        self._report(self.count)


@contextmanager
def shown(task: Task, args: Arguments, *, count: Callable[[], int], max_steps: int) -> Iterator[Show]:
    """Within it, the function that shows a result as the arguments say; `count`: puzzles known to come."""
    if args.output is not None:
        with _to_csv(None if str(args.output) == STDIN else args.output) as show:
            yield show
        return
    console = terminal.console()

    def as_json(entry: Entry, result: Answer | PuzzleError) -> None:
        print(json.dumps(plain(entry, result), allow_nan=False), flush=True)

    def as_drafts(entry: Entry, result: Answer | PuzzleError) -> None:
        if not isinstance(result, PuzzleError):
            watch(result, console, delay=args.delay, max_steps=max_steps)

    def as_text(entry: Entry, result: Answer | PuzzleError) -> None:
        if isinstance(result, PuzzleError):
            if args.file is not None and not console.is_terminal:  # holds its place; a terminal shows it as an error
                print(f"{task.comment} {result}", flush=True)
        elif console.is_terminal and count() <= BOARDS:
            print_answer(result, console)
        else:
            print(line(entry, result), flush=True)

    yield as_json if args.json else as_drafts if args.watch else as_text


@contextmanager
def _to_csv(file: Path | None) -> Iterator[Show]:
    """Within it, a function that writes a result as a row of a CSV file (None: standard output), at once.

    The file is opened for the first row, so that an older one stays where there is none.
    """
    stream: TextIO = sys.stdout
    writer: csv.DictWriter[str] | None = None
    with ExitStack() as opened:

        def write(entry: Entry, result: Answer | PuzzleError) -> None:
            nonlocal stream, writer
            if writer is None:
                if file is not None:
                    stream = opened.enter_context(file.open("w", encoding="utf-8", newline=""))
                writer = csv.DictWriter(stream, COLUMNS, extrasaction="ignore", lineterminator="\n", restval="")
                writer.writeheader()
            writer.writerow(plain(entry, result))
            stream.flush()

        yield write


def plain(entry: Entry, result: Answer | PuzzleError) -> dict[str, Any]:
    """A result as plain values, as in `Answer.to_dict`."""
    if isinstance(result, PuzzleError):
        return {"place": result.place, "status": "error", "message": result.message}
    return {"place": entry.place, **result.to_dict()}


def line(entry: Entry, answer: Answer) -> str:
    """An answer as text that `redraft` reads back, in the shape of its question; a comment where it is not solved."""
    task, sign = answer.task, answer.task.comment
    drawn = isinstance(entry, Puzzle) and entry.drawn
    text = task.draw(answer.grid) + "\n" if drawn else answer.text
    sure = f"{answer.halt_probability:.0%} sure to be right, {NOT_JUDGED}"
    if not answer.done:
        word, why = ("not solved", answer.verdict.reason) if task.judges else ("not halted", sure)
        return f"{sign} {word}: {task.format(answer.question)} (after {_steps(answer)}, {why})"
    if task.judges:
        return text
    return f"{sign} {sure}\n{text}" if drawn else f"{text}  {sign} {sure}"


def _steps(answer: Answer) -> str:
    return f"{answer.steps} step{'s' if answer.steps != 1 else ''}"


def print_hints(solver: Solver, supply: Supply[Entry]) -> int:
    """Prints a hint for each puzzle as it comes; returns the exit status: 1 where one is not verified, 2 for errors."""
    task, status = solver.task, 0
    while entries := supply.take(1, wait=True):
        entry = entries[0]
        if not isinstance(entry, PuzzleError) and not (task.encode(entry.question) == task.open_token).any():
            entry = PuzzleError("all cells are filled in; expected at least one blank", entry.place)
        if isinstance(entry, PuzzleError):
            print(f"redraft solve: {entry}", file=sys.stderr)
            status = 2
            continue
        hint = solve_hint(solver, entry.question)
        status = max(status, 0 if hint.verified else 1)
        checked = "checked by the rules" if hint.verified else "not verified: no answer that keeps the rules was found"
        where = f"{entry.place}: " if entry.place else ""
        sure = f"{hint.probability:.0%} sure in the first draft, {checked}"
        print(f"{where}row {hint.row}, column {hint.column}: {hint.value}  {task.comment} {sure}", flush=True)
    return status


def verdict_line(answer: Answer) -> Text:
    """The verdict in words."""
    steps = _steps(answer)
    if not answer.task.judges:
        word, style = ("halted", "bold green") if answer.done else ("not halted", "bold yellow")
        sure = f"{answer.halt_probability:.0%} sure to be right"
        return Text.assemble((word, style), f" in {steps}, {sure}; {NOT_JUDGED}")
    if answer.solved:
        return Text.assemble(("solved", "bold green"), f" in {steps}, checked by the rules")
    return Text.assemble(("not solved", "bold red"), f" in {steps}; the last draft: {answer.verdict.reason}")


def print_answer(answer: Answer, console: Console) -> None:
    """Question and answer side by side, or one under the other where the terminal is too narrow, with the verdict."""
    size = used(answer.question, answer.grid)
    boards = [
        board_text(board_of(answer.task, answer.question, grid, size=size), colours=has_colours(console))
        for grid in (answer.question, answer.grid)
    ]
    gap = 3
    if sum(max(map(len, each.plain.splitlines())) for each in boards) + gap <= console.width:
        table = Table.grid(padding=(0, gap))
        table.add_row(*boards)
        console.print(table, verdict_line(answer), "", sep="\n")
    else:
        console.print(*boards, verdict_line(answer), "", sep="\n\n", soft_wrap=True)


def watch(answer: Answer, console: Console, *, delay: float, max_steps: int) -> None:
    """Shows every draft in turn; without a terminal, one under the other."""
    task = answer.task
    boards = boards_of(task, answer.question, [answer.question, *(step.grid for step in answer.trace)])
    colours = has_colours(console)
    dense = console.is_terminal and boards[0].size[0] + 3 > console.height  # with a caption and the cursor's line
    frames: list[RenderableType] = [
        Group(board_text(board, colours=colours, dense=dense), caption)
        for board, caption in zip(boards, _captions(answer, max_steps), strict=True)
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
    console.print(verdict_line(answer), "", sep="\n", soft_wrap=True)


def _captions(answer: Answer, max_steps: int) -> list[Text]:
    """The captions of the question and of each draft."""
    of_most = f" of at most {max_steps}" if max_steps < ANY else ""
    captions, previous = [Text(f"the question: {_givens(answer.task, answer.question)}")], answer.question
    for number, step in enumerate(answer.trace, start=1):
        changed = int(np.not_equal(previous, step.grid).sum())
        tries = f"{TRIES[step.attempt - 1]} try, " if step.attempt <= len(TRIES) else f"try {step.attempt}, "
        captions.append(
            Text(
                f"step {number}{of_most}, {tries if step.attempt > 1 else ''}"
                f"{changed} cell{'s' if changed != 1 else ''} changed, {step.halt_probability:.0%} sure to be right"
            )
        )
        previous = step.grid
    return captions


def _givens(task: Task, question: Grid) -> str:
    """The number of givens, or the size where no cell is left blank for the answer."""
    height, width = used(question)
    if any(fill for row in task.fills(question) for fill in row):
        return f"{height}x{width} cells"
    given = sum(symbol != BLANK for row in task.symbols(question)[:height] for symbol in row[:width])
    return f"{given} cells given" if given < height * width else f"{height}x{width} cells"
