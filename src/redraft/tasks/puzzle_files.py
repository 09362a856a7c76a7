"""Puzzles as others write them: texts of several puzzles, CSV files, folders and data sets on the Hugging Face Hub.

For any task whose puzzles are grids of one size with a character a cell; a `Notation` says which characters. A text
of one puzzle is read by the task's own `parse`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from redraft.errors import DataError, PuzzleError
from redraft.tasks.base import Examples, Puzzle, Task

COLUMNS = {  # what a CSV may call its columns
    "question": ("question", "puzzle", "quizzes"),
    "answer": ("answer", "solution", "solutions"),
    "rating": ("rating",),
}
FORMATS = "expected puzzles one a line, drawn, or in a CSV with the columns question and answer"
NO_NUMBER = "is not a number; expected one such as 2.5, or nothing"
BLOCK_BYTES = 1 << 24  # of a CSV, handled at once


class Answered(NamedTuple):
    """What a search makes of N questions: answers (N, H, W), ratings (N,), and which have the answer they should."""

    answers: NDArray[np.int8]
    ratings: NDArray[np.floating | np.integer]
    sound: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Notation:
    """How the puzzles of a task are written.

    Attributes:
        values: (256,) int8, the symbol that a character stands for, -1 where it stands for none.
        skipped: characters that stand for no cell, as `str.translate` takes them.
        comment: the character that begins a line which is no part of a puzzle.
        wrong: what to say of a character that stands for no symbol, and of the cell (from 0) it stands in.
        search: answers questions (N, H, W) that come without.
    """

    values: NDArray[np.int8]
    skipped: Mapping[int, None]
    comment: str
    wrong: Callable[[str, int], str]
    search: Callable[[NDArray[np.int8]], Answered]

    def bare(self, text: str) -> str:
        """The characters of a text that stand for cells."""
        return text.translate(self.skipped)


def fields(line: str) -> list[str]:
    """The fields of a line of CSV, as they stand: in a maze a space is a cell."""
    return line.replace('"', "").split(",")


# texts
def read(task: Task, notation: Notation, lines: Iterable[str], name: str) -> list[Puzzle | PuzzleError]:
    """All puzzles of a text: one a line, CSV with or without a header, or drawn over several lines.

    Formats may be mixed; blank lines and comments divide drawings. Places are `NAME, line N`.
    """
    found: list[Puzzle | PuzzleError] = []
    for record, line in _records(task, notation, lines):
        place = f"{name}, line {line}"
        try:
            found.append(_puzzle(task, record, place))
        except PuzzleError as error:
            found.append(PuzzleError(error.message, place))
    return found


def _records(task: Task, notation: Notation, lines: Iterable[str]) -> Iterator[tuple[dict[str, str], int]]:
    """Texts by the names of COLUMNS for each puzzle, and the line where it begins."""
    columns: dict[str, int] | None = None  # of the CSV header, once there is one
    drawing: list[str] = []
    started = 0

    def drawn() -> Iterator[tuple[dict[str, str], int]]:
        if drawing:
            yield {"question": "\n".join(drawing)}, started
            drawing.clear()

    for number, raw in enumerate(lines, 1):
        line = raw.rstrip("\r\n").lstrip("\ufeff")
        length = len(notation.bare(line))
        if (not line.strip() and length != task.width) or line.lstrip().startswith(notation.comment):
            yield from drawn()
            continue
        row = fields(line)
        header = _header(row)
        if header is not None:
            yield from drawn()
            columns = header
        elif columns is not None and len(row) > 1:
            yield {key: row[k] if k < len(row) else "" for key, k in columns.items()}, number
        elif len(row) > 1 and len(notation.bare(row[0])) > task.width:  # CSV without a header
            yield from drawn()
            yield dict(zip(("question", "answer"), row, strict=False)), number
        elif not length:
            continue  # a ruled line of a drawing
        elif length < 2 * task.width:
            started = started if drawing else number
            drawing.append(line)
            if len(drawing) == task.height:
                yield from drawn()
        else:
            yield from drawn()
            yield {"question": line}, number
    yield from drawn()


def _header(row: Sequence[str]) -> dict[str, int] | None:
    """Which column is which in a CSV header; None when no field names the puzzle."""
    names = [field.strip().lower() for field in row]
    found = {key: names.index(name) for key, known in COLUMNS.items() for name in known if name in names}
    return found if "question" in found else None


def _puzzle(task: Task, record: dict[str, str], place: str) -> Puzzle:
    question = task.parse(record["question"])
    answer, rating = None, None
    if (text := record.get("answer", "")).strip():
        try:
            answer = task.parse(text)
        except PuzzleError as error:
            raise PuzzleError(f"answer: {error.message}") from None
        if reason := task.check(question, answer).reason:
            raise PuzzleError(f"answer: {reason}")
    if text := record.get("rating", "").strip():
        try:
            rating = float(text)
        except ValueError:
            raise PuzzleError(f"rating '{text}' {NO_NUMBER}") from None
    return Puzzle(question=question, answer=answer, rating=rating, place=place)


# files
def load(task: Task, notation: Notation, path: str, *, split: str = "train", limit: int | None = None) -> Examples:
    """Examples from a CSV or text file, a folder with `{split}.csv` or `{split}.txt`, or `hf:OWNER/NAME`.

    A CSV has the columns question and answer, maybe rating. Puzzles without answers are answered by search.
    Raises DataError with file and line for anything that is not a puzzle with its right answer.
    """
    file = _download(path[3:], split) if path.startswith("hf:") else Path(path)
    if file.is_dir():
        files = [file / f"{split}.csv", file / f"{split}.txt"]
        if not any(each.is_file() for each in files):
            names = f"neither {files[0].name} nor {files[1].name} in this folder"
            raise DataError(f"{file}: {names}; give a folder with one of them, or the path of a file")
        file = next(each for each in files if each.is_file())
    try:
        head, start = _head(file, notation)
        columns = _header(head)
        if columns is None and len(head) > 1 and len(notation.bare(head[0])) > task.width:
            columns, start = {"question": 0, "answer": 1}, start - 1
        if columns is None and len(head) > 1 and any(map(str.isalpha, "".join(head))):
            expected = " or ".join(COLUMNS["question"])
            raise DataError(f"{file}, line {start}: no column named {expected}; got {', '.join(map(str.strip, head))}")
        if columns is not None and "answer" in columns:
            rows = _csv(file, notation.comment, start, len(head), limit)
            parts = [_examples(task, notation, part, columns) for part in rows]
            if parts:
                return Examples(
                    questions=np.concatenate([part.questions for part in parts]),
                    answers=np.concatenate([part.answers for part in parts]),
                    ratings=np.concatenate([part.ratings for part in parts]),
                )
        else:
            with file.open(encoding="utf-8-sig", errors="replace") as lines:
                if puzzles := read(task, notation, lines, str(file))[:limit]:
                    return _answered(task, notation, puzzles)
    except OSError as error:
        instead = f"give the path of a CSV or text file, or of a folder with {split}.csv"
        raise DataError(f"{file}: cannot be read: {error.strerror or error}; {instead}") from None
    raise DataError(f"{file}: no puzzles in this file; {FORMATS}")


def _head(file: Path, notation: Notation) -> tuple[list[str], int]:
    """Fields and number of the first line with content."""
    with file.open(encoding="utf-8-sig", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip() and not line.startswith(notation.comment):
                return fields(line.rstrip("\r\n")), number
    raise DataError(f"{file}: the file is empty; {FORMATS}")


def _answered(task: Task, notation: Notation, puzzles: list[Puzzle | PuzzleError]) -> Examples:
    good: list[Puzzle] = []
    for puzzle in puzzles:
        if isinstance(puzzle, PuzzleError):
            raise DataError(str(puzzle))
        good.append(puzzle)
    questions = np.stack([puzzle.question for puzzle in good])
    ratings = np.array([np.nan if puzzle.rating is None else puzzle.rating for puzzle in good], np.float32)
    answers = np.stack([puzzle.question if puzzle.answer is None else puzzle.answer for puzzle in good])
    rows = np.array([i for i, puzzle in enumerate(good) if puzzle.answer is None], np.int64)
    found = notation.search(questions[rows])
    for row in rows[~found.sound]:
        try:
            task.validate(questions[row])
        except PuzzleError as error:
            raise DataError(f"{good[row].place}: {error.message}") from None
    answers[rows] = found.answers
    ratings[rows] = np.where(np.isnan(ratings[rows]), found.ratings, ratings[rows])
    return Examples(questions=questions, answers=answers, ratings=ratings)


def _download(name: str, split: str) -> Path:
    """`{split}.csv` of a data set on the Hugging Face Hub."""
    instead = f"give the path of a CSV file or of a folder with {split}.csv instead of hf:{name}"
    try:
        hub = import_module("huggingface_hub")
    except ImportError:
        needs = "needs the package huggingface_hub (pip install huggingface_hub)"
        raise DataError(f"hf:{name} {needs}; {instead}") from None
    try:
        return Path(hub.hf_hub_download(name, f"{split}.csv", repo_type="dataset"))
    except Exception as error:  # the hub raises its own, httpx's, requests' and the system's errors
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DataError(f"hf:{name}: cannot be downloaded ({first}); {instead}") from None


# CSV with answers: many rows at a time and never as Python objects, because files have millions
class Rows(NamedTuple):
    """N rows of a CSV: field k of row i is `data[edges[i, k] + 1 : edges[i, k + 1]]`."""

    file: Path
    lines: NDArray[np.int64]  # (N,)
    data: NDArray[np.uint8]
    edges: NDArray[np.int64]  # (N, fields + 1): where the commas and line ends around the fields are

    def column(self, k: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where the fields of column k begin, and their lengths, both (N,)."""
        return self.edges[:, k] + 1, self.edges[:, k + 1] - self.edges[:, k] - 1

    def error(self, row: int | np.integer, message: str) -> DataError:
        """The error that says what is wrong in a row."""
        return DataError(f"{self.file}, line {self.lines[row]}: {message}")


def _csv(file: Path, comment: str, start: int, width: int, limit: int | None) -> Iterator[Rows]:
    """The first `limit` rows of `width` fields after line `start`, in parts of about BLOCK_BYTES."""
    left = -1 if limit is None else max(limit, 0)
    for block, before in _blocks(file):
        data = np.frombuffer(block, np.uint8)
        ends = np.flatnonzero(data == ord("\n"))
        begins = np.concatenate([[0], ends[:-1] + 1])
        lines = before + 1 + np.arange(len(ends))
        keep = (lines > start) & (ends > begins) & (data[begins] != ord(comment))
        begins, ends, lines = (each[keep][: None if left < 0 else left] for each in (begins, ends, lines))
        if not len(lines):
            continue
        commas = np.flatnonzero(data == ord(","))
        first = np.searchsorted(commas, begins)
        got = np.searchsorted(commas, ends) - first + 1
        if (bad := np.flatnonzero(got != width)).size:
            raise DataError(f"{file}, line {lines[bad[0]]}: expected {width} columns, got {got[bad[0]]}")
        inner = commas[first[:, None] + np.arange(width - 1)]
        yield Rows(file, lines, data, np.concatenate([begins[:, None] - 1, inner, ends[:, None]], axis=1))
        if left >= 0 and (left := left - len(lines)) == 0:
            return


def _blocks(file: Path) -> Iterator[tuple[bytes, int]]:
    """Whole lines of a file, about BLOCK_BYTES at a time and ending in a newline, and the lines before them."""
    before, rest = 0, b""
    with file.open("rb") as stream:
        while True:
            chunk = stream.read(BLOCK_BYTES)
            data = rest + (chunk or b"\n")
            cut = data.rfind(b"\n") + 1
            data, rest = data[:cut], data[cut:]
            data = data if before else data.removeprefix(b"\xef\xbb\xbf")
            data = data.replace(b"\r\n", b"\n").replace(b'"', b"").replace("·".encode(), b".")
            if data:
                yield data, before
            before += data.count(b"\n")
            if not chunk:
                return


def _examples(task: Task, notation: Notation, rows: Rows, columns: dict[str, int]) -> Examples:
    questions = _grids(task, notation, rows, columns["question"], "question")
    answers = _grids(task, notation, rows, columns["answer"], "answer")
    if (bad := np.flatnonzero(~task.check_many(questions, answers))).size:
        raise rows.error(bad[0], f"answer: {task.check(questions[bad[0]], answers[bad[0]]).reason}")
    ratings = np.full(len(questions), np.nan, np.float32)
    if "rating" in columns:
        ratings = _numbers(rows, columns["rating"])
    return Examples(questions=questions, answers=answers, ratings=ratings)


def _grids(task: Task, notation: Notation, rows: Rows, k: int, name: str) -> NDArray[np.int8]:
    begins, lengths = rows.column(k)
    if (bad := np.flatnonzero(lengths != task.seq_len)).size:
        raise rows.error(bad[0], f"{name}: expected {task.seq_len} characters, got {lengths[bad[0]]}")
    characters = rows.data[begins[:, None] + np.arange(task.seq_len)]
    grids: NDArray[np.int8] = notation.values[characters]
    if (grids < 0).any():
        row, i = np.argwhere(grids < 0)[0]
        raise rows.error(row, f"{name}: {notation.wrong(chr(characters[row, i]), int(i))}")
    return grids.reshape(-1, task.height, task.width)


def _numbers(rows: Rows, k: int) -> NDArray[np.float32]:
    begins, lengths = rows.column(k)
    width = max(int(lengths.max()), 3)
    at = np.arange(width)
    inside = at < lengths[:, None]
    letters = np.where(inside, rows.data[np.where(inside, begins[:, None] + at, 0)], 0).astype(np.uint8)
    letters[lengths == 0, :3] = np.frombuffer(b"nan", np.uint8)
    texts = letters.view(f"S{width}")[:, 0]
    try:
        return texts.astype(np.float32)
    except ValueError:
        for row, text in enumerate(texts.tolist()):
            try:
                float(text)
            except ValueError:
                raise rows.error(row, f"rating '{text.decode(errors='replace')}' {NO_NUMBER}") from None
        raise
