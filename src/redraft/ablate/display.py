"""What a person sees while a suite runs: a bar for every run at work on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from redraft.ablate.jobs import Job
from redraft.ablate.runner import Ending
from redraft.terminal import Fitting


class RunsDisplay:
    """Hears how jobs go and shows it; use it in a `with` block. Every job that ends leaves a line."""

    def __init__(
        self, names: Sequence[str], console: Console, *, over: Callable[[int], str] = lambda number: ""
    ) -> None:
        """`names` of the jobs; `over` is called with the number of each that is done, and tells its figures."""
        self.names, self.console, self._over, self._ended = names, console, over, 0
        self._bars: dict[int, TaskID] = {}
        bar, what, elapsed = BarColumn(bar_width=24), TextColumn("{task.fields[what]}"), TimeElapsedColumn()
        self._progress = Fitting(
            TextColumn("{task.description}"),
            bar,
            what,
            elapsed,
            TimeRemainingColumn(),
            spare=(elapsed, bar, what),
            to=console,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> RunsDisplay:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def began(self, number: int, job: Job) -> None:
        self._bars[number] = self._progress.add_task(self.names[number], total=None, what="reading data")
        if not self.console.is_terminal:
            self._print(f"begins: {self.names[number]}  ({job.folder})")

    def progressed(self, number: int, message: dict[str, Any]) -> None:
        bar = self._bars[number]
        if "judging" in message:
            self._progress.update(bar, total=None, what=f"judging on {message['judging']}")
            return
        total = message["total"]
        done = message["step"] if "steps" in total else message["seconds"]
        self._progress.update(bar, completed=done, total=next(iter(total.values())), what=f"step {message['step']:,}")

    def ended(self, number: int, ending: Ending, left: float | None) -> None:
        self._progress.remove_task(self._bars.pop(number))
        self._ended += 1
        if ending.end == "done":
            how = self._over(number)
        elif ending.end == "failed":
            how = f"failed: {ending.reason}"
        else:
            how = {"stopped": "stopped, to go on from its checkpoint", "busy": "is being run elsewhere"}[ending.end]
        rest = "" if left is None or ending.end == "stopped" else f"; about {clock(left)} left"
        self._print(f"[{self._ended}/{len(self.names)}] {self.names[number]}: {how} in {clock(ending.seconds)}{rest}")

    def _print(self, line: str) -> None:
        self.console.print(line, highlight=False, soft_wrap=True, markup=False)


def clock(seconds: float) -> str:
    """Seconds as people say them."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {seconds:02} s" if minutes else f"{seconds} s"
