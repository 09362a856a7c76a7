"""Supplies of work that may still be arriving: a file read as it is needed, a pipe read while others are solved."""

from __future__ import annotations

import queue
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Generic, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

PATIENCE = 0.5  # seconds between looks at whether anybody still wants the answers


class Supply(ABC, Generic[T_co]):
    """Items to be taken a few at a time."""

    @abstractmethod
    def take(self, room: int, *, wait: bool) -> list[T_co]:
        """At most `room` items that are there, in order; with `wait`, at least one, and none only at the end."""


class Ready(Supply[T]):
    """Items that are there, or made when they are asked for."""

    def __init__(self, items: Iterable[T]) -> None:
        self._items = iter(items)

    def take(self, room: int, *, wait: bool) -> list[T]:
        """The next `room` items; fewer only at the end."""
        return list(islice(self._items, room))


class Arriving(Supply[T]):
    """Items that a thread waits for, so that what has come can be worked on meanwhile.

    Args:
        items: waited for in the thread; an error that it raises is raised by `take`, after the items before it.
        wanted: called now and then while waiting; may raise to end the wait.
        ahead: items that the thread reads in advance at most.
    """

    def __init__(self, items: Iterable[T], *, wanted: Callable[[], None] = lambda: None, ahead: int = 4096) -> None:
        self._queue: queue.Queue[tuple[T] | BaseException | None] = queue.Queue(ahead)
        self._wanted = wanted
        self._ended = False
        threading.Thread(target=self._read, args=(items,), daemon=True).start()

    def _read(self, items: Iterable[T]) -> None:
        try:
            for item in items:
                self._queue.put((item,))
        except BaseException as error:  # raised again where it is waited for
            self._queue.put(error)
        else:
            self._queue.put(None)

    def take(self, room: int, *, wait: bool) -> list[T]:
        """At most `room` of the items that have come; with `wait`, at least one, and none only at the end."""
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
                continue
            self._ended = True
            if got is not None:
                self._error = got
        if not found and (error := getattr(self, "_error", None)) is not None:
            del self._error
            raise error
        return found
