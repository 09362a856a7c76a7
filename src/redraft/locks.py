"""A lock that one process has at a time, and that ends with the process, however it ends."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_BYTE = 1 << 30  # of a lock file: where Windows locks it, which keeps others from reading what is locked


@contextmanager
def locked(file: Path, *, wait: bool = False) -> Iterator[bool]:
    """Holds the lock of a file; yields True, or False if another process holds it and `wait` is not set.

    The file exists meanwhile and names its process (`holder`); one left by a killed process locks nothing. Where files
    cannot be locked, as on some network drives, a warning goes to standard error instead.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    handle = None
    try:
        try:
            handle = _acquire(file, wait)
        except BlockingIOError:
            yield False
            return
        except OSError as error:
            why = error.strerror or error
            print(f"{file}: cannot be locked ({why}); nothing else may use {file.parent} meanwhile", file=sys.stderr)
        yield True
    finally:
        if handle is not None:
            with suppress(OSError):
                file.unlink()  # before the lock is released: afterwards the file may be another process's
            os.close(handle)
            if sys.platform == "win32":  # which deletes no file that is open
                with suppress(OSError):
                    file.unlink()


def holder(file: Path) -> str:
    """The process that holds the lock, as `process 123 on HOST`, or `another process` if the file does not name it."""
    with suppress(OSError, ValueError):
        process, host = file.read_text(encoding="utf-8").split()
        return f"process {int(process)}" + ("" if host == socket.gethostname() else f" on {host}")
    return "another process"


def _acquire(file: Path, wait: bool) -> int:
    """The descriptor of the locked file; raises BlockingIOError if another process holds it, OSError if it fails."""
    while True:
        handle = os.open(file, os.O_CREAT | os.O_RDWR, 0o644)
        try:
            _lock(handle, wait)
            if _is_still(file, handle):
                with suppress(OSError):  # a full disk: it is a lock without a name
                    os.ftruncate(handle, 0)
                    os.write(handle, f"{os.getpid()} {socket.gethostname()}\n".encode())
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _is_still(file: Path, handle: int) -> bool:
    """True if the file is the one that was opened, which its former holder may have deleted."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(file))
    except FileNotFoundError:
        return False


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int, wait: bool) -> None:
        os.lseek(handle, _BYTE, os.SEEK_SET)
        while True:
            try:
                msvcrt.locking(handle, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
                break
            except PermissionError:  # another process has it; LK_LOCK gives up after ten seconds
                if not wait:
                    raise BlockingIOError from None
        os.lseek(handle, 0, os.SEEK_SET)

else:
    import fcntl

    def _lock(handle: int, wait: bool) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
