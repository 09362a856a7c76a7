"""Tasks with a character per cell, such as Sudoku and mazes: texts, files and tokens of their puzzles."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from redraft import hub
from redraft.errors import DataError, PuzzleError
from redraft.tasks.base import Examples, Grid, Puzzle, Task, Tokens
from redraft.tasks.reading import puzzles
from redraft.tasks.reading.records import Notation, Record

ENDINGS = (".csv", ".txt", ".csv.gz", ".txt.gz", ".tsv", ".jsonl", ".json", ".parquet", ".sdm")
FORMATS = "expected puzzles one a line, drawn, or in a CSV with the columns question and answer"
BATCH = 1 << 12  # records that become arrays at once


class Answered(NamedTuple):
    """Results of a search for N answers: answers (N, H, W), ratings (N,), and which questions are sound (N,)."""

    answers: NDArray[np.int8]
    ratings: NDArray[np.floating | np.integer]
    sound: NDArray[np.bool_]


class WrittenTask(Task):
    """A task with a character and a token per cell: padding 0, symbol s as s + 1.

    Attributes:
        notation: reads its puzzles from text.
        characters: how symbols 0, 1, … are written.
        aliases: more ASCII characters that always stand for a symbol.
        blank: the symbol that is drawn as `·`, and that padding and unknown tokens decode to.
        expected: what a cell may hold, for errors.
    """

    notation: Notation
    characters: str
    aliases: Mapping[str, int]
    blank: int
    expected: str

    @abstractmethod
    def search(self, questions: NDArray[np.int8]) -> Answered:
        """Answers questions (N, H, W) that come without answers."""

    # text
    def board(self, value: object) -> Grid:
        """The grid (H, W) int8 of a board: text in any form, lists of cells, or an array of symbols."""
        return super().board(value) if puzzles.is_array_of_symbols(value) else self.notation.grid(value)

    def parse(self, text: str) -> Grid:
        """The grid (H, W) int8 in a text, in one line or drawn; raises PuzzleError."""
        return self.notation.grid(text)

    def format(self, grid: Grid) -> str:
        """The grid as one line of `characters`."""
        return "".join(self.characters[symbol] for symbol in np.asarray(grid).ravel().tolist())

    def read(self, lines: Iterable[str], name: str) -> Iterator[Puzzle | PuzzleError]:
        """The puzzles of a text: one a line, CSV, JSON or drawn; remarks and titles are skipped.

        Places are `NAME, line N`.
        """
        return puzzles.read(self, self.notation, lines, name)

    def load(self, path: str, *, split: str = "train", limit: int | None = None) -> Examples:
        """Examples from a file, a folder with `{split}.csv` or another of ENDINGS, or `hf:OWNER/NAME`.

        A CSV has the columns question and answer, maybe rating. `search` answers puzzles without answers. Raises
        DataError with file and line for anything that is not a puzzle with its right answer.
        """
        file = hub.data_file(path, split) if path.startswith(hub.PREFIX) else Path(path)
        file = _file_in(file, split)
        found = islice(puzzles.records_of(file, self.notation), limit)
        parts = []
        while batch := list(islice(found, BATCH)):
            parts.append(_examples(self, batch))
        if not parts:
            raise DataError(f"{file}: {puzzles.nothing_in(file)}; {FORMATS}")
        return Examples(
            questions=np.concatenate([part.questions for part in parts]),
            answers=np.concatenate([part.answers for part in parts]),
            ratings=np.concatenate([part.ratings for part in parts]),
        )

    # tokens
    def encode(self, grids: NDArray[np.int8]) -> Tokens:
        """Grids (..., H, W) to tokens (..., L) int16: symbol + 1."""
        return (np.asarray(grids, np.int16) + 1).reshape(*np.shape(grids)[:-2], self.seq_len)

    def decode(self, tokens: NDArray[np.integer]) -> NDArray[np.int8]:
        """Tokens (..., L) to grids (..., H, W) int8; padding and unknown tokens become `blank`."""
        tokens = np.asarray(tokens)
        symbols = np.where((tokens > 0) & (tokens < self.vocab_size), tokens - 1, self.blank)
        return symbols.astype(np.int8).reshape(*tokens.shape[:-1], self.height, self.width)

    # rules
    def not_a_grid(self, grid: Grid) -> str:
        """The first cell that holds no symbol, or a wrong shape; empty for a grid of this task."""
        if np.shape(grid) != (self.height, self.width):
            return f"the grid has shape {np.shape(grid)}, expected {(self.height, self.width)}"
        outside = np.argwhere((grid < 0) | (grid >= len(self.characters)))
        return f"{grid[tuple(outside[0])]} at {place_of(outside[0])} is not {self.expected}" if len(outside) else ""

    # pictures
    def symbols(self, grid: Grid) -> list[list[str]]:
        """Rows of one-character cells, `blank` as `·`."""
        drawn = [*self.characters]
        drawn[self.blank] = "·"
        return [[drawn[symbol] for symbol in row] for row in np.asarray(grid).tolist()]


def place_of(cell: NDArray[np.integer]) -> str:
    """The place of a cell (2,) in words, counted from 1."""
    return f"row {cell[0] + 1}, column {cell[1] + 1}"


def _file_in(path: Path, split: str) -> Path:
    """The file itself, or the file of a folder that holds a split; raises DataError where the folder has none."""
    if not path.is_dir():
        return path
    files = [path / f"{split}{ending}" for ending in ENDINGS]
    if (file := next((each for each in files if each.is_file()), None)) is not None:
        return file
    names = f"neither {files[0].name} nor {files[1].name} in this folder"
    raise DataError(f"{path}: {names}; give a folder with one of them, or the path of a file")


def _examples(task: WrittenTask, batch: Sequence[Record]) -> Examples:
    """The examples of records; raises DataError for the first that is none."""
    for record in batch:
        if record.error or record.question is None:
            raise DataError(f"{record.place}: {record.error or 'the question is missing'}")
    questions = _grids(task, batch, [record.question for record in batch], "")
    known = np.array([record.answer is not None for record in batch])
    answered = [record for record in batch if record.answer is not None]
    answers = questions.copy()
    answers[known] = _grids(task, answered, [record.answer for record in answered], "answer: ")
    wrong = np.flatnonzero(known)[~task.check_many(questions[known], answers[known])]
    if len(wrong):
        reason = task.check(questions[wrong[0]], answers[wrong[0]]).reason
        raise DataError(f"{batch[wrong[0]].place}: answer: {reason}")
    try:
        ratings = np.array([puzzles.rating_of(record) for record in batch], np.float32)
    except PuzzleError as error:
        raise DataError(str(error)) from None
    if len(rows := np.flatnonzero(~known)):
        found = task.search(questions[rows])
        for row in rows[~found.sound].tolist():
            try:
                task.validate(questions[row])
            except PuzzleError as error:
                raise DataError(f"{batch[row].place}: {error.message}") from None
        answers[rows] = found.answers
        ratings[rows] = np.where(np.isnan(ratings[rows]), found.ratings, ratings[rows])
    return Examples(questions=questions, answers=answers, ratings=ratings)


def _grids(task: WrittenTask, batch: Sequence[Record], written: Sequence[Any], what: str) -> NDArray[np.int8]:
    """Grids (N, H, W) as written in records, those in a plain line all at once; DataErrors name place and `what`."""
    values = np.full(128, -1, np.int8)  # of each ASCII character; -1 for those that need a closer look
    for character, symbol in [*zip(task.characters, range(len(task.characters)), strict=True), *task.aliases.items()]:
        values[ord(character)] = symbol
    grids = np.empty((len(written), task.height, task.width), np.int8)
    size = task.seq_len
    texts = [each if isinstance(each, str) and len(each) == size else str(each).strip() for each in written]
    plain = np.array([len(text) == size and text.isascii() for text in texts], bool)
    if plain.any():
        joined = "".join(text for text, good in zip(texts, plain, strict=True) if good).encode("ascii")
        symbols = values[np.frombuffer(joined, np.uint8)].reshape(-1, task.height, task.width)
        grids[plain] = symbols
        plain[np.flatnonzero(plain)[(symbols < 0).any((1, 2))]] = False
    for row in np.flatnonzero(~plain).tolist():
        try:
            grids[row] = task.board(written[row])
        except PuzzleError as error:
            raise DataError(f"{batch[row].place}: {what}{error.message}") from None
    return grids
