"""Standard input, output and error as a command can rely on them, also where one is closed, full or read by nobody."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import IO, Any, NoReturn, TextIO

from redraft.errors import RedraftError


def prepare() -> None:
    """Gives the place of a closed stream to one that loses what is written to it, or says that it cannot be read.

    What standard error cannot show is lost, for it is only for show; letters that a terminal has not become `?`.
    """
    for number in range(3):  # else the next file that is opened gets the number, and what others write to a stream
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
    """Writes what the streams still hold, and returns the exit status: as given, or 141 or 2 where that fails."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            status = 141 if isinstance(error, BrokenPipeError) else status or 2
            with suppress(OSError):
                _redirect(stream.fileno())  # so that the interpreter can write the rest as it ends
    return status


def _nowhere() -> TextIO:
    # not to be closed: it lives as long as the process, whose end would otherwise be the time for a warning
    return open(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8", closefd=False)


def _redirect(number: int) -> None:
    """Has a descriptor lead to nowhere."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere != number:
        os.dup2(nowhere, number)
        os.close(nowhere)


class _Lossy(io.FileIO):
    """A file that loses what cannot be written, as on a full disk or a terminal that is gone; not so a pipe without
    a reader, who wants no more."""

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
