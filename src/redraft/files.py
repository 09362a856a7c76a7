"""Files written whole or not at all, and a look at the place before the work whose result goes there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from redraft.errors import RedraftError


def write_text(file: Path, text: str) -> None:
    """Writes a text file whole or not at all; raises RedraftError where it cannot."""
    write_bytes(file, text.encode())


def write_bytes(file: Path, content: bytes) -> None:
    """Writes a file whole or not at all; raises RedraftError where it cannot."""
    with replacing(file) as partial:
        partial.write_bytes(content)


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """A file to write instead of `file`, whose place it takes at the end of the `with` block, if that ends well.

    Raises RedraftError where it cannot be written.
    """
    partial = file.with_name(file.name + ".tmp")
    try:
        yield partial
        with partial.open("rb") as written:
            os.fsync(written.fileno())  # on the disk before it takes the old one's name
        os.replace(partial, file)
    except OSError as error:
        raise RedraftError(f"{file}: cannot be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def require_place(file: Path) -> None:
    """Raises RedraftError where no file of that name can be: no folder for it, or a folder in its place."""
    if file.is_dir():
        raise RedraftError(f"{file}: is a folder; expected the name of a file to write")
    if not file.parent.is_dir():
        raise RedraftError(f"{file}: there is no folder {file.parent}")
