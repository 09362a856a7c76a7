"""The service as plain functions from requests to responses, which HTTP and tools for language models call.

All raise Refused, with an HTTP status, for errors that a client can correct.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from redraft.errors import PuzzleError
from redraft.serve.limits import Limits, Refused
from redraft.serve.maker import Maker
from redraft.serve.models import Served, any_task, chosen, chosen_task, grid_of
from redraft.serve.models import answer_of as read_answer
from redraft.serve.types import (
    Board,
    CellPlace,
    CheckRequest,
    CheckResponse,
    HintResponse,
    MadePuzzle,
    MakeRequest,
    MakeResponse,
    ModelsResponse,
    OneRequest,
    SolveRequest,
    SolveResponse,
    SolveResult,
)
from redraft.solve.answer import Answer, TraceStep
from redraft.solve.hint import Hinted, certainty, hint_of
from redraft.solve.job import Listener, SolveJob
from redraft.tasks import Grid, Task
from redraft.tasks.sudoku.task import Sudoku

FRESH = 1_000_000  # drawn seeds lie below
SMALL = 100  # cells


@dataclass(frozen=True, kw_only=True)
class Work:
    """Puzzles being solved; each entry is the future of an answer, or the error of a puzzle."""

    served: Served
    entries: list[Future[Answer] | PuzzleError]
    several: bool
    seconds: float
    hinted: list[Hinted] = field(default_factory=list)  # of a hint: the certainty of the first draft

    @property
    def futures(self) -> list[Future[Answer]]:
        return [entry for entry in self.entries if isinstance(entry, Future)]

    def cancel(self) -> None:
        """Cancels unanswered puzzles, which frees their slots."""
        for future in self.futures:
            future.cancel()

    def response(self) -> SolveResponse:
        """The results. A puzzle that was not answered in time is an error: of the request, if it is the only one."""
        self.cancel()
        results = [self._result(number, entry) for number, entry in enumerate(self.entries, 1)]
        return SolveResponse(task=self.served.task.name, weights=self.served.name, results=results)

    def _result(self, number: int, entry: Future[Answer] | PuzzleError) -> SolveResult:
        place = f"puzzle {number}" if self.several else None
        if isinstance(entry, PuzzleError):
            return SolveResult(place=place, status="error", message=entry.message)
        if entry.cancelled():
            late = f"no answer within {self.seconds:g} seconds"
            if not self.several:
                raise Refused(late, where="puzzle", status=504)
            return SolveResult(place=place, status="error", message=late)
        return SolveResult(place=place, **entry.result().to_dict())


class Service:
    """Solves, checks, makes and hints with some weights, within limits; safe to call from many threads."""

    def __init__(self, models: Sequence[Served], limits: Limits) -> None:
        self.models, self.limits = models, limits
        self._maker = Maker(limits.making)

    def close(self) -> None:
        """Answers all puzzles in the queue, then ends."""
        for each in self.models:
            each.close()
        self._maker.close()

    def list_models(self) -> ModelsResponse:
        limits = {name: float(value) for name, value in vars(self.limits).items()}
        return ModelsResponse(models=[each.card() for each in self.models], limits=limits)

    # solve
    def solve(self, request: SolveRequest) -> SolveResponse:
        """Solves; with several puzzles, one that cannot be solved is an error in its place."""
        work = self.begin(request)
        wait(work.futures, self.limits.seconds)
        return work.response()

    def begin(self, request: SolveRequest) -> Work:
        """Queues the puzzles; `Work.cancel` gives them up."""
        several = request.puzzles is not None
        boards: Sequence[Board] = request.puzzles or [request.puzzle or ""]
        if len(boards) > self.limits.puzzles:
            raise Refused(
                f"{len(boards):,} puzzles; at most {self.limits.puzzles:,} fit in a request",
                where="puzzles",
                status=413,
            )
        steps = self._steps(request.max_steps)
        served = chosen(self.models, request, boards)
        entries = self._read_all(served.task, boards)
        if not several and isinstance(error := entries[0], PuzzleError):
            raise Refused(error.message, where="puzzle")
        jobs = [
            SolveJob(question=entry, max_steps=steps, trace=request.trace)
            for entry in entries
            if not isinstance(entry, PuzzleError)
        ]
        futures = iter(served.shared.submit(jobs) if jobs else [])
        placed = [entry if isinstance(entry, PuzzleError) else next(futures) for entry in entries]
        return Work(served=served, entries=placed, several=several, seconds=self.limits.seconds)

    def _read_all(self, task: Task, boards: Sequence[Board]) -> list[Grid | PuzzleError]:
        """Valid puzzles, or the error of each; raises Refused if validating takes too long."""
        deadline = monotonic() + self.limits.seconds
        entries: list[Grid | PuzzleError] = []
        for board in boards:
            if monotonic() > deadline:
                raise Refused(f"not read within {self.limits.seconds:g} seconds", where="puzzles", status=504)
            entries.append(_read(task, board))
        return entries

    def watch(self, request: OneRequest, on_draft: Listener) -> Work:
        """Queues one puzzle; the listener is called with each of its drafts."""
        steps = self._steps(request.max_steps)
        served = chosen(self.models, request, [request.puzzle])
        question = _sound(served.task, request.puzzle)
        futures = served.shared.submit([SolveJob(question=question, max_steps=steps, on_draft=on_draft)])
        return Work(served=served, entries=[*futures], several=False, seconds=self.limits.seconds)

    def _steps(self, asked: int | None) -> int | None:
        if asked is not None and asked > self.limits.steps:
            raise Refused(f"expected at most {self.limits.steps}, got {asked}", where="max_steps")
        return asked

    # hint
    def hint(self, request: OneRequest) -> HintResponse:
        """The open cell that the model is most certain of, confirmed by the answer if one is found."""
        work = self.begin_hint(request)
        wait(work.futures, self.limits.seconds)
        return self.hint_of(work)

    def begin_hint(self, request: OneRequest) -> Work:
        """Queues the puzzle, and keeps how certain its first draft is of each cell."""
        task = chosen_task(self.models, request, [request.puzzle])
        if task.open_token is None:
            raise Refused(f"{task.name} has no cells to fill in, so there are no hints", where="task")
        if not (task.encode(_sound(task, request.puzzle)) == task.open_token).any():
            raise Refused("all cells are filled in; expected at least one blank", where="puzzle")
        first: list[Hinted] = []

        def listen(step: TraceStep, logits: Callable[[], NDArray[np.float32]]) -> None:
            if not first:
                first.append(certainty(logits(), task.open_token))

        return replace(self.watch(request, listen), hinted=first)

    def hint_of(self, work: Work) -> HintResponse:
        """The hint of a puzzle that has been solved, or given up."""
        work.response()  # raises Refused where it took too long
        [future], task = work.futures, work.served.task
        hint = hint_of(future.result(), work.hinted[0])
        message = "" if hint.verified else "not verified: no answer that keeps the rules was found"
        return HintResponse(task=task.name, weights=work.served.name, message=message, **vars(hint))

    # by the rules alone
    def check(self, request: CheckRequest) -> CheckResponse:
        """Judges an answer, finished or not."""
        if request.weights is None and request.task not in (None, "sudoku", "maze"):
            task = any_task(str(request.task), self.models)
        else:
            task = chosen_task(self.models, request, [request.puzzle])
        if not task.judges:
            raise Refused(f"{task.name} has no rules to check an answer by", where="task")
        # whether a large Sudoku has one solution may take hours to find out, and a judgement does without
        large = isinstance(task, Sudoku) and task.seq_len > SMALL
        question = _sound(task, request.puzzle, read_answer if large else grid_of)
        try:
            answer = read_answer(task, request.answer)
        except PuzzleError as error:
            raise Refused(error.message, where="answer") from error
        verdict = task.check(question, answer)
        wrong = [CellPlace(row=int(row) + 1, column=int(column) + 1) for row, column in _wrong(task, question, answer)]
        status: Any = "solved" if verdict.solved else "unsolved"
        return CheckResponse(task=task.name, status=status, message=verdict.reason, wrong=wrong)

    def make(self, request: MakeRequest) -> MakeResponse:
        """Makes puzzles: the same that `redraft make` makes of this seed."""
        task = any_task(request.task, self.models)
        if request.count * task.seq_len > self.limits.cells:
            most = self.limits.cells // task.seq_len
            raise Refused(f"expected at most {most} of {task.name}, got {request.count}", where="count", status=413)
        seed = secrets.randbelow(FRESH) if request.seed is None else request.seed
        options = {"clues": request.clues, "guesses": request.guesses, "least": request.least}
        made = self._maker.make(task.spec, request.count, seed, **options)
        puzzles = [
            MadePuzzle(
                question=task.format(question), answer=task.format(answer), rating=rating if rating >= 0 else None
            )
            for question, answer, rating in zip(made.questions, made.answers, made.ratings.tolist(), strict=True)
        ]
        return MakeResponse(task=task.name, seed=seed, puzzles=puzzles)


def _read(task: Task, board: Board) -> Grid | PuzzleError:
    try:
        return grid_of(task, board)
    except PuzzleError as error:
        return error


def _sound(task: Task, board: Board, read: Callable[[Task, Board], Grid] = grid_of) -> Grid:
    try:
        return read(task, board)
    except PuzzleError as error:
        raise Refused(error.message, where="puzzle") from error


def _wrong(task: Task, question: Grid, answer: Grid) -> NDArray[np.int64]:
    return np.argwhere(task.wrong_cells(question, answer))
