"""Answers on their way out, in the order of the puzzles and as they come: lines, boards, JSON, CSV and pictures."""

from __future__ import annotations

import csv
import json
import os
import select
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from redraft import terminal
from redraft.commands.watch import print_answer, watch
from redraft.errors import PuzzleError
from redraft.solve.answer import NOT_JUDGED
from redraft.solve.supply import Arriving, Ready, Supply
from redraft.tasks import Grid, Puzzle, Task
from redraft.tasks.reading.source import STDIN

if TYPE_CHECKING:
    from redraft.solve.answer import Answer
    from redraft.solve.resolve import Entry

BOARDS = 4  # up to so many puzzles are drawn; more get a line each
ERRORS = 20  # so many puzzles that cannot be read are reported one by one
COLUMNS = ("place", "question", "status", "answer", "draft", "steps", "halt_probability", "message")

Show = Callable[["Entry", "Answer | PuzzleError"], None]


class Modes(Protocol):
    """The arguments of `redraft solve` that say where answers go."""

    @property
    def output(self) -> Path | None: ...
    @property
    def json(self) -> bool: ...
    @property
    def watch(self) -> bool: ...
    @property
    def picture(self) -> Path | None: ...
    @property
    def delay(self) -> float: ...
    @property
    def file(self) -> str | None: ...


# in
class Entries:
    """The puzzles to be solved, and which of them a question of the solver is."""

    def __init__(self, entries: Iterator[Entry], *, live: bool) -> None:
        self.supply: Supply[Entry] = Arriving(entries, wanted=require_reader) if live else Ready(entries)
        self.count = 0
        self._of_question: dict[int, tuple[int, Puzzle]] = {}
        self._questions = 0

    def take(self, room: int, *, wait: bool, results: Results) -> list[Grid]:
        """The next questions, as `Supply.take`; what cannot be read goes to the results at once."""
        while True:
            entries = self.supply.take(room, wait=wait)
            questions = []
            for entry in entries:
                if isinstance(entry, PuzzleError):
                    results.put(self.count, entry, entry)
                else:
                    self._of_question[self._questions] = (self.count, entry)
                    self._questions += 1
                    questions.append(entry.question)
                self.count += 1
            if questions or not entries or not wait:
                return questions

    def of_question(self, number: int) -> tuple[int, Puzzle]:
        """The place of a question among the entries, and its puzzle; to be asked once."""
        return self._of_question.pop(number)


class Questions(Supply[Grid]):
    """The questions of entries, for the solver."""

    def __init__(self, entries: Entries, results: Results) -> None:
        self.entries, self.results = entries, results

    def take(self, room: int, *, wait: bool) -> list[Grid]:
        """As `Supply.take`."""
        return self.entries.take(room, wait=wait, results=self.results)


def is_live(file: str) -> bool:
    """Whether a file (`-`: standard input) is a pipe, a terminal or the like, whose lines may be long in coming."""
    with suppress(OSError, ValueError, AttributeError):
        mode = os.fstat(sys.stdin.fileno()).st_mode if file == STDIN else os.stat(file).st_mode
        return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
    return False


def require_reader() -> None:
    """Raises BrokenPipeError where standard output is a pipe that nobody reads any more."""
    gone = False
    with suppress(OSError, ValueError, AttributeError):  # no poll on this system, or no file behind standard output
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)  # errors are always reported
        gone = any(event & select.POLLERR for _, event in poll.poll(0))
    if gone:
        raise BrokenPipeError


# out
class Results:
    """Passes results on in the order of the entries, and counts them.

    Attributes:
        count, right, errors: entries passed on so far, and of these the solved ones and those that cannot be solved.
    """

    def __init__(self, task: Task, show: Show, *, report: Callable[[int], None] = lambda done: None) -> None:
        self.task, self.count, self.right, self.errors = task, 0, 0, 0
        self._show, self._report = show, report
        self._held: dict[int, tuple[Entry, Answer | PuzzleError]] = {}

    def put(self, number: int, entry: Entry, result: Answer | PuzzleError) -> None:
        """Takes the result of an entry, and passes on all whose turn it is."""
        self._held[number] = (entry, result)
        while self.count in self._held:
            self._pass_on(*self._held.pop(self.count))

    def close(self) -> None:
        """Passes on what had to wait for an entry that will have no result."""
        for number in sorted(self._held):
            self._pass_on(*self._held.pop(number))
        if self.errors > ERRORS:
            print(f"redraft solve: {self.errors - ERRORS:,} more puzzles cannot be solved", file=sys.stderr)

    def _pass_on(self, entry: Entry, result: Answer | PuzzleError) -> None:
        self.count += 1
        if isinstance(result, PuzzleError):
            self.errors += 1
            if self.errors <= ERRORS:
                print(f"redraft solve: {result}", file=sys.stderr)
        else:
            self.right += result.done
        self._show(entry, result)
        self._report(self.count)


@contextmanager
def shown(task: Task, modes: Modes, *, count: Callable[[], int], max_steps: int) -> Iterator[Show]:
    """Within it, the function that shows a result where the arguments say; `count`: how many are known to come."""
    if modes.output is not None:
        with _to_csv(task, None if str(modes.output) == STDIN else modes.output) as show:
            yield _with_picture(task, modes, show)
        return
    console = terminal.console()

    def as_json(entry: Entry, result: Answer | PuzzleError) -> None:
        print(json.dumps(plain(entry, result), allow_nan=False), flush=True)

    def as_drafts(entry: Entry, result: Answer | PuzzleError) -> None:
        if not isinstance(result, PuzzleError):
            watch(task, result, console, delay=modes.delay, max_steps=max_steps)

    def as_text(entry: Entry, result: Answer | PuzzleError) -> None:
        if isinstance(result, PuzzleError):
            if modes.file is not None and not console.is_terminal:  # holds its place; a terminal shows it as an error
                print(f"{task.comment} {result}", flush=True)
        elif console.is_terminal and count() <= BOARDS:
            print_answer(task, result, console)
        else:
            print(line(task, entry, result), flush=True)

    yield _with_picture(task, modes, as_json if modes.json else as_drafts if modes.watch else as_text)


def _with_picture(task: Task, modes: Modes, show: Show) -> Show:
    """The same, which also draws the picture that is asked for."""
    if (file := modes.picture) is None:
        return show

    def drawn(entry: Entry, result: Answer | PuzzleError) -> None:
        if not isinstance(result, PuzzleError):
            result.save(file)
        show(entry, result)

    return drawn


def line(task: Task, entry: Entry, result: Answer) -> str:
    """An answer as text that `redraft` reads back, in the shape of its question; a remark where it is none."""
    sign = task.comment
    drawn = isinstance(entry, Puzzle) and entry.drawn
    answer = task.draw(result.grid) + "\n" if drawn else task.format(result.grid)
    steps = f"{result.steps} step{'s' if result.steps != 1 else ''}"
    good = result.done
    if not task.judges:
        sure = f"{result.halt_probability:.0%} sure to be right, {NOT_JUDGED}"
        if good:
            return f"{sign} {sure}\n{answer}" if drawn else f"{answer}  {sign} {sure}"
        return f"{sign} not halted: {task.format(result.question)} (after {steps}, {sure})"
    if good:
        return answer
    return f"{sign} not solved: {task.format(result.question)} (after {steps}, {result.verdict.reason})"


def plain(entry: Entry, result: Answer | PuzzleError) -> dict[str, Any]:
    """A result as plain values, as in `Answer.to_dict`."""
    if isinstance(result, PuzzleError):
        return {"place": result.place, "status": "error", "message": result.message}
    return {"place": entry.place, **result.to_dict()}


@contextmanager
def _to_csv(task: Task, file: Path | None) -> Iterator[Show]:
    """Within it, a function that writes a result as a row of a CSV file (None: standard output), at once.

    The file is opened for the first row, so that nothing is lost of an older one where there is none.
    """
    opened: list[Any] = []

    def write(entry: Entry, result: Answer | PuzzleError) -> None:
        first = not opened
        if first:
            opened.append(sys.stdout if file is None else file.open("w", encoding="utf-8", newline=""))
        writer = csv.DictWriter(opened[0], COLUMNS, extrasaction="ignore", lineterminator="\n", restval="")
        if first:
            writer.writeheader()
        writer.writerow(plain(entry, result))
        opened[0].flush()

    try:
        yield write
    finally:
        if opened and file is not None:
            opened[0].close()
