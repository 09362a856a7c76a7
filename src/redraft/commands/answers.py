"""What came of puzzles, for people and programs: lines, boards, JSON, CSV and pictures."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console

from redraft.errors import PuzzleError
from redraft.files import write_bytes, write_text
from redraft.tasks import Task
from redraft.tasks.png import png_strip
from redraft.tasks.render import svg_strip

if TYPE_CHECKING:
    from redraft.solve.solver import Answer

Result = tuple[str, "Answer | PuzzleError"]  # where the puzzle stands, and what came of it

BOARDS = 4  # up to so many puzzles are drawn; more get a line each
NOT_JUDGED = "not judged: no rules"


def done(task: Task, answer: Answer) -> bool:
    """Whether an answer is right, or, where nothing can judge it, whether the model takes it to be."""
    return answer.solved if task.judges else answer.halt_probability > 0.5


def print_results(task: Task, results: Sequence[Result]) -> None:
    """A line for each puzzle, or boards where they are few and this is a terminal."""
    from redraft.commands.watch import print_answer

    console = Console()
    drawn = len(results) <= BOARDS and console.is_terminal
    remark = task.comment  # what begins a line that is no answer
    for _, answer in results:
        steps = "" if isinstance(answer, PuzzleError) else f"{answer.steps} step{'s' if answer.steps != 1 else ''}"
        if isinstance(answer, PuzzleError):
            if not console.is_terminal:  # holds the place of an answer; a terminal shows it as an error anyway
                print(f"{remark} {answer}")
        elif drawn:
            print_answer(task, answer, console)
        elif not task.judges:
            sure = f"{answer.halt_probability:.0%} sure to be right, {NOT_JUDGED}"
            if done(task, answer):
                print(f"{task.format(answer.grid)}  {remark} {sure}")
            else:
                print(f"{remark} not halted: {task.format(answer.question)} (after {steps}, {sure})")
        elif answer.solved:
            print(task.format(answer.grid))
        else:
            question = task.format(answer.question)
            print(f"{remark} not solved: {question} (after {steps}, {answer.verdict.reason})")


def draw(task: Task, answer: Answer, file: Path) -> None:
    """The question and every draft that differs from the one before, side by side."""
    grids, captions = [answer.question], ["the question"]
    for number, step in enumerate(answer.trace, start=1):
        if number == len(answer.trace) or not np.array_equal(grids[-1], step.grid):
            grids.append(step.grid)
            captions.append(f"step {number}, {step.halt_probability:.0%} sure")
    if file.suffix.lower() == ".png":
        write_bytes(file, png_strip(task, answer.question, grids))
    else:
        write_text(file, svg_strip(task, answer.question, grids, captions))


def plain(task: Task, result: Result) -> dict[str, Any]:
    """A result as plain values. Only one that is right, or at least halted, has an `answer`; others have a `draft`."""
    place, answer = result
    if isinstance(answer, PuzzleError):
        return {"place": place, "status": "error", "message": answer.message}
    good = done(task, answer)
    statuses = ("unsolved", "solved") if task.judges else ("unhalted", "halted")
    values: dict[str, Any] = {
        "place": place,
        "question": task.format(answer.question),
        "status": statuses[good],
        "answer" if good else "draft": task.format(answer.grid),
        "steps": answer.steps,
        "tries": answer.tries,
        "halt_probability": round(answer.halt_probability, 6),
        "message": answer.verdict.reason if task.judges else NOT_JUDGED,
    }
    if answer.trace:
        values["trace"] = [
            {"draft": task.format(step.grid), "halt_probability": round(step.halt_probability, 6)}
            for step in answer.trace
        ]
    return values


def to_csv(task: Task, results: Sequence[Result]) -> str:
    """The results as a CSV file."""
    text = io.StringIO()
    columns = ("place", "question", "status", "answer", "draft", "steps", "halt_probability", "message")
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n", restval="")
    writer.writeheader()
    for result in results:
        writer.writerow(plain(task, result))
    return text.getvalue()
