"""The contract of a task: grids in, tokens for the model, rules that judge an answer. NumPy only, never torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from redraft.errors import DataError, PuzzleError
from redraft.tasks.reading.records import Notation

Grid = NDArray[np.int8]  # (H, W), the task's own symbols
Tokens = NDArray[np.int16]  # (..., L), input and output of the model

IGNORE = -100  # label of a position that counts neither for the loss nor for accuracy
OUTSIDE = -1  # cell of a grid that is smaller than the task's canvas
NEVER = 32767  # the date of what does not happen: an iteration that no model reaches


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Judgement of an answer by the rules alone; `reason` names the broken rule, empty when solved."""

    solved: bool
    reason: str = ""

    def __bool__(self) -> bool:
        return self.solved


@dataclass(frozen=True, kw_only=True)
class Puzzle:
    """One puzzle as read: `question` and, where known, its `answer` (H, W) and difficulty `rating`.

    `drawn` says whether it was drawn in rows, rather than written in a line.
    """

    question: Grid
    answer: Grid | None = None
    rating: float | None = None
    place: str = ""
    drawn: bool = False


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Puzzles with answers.

    Attributes:
        questions, answers: (N, H, W) int8.
        ratings: (N,) float32 difficulty, NaN where unknown.
        groups: (N,) int32, equal for examples that belong together and may not be split between training and test;
            None where each stands alone.
    """

    questions: NDArray[np.int8]
    answers: NDArray[np.int8]
    ratings: NDArray[np.float32]
    groups: NDArray[np.int32] | None = None

    def __post_init__(self) -> None:
        shapes = {"questions": self.questions.shape, "answers": self.answers.shape, "ratings": self.ratings.shape}
        lengths = [len(self.questions), len(self.ratings)]
        if self.groups is not None:
            shapes["groups"] = self.groups.shape
            lengths.append(len(self.groups))
        if self.questions.shape != self.answers.shape or len(set(lengths)) > 1:
            raise ValueError(f"shapes differ: {', '.join(f'{name} {shape}' for name, shape in shapes.items())}")

    def __len__(self) -> int:
        return len(self.questions)

    def __getitem__(self, rows: slice | NDArray[np.integer]) -> Examples:
        return Examples(
            questions=self.questions[rows],
            answers=self.answers[rows],
            ratings=self.ratings[rows],
            groups=None if self.groups is None else self.groups[rows],
        )


class Hints(NamedTuple):
    """Intermediate targets: what can be known by when, where word spreads from cell to cell.

    The term is that of algorithmic reasoning (Velickovic et al. 2022, "The CLRS benchmark"). Dates are iterations of a
    model, of which the first is 1; each part is (B, L) int16.

    Attributes:
        note: what to note about a cell from its date `noted` on, a place in `Task.notes`; before that, 0.
        last_note: what to note from `latest` on; the same as `note` where nothing is to change.
        noted: NEVER where there is nothing to note.
        earliest, latest: a cell whose answer differs from its question stays as in the question before `earliest`, and
            is as in the answer from `latest` on; between the two it may be either, and so may its note. NEVER where
            neither changes.
    """

    note: Tokens
    last_note: Tokens
    noted: Tokens
    earliest: Tokens
    latest: Tokens


class Task(ABC):
    """A kind of puzzle: how to make, read, encode, augment, check and show it.

    Attributes:
        name: id without a version, as in `redraft.tasks.get_task(name)`, for example `sudoku-6x6`.
        version: number of the generator: a change that makes other puzzles of the same seed raises it.
        height, width: size of the grid in cells; of the canvas where grids vary in size: cells beyond a smaller
            grid are OUTSIDE.
        vocab_size: number of different tokens, padding (token 0) included.
        judges: whether `check` can judge an answer by rules alone. Where it cannot (ARC, most people's own data),
            solving stops by the model's halting head, and only labels decide whether an answer is right.
        comment: the character that begins a line of text which is no part of a puzzle.
        scopes: families of cells that the rules hold in, by the names in `redraft.scopes`; a model may pool over them.
        notes: names of what `hints` notes about a cell, "nothing yet" first; none where a task gives no hints.
        grades: names of the grades in `grade_many`, worst first; the last is solved.
        notation: how its puzzles are written where they stand bare in a text (`redraft.tasks.reading`); None for a
            task that reads its texts itself.
    """

    name: str
    version: int = 1
    height: int
    width: int
    vocab_size: int
    judges: bool = True
    comment: str = "#"
    scopes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    grades: tuple[str, ...] = ("broken", "solved")
    notation: Notation | None = None

    @property
    def seq_len(self) -> int:
        """Tokens per puzzle: one per cell, row by row."""
        return self.height * self.width

    @property
    def id(self) -> str:
        """The name with the version, for example `sudoku-6x6-v1`; `get_task` accepts it too."""
        return f"{self.name}-v{self.version}"

    @property
    def spec(self) -> str | dict[str, Any]:
        """The argument of `get_task` that makes this task; it is written beside data and weights as JSON.

        It has no version, because rules and tokens, which data and weights depend on, are the same in all.
        """
        return self.name

    @property
    def interchangeable(self) -> range:
        """Tokens that may be renamed among one another without changing a puzzle's sense, such as digits."""
        return range(0)

    @property
    def open_token(self) -> int | None:
        """The token of an open cell, where a question with more cells filled in is a question too; else None."""
        return None

    # text
    @abstractmethod
    def parse(self, text: str) -> Grid:
        """The grid (H, W) written in `text`; raises PuzzleError."""

    def board(self, value: object) -> Grid:
        """The grid (H, W) of a board as people hold it in Python: a text, lists of cells, or an array of symbols.

        Raises PuzzleError. Here `parse` reads text, and anything else is a grid of the task's own symbols.
        """
        if isinstance(value, str):
            return self.parse(value)
        try:
            given = np.asarray(value)
            with np.errstate(invalid="ignore"):
                grid: Grid = given.astype(np.int8)
            if np.array_equal(grid, given):
                return grid
        except (ValueError, TypeError, OverflowError):
            pass
        raise PuzzleError("expected a grid of small whole numbers, or a puzzle written out")

    @abstractmethod
    def format(self, grid: Grid) -> str:
        """The grid as one line that `parse` reads back."""

    def draw(self, grid: Grid) -> str:
        """The grid as plain text, a line for each row, which `parse` reads back where it reads drawings."""
        return "\n".join("".join(row) for row in self.symbols(grid)).replace("·", ".")

    @abstractmethod
    def read(self, lines: Iterable[str], name: str) -> Iterable[Puzzle | PuzzleError]:
        """The puzzles of a text source called `name`, in order; one that cannot be read becomes its error.

        An iterator that yields each as soon as its last line has come lets `redraft solve` answer while it reads.
        """

    @abstractmethod
    def load(self, path: str, *, split: str = "train", limit: int | None = None) -> Examples:
        """Examples with answers from a data file or folder of this task; raises DataError."""

    # tokens
    @abstractmethod
    def encode(self, grids: NDArray[np.int8]) -> Tokens:
        """Grids (..., H, W) to tokens (..., L)."""

    @abstractmethod
    def decode(self, tokens: NDArray[np.integer]) -> NDArray[np.int8]:
        """Tokens (..., L) to grids (..., H, W); a token that stands for no symbol becomes a blank."""

    @property
    def token_names(self) -> tuple[str, ...]:
        """The symbol of each token (V,), as a cell is written; `<pad>` for the first, `<3>` where it has none."""
        names = ["<pad>"]
        for token in range(1, self.vocab_size):
            grid = self.decode(np.full(self.seq_len, token, np.int16))
            text = self.format(grid)
            if (self.encode(grid) != token).any():
                names.append(f"<{token}>")
            else:
                names.append(text[0] if len(text) == self.seq_len else self.symbols(grid)[0][0])
        return tuple(names)

    def encode_labels(self, grids: NDArray[np.int8]) -> Tokens:
        """Answers (..., H, W) to labels (..., L): tokens, or IGNORE where anything may stand."""
        return self.encode(grids)

    # rules
    @abstractmethod
    def validate(self, question: Grid) -> None:
        """Raises PuzzleError unless the question has a solution, and only one where the rules say so."""

    @abstractmethod
    def check(self, question: Grid, answer: Grid) -> Verdict:
        """Judges an answer by the rules alone: it keeps the givens, is complete, and breaks no rule."""

    def check_many(self, questions: NDArray[np.int8], answers: NDArray[np.int8]) -> NDArray[np.bool_]:
        """Whether each answer is solved (N,), by the rules alone, for questions and answers (N, H, W).

        The same as `check` on each pair; a task may have a faster way.
        """
        pairs = zip(questions, answers, strict=True)
        return np.array([self.check(question, answer).solved for question, answer in pairs], dtype=bool)

    def grade_many(self, questions: NDArray[np.int8], answers: NDArray[np.int8]) -> NDArray[np.int8]:
        """The place in `grades` (N,) of each answer, for questions and answers (N, H, W), by the rules alone."""
        return self.check_many(questions, answers).astype(np.int8)

    def wrong_cells(self, question: Grid, grid: Grid) -> NDArray[np.bool_]:
        """Cells (H, W) of an answer or of a draft that break a rule by themselves or with others; none here."""
        return np.zeros((self.height, self.width), dtype=bool)

    # data
    @abstractmethod
    def make(self, count: int, seed: int) -> Examples:
        """`count` new puzzles with their answers; the same seed gives the same puzzles."""

    @property
    def views(self) -> NDArray[np.intp]:
        """Orders of the cells (K, L), the usual one first: with its cells in any of them, a puzzle is one of this task.

        A right answer in the same order answers it. A solver asks a puzzle that it failed in the next order.
        """
        return np.arange(self.seq_len)[None]

    @abstractmethod
    def augment(self, inputs: Tokens, labels: Tokens, rng: np.random.Generator) -> tuple[Tokens, Tokens]:
        """A random symmetry per row of inputs and labels (B, L); solutions stay solutions."""

    def hints(self, inputs: Tokens) -> Hints:
        """What a local model can know by when about questions (B, L), for its training; else DataError."""
        raise DataError(f"{self.name}: has no hints to train with; leave out --hints")

    def ease(self, inputs: Tokens, labels: Tokens, rng: np.random.Generator) -> tuple[Tokens, Tokens]:
        """Some of the questions and answers (B, L) made easier at random, for training with hints; here none."""
        return inputs, labels

    def reveal(self, examples: Examples, cells: int, seed: int) -> Examples:
        """Easier examples without ratings: `cells` more of each answer given, chosen by the seed; else DataError."""
        raise DataError(f"{self.name}: has no puzzles with more cells given; expected make:COUNT@SEED alone")

    # pictures
    @abstractmethod
    def symbols(self, grid: Grid) -> list[list[str]]:
        """The grid as rows of one-character cells, a blank as `·`."""

    def fills(self, grid: Grid) -> list[list[str]]:
        """The colour of each cell of (H, W), `#rrggbb`, where the cell is known by its colour; `""` elsewhere."""
        return [[""] * self.width for _ in range(self.height)]

    @property
    def block(self) -> tuple[int, int]:
        """Rows and columns between ruled lines when drawn; the whole grid where there are none."""
        return self.height, self.width
