"""Tasks whose open cells are filled by rules that say which cells of a board break them, whoever filled it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from redraft.errors import PuzzleError
from redraft.tasks.base import Grid, Verdict
from redraft.tasks.lettered import LetteredTask
from redraft.tasks.written import Answered, place_of

OPEN = 0  # symbol of an open cell


class FilledTask(LetteredTask):
    """A task with open cells; every other cell of a question stays as it is.

    Attributes:
        unique: whether a question must have a single answer.
    """

    blank = OPEN
    unique: bool

    @property
    def open_token(self) -> int:
        return OPEN + 1

    # rules
    @abstractmethod
    def faults(self, grids: NDArray[np.int8]) -> Mapping[str, NDArray[np.bool_]]:
        """For each rule, worded as what breaks it, the cells (N, H, W) that do; grids (N, H, W) may have open cells.

        A grid without open cells is an answer if no rule marks a cell of it.
        """

    @abstractmethod
    def answered(self, questions: NDArray[np.int8]) -> tuple[NDArray[np.floating], NDArray[np.int8]]:
        """How many answers (N,) questions (N, H, W) without faults have, and the first of each (N, H, W)."""

    def search(self, questions: NDArray[np.int8]) -> Answered:
        """The first answer of each question; there are no ratings."""
        counts, answers = self.answered(questions)
        sound = self._fits(counts) & ~_any(self.faults(questions))
        return Answered(answers, np.full(len(questions), np.nan, np.float32), sound)

    def validate(self, question: Grid) -> None:
        """Raises PuzzleError when the cells given break a rule, or there is no answer, or more than the task allows."""
        if problem := self.not_a_grid(question) or self._fault(question):
            raise PuzzleError(problem)
        count = self.answered(question[None])[0]
        if not self._fits(count)[0]:
            expected = "exactly one" if self.unique else "at least one"
            raise PuzzleError(f"{'more than one' if count[0] else 'no'} solution; expected {expected}")

    def check(self, question: Grid, answer: Grid) -> Verdict:
        reason = self.not_a_grid(answer)
        if not reason and len(changed := np.argwhere((question != OPEN) & (question != answer))):
            reason = f"changes the given at {place_of(changed[0])}"
        if not reason and (open_cells := np.count_nonzero(answer == OPEN)):
            reason = "1 cell is open" if open_cells == 1 else f"{open_cells} cells are open"
        reason = reason or self._fault(answer)
        return Verdict(solved=not reason, reason=reason)

    def check_many(self, questions: NDArray[np.int8], answers: NDArray[np.int8]) -> NDArray[np.bool_]:
        kept = (questions == OPEN) | (questions == answers)
        good = (kept & (answers > OPEN) & (answers < len(self.characters))).all((1, 2))
        good[good] = ~_any(self.faults(answers[good]))
        return good

    def wrong_cells(self, question: Grid, grid: Grid) -> NDArray[np.bool_]:
        """Cells (H, W) that were changed, or that break a rule."""
        wrong: NDArray[np.bool_] = (question != OPEN) & (question != grid)
        for marked in self.faults(grid[None]).values():
            wrong |= marked[0]
        return wrong

    def _fault(self, grid: Grid) -> str:
        """The first rule that a grid of symbols breaks, and where; empty for none."""
        for what, marked in self.faults(grid[None]).items():
            if marked.any():
                return f"{what} at {place_of(np.argwhere(marked[0])[0])}"
        return ""

    def _fits(self, counts: NDArray[np.floating]) -> NDArray[np.bool_]:
        return counts == 1 if self.unique else counts >= 1


def _any(faults: Mapping[str, NDArray[np.bool_]]) -> NDArray[np.bool_]:
    """Whether any rule marks a cell, for each grid (N,)."""
    return np.any([marked.any((1, 2)) for marked in faults.values()], axis=0)
