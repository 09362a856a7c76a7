"""Signals that stop a run with a checkpoint: Ctrl-C, `kill`, a closed terminal, a queue whose time is up."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

# The second of these acts as usual. They count even where they are ignored, because shells start background jobs with
# SIGINT ignored, and a user's `kill -INT` is still a request.
_REPEATED = ("SIGINT", "SIGTERM")
# These come from queues and terminals, often twice, so a second one changes nothing. Ignored ones stay so (`nohup`).
_NOTICES = ("SIGHUP", "SIGUSR1", "SIGUSR2", "SIGXCPU", "SIGBREAK")


@contextmanager
def stop_on_signal(at_once: Callable[[], bool] = lambda: False) -> Iterator[Callable[[], bool]]:
    """Within it, a signal only requests a stop after the step; a second Ctrl-C or SIGTERM acts as usual.

    Yields a function that returns whether one has come. Where `at_once` returns True, as the present work can be given
    up, the signal also raises KeyboardInterrupt.
    """
    requested = False
    before: dict[int, Any] = {}

    def request(number: int, frame: Any) -> None:
        nonlocal requested
        requested = True
        name = signal.Signals(number).name
        if name in _REPEATED:
            signal.signal(number, _usual(number, before[number]))
        how = "stopping after this step"
        _print(f"{how}; press Ctrl-C again to stop now" if name == "SIGINT" else f"{name}: {how}")
        if at_once():
            raise KeyboardInterrupt

    try:
        for name in (*_REPEATED, *_NOTICES):
            number = getattr(signal, name, None)  # Windows has few of them
            if number is not None and (name in _REPEATED or signal.getsignal(number) is not signal.SIG_IGN):
                before[number] = signal.signal(number, request)
    except ValueError:  # not in the main thread: signals go elsewhere
        yield lambda: False
        return
    try:
        yield lambda: requested
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _print(line: str) -> None:
    """Prints a line to standard error from a signal handler, if that is possible."""
    with suppress(OSError, ValueError):
        try:
            print(line, file=sys.stderr, flush=True)
        except RuntimeError:  # the signal came while another line was being written
            os.write(sys.stderr.fileno(), f"{line}\n".encode())


def _usual(number: int, handler: Any) -> Any:
    """The handler of a signal before this one, or else Python's."""
    if callable(handler):
        return handler
    return signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
