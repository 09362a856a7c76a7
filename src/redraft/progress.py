"""A progress bar with speed and time left on a terminal, and nothing elsewhere, where programs may read the output."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from time import monotonic

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from redraft.terminal import Fitting, console, live

Bar = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]  # made from a label and a total


def silent(label: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
    """A `Bar` that shows nothing."""
    return nullcontext(lambda done: None)


class _Speed(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:,.0f} puzzles/s")


@contextmanager
def progress(label: str, total: int | None, *, shown: bool = True) -> Iterator[Callable[[int], None]]:
    """A bar on standard error that vanishes at the end; yields a function to call with the number of puzzles done."""
    to = console(stderr=True)
    line, count, speed = BarColumn(bar_width=24), MofNCompleteColumn(), _Speed()
    columns = (TextColumn(label), line, count, speed, TimeRemainingColumn())
    with Fitting(*columns, spare=(speed, line, count), to=to, disable=not (shown and live(to))) as bar:
        row = bar.add_task("", total=total)
        yield lambda done: bar.update(row, completed=done)


@contextmanager
def stages(command: str) -> Iterator[Callable[[str], None]]:
    """For work without a known total: yields a function to call with the name of each stage as it begins.

    Stages go to standard error with the seconds since the start: on a terminal in one line that changes; elsewhere in
    a line each, at most one a second where the words before the colon are the same.
    """
    to, started = console(stderr=True), monotonic()
    last, printed = "", started

    def line(stage: str) -> None:
        nonlocal last, printed
        kind, now = stage.partition(":")[0], monotonic()
        if kind != last or now - printed >= 1:
            last, printed = kind, now
            print(f"redraft {command}: {now - started:5.1f} s  {stage}", file=sys.stderr, flush=True)

    if not live(to):
        yield line
        return
    columns = (SpinnerColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=to, transient=True) as shown:
        row = shown.add_task("")
        yield lambda stage: shown.update(row, description=stage, refresh=True)
