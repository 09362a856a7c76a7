"""Standard input, output and error that a command can rely on, also where one is closed, full or without a reader."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import IO, Any, NoReturn, TextIO

from redraft.errors import RedraftError


def prepare() -> None:
    """Replaces closed streams: output by one that discards everything, input by one that raises RedraftError.

    Standard error discards what it cannot write, because it is only for show. Characters that a terminal lacks become
    `?`.
    """
    for number in range(3):  # or else the next file to be opened gets the number, and what libraries write there
        try:
            os.fstat(number)
        except OSError:
            with suppress(OSError):
                _redirect(number)
    sys.stdin = sys.stdin or _Closed()
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    if sys.stderr is sys.__stderr__ and isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr = io.TextIOWrapper(
            io.BufferedWriter(_Lossy(sys.stderr.fileno(), "w", closefd=False)),
            encoding=sys.stderr.encoding,
            errors="replace",
            line_buffering=True,
        )


def settle(status: int) -> int:
    """Flushes the streams; the exit status, which is 141 or 2 where that fails."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            status = 141 if isinstance(error, BrokenPipeError) else status or 2
            with suppress(OSError):
                _redirect(stream.fileno())  # so that the interpreter's own flush at its end succeeds
    return status


def _nowhere() -> TextIO:
    # the descriptor stays open as long as the process: closing it at the end would raise a ResourceWarning
    return open(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8", closefd=False)


def _redirect(number: int) -> None:
    """Connects a descriptor to the null device."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere != number:
        os.dup2(nowhere, number)
        os.close(nowhere)


class _Lossy(io.FileIO):
    """A file that discards what cannot be written, as on a full disk or a closed terminal.

    A pipe without a reader stays an error, because nobody wants the rest.
    """

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError:
            return len(data)


class _Closed(io.TextIOBase):
    """Standard input where it is closed."""

    @property
    def buffer(self) -> IO[bytes]:
        self.read()

    def read(self, size: int | None = -1, /) -> NoReturn:
        raise RedraftError("standard input is closed; expected puzzles there")

    def readline(self, size: int = -1, /) -> NoReturn:  # type: ignore[override]
        self.read()
