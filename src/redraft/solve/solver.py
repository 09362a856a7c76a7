"""The batched solver: every puzzle halts on its own, leaves the batch, and the next one takes its place."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from time import perf_counter
from typing import Any, Literal, TypeVar, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from redraft.backends.protocol import Draft, State, Stepper
from redraft.errors import ConfigError, PuzzleError, require_at_least
from redraft.solve.answer import Answer, TraceStep
from redraft.solve.budget import SolveBudget, read_budget
from redraft.solve.job import SolveJob
from redraft.solve.search import GuessTree, Node, fill
from redraft.solve.supply import Supply
from redraft.tasks import Grid, Puzzle, Task

HaltRule = Literal["rules", "head", "never"]
BatchSize = int | Literal["auto"]
_T = TypeVar("_T", bound=np.generic)

# The probability above which a halting head stops a puzzle. The paper's 0.5 costs accuracy: 98.0 % of 6x6 Sudokus
# against 99.5, 96.6 % of mazes against 97.8, for 4 and 14 % less work (docs/effort.md).
SURE = 0.88


class Batching:
    """The number of puzzles to work on at once.

    `auto` begins with FIRST and doubles as long as a larger batch does at least WORTH times as many puzzle steps a
    second as the one before, so it settles within a few steps: at some dozens on a CPU, at thousands on a GPU. The
    size changes the time an answer takes, not the answer.
    """

    FIRST, MOST, WORTH = 32, 8192, 1.08
    STEPS = 3  # timed at each size, of which the fastest counts, after one that does not count

    def __init__(self, size: BatchSize) -> None:
        if size != "auto" and (not isinstance(size, int) or size < 1):
            raise ConfigError(f"batch_size: expected a number of at least 1, or auto, got {size!r}")
        self.size = self.FIRST if size == "auto" else size
        self.growing = size == "auto"
        self._best = 0.0  # puzzle steps a second at the size before
        self._times: list[float] = []

    def took(self, rows: int, seconds: float) -> None:
        """Records the time of a step with `rows` puzzles; a batch that is not full does not count."""
        if not self.growing or rows < self.size:
            return
        self._times.append(seconds)
        if len(self._times) <= self.STEPS:
            return
        rate = rows / max(1e-9, min(self._times[1:]))
        self._times = []
        if rate < self.WORTH * self._best:
            self.size //= 2
            self.growing = False
        elif self.size >= self.MOST:
            self.growing = False
        else:
            self._best = rate
            self.size *= 2


@dataclass(kw_only=True)
class _Slot:
    """A puzzle in the batch; `number` is its place in the input."""

    number: int
    job: SolveJob
    question: Grid
    most: int  # recursions it gets
    until: float  # the time of `perf_counter` at which it ends
    traced: bool
    inputs: NDArray[np.integer]  # the question as tokens (L,)
    given: NDArray[np.bool_]  # cells (H, W) that the question fills in, where others are to be filled
    recursions: int = 0  # spent in all tries
    given_up: int = 0  # tries
    tree: GuessTree | None = None  # once a try has failed, where cells can be filled
    node: Node = ()  # the guesses of this try
    view: int = 0  # the order of cells, of `Task.views`, in which this try shows the question to the model
    trace: list[TraceStep] = field(default_factory=list)


class Solver:
    """Solves puzzles of one task with one model.

    Attributes:
        max_steps: most supervision steps per puzzle, in all its tries.
        budget: in its place, most steps (`200`) or most time (`50ms`, `2s`) per puzzle (`read_budget`); time begins as
            a puzzle joins the batch and is looked at after every recursion.
        halt: when a puzzle stops before that. `rules`: once its answer keeps all rules; `head`: once the model's
            halting head is sure of it, right or wrong; `never`. A task that cannot judge answers by rules takes `head`
            for `rules`. Rules are checked after every recursion of a step where the model can stop there
            (`Model.recursions`), not only at its end.
        sure: with `head`, the probability above which it stops a puzzle; the paper's is 0.5.
        restart: with `rules`, the steps after which an unsolved puzzle is restarted; 0 never restarts.
        guess: whether a restart fills cells by guesses (`GuessTree`), where the task has cells to fill; otherwise, or
            after the last node of the search, a restart shows the puzzle in the next of the task's views, and after the
            last of them from another state.
        batch_size: puzzles worked on at once; `auto` finds a size by timing steps (`Batching`).
        trace: whether answers keep every draft.
    """

    def __init__(
        self,
        stepper: Stepper,
        task: Task,
        *,
        max_steps: int = 16,
        budget: int | str | None = None,
        halt: HaltRule = "rules",
        sure: float = SURE,
        restart: int = 0,
        guess: bool = False,
        batch_size: BatchSize = "auto",
        trace: bool = True,
    ) -> None:
        require_at_least(1, {"max_steps": max_steps})
        if not 0 < sure < 1:
            raise ConfigError(f"sure: expected a probability between 0 and 1, got {sure}")
        if restart < 0:
            raise ConfigError(f"restart: expected a number of steps, or 0 for never, got {restart}")
        Batching(batch_size)  # raises ConfigError for a bad size
        if halt not in get_args(HaltRule):
            raise ConfigError(f"halt: expected one of {', '.join(get_args(HaltRule))}, got {halt!r}")
        if halt == "rules" and not task.judges:
            halt = "head"
        # the halting head is trained at the end of steps alone (docs/effort.md)
        self.stepper, self.recursions = stepper, stepper.recursions if halt == "rules" else 1
        self.task, self.halt = task, halt
        self.max_steps, self.seconds = SolveBudget(max_steps, math.inf) if budget is None else read_budget(budget)
        self.enough = math.log(sure / (1 - sure))
        self.restart = restart if halt == "rules" else 0
        self.guess = guess and task.open_token is not None
        self.batch_size, self.trace = batch_size, trace
        self._views = task.views
        self._back = self._views.argsort(1)  # for each view, the place in it of each cell

    def __repr__(self) -> str:
        options = f"halt={self.halt!r}, max_steps={self.max_steps}, restart={self.restart}, guess={self.guess}"
        return f"Solver({self.task.name}, {type(self.stepper).__name__}, {options})"

    def solve(self, puzzle: str | Puzzle | Sequence[Any] | ArrayLike) -> Answer:
        """Solves one puzzle: written out, as a board of lists (None or any sign for a blank), or as a grid (H, W).

        Raises PuzzleError for a puzzle that cannot be read, breaks the rules, or has no or several solutions.
        """
        question = puzzle.question if isinstance(puzzle, Puzzle) else self.task.board(puzzle)
        self.task.validate(question)
        return self.solve_many([question])[0]

    def solve_many(self, puzzles: Sequence[str | Puzzle | Sequence[Any] | ArrayLike]) -> list[Answer]:
        """Answers in the order of the puzzles, in any form that `solve` takes.

        Puzzles are not validated. Raises PuzzleError naming the first puzzle, from 1, that cannot be read.
        """
        questions = [self._board(puzzle, number) for number, puzzle in enumerate(puzzles, 1)]
        answers = dict(self.stream(questions))
        return [answers[number] for number in range(len(questions))]

    def _board(self, puzzle: Any, number: int) -> Grid:
        if isinstance(puzzle, Puzzle):
            return puzzle.question
        if isinstance(puzzle, np.ndarray) and puzzle.dtype == np.int8 and puzzle.ndim == 2:
            return puzzle
        try:
            return self.task.board(puzzle)
        except PuzzleError as error:
            raise PuzzleError(error.message, f"puzzle {number}") from None

    def stream(self, questions: Iterable[Grid | SolveJob] | Supply[Grid | SolveJob]) -> Iterator[tuple[int, Answer]]:
        """Answers as they come, each with the number of its question, from 0.

        Questions (H, W), or jobs, are read only as slots free up. While a supply waits for more, those that have
        arrived are worked on. A job that is cancelled has no answer.
        """
        supply = questions if isinstance(questions, Supply) else Supply(questions)
        taken = 0
        batch = Batching(self.batch_size)
        slots: list[_Slot] = []
        again: list[_Slot] = []
        state = None
        while True:
            slots, again, state = self._without_cancelled(slots, again, state)
            room = max(0, batch.size - len(slots) - len(again))
            new = supply.take(room, wait=not slots and not again)
            fresh = again + [self._slot(number, question) for number, question in enumerate(new, taken)]
            taken += len(new)
            if fresh:
                started = self._start(fresh)
                state = started if state is None else self.stepper.join(state, started)
                slots += fresh
            if not slots:
                return
            started_at = perf_counter()
            state, draft = self.stepper.step(state, 1) if self.recursions > 1 else self.stepper.step(state)
            batch.took(len(slots), perf_counter() - started_at)
            grids = self.task.decode(self._as_asked(draft.tokens, slots))
            done, failed = self._advance(slots, grids, draft, state)
            for row in np.flatnonzero(done):
                yield slots[row].number, self._answer(slots[row], grids[row], draft.halt_logit[row])
            again = [slots[row] for row in np.flatnonzero(failed)]
            if self.guess:
                self._search(slots, state, np.flatnonzero(failed))
            if (done | failed).any():
                keep = np.flatnonzero(~(done | failed))
                slots = [slots[row] for row in keep]
                state = self.stepper.select(state, keep) if len(keep) else None

    def _slot(self, number: int, asked: Grid | SolveJob) -> _Slot:
        job = asked if isinstance(asked, SolveJob) else SolveJob(question=asked)
        question, token = job.question, self.task.open_token
        inputs = self.task.encode(question)
        given = np.zeros(question.shape, bool) if token is None else (inputs != token).reshape(question.shape)
        most = self.recursions * (self.max_steps if job.max_steps is None else job.max_steps)
        traced = self.trace if job.trace is None else job.trace
        return _Slot(
            number=number,
            job=job,
            question=question,
            most=most,
            until=perf_counter() + self.seconds,
            traced=traced,
            inputs=inputs,
            given=given,
        )

    def _without_cancelled(
        self, slots: list[_Slot], again: list[_Slot], state: State
    ) -> tuple[list[_Slot], list[_Slot], State]:
        """Slots, those to be restarted, and the state of the slots, without jobs that nobody waits for any more."""
        keep = np.array([row for row, slot in enumerate(slots) if not slot.job.is_cancelled], np.int64)
        if len(keep) < len(slots):
            slots, state = [slots[row] for row in keep], self.stepper.select(state, keep) if len(keep) else None
        return slots, [slot for slot in again if not slot.job.is_cancelled], state

    def _with_givens(self, slots: Sequence[_Slot], grids: NDArray[np.int8]) -> NDArray[np.int8]:
        """Drafts (B, H, W) with the givens of the question, where it has any, in their place."""
        if self.task.open_token is None:
            return grids
        pairs = zip(slots, grids, strict=True)
        return np.stack([np.where(slot.given, slot.question, grid) for slot, grid in pairs])

    def _start(self, slots: list[_Slot]) -> State:
        """The state of puzzles that are started or restarted."""
        for slot in slots:
            slot.view = 0 if slot.node else slot.given_up % len(self._views)
        inputs = np.stack([fill(slot.inputs, slot.node)[self._views[slot.view]] for slot in slots])
        tries = np.array([0 if slot.node else slot.given_up // len(self._views) for slot in slots])
        return self.stepper.start(inputs, np.zeros(len(slots), dtype=np.int32), tries)

    def _as_asked(self, found: NDArray[_T], slots: list[_Slot]) -> NDArray[_T]:
        """Values per cell (B, L, ...) from the model, in the order of the question's cells."""
        if not any(slot.view for slot in slots):
            return found
        return np.stack([row[self._back[slot.view]] for row, slot in zip(found, slots, strict=True)])

    def _search(self, slots: list[_Slot], state: State, rows: NDArray[np.int64]) -> None:
        """Finds the nodes that puzzles try next, from the last drafts of the tries that failed."""
        if len(rows):
            tried = [slots[row] for row in rows]
            for slot, logits in zip(tried, self._logits(state, tried, rows), strict=True):
                slot.tree = slot.tree or GuessTree(self.task, slot.question)
                slot.node = slot.tree.next(logits)

    def _advance(
        self, slots: list[_Slot], grids: NDArray[np.int8], draft: Draft, state: State
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Counts the step, or part of one, in every slot; returns the slots that are done, and to restart, (B,)."""
        for slot in slots:
            slot.recursions += 1
        spent = np.array([slot.recursions for slot in slots])
        done = (spent >= np.array([slot.most for slot in slots])) | (
            perf_counter() >= np.array([slot.until for slot in slots])
        )
        if self.halt == "head":
            done |= draft.margin > self.enough
        elif self.halt == "rules":
            questions = np.stack([slot.question for slot in slots])
            done |= self.task.check_many(questions, self._with_givens(slots, grids))
        failed = ~done & (spent % (self.restart * self.recursions) == 0) if self.restart else np.zeros_like(done)
        for row in np.flatnonzero(failed):
            slots[row].given_up += 1
        for row in np.flatnonzero(done | (spent % self.recursions == 0)):
            slot = slots[row]
            if not slot.traced and slot.job.on_draft is None:
                continue
            probability = _sigmoid(draft.halt_logit[row])
            attempt = slot.given_up + (not failed[row])  # one that fails has just been given up
            step = TraceStep(grid=grids[row], halt_probability=probability, attempt=attempt, guesses=slot.node)
            if slot.traced:
                slot.trace.append(step)
            if slot.job.on_draft is not None:
                slot.job.on_draft(step, partial(self._logits_of, state, slot, row))
        return done, failed

    def _logits_of(self, state: State, slot: _Slot, row: np.int64) -> NDArray[np.float32]:
        """The logits (L, V) of one draft."""
        return self._logits(state, [slot], np.array([row], np.int64))[0]

    def _logits(self, state: State, slots: list[_Slot], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """The logits (B, L, V) of the drafts of some slots, which are these rows of the state."""
        return self._as_asked(self.stepper.logits(self.stepper.select(state, rows)), slots)

    def _answer(self, slot: _Slot, draft: Grid, logit: float) -> Answer:
        """The answer from the last draft, with its givens corrected where that solves the puzzle."""
        grid = self._with_givens([slot], draft[None])[0]
        verdict = self.task.check(slot.question, grid)
        if self.task.judges and not verdict:
            grid, verdict = draft, self.task.check(slot.question, draft)
        if slot.trace and grid is not draft:
            slot.trace[-1] = replace(slot.trace[-1], grid=grid)
        return Answer(
            task=self.task,
            question=slot.question,
            grid=grid,
            verdict=verdict,
            steps=-(-slot.recursions // self.recursions),
            tries=slot.given_up + 1,
            halt_probability=_sigmoid(logit),
            trace=tuple(slot.trace),
        )


def _sigmoid(logit: float) -> float:
    """The probability of a logit; 0 for NaN, which a model's numbers become when they overflow."""
    return 0.0 if math.isnan(logit) else float(1 / (1 + np.exp(-np.float64(logit))))
