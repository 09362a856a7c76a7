"""Grids in files: pairs in a CSV, JSONL, JSON or a folder of such files, and questions written or drawn in a text."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from redraft.errors import DataError, PuzzleError
from redraft.tasks.base import Puzzle
from redraft.tasks.grid_text import JSON_LIST, Rows, rows_of

if TYPE_CHECKING:
    from redraft.tasks.grids import Grids

DELIMITERS = ",;\t"
ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson", ".json")
COLUMNS = {  # what a CSV or a JSON object may call them
    "input": ("input", "question"),
    "output": ("output", "answer"),
    "group": ("group",),
    "rating": ("rating",),
}
EXPECTED = "expected pairs of grids in a CSV, JSONL or JSON file with input and output, or a folder of such files"


class Record(NamedTuple):
    """An entry of a file as it stands: grids not read yet, None for what it does not have."""

    place: str
    input: Any
    output: Any = None
    group: Any = None
    rating: Any = None


class Pair(NamedTuple):
    """A question and its answer, the name of the group it belongs to, and its rating (NaN where unknown)."""

    place: str
    question: Rows
    answer: Rows
    group: str | None
    rating: float


# entries
def records(lines: Iterable[str], name: str) -> Iterator[Record | DataError]:
    """The entries of a text source called `name`, in order; one that is damaged becomes its error.

    What the first line with content says goes: a JSON object is JSONL, any other beginning of JSON a document, and
    all else a CSV whose header names the columns. Raises DataError for a source that cannot be read at all.
    """
    numbered = enumerate(lines, 1)
    cleaned = ((number, line.lstrip("\ufeff").strip()) for number, line in numbered)
    number, head = next(((number, line) for number, line in cleaned if line), (0, ""))
    if not head:
        raise DataError(f"{name}: the file is empty; {EXPECTED}")
    rest = chain([(number, head + "\n")], numbered)
    first = _json(head)
    if isinstance(first, dict) and not _is_arc(first):
        yield from _lines_of_json(rest, name)
    elif head[0] in "[{":
        yield from _document(rest, name)
    else:
        yield from _csv(rest, name, number)


def _lines_of_json(lines: Iterable[tuple[int, str]], name: str) -> Iterator[Record | DataError]:
    for number, line in lines:
        if line.strip():
            place = f"{name}, line {number}"
            found = _json(line)
            yield _of_object(found, place) if found is not None else DataError(f"{place}: not JSON; {EXPECTED}")


def _document(lines: Iterable[tuple[int, str]], name: str) -> Iterator[Record | DataError]:
    """The entries of one JSON document: a list of pairs, a pair, or a task with train and test pairs, as ARC has."""
    numbers, texts = zip(*lines, strict=True)
    try:
        found = json.loads("".join(texts))
    except ValueError as error:
        where = f"line {numbers[0] + error.lineno - 1}" if isinstance(error, json.JSONDecodeError) else "JSON"
        raise DataError(f"{name}, {where}: not JSON ({error}); {EXPECTED}") from None
    if _is_arc(found):
        group = Path(name).stem
        for part in ("train", "test"):
            for i, each in enumerate(found.get(part, ()), 1):
                record = _of_object(each, f"{name}, {part} pair {i}")
                yield record._replace(group=group) if isinstance(record, Record) else record
        return
    for i, each in enumerate(found if isinstance(found, list) else [found], 1):
        yield _of_object(each, f"{name}, pair {i}")


def _csv(lines: Iterable[tuple[int, str]], name: str, start: int) -> Iterator[Record | DataError]:
    lines = iter(lines)
    _, head = next(lines)
    delimiter = next((each for each in DELIMITERS if _columns(_fields(head, each))), None)
    if delimiter is None:
        raise DataError(
            f"{name}, line {start}: no column named input or question; got {head.strip()[:60]!r}; {EXPECTED}"
        )
    header = _fields(head, delimiter)
    columns = _columns(header)
    for column, found in columns.items():
        if len(found) > 1:
            named = " and ".join(header[k] for k in found)
            raise DataError(f"{name}, line {start}: the columns {named} both stand for the {column}; expected one")
    at = {column: found[0] for column, found in columns.items()}
    reader = csv.reader((line if line.endswith("\n") else line + "\n" for _, line in lines), delimiter=delimiter)
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
        if not row:
            continue
        if len(row) != len(header):
            yield DataError(f"{place}: expected {len(header)} columns ({', '.join(header)}), got {len(row)}")
        else:
            yield Record(place, **{column: row[k].strip() or None for column, k in at.items()})


def _fields(line: str, delimiter: str) -> list[str]:
    return [each.strip() for each in next(csv.reader([line], delimiter=delimiter), [])]


def _columns(header: Sequence[str]) -> dict[str, list[int]]:
    """Places of each column that the header names; empty where there is no input."""
    lower = [each.lower() for each in header]
    found = {column: [k for k, each in enumerate(lower) if each in known] for column, known in COLUMNS.items()}
    return {column: places for column, places in found.items() if places} if found["input"] else {}


def _of_object(found: object, place: str) -> Record | DataError:
    if not isinstance(found, dict):
        return DataError(f"{place}: expected an object with input and output, got {repr(found)[:40]}")
    values = {}
    for column, known in COLUMNS.items():
        named = [name for name in known if found.get(name) is not None]
        if len(named) > 1:
            return DataError(f"{place}: {' and '.join(named)} both stand for the {column}; expected one")
        values[column] = found[named[0]] if named else None
    return Record(place, **values)


def _is_arc(found: object) -> bool:
    return isinstance(found, dict) and isinstance(found.get("train"), list)


def _json(line: str) -> Any:
    try:
        return json.loads(line) if line.lstrip()[:1] in ("{", "[") else None
    except ValueError:
        return None


# files
def files_of(source: Path) -> list[Path]:
    """The file, or the files of a folder that may hold pairs, by name, hidden ones passed over.

    Raises DataError where there are none.
    """
    if not source.is_dir():
        return [source]
    files = sorted(
        each
        for each in source.iterdir()
        if each.suffix.lower() in ENDINGS and not each.name.startswith(".") and each.is_file()
    )
    if not files:
        raise DataError(f"{source}: no file in this folder ends in {', '.join(ENDINGS)}; {EXPECTED}")
    return files


def pairs(source: Path, *, limit: int | None = None) -> Iterator[Pair]:
    """The first `limit` pairs of a file or folder; raises DataError with file and line for what is not a pair."""
    return islice((_pair(record) for file in files_of(source) for record in _of_file(file)), limit)


def _of_file(file: Path) -> Iterator[Record]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            for record in records(lines, str(file)):
                if isinstance(record, DataError):
                    raise record
                yield record
    except UnicodeDecodeError:
        raise DataError(f"{file}, line {_line_not_text(file)}: not text in UTF-8; save the file as UTF-8") from None
    except OSError as error:
        raise DataError(f"{file}: cannot be read: {error.strerror or error}; {EXPECTED}") from None


def _line_not_text(file: Path) -> int:
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return 1


def _pair(record: Record) -> Pair:
    rows = []
    for what, value in (("input", record.input), ("output", record.output)):
        if value is None:
            raise DataError(f"{record.place}: the {what} is missing; expected a pair of grids")
        try:
            rows.append(rows_of(value))
        except PuzzleError as error:
            raise DataError(f"{record.place}: {what}: {error.message}") from None
    try:
        rating = rating_of(record)
    except PuzzleError as error:
        raise DataError(str(error)) from None
    return Pair(record.place, rows[0], rows[1], None if record.group is None else str(record.group), rating)


def rating_of(record: Record) -> float:
    """The rating of an entry, NaN where it has none; raises PuzzleError for what is no number."""
    if record.rating is None:
        return math.nan
    try:
        return float(record.rating)
    except (TypeError, ValueError):
        expected = "is not a number; expected one such as 2.5, or nothing"
        raise PuzzleError(f"rating {record.rating!r} {expected}", record.place) from None


# questions
def read(task: Grids, lines: Iterable[str], name: str) -> list[Puzzle | PuzzleError]:
    """All puzzles of a text: a line each, drawn with blank lines between them, or as pairs whose output may be missing.

    Places are `NAME, line N`. Raises DataError where nothing can be read at all.
    """
    texts = [line.rstrip("\r\n") for line in lines]
    if not any(map(str.strip, texts)):
        return []
    found = _entries(texts, name) if _has_entries(texts) else _drawings(task, texts, name)
    return [entry if isinstance(entry, PuzzleError) else _puzzle(task, entry) for entry in found]


def _has_entries(lines: Sequence[str]) -> bool:
    """Whether a text holds entries with named parts, rather than bare grids."""
    head = next(line.lstrip("\ufeff").strip() for line in lines if line.lstrip("\ufeff").strip())
    if head[0] == "[":
        whole = _json("\n".join(lines).lstrip("\ufeff"))
        return isinstance(whole, list) and bool(whole) and isinstance(whole[0], dict)
    return head[0] == "{" or any(_columns(_fields(head, each)) for each in DELIMITERS)


def _entries(lines: Sequence[str], name: str) -> Iterator[Record | PuzzleError]:
    for record in records((line + "\n" for line in lines), name):
        yield record if isinstance(record, Record) else PuzzleError(str(record))


def _drawings(task: Grids, lines: Sequence[str], name: str) -> Iterator[Record]:
    """Bare grids: lines that hold a whole one each, or as many lines as there are until a blank one."""
    block: list[str] = []
    for number, line in enumerate([*lines, ""], 1):
        if line.lstrip("\ufeff").strip():
            block.append(line.lstrip("\ufeff"))
            continue
        start, varies = number - len(block), task.about.varies
        whole = any("/" in each or JSON_LIST.fullmatch(each.strip()) for each in block)
        flat = not varies and any(_length(each) == task.seq_len for each in block)
        tall = 1 if task.height == 1 or whole or flat else len(block) if varies else task.height
        for k in range(0, len(block), tall or 1):
            yield Record(f"{name}, line {start + k}", "\n".join(block[k : k + tall]))
        block = []


def _length(line: str) -> int:
    """Cells of a line that holds a single row; 0 where it cannot be read."""
    try:
        return len(rows_of(line)[0])
    except PuzzleError:
        return 0


def _puzzle(task: Grids, record: Record) -> Puzzle | PuzzleError:
    what = ""
    try:
        if record.input is None:
            raise PuzzleError("the input is missing")
        question, answer = task.grid(rows_of(record.input)), None
        if record.output is not None:
            what = "output: "
            answer = task.grid(rows_of(record.output))
            if task.judges and (reason := task.check(question, answer).reason):
                raise PuzzleError(reason)
        rating = rating_of(record)
    except PuzzleError as error:
        return error if error.place else PuzzleError(what + error.message, record.place)
    return Puzzle(question=question, answer=answer, rating=None if math.isnan(rating) else rating, place=record.place)
