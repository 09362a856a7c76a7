"""Files written whole or not at all, and the removal of parts that killed processes leave."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from redraft.errors import RedraftError

HOUR = 3600.0
OURS = re.compile(r".+\.\d+-[0-9a-f]{8}\.tmp")  # the names that `partial_of` gives
SAFETENSORS = re.compile(r"\.tmp[A-Za-z0-9]{6}")  # those under which safetensors writes, before it renames


def write_text(file: Path, text: str) -> None:
    """Writes a text file whole or not at all; raises RedraftError where it cannot."""
    write_bytes(file, text.encode())


def write_bytes(file: Path, content: bytes) -> None:
    """Writes a file whole or not at all; raises RedraftError where it cannot."""
    with replacing(file) as partial:
        partial.write_bytes(content)


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """A file to write instead of `file`, which it replaces at the end of the `with` block, if that raises nothing.

    Its name is unique: of several processes that write the same file, the last one's is kept, whole. A pipe or a
    device is written to directly. Raises RedraftError where it cannot be written.
    """
    special = file.exists() and not file.is_file() and not file.is_dir()
    partial = file if special else partial_of(file)
    try:
        yield partial
        if not special:
            with partial.open("rb+") as written:
                os.fsync(written.fileno())  # on the disk before it takes the old one's name
            os.replace(partial, file)
    except OSError as error:
        raise RedraftError(f"{file}: cannot be written: {error.strerror or error}") from error
    finally:
        if not special:
            with suppress(OSError):
                partial.unlink(missing_ok=True)


def partial_of(path: Path) -> Path:
    """A unique name beside `path`, for a file or folder that is to become it."""
    _sweep_once(path.parent)
    # part of the name, for a whole one may have no more than 255 bytes
    return path.with_name(f"{path.name[:50]}.{os.getpid()}-{secrets.token_hex(4)}.tmp")


@cache
def _sweep_once(folder: Path) -> None:
    sweep(folder, OURS, older_than=HOUR)


def sweep(folder: Path, *names: re.Pattern[str], older_than: float) -> None:
    """Deletes entries of these names that have not changed for `older_than` seconds: killed processes left them."""
    with suppress(OSError):  # no such folder, or one that may not be read or written
        for entry in list(os.scandir(folder)):
            if any(name.fullmatch(entry.name) for name in names) and time.time() - entry.stat().st_mtime >= older_than:
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path)
                else:
                    os.unlink(entry.path)


def require_place(file: Path) -> None:
    """Raises RedraftError where a file cannot be written: there is no folder for it, or a folder in its place."""
    if file.is_dir():
        raise RedraftError(f"{file}: is a folder; expected the name of a file to write")
    if not file.parent.is_dir():
        raise RedraftError(f"{file}: there is no folder {file.parent}")
