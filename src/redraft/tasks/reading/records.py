"""The entries of a text: rows of a CSV, objects of JSON, or puzzles as they stand, one a line or drawn."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from redraft.errors import DataError

DELIMITERS = ",;\t|"
COLUMNS = {  # their names in a CSV or a JSON object, in any case
    "question": (
        *("question", "questions", "input", "inputs", "puzzle", "puzzles", "quiz", "quizzes"),
        *("sudoku", "maze", "problem", "unsolved"),
    ),
    "answer": ("answer", "answers", "output", "outputs", "solution", "solutions", "solved"),
    "group": ("group",),
    "rating": ("rating",),
    "status": ("status",),  # of what `redraft solve -o` writes
}
FIELD_LIMIT = 1 << 24  # characters of a field of CSV
_XML_DATA = re.compile(r"""\bdata\s*=\s*["']([^"']*)["']""")  # OpenSudoku


class Record(NamedTuple):
    """An entry as it stands: text or nested lists, not read yet; None for missing parts.

    `error` is the reason why the entry cannot be read at all; `drawn` marks a bare puzzle that is drawn in rows.
    """

    place: str
    question: Any = None
    answer: Any = None
    group: Any = None
    rating: Any = None
    error: str = ""
    drawn: bool = False


Numbered = tuple[int, str]  # a line, and its number from 1


class Notation(Protocol):
    """How the puzzles of a task are written where they stand bare in a text.

    Attributes:
        comment: the character that begins a line which is no part of a puzzle; empty where there is none.
    """

    comment: str

    def bare(self, lines: Iterator[Numbered], name: str) -> Iterator[Record]:
        """The puzzles of a text that is no table, each as soon as it is complete. Places are `NAME, line N`."""
        ...

    def grid(self, value: Any) -> NDArray[np.int8]:
        """The grid (H, W) of a text or of nested lists; raises PuzzleError."""
        ...


def records(lines: Iterable[str], name: str, notation: Notation | None) -> Iterator[Record]:
    """The entries of a text called `name`, in order, each as soon as its last line has come.

    The first line with content decides: an object is JSONL or one JSON document, a header that names the question is
    a CSV, `<` is an XML file of OpenSudoku; the notation reads the rest. Without a notation, entries must have names.
    A damaged entry becomes a record with its error. Raises DataError for a text that cannot be read at all.
    """
    numbered = ((number, line.rstrip("\r\n")) for number, line in enumerate(lines, 1))
    comment = notation.comment if notation is not None else ""
    passed: list[Numbered] = []  # blank lines and comments before the first line with content
    for number, line in numbered:
        line = line.lstrip("\ufeff")
        text = line.strip()
        if not text or _is_comment(text, comment):
            passed.append((number, line))
            continue
        ahead = [(number, line)]  # lines that were looked at
        if text[0] == "{" or (text[0] == "[" and (notation is None or _begins_objects(ahead, numbered))):
            yield from _json(chain(ahead, numbered), name)
        elif text[0] == "<" and notation is not None:
            yield from _xml(chain(ahead, numbered), name)
        elif (table := _table(ahead, numbered, name, notation)) is not None:
            yield from table
        elif notation is not None:
            yield from notation.bare(chain(passed, ahead, numbered), name)
        return
    if notation is not None:
        yield from notation.bare(iter(passed), name)  # lines that looked like comments


def _is_comment(text: str, comment: str) -> bool:
    return bool(comment) and text.startswith(comment) and not columns_of(_split(text, ","))


def _begins_objects(ahead: list[Numbered], rest: Iterator[Numbered]) -> bool:
    """Whether a list that begins in the line `ahead` is one of JSON objects; lines read from `rest` join `ahead`."""
    inside = ahead[0][1].strip()[1:].strip()
    while not inside and (line := next(rest, None)) is not None:
        ahead.append(line)
        inside = line[1].strip()
    return inside.startswith("{")


# CSV
def _table(
    ahead: list[Numbered], rest: Iterator[Numbered], name: str, notation: Notation | None
) -> Iterator[Record] | None:
    """The rows of a CSV, where its header is `ahead`; None where it is not.

    Raises DataError for a header that names an answer or a rating, but no question; without a notation, for any other
    line, too.
    """
    number, head = ahead[0]
    delimiters: Sequence[str] = DELIMITERS
    if separator := re.fullmatch(r'"?sep=(.)"?[,;\t]*', head.strip(), re.IGNORECASE):  # as spreadsheets write it
        delimiters = separator[1]
        ahead[0] = number, head = next(((n, line) for n, line in rest if line.strip()), (number, ""))
    for delimiter in delimiters:
        header = _split(head, delimiter)
        if columns_of(header):
            lines = chain(ahead[1:], rest)
            return _rows(header, delimiter, number, lines, name, "" if notation is None else notation.comment)
    header = _split(head, ",")
    others = {each for column, names in COLUMNS.items() for each in names if column != "question"}
    if notation is None or (len(header) > 1 and any(field.lower() in others for field in header)):
        got = ", ".join(header) if len(header) > 1 else repr(head.strip()[:60])
        raise DataError(f"{name}, line {number}: no column named question, puzzle or input; got {got[:80]}")
    return None


def _rows(
    header: list[str], delimiter: str, start: int, lines: Iterator[Numbered], name: str, comment: str
) -> Iterator[Record]:
    columns = columns_of(header)
    for column, places in columns.items():
        if len(places) > 1:
            named = " and ".join(header[k] for k in places)
            raise DataError(f"{name}, line {start}: the columns {named} both stand for the {column}; expected one")
    at = {column: places[0] for column, places in columns.items()}
    csv.field_size_limit(FIELD_LIMIT)
    reader = csv.reader((line + "\n" for _, line in lines), delimiter=delimiter)
    begun = start + 1
    while True:
        place = f"{name}, line {begun}"
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(f"{place}: not CSV ({error})") from None
        begun = start + reader.line_num + 1
        if not any(map(str.strip, row)) or [field.strip() for field in row] == header:
            continue  # an empty row, or the header of another table below
        if len(row) != len(header):
            if comment and row[0].lstrip().startswith(comment):
                continue
            if len(row) < len(header) or any(map(str.strip, row[len(header) :])):
                expected = f"{len(header)} columns ({', '.join(header)})"
                yield Record(place, error=f"expected {expected}, got {len(row)}")
                continue
        values: dict[str, Any] = {column: plain_field(row[k]) for column, k in at.items()}
        if values.pop("status", None) == "error":
            continue  # the row of a puzzle that `redraft solve` could not read
        yield Record(place, **values)


def plain_field(text: str) -> str | None:
    """A field without the `="…"` or apostrophe of spreadsheets; None for an empty one.

    Spaces at its ends stay, because they may be free cells of a maze.
    """
    bare = text.strip()
    if bare.startswith("=") and len(bare) > 2 and bare[1] == bare[-1] == '"':
        return bare[2:-1].replace('""', '"')
    if bare.startswith("'") and not (len(bare) > 1 and bare.endswith("'")):
        return bare[1:]
    return text if bare else None


def _split(line: str, delimiter: str) -> list[str]:
    try:
        return [field.strip() for field in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error:
        return [line]


def columns_of(header: Sequence[str]) -> dict[str, list[int]]:
    """Places of each column that the header names; empty where it names no question."""
    lower = [field.lower() for field in header]
    found = {column: [k for k, field in enumerate(lower) if field in known] for column, known in COLUMNS.items()}
    return {column: places for column, places in found.items() if places} if found["question"] else {}


# JSON
def is_arc(found: object) -> bool:
    """Whether a JSON value is a task as ARC writes them, with lists of train and test pairs."""
    return isinstance(found, dict) and isinstance(found.get("train"), list)


def of_object(found: object, place: str) -> Record:
    """The record of a JSON object; with an error for another value, or where a part is named twice."""
    if not isinstance(found, dict):
        return Record(place, error=f"expected an object with input and output, got {repr(found)[:40]}")
    lower = {str(key).lower(): (key, value) for key, value in found.items()}
    values: dict[str, Any] = {}
    for column, known in COLUMNS.items():
        named = [lower[name] for name in known if name in lower and lower[name][1] is not None]
        if len(named) > 1:
            keys = " and ".join(str(key) for key, _ in named)
            return Record(place, error=f"{keys} both stand for the {column}; expected one")
        values[column] = named[0][1] if named else None
    values.pop("status")
    return Record(place, **values)


def _json(lines: Iterator[Numbered], name: str) -> Iterator[Record]:
    number, head = next(lines)
    first = loads(head)
    if isinstance(first, dict) and not is_arc(first):
        yield of_object(first, f"{name}, line {number}")
        for number, line in lines:
            if line.strip():
                place = f"{name}, line {number}"
                found = loads(line)
                yield of_object(found, place) if found is not None else Record(place, error="not JSON")
        return
    yield from _document([(number, head), *lines], name)


def _document(lines: Sequence[Numbered], name: str) -> Iterator[Record]:
    """The entries of one JSON document: a list of objects, an object, or a task with train and test pairs."""
    try:
        found = json.loads("".join(line + "\n" for _, line in lines))
    except (ValueError, RecursionError) as error:
        where = f"line {lines[0][0] + error.lineno - 1}" if isinstance(error, json.JSONDecodeError) else "JSON"
        raise DataError(f"{name}, {where}: not JSON ({error})") from None
    if is_arc(found):
        group = Path(name).stem
        for part in ("train", "test"):
            for i, each in enumerate(found.get(part, ()), 1):
                yield of_object(each, f"{name}, {part} pair {i}")._replace(group=group)
        return
    for i, each in enumerate(found if isinstance(found, list) else [found], 1):
        yield of_object(each, f"{name}, pair {i}")


def loads(line: str) -> Any:
    """The JSON list or object in a line; None for anything else."""
    try:
        return json.loads(line) if line.lstrip()[:1] in ("{", "[") else None
    except (ValueError, RecursionError):
        return None


# XML
def _xml(lines: Iterator[Numbered], name: str) -> Iterator[Record]:
    """The puzzles of an OpenSudoku file, which stand in attributes called `data`."""
    some = False
    for number, line in lines:
        for found in _XML_DATA.findall(line):
            some = True
            yield Record(f"{name}, line {number}", found)
    if not some:
        raise DataError(f'{name}: an XML file without puzzles; expected OpenSudoku\'s, with data="…", or text')


# Parquet
def is_parquet(file: Path) -> bool:
    """Whether a file begins as Parquet does; False for a pipe, and where its reader will report the failure."""
    with suppress(OSError):
        if file.is_file():
            with file.open("rb") as opened:
                return opened.read(4) == b"PAR1"
    return False


def parquet_records(file: Path) -> Iterator[Record]:
    """The rows of a table in Parquet by the names of its columns, read by pyarrow; raises DataError."""
    try:
        parquet: Any = import_module("pyarrow.parquet")
    except ImportError:
        raise DataError(
            f"{file}: a Parquet table, which needs pyarrow: pip install pyarrow, or save it as CSV"
        ) from None
    try:
        with parquet.ParquetFile(file) as table:
            names = list(table.schema_arrow.names)
            if not columns_of(names):
                raise DataError(f"{file}: no column named question, puzzle or input; got {', '.join(names)}")
            rows = (values for batch in table.iter_batches() for values in batch.to_pylist())
            for row, values in enumerate(rows, 1):
                yield of_object(values, f"{file}, row {row}")
    except (OSError, ValueError) as error:  # pyarrow's own errors are among them
        raise DataError(f"{file}: a Parquet table that cannot be read ({str(error).splitlines()[0]})") from None
