"""Lights Out on 3x3 lamps, as a task of one's own: `redraft.tasks.get_task("lights_out:LightsOut")` in this folder.

Pressing a lamp switches it and its neighbours above, below, left and right. The question shows which lamps are lit,
the answer which to press so that all go out; on 3x3 lamps there is exactly one. Grids hold 0 and 1 in both; tokens are
padding 0, then 1 and 2. `tests/examples/test_examples.py` runs `check_task` over it, as you should over yours.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from redraft.errors import DataError, PuzzleError
from redraft.tasks import Examples, Grid, Puzzle, Task, Verdict
from redraft.tasks.base import Tokens

SIGNS = ".o"


class LightsOut(Task):
    """3x3 lamps; `.` is a dark one, or one to leave alone, and `o` a lit one, or one to press."""

    name = "lights-out"
    height = width = 3
    vocab_size = 3

    # text
    def parse(self, text: str) -> Grid:
        cells = "".join(text.split())
        if len(cells) != self.seq_len or set(cells) - set(SIGNS):
            raise PuzzleError(f"expected {self.seq_len} characters, each . or o, got {cells!r}")
        return np.array([SIGNS.index(cell) for cell in cells], np.int8).reshape(self.height, self.width)

    def format(self, grid: Grid) -> str:
        return "".join(SIGNS[lamp] for lamp in np.asarray(grid).ravel())

    def read(self, lines: Iterable[str], name: str) -> list[Puzzle | PuzzleError]:
        """A puzzle a line, maybe its answer after a comma."""
        found: list[Puzzle | PuzzleError] = []
        for number, line in enumerate(lines, 1):
            if line.strip():
                place = f"{name}, line {number}"
                question, _, answer = line.partition(",")
                try:
                    known = self.parse(answer) if answer.strip() else None
                    found.append(Puzzle(question=self.parse(question), answer=known, place=place))
                except PuzzleError as error:
                    found.append(PuzzleError(error.message, place))
        return found

    def load(self, path: str, *, split: str = "train", limit: int | None = None) -> Examples:
        questions, answers = [], []
        for puzzle in self.read(Path(path).read_text(encoding="utf-8").splitlines(), path)[:limit]:
            if isinstance(puzzle, PuzzleError) or puzzle.answer is None:
                raise DataError(str(puzzle) if isinstance(puzzle, PuzzleError) else f"{puzzle.place}: no answer")
            questions.append(puzzle.question)
            answers.append(puzzle.answer)
        return self._examples(np.array(questions, np.int8), np.array(answers, np.int8))

    # tokens
    def encode(self, grids: NDArray[np.int8]) -> Tokens:
        return (np.asarray(grids, np.int16) + 1).reshape(*np.shape(grids)[:-2], self.seq_len)

    def decode(self, tokens: NDArray[np.integer]) -> NDArray[np.int8]:
        lamps = np.asarray(tokens).reshape(*np.shape(tokens)[:-1], self.height, self.width)
        return np.equal(lamps, 2).astype(np.int8)

    # rules
    def validate(self, question: Grid) -> None:
        """Nothing to object to: on 3x3 lamps every question has one answer."""

    def check(self, question: Grid, answer: Grid) -> Verdict:
        left = np.count_nonzero(question != press(answer[None])[0])
        return Verdict(solved=not left, reason=f"{left} lamps stay lit" if left else "")

    # data
    def make(self, count: int, seed: int) -> Examples:
        """Random buttons to press, and the lamps they light; never what is its own answer."""
        rng = np.random.default_rng(seed)
        answers = np.zeros((0, self.height, self.width), np.int8)
        while len(answers) < count:
            drawn = rng.integers(2, size=(count, self.height, self.width), dtype=np.int8)
            answers = np.concatenate([answers, drawn[(press(drawn) != drawn).any((1, 2))]])
        return self._examples(press(answers[:count]), answers[:count])

    def _examples(self, questions: NDArray[np.int8], answers: NDArray[np.int8]) -> Examples:
        return Examples(questions=questions, answers=answers, ratings=np.full(len(questions), np.nan, np.float32))

    def augment(self, inputs: Tokens, labels: Tokens, rng: np.random.Generator) -> tuple[Tokens, Tokens]:
        """A random mirror image or turn of each row of inputs and labels (B, L)."""
        cells = np.arange(self.seq_len).reshape(self.height, self.width)
        turned = [np.rot90(each, k).ravel() for each in (cells, cells.T) for k in range(4)]
        source = np.stack(turned)[rng.integers(8, size=len(inputs))]
        return np.take_along_axis(inputs, source, axis=1), np.take_along_axis(labels, source, axis=1)

    # pictures
    def symbols(self, grid: Grid) -> list[list[str]]:
        return [["·o"[lamp] for lamp in row] for row in grid.tolist()]


def press(buttons: NDArray[np.int8]) -> NDArray[np.int8]:
    """The lamps that are lit after pressing these buttons, both (N, H, W)."""
    lit = np.pad(buttons, ((0, 0), (1, 1), (1, 1)))
    around = lit[:, :-2, 1:-1] + lit[:, 2:, 1:-1] + lit[:, 1:-1, :-2] + lit[:, 1:-1, 2:]
    return ((buttons + around) % 2).astype(np.int8)
