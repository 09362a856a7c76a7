"""What a task is: grids in, tokens for the model, rules that judge an answer. NumPy only, never torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from redraft.errors import PuzzleError

Grid = NDArray[np.int8]  # (H, W), the task's own symbols
Tokens = NDArray[np.int16]  # (..., L), what the model reads and writes

IGNORE = -100  # label of a position that counts neither for the loss nor for accuracy


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Judgement of an answer by the rules alone; `reason` says in words what is broken, empty when solved."""

    solved: bool
    reason: str = ""

    def __bool__(self) -> bool:
        return self.solved


@dataclass(frozen=True, kw_only=True)
class Puzzle:
    """One puzzle as read: `question` and, where known, its `answer` (H, W) and difficulty `rating`."""

    question: Grid
    answer: Grid | None = None
    rating: float | None = None
    place: str = ""


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Many puzzles with answers: `questions` and `answers` (N, H, W) int8, `ratings` (N,) float32, NaN if unknown."""

    questions: NDArray[np.int8]
    answers: NDArray[np.int8]
    ratings: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.questions.shape != self.answers.shape or len(self.questions) != len(self.ratings):
            raise ValueError(
                f"shapes differ: questions {self.questions.shape}, answers {self.answers.shape}, "
                f"ratings {self.ratings.shape}"
            )

    def __len__(self) -> int:
        return len(self.questions)

    def __getitem__(self, rows: slice | NDArray[np.integer]) -> Examples:
        return Examples(questions=self.questions[rows], answers=self.answers[rows], ratings=self.ratings[rows])


class Task(ABC):
    """A kind of puzzle: how to make, read, encode, augment, check and show it.

    Attributes:
        name: versionless id, as in `redraft.tasks.get_task(name)`, for example `sudoku-6x6`.
        height, width: size of the grid in cells.
        vocab_size: number of different tokens, padding (token 0) included.
    """

    name: str
    height: int
    width: int
    vocab_size: int

    @property
    def seq_len(self) -> int:
        """Tokens in a puzzle: one per cell, row by row."""
        return self.height * self.width

    # text
    @abstractmethod
    def parse(self, text: str) -> Grid:
        """The grid (H, W) written in `text`; raises PuzzleError saying what is wrong and what is expected."""

    @abstractmethod
    def format(self, grid: Grid) -> str:
        """The grid as one line that `parse` reads back."""

    @abstractmethod
    def read(self, lines: Iterable[str], name: str) -> list[Puzzle | PuzzleError]:
        """All puzzles of a text source called `name`, in order; one that cannot be read becomes its error."""

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

    # rules
    @abstractmethod
    def validate(self, question: Grid) -> None:
        """Raises PuzzleError unless the question has exactly one solution."""

    @abstractmethod
    def check(self, question: Grid, answer: Grid) -> Verdict:
        """Judges an answer by the rules alone: it keeps the givens, is complete, and breaks no rule."""

    def check_many(self, questions: NDArray[np.int8], answers: NDArray[np.int8]) -> NDArray[np.bool_]:
        """Whether each answer is solved (N,), by the rules alone, for questions and answers (N, H, W).

        The same as `check` on each pair; a task may do it faster.
        """
        pairs = zip(questions, answers, strict=True)
        return np.array([self.check(question, answer).solved for question, answer in pairs], dtype=bool)

    def wrong_cells(self, question: Grid, grid: Grid) -> NDArray[np.bool_]:
        """Cells (H, W) of an answer or a draft of one that break a rule by themselves or with others.

        None here: which cells are givens, and which may change, is known only to the task.
        """
        return np.zeros((self.height, self.width), dtype=bool)

    # data
    @abstractmethod
    def make(self, count: int, seed: int) -> Examples:
        """`count` new puzzles with their answers; the same seed gives the same puzzles."""

    @abstractmethod
    def augment(self, inputs: Tokens, labels: Tokens, rng: np.random.Generator) -> tuple[Tokens, Tokens]:
        """A random symmetry for each row of inputs and labels (B, L); solutions stay solutions."""

    # pictures
    @abstractmethod
    def symbols(self, grid: Grid) -> list[list[str]]:
        """The grid as rows of one-character cells, a blank as `·`."""

    @property
    def block(self) -> tuple[int, int]:
        """Rows and columns between ruled lines when drawn; the whole grid where there are none."""
        return self.height, self.width


def check_task(task: Task, *, count: int = 16, seed: int = 0) -> None:
    """Checks that a task keeps the contract of `Task`; raises AssertionError naming the clause it breaks.

    Meant for your own tasks too: call it from a test.
    """
    made = task.make(count, seed)
    shape = (count, task.height, task.width)
    assert made.questions.shape == shape, f"make: questions have shape {made.questions.shape}, expected {shape}"
    assert made.questions.dtype == np.int8 and made.answers.dtype == np.int8, "make: grids must be int8"
    again = task.make(count, seed)
    assert np.array_equal(made.questions, again.questions), "make: the same seed gave other puzzles"
    assert np.array_equal(made.answers, again.answers), "make: the same seed gave other answers"

    inputs, labels = task.encode(made.questions), task.encode(made.answers)
    for what, tokens, grids in (("question", inputs, made.questions), ("answer", labels, made.answers)):
        assert tokens.shape == (count, task.seq_len), f"encode: {what} tokens have shape {tokens.shape}"
        assert tokens.min() >= 0 and tokens.max() < task.vocab_size, f"encode: {what} tokens leave the vocabulary"
        assert np.array_equal(task.decode(tokens), grids), f"decode: does not undo encode on a {what}"

    rng = np.random.default_rng(seed)
    moved_inputs, moved_labels = task.augment(inputs, labels, rng)
    assert moved_inputs.shape == inputs.shape and moved_labels.shape == labels.shape, "augment: changed a shape"
    views = (
        ("make", made.questions, made.answers),
        ("augment", task.decode(moved_inputs), task.decode(moved_labels)),
    )
    for source, questions, answers in views:
        _check_judgements(task, source, questions, answers)
        for question in questions:
            assert np.array_equal(task.parse(task.format(question)), question), "parse: does not undo format"
            drawn = task.symbols(question)
            assert len(drawn) == task.height and {len(row) for row in drawn} == {task.width}, "symbols: wrong shape"


def _check_judgements(task: Task, source: str, questions: NDArray[np.int8], answers: NDArray[np.int8]) -> None:
    """The part of `check_task` about the rules: questions with their right answers (N, H, W), as `source` gave them."""
    for question, answer in zip(questions, answers, strict=True):
        task.validate(question)
        verdict = task.check(question, answer)
        assert verdict.solved and not verdict.reason, f"{source}: own answer rejected: {verdict.reason}"
        verdict = task.check(question, question)
        assert not verdict.solved and verdict.reason, f"check: accepts an unanswered question after {source}"
        wrong = task.wrong_cells(question, answer)
        assert wrong.shape == question.shape and wrong.dtype == bool, "wrong_cells: expected a bool for each cell"
        assert not wrong.any(), f"wrong_cells: marks cells of a right answer after {source}"
    for what, tried in (("answers", answers), ("questions", questions), ("others' answers", np.roll(answers, 1, 0))):
        each = [task.check(*pair).solved for pair in zip(questions, tried, strict=True)]
        solved = task.check_many(questions, tried)
        assert solved.shape == (len(questions),) and solved.dtype == bool, "check_many: expected a bool for each answer"
        assert solved.tolist() == each, f"check_many: differs from check on {what} after {source}"
