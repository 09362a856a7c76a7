"""Supplies of puzzles that may still be arriving: a file read as needed, a pipe read while others are solved."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Generic, TypeVar

from redraft.errors import PuzzleError
from redraft.solve.answer import Answer
from redraft.tasks import Grid, Puzzle

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Entry = Puzzle | PuzzleError  # of the input: a puzzle, or the reason why there is none

PATIENCE = 0.5  # seconds between calls of `wanted`


class Supply(Generic[T_co]):
    """Items to be taken a few at a time; of this class, items that are there, or made when they are taken."""

    def __init__(self, items: Iterable[T_co]) -> None:
        self._items = iter(items)

    def take(self, room: int, *, wait: bool) -> list[T_co]:
        """At most `room` items that are there, in order; with `wait`, at least one, and none only at the end."""
        return list(islice(self._items, room))


class Arriving(Supply[T]):
    """Items that a thread waits for, so that those that have arrived can be worked on meanwhile.

    Args:
        items: waited for in the thread; an error that it raises is raised by `take`, after the items before it.
        wanted: called now and then while waiting; may raise to end the wait.
        ahead: most items that the thread reads in advance.
    """

    def __init__(self, items: Iterable[T], *, wanted: Callable[[], None] = lambda: None, ahead: int = 4096) -> None:
        self._queue: queue.Queue[tuple[T] | BaseException | None] = queue.Queue(ahead)
        self._wanted = wanted
        self._ended = False
        self._error: BaseException | None = None
        threading.Thread(target=self._read, args=(items,), daemon=True).start()

    def _read(self, items: Iterable[T]) -> None:
        try:
            for item in items:
                self._queue.put((item,))
        except BaseException as error:  # raised again by `take`
            self._queue.put(error)
        else:
            self._queue.put(None)

    def take(self, room: int, *, wait: bool) -> list[T]:
        found: list[T] = []
        while not self._ended and len(found) < room:
            try:
                got = self._queue.get(timeout=PATIENCE) if wait and not found else self._queue.get_nowait()
            except queue.Empty:
                if not wait or found:
                    break
                self._wanted()
                continue
            if isinstance(got, tuple):
                found.append(got[0])
            else:
                self._ended, self._error = True, got
        if not found and self._error is not None:
            error, self._error = self._error, None
            raise error
        return found


class Entries(Supply[Grid]):
    """The questions of entries, for a solver; every result is passed on in the order of the entries.

    Attributes:
        count: entries taken so far.
    """

    def __init__(self, entries: Supply[Entry], pass_on: Callable[[Entry, Answer | PuzzleError], None]) -> None:
        self.count = 0
        self._entries, self._pass_on = entries, pass_on
        self._passed_on = self._questions = 0
        self._unanswered: dict[int, tuple[int, Puzzle]] = {}  # by number of the question: its entry
        self._held: dict[int, tuple[Entry, Answer | PuzzleError]] = {}  # by number of the entry

    def take(self, room: int, *, wait: bool) -> list[Grid]:
        """The next questions; a PuzzleError is its own result at once."""
        while True:
            entries = self._entries.take(room, wait=wait)
            questions = []
            for entry in entries:
                if isinstance(entry, PuzzleError):
                    self._put(self.count, entry, entry)
                else:
                    self._unanswered[self._questions] = (self.count, entry)
                    self._questions += 1
                    questions.append(entry.question)
                self.count += 1
            if questions or not entries or not wait:
                return questions

    def answer(self, question: int, answer: Answer) -> None:
        """Takes the answer to a question, by its number, as `Solver.stream` yields them."""
        self._put(*self._unanswered.pop(question), answer)

    def close(self) -> None:
        """Passes on the results that wait for an entry which will have none."""
        for number in sorted(self._held):
            self._pass_on(*self._held.pop(number))

    def _put(self, number: int, entry: Entry, result: Answer | PuzzleError) -> None:
        self._held[number] = (entry, result)
        while self._passed_on in self._held:
            self._pass_on(*self._held.pop(self._passed_on))
            self._passed_on += 1
