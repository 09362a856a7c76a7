"""ARC: grids of ten colours and up to 30x30 cells, in tasks of a few pairs that show a rule without naming it.

A grid of colours 0-9 lies on a canvas (30, 30), or on a smaller one (H, W) for tasks of small grids; tokens are those
of `tasks.canvas`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from redraft.errors import ConfigError, DataError, PuzzleError
from redraft.tasks import canvas as codec
from redraft.tasks.arc import files as arc_files
from redraft.tasks.arc.augmentations import draw, transform
from redraft.tasks.arc.files import COLOURS, SIDE, Pair, to_grid
from redraft.tasks.arc.make import make_tasks
from redraft.tasks.base import OUTSIDE, Examples, Grid, Puzzle, Task, Tokens, Verdict

FILLS = (  # ARC's own
    *("#000000", "#0074D9", "#FF4136", "#2ECC40", "#FFDC00"),
    *("#AAAAAA", "#F012BE", "#FF851B", "#7FDBFF", "#870C25"),
)
NO_RULES = "ARC has no rules to judge an answer by; only a known answer can judge it"


class Arc(Task):
    """ARC-AGI: each puzzle is one pair of a task, which the model knows by the puzzle id.

    On a smaller canvas than ARC's, a model trains on tasks of small grids in a fraction of the time.
    """

    vocab_size = COLOURS + codec.FIRST
    judges = False

    def __init__(self, side: int = SIDE) -> None:
        """`side`: rows and columns of the canvas; raises ConfigError where there can be none."""
        if not 1 <= side <= SIDE:
            raise ConfigError(f"ARC's canvas has 1 to {SIDE} rows and columns, got {side}")
        self.height = self.width = side
        self.name = "arc" if side == SIDE else f"arc-{side}x{side}"

    # text
    def parse(self, text: str) -> Grid:
        """The canvas (H, W) int8 of a grid written as nested lists, `[[0,1],[2,3]]`; raises PuzzleError."""
        return canvas(to_grid(_json(text)), self.height)

    def format(self, grid: Grid) -> str:
        """The grid on one line, as nested lists."""
        return json.dumps(crop(grid).tolist(), separators=(",", ":"))

    def read(self, lines: Iterable[str], name: str) -> list[Puzzle | PuzzleError]:
        """All puzzles of a text: JSON of a grid, a pair, a list of pairs, a task or tasks by name, or one per line.

        A task gives all its pairs, demonstrations first. Places are `NAME`, `NAME, line N` or `NAME, test pair N`.
        """
        text = [line.rstrip("\n").lstrip("\ufeff") for line in lines]
        whole = "\n".join(text)
        try:
            json.loads(whole)
        except (ValueError, RecursionError):
            if not whole.lstrip().startswith("{") or "\n{" in whole.strip():
                records = [(line, f"{name}, line {n}") for n, line in enumerate(text, 1) if line.strip()]
                return [puzzle for line, place in records for puzzle in _puzzles(line, place, self.height)]
        return _puzzles(whole, name, self.height) if whole.strip() else []

    def load(self, path: str, *, split: str = "train", limit: int | None = None) -> Examples:
        """Pairs of a source of `arc_files.read_tasks`, `arc1` for example, those of a task in one group.

        `train` has all pairs of the training tasks and the demonstrations of the evaluation tasks, `test` the test
        pairs of the evaluation tasks that have an output. In a source that is not so divided, all tasks are for
        evaluation. Raises DataError.
        """
        if split not in ("train", "test"):
            raise DataError(f"{path}: no split {split!r} of ARC tasks; expected train or test")
        training, evaluation = arc_files.read_halves(path)
        groups = [task.test for task in evaluation]
        if split == "train":
            groups = [(*task.train, *task.test) for task in training] + [task.train for task in evaluation]
        known = [(group, pair) for group, pairs in enumerate(groups) for pair in pairs if pair.output is not None]
        known = known[:limit]
        if not known:
            raise DataError(f"{path}: no {split} pairs with an output")
        return _examples([pair for _, pair in known], [group for group, _ in known], self.height)

    # tokens
    def encode(self, grids: NDArray[np.int8]) -> Tokens:
        """Canvases (..., H, W) to tokens (..., L) int16, with an end marker below and right of each grid."""
        return codec.encode(grids)

    @property
    def token_names(self) -> tuple[str, ...]:
        return ("<pad>", "<end>", *map(str, range(COLOURS)))

    def encode_labels(self, grids: NDArray[np.int8]) -> Tokens:
        """Answers (..., H, W) to labels (..., L): tokens; what lies beyond the end markers does not count."""
        return codec.labels_of(self.encode(grids))

    def decode(self, tokens: NDArray[np.integer]) -> NDArray[np.int8]:
        """Tokens (..., L) to canvases (..., H, W) int8: the largest rectangle of colours in the top left corner.

        Of equally large ones the least tall counts; without a colour in the corner the grid is empty.
        """
        size = self.height, self.width
        return codec.decode(tokens, *size, vocab_size=self.vocab_size, of_equals="flattest")

    # rules
    def validate(self, question: Grid) -> None:
        """Raises PuzzleError unless the question is a canvas with a grid in its top left corner."""
        if np.shape(question) != (self.height, self.width):
            raise PuzzleError(f"the canvas has shape {np.shape(question)}, expected {(self.height, self.width)}")
        if ((question < OUTSIDE) | (question >= COLOURS)).any():
            row, column = np.argwhere((question < OUTSIDE) | (question >= COLOURS))[0]
            raise PuzzleError(f"{question[row, column]} at row {row + 1}, column {column + 1} is not a colour 0-9")
        inside = question != OUTSIDE
        if not inside[0, 0] or not np.array_equal(inside, inside[:, :1] & inside[:1]):
            raise PuzzleError("expected one rectangle of colours in the top left corner of the canvas")

    def check(self, question: Grid, answer: Grid) -> Verdict:
        return Verdict(solved=False, reason=NO_RULES)

    # data
    def make(self, count: int, seed: int) -> Examples:
        """`count` pairs of made-up tasks with one simple rule each; the four pairs of a task are a group.

        Task i depends on (seed, i) alone, so a longer run begins with the shorter one.
        """
        tasks = make_tasks(-(-count // 4), seed)
        pairs = [(group, pair) for group, task in enumerate(tasks) for pair in (*task.train, *task.test)][:count]
        return _examples([pair for _, pair in pairs], [group for group, _ in pairs], self.height)

    def augment(self, inputs: Tokens, labels: Tokens, rng: np.random.Generator) -> tuple[Tokens, Tokens]:
        """A random symmetry of the square and order of colours 1-9 for each pair of inputs and labels (B, L).

        For pairs without augmentations of their own; rules about directions or colours do not survive it.
        """
        symmetries, colours = draw(rng, len(inputs))
        return transform(inputs, labels, symmetries, colours)

    # pictures
    def symbols(self, grid: Grid) -> list[list[str]]:
        """Rows of digits, a space for each cell outside."""
        return [[" " if cell == OUTSIDE else str(cell) for cell in row] for row in np.asarray(grid).tolist()]

    def fills(self, grid: Grid) -> list[list[str]]:
        return [["" if cell == OUTSIDE else FILLS[cell] for cell in row] for row in np.asarray(grid).tolist()]


def canvas(grid: NDArray[np.integer], side: int = SIDE) -> Grid:
    """A grid (h, w) on a canvas (side, side) int8; raises PuzzleError where it is larger."""
    if max(grid.shape) > side:
        raise PuzzleError(f"{grid.shape[0]} rows of {grid.shape[1]} cells; the canvas has {side} of {side}")
    board = np.full((side, side), OUTSIDE, np.int8)
    board[: grid.shape[0], : grid.shape[1]] = grid
    return board


def crop(board: Grid) -> NDArray[np.uint8]:
    """The grid (h, w) uint8 in the top left corner of a canvas; (0, 0) where there is none."""
    height, width = np.count_nonzero(board[:, 0] != OUTSIDE), np.count_nonzero(board[0] != OUTSIDE)
    return board[:height, :width].astype(np.uint8)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PuzzleError(f"not JSON ({error}); expected a grid as a list of rows, such as [[0, 1], [2, 3]]") from None


def _puzzles(text: str, place: str, side: int) -> list[Puzzle | PuzzleError]:
    """The puzzles of a text of JSON that comes from `place`."""
    found: list[Puzzle | PuzzleError] = []
    try:
        content = _json(text)
        if isinstance(content, dict) or (isinstance(content, list) and any(isinstance(each, dict) for each in content)):
            for pair, where in arc_files.pairs_of(content, place):
                answer = None if pair.output is None else canvas(pair.output, side)
                found.append(Puzzle(question=canvas(pair.input, side), answer=answer, place=where))
        else:
            found.append(Puzzle(question=canvas(to_grid(content), side), place=place))
    except PuzzleError as error:
        found.append(PuzzleError(error.message, place))
    except DataError as error:  # says the place itself
        found.append(PuzzleError(str(error)))
    return found


def _examples(pairs: list[Pair], groups: list[int], side: int) -> Examples:
    """Examples of pairs that have an output."""
    answers = [pair.output for pair in pairs if pair.output is not None]
    return Examples(
        questions=np.array([canvas(pair.input, side) for pair in pairs], np.int8).reshape(-1, side, side),
        answers=np.array([canvas(answer, side) for answer in answers], np.int8).reshape(-1, side, side),
        ratings=np.full(len(pairs), np.nan, np.float32),
        groups=np.array(groups, np.int32),
    )
