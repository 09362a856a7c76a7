"""A progress bar on a terminal, with speed and time left; nothing elsewhere, where output may be read by programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from redraft.terminal import Fitting, console


class _Speed(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:,.0f} puzzles/s")


@contextmanager
def progress(what: str, total: int | None, *, shown: bool = True) -> Iterator[Callable[[int], None]]:
    """Within it, call what is given with the number of puzzles done; the bar goes to standard error and vanishes."""
    to = console(stderr=True)
    line, count, speed = BarColumn(bar_width=24), MofNCompleteColumn(), _Speed()
    columns = (TextColumn(what), line, count, speed, TimeRemainingColumn())
    with Fitting(*columns, spare=(speed, line, count), to=to, disable=not (shown and to.is_terminal)) as bar:
        row = bar.add_task("", total=total)
        yield lambda done: bar.update(row, completed=done)
