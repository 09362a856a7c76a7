"""The batched solver: every puzzle halts on its own, leaves the batch, and the next one takes its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from redraft.errors import ConfigError, PuzzleError
from redraft.solve.stepper import Draft, Stepper
from redraft.tasks import Grid, Task, Verdict

HaltRule = Literal["rules", "head", "never"]


@dataclass(frozen=True, kw_only=True)
class TraceStep:
    """The answer as it stood after one supervision step, and the model's probability that it is right."""

    grid: Grid
    halt_probability: float


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came of a puzzle.

    Attributes:
        question, grid: (H, W); `grid` is the last draft, right only if `verdict.solved`.
        verdict: judgement by the rules alone.
        steps: supervision steps spent.
        halt_probability: the model's own probability that the answer is right.
        trace: every draft, where the solver was asked to keep them.
    """

    question: Grid
    grid: Grid
    verdict: Verdict
    steps: int
    halt_probability: float
    trace: tuple[TraceStep, ...] = ()

    @property
    def solved(self) -> bool:
        return self.verdict.solved


@dataclass(kw_only=True)
class _Slot:
    """A puzzle in the batch; `number` is its place in the input."""

    number: int
    question: Grid
    steps: int = 0
    trace: list[TraceStep] = field(default_factory=list)


class Solver:
    """Solves puzzles of one task with one model.

    Attributes:
        max_steps: supervision steps a puzzle gets at most.
        halt: when a puzzle stops before that. `rules`: once its answer keeps all rules; `head`: once the model's
            halting head says so, right or wrong, as in the paper; `never`: it does not. A task that cannot judge
            answers by rules takes `head` for `rules`.
        batch_size: puzzles worked on at once.
        trace: whether answers keep every draft.
    """

    def __init__(
        self,
        stepper: Stepper,
        task: Task,
        *,
        max_steps: int = 16,
        halt: HaltRule = "rules",
        batch_size: int = 64,
        trace: bool = True,
    ) -> None:
        if max_steps < 1 or batch_size < 1:
            raise ConfigError(f"expected max_steps and batch_size of at least 1, got {max_steps} and {batch_size}")
        if halt not in get_args(HaltRule):
            raise ConfigError(f"halt: expected one of {', '.join(get_args(HaltRule))}, got {halt!r}")
        self.stepper, self.task = stepper, task
        if halt == "rules" and not task.judges:
            halt = "head"
        self.max_steps, self.halt, self.batch_size, self.trace = max_steps, halt, batch_size, trace

    def solve(self, puzzle: str | ArrayLike) -> Answer:
        """Solves one puzzle, written out or as a grid (H, W).

        Raises PuzzleError where it cannot be read, breaks the rules, or has no or several solutions.
        """
        question = self.task.parse(puzzle) if isinstance(puzzle, str) else _grid(puzzle)
        self.task.validate(question)
        return self.solve_many([question])[0]

    def solve_many(self, questions: Sequence[Grid]) -> list[Answer]:
        """Answers in the order of the questions, which are taken to be sound puzzles."""
        answers = dict(self.stream(questions))
        return [answers[number] for number in range(len(questions))]

    def stream(self, questions: Iterable[Grid]) -> Iterator[tuple[int, Answer]]:
        """Answers as they come, each with the number of its question; reads questions only as slots free up."""
        waiting = enumerate(questions)
        slots: list[_Slot] = []
        state = None
        while True:
            fresh = [_Slot(number=n, question=q) for n, q in islice(waiting, self.batch_size - len(slots))]
            if fresh:
                inputs = self.task.encode(np.stack([slot.question for slot in fresh]))
                started = self.stepper.start(inputs, np.zeros(len(fresh), dtype=np.int32))
                state = started if state is None else self.stepper.join(state, started)
                slots += fresh
            if not slots:
                return
            state, draft = self.stepper.step(state)
            grids = self.task.decode(draft.tokens)
            done = self._advance(slots, grids, draft)
            for row in np.flatnonzero(done):
                yield slots[row].number, self._answer(slots[row], grids[row], draft.halt_logit[row])
            if done.any():
                keep = np.flatnonzero(~done)
                slots = [slots[row] for row in keep]
                state = self.stepper.select(state, keep) if len(keep) else None

    def _advance(self, slots: list[_Slot], grids: NDArray[np.int8], draft: Draft) -> NDArray[np.bool_]:
        """Counts the step in every slot; tells which are done (B,)."""
        for slot, grid, logit in zip(slots, grids, draft.halt_logit, strict=True):
            slot.steps += 1
            if self.trace:
                slot.trace.append(TraceStep(grid=grid, halt_probability=_sigmoid(logit)))
        done = np.array([slot.steps >= self.max_steps for slot in slots])
        if self.halt == "head":
            done |= draft.halts
        elif self.halt == "rules":
            done |= self.task.check_many(np.stack([slot.question for slot in slots]), grids)
        return done

    def _answer(self, slot: _Slot, grid: Grid, logit: float) -> Answer:
        return Answer(
            question=slot.question,
            grid=grid,
            verdict=self.task.check(slot.question, grid),
            steps=slot.steps,
            halt_probability=_sigmoid(logit),
            trace=tuple(slot.trace),
        )


def _grid(values: ArrayLike) -> Grid:
    """Anything array-like as a grid; raises PuzzleError where a value is not a small whole number."""
    try:
        given = np.asarray(values)
        with np.errstate(invalid="ignore"):
            grid = given.astype(np.int8)
        if np.array_equal(grid, given):
            return grid
    except (ValueError, TypeError, OverflowError):
        pass
    raise PuzzleError("expected a grid of small whole numbers, or a puzzle written out")


def _sigmoid(logit: float) -> float:
    return float(1 / (1 + np.exp(-np.float64(logit))))
