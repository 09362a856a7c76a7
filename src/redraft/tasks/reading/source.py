"""Lines of text from a file, a pipe or standard input: in any encoding that is recognised, compressed or not."""

from __future__ import annotations

import codecs
import gzip
import io
import os
import sys
import warnings
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from redraft.errors import DataError, DataWarning
from redraft.formats import HEAD, describe_format

STDIN = "-"
_MARKS = (  # byte-order marks; the longer ones first, because UTF-32's begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def name_of(path: str | Path) -> str:
    """The name of a source in messages: its path, or `standard input`."""
    return "standard input" if str(path) == STDIN else str(path)


def lines_of(path: str | Path) -> Iterator[str]:
    """The lines of a file (`-`: standard input) without their ends, each as soon as it is there.

    UTF-8 with or without a mark, UTF-16, UTF-32 and gzip are recognised; a line that is not UTF-8 is read as Latin-1,
    with a DataWarning. Raises DataError for a file that cannot be read or is no text, naming its format.
    """
    name = name_of(path)
    try:
        if str(path) == STDIN:
            yield from _of_stdin(name)
        else:
            with Path(path).open("rb") as stream:
                yield from _decoded(stream, name)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        no_file = isinstance(error, FileNotFoundError | IsADirectoryError)
        hint = "; give the path of a file of puzzles" if no_file else ""
        raise DataError(f"{name}: cannot be read: {error.strerror or error}{hint}") from None


def _of_stdin(name: str) -> Iterator[str]:
    if sys.stdin is None or sys.stdin.closed:
        raise DataError("standard input is closed; pipe puzzles into the command, or name a file")
    raw = getattr(sys.stdin, "buffer", None)
    if raw is None:  # replaced by a stream of text
        yield from clean(sys.stdin)
        return
    # A reader of its own: where a thread still waits in that of sys.stdin, the interpreter cannot end.
    try:
        own = io.BufferedReader(io.FileIO(os.dup(raw.fileno())))
    except (OSError, ValueError):  # replaced by one without a file behind it
        yield from _decoded(raw, name)
        return
    with own:
        yield from _decoded(cast(BinaryIO, own), name)


def _decoded(stream: BinaryIO, name: str) -> Iterator[str]:
    buffered: Any = stream if hasattr(stream, "peek") else io.BufferedReader(cast(io.RawIOBase, stream))
    head = _peek(buffered)
    if head.startswith(b"\x1f\x8b"):
        try:
            with gzip.GzipFile(fileobj=buffered) as inside:
                yield from _text(inside, _peek(inside), f"{name} (inside the gzip archive)", name)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DataError(f"{name}: a gzip archive that is damaged or cut off ({error})") from None
    else:
        yield from _text(buffered, head, name, name)


def _text(stream: BinaryIO | gzip.GzipFile, head: bytes, what: str, name: str) -> Iterator[str]:
    encoding = _wide(head)
    if encoding is None and head and (kind := _no_text(head)):
        raise DataError(f"{what}: {kind}, not text; expected puzzles as text, CSV or JSON")
    if encoding is not None:
        try:
            with io.TextIOWrapper(stream, encoding) as decoded:
                yield from clean(decoded)
        except UnicodeError as error:
            raise DataError(f"{name}: not text in {encoding.upper()}, as it begins ({error})") from None
        return
    yield from clean(_lines(stream, name))


def _lines(stream: BinaryIO | gzip.GzipFile, name: str) -> Iterator[str]:
    warned = False
    for number, line in enumerate(iter(stream.readline, b""), 1):
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError:
            text = line.decode("latin-1")
            if not warned:
                warnings.warn(f"{name}, line {number}: not UTF-8; read as Latin-1", DataWarning, stacklevel=2)
                warned = True
        yield text


def clean(lines: Iterable[str]) -> Iterator[str]:
    """Lines without their ends, byte-order marks and the end-of-file sign of DOS; those of old Macs are divided."""
    for first, line in enumerate(lines):
        line = line.removesuffix("\n").removesuffix("\r").removesuffix("\x1a")
        line = line.removeprefix("\ufeff") if not first else line
        yield from line.split("\r") if "\r" in line else (line,)


def _peek(stream: BinaryIO | gzip.GzipFile) -> bytes:
    """The first bytes of a stream, which stay in it: as many as there are, up to HEAD."""
    return cast(io.BufferedReader, stream).peek(HEAD)[:HEAD]


def _wide(head: bytes) -> str | None:
    """The encoding of text in units of two or four bytes, by its mark or by where its zeros are; None for others."""
    if marked := next((encoding for mark, encoding in _MARKS if head.startswith(mark)), None):
        return marked
    pairs = len(head) // 2
    if pairs >= 2:
        first, second = head[0 : 2 * pairs : 2].count(0), head[1 : 2 * pairs : 2].count(0)
        if 10 * first <= pairs < 2 * second:
            return "utf-16-le"
        if 10 * second <= pairs < 2 * first:
            return "utf-16-be"
    return None


def _no_text(head: bytes) -> str:
    """The format of what is not text of puzzles; empty for text."""
    kind = describe_format(head)
    if kind in ("JSON", "an XML document", "an empty file"):
        return ""
    return kind or ("binary data" if b"\0" in head else "")
