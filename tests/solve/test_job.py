"""Jobs: questions with a limit, a listener and a way out of their own, in the same batch as all others."""

from collections.abc import Callable

import numpy as np
import pytest
from solve.test_solver import MADE, NEEDED, TASK, Scripted

from redraft.solve.answer import Answer, TraceStep
from redraft.solve.job import Listener, SolveJob
from redraft.solve.load import load
from redraft.solve.solver import Solver
from redraft.tasks import get_task


def jobs(**options: object) -> list[SolveJob]:
    return [SolveJob(question=question, **options) for question in MADE.questions[: len(NEEDED)]]  # type: ignore[arg-type]


def facts(answer: Answer) -> tuple[object, ...]:
    return answer.text, answer.steps, answer.tries, answer.verdict, len(answer.trace)


@pytest.mark.parametrize("name", ["sudoku-6x6", "maze-8x8"])
def test_jobs_are_answered_as_bare_questions_are(name: str) -> None:
    questions = get_task(name).make(12, 3).questions
    solver = load(name, batch_size=5)
    bare = [facts(answer) for answer in solver.solve_many(questions)]
    mixed = [SolveJob(question=each) if number % 2 else each for number, each in enumerate(questions)]
    answers = dict(solver.stream(mixed))
    assert [facts(answers[number]) for number in range(12)] == bare


def test_a_job_has_its_own_limit_of_steps() -> None:
    mixed = [
        SolveJob(question=question, max_steps=most)
        for question, most in zip(MADE.questions, (9, 9, 1, 4), strict=False)
    ]
    answers = dict(Solver(Scripted(NEEDED), TASK, max_steps=2).stream(mixed))
    assert [(answers[number].steps, answers[number].solved) for number in range(4)] == [
        (3, True), (1, True), (1, False), (4, False),
    ]  # fmt: skip


def test_a_job_says_whether_drafts_are_kept() -> None:
    for solver_keeps in (False, True):
        solver = Solver(Scripted(NEEDED), TASK, trace=solver_keeps)
        first, second, third, *_ = jobs()
        asked = [
            SolveJob(question=first.question, trace=True),
            SolveJob(question=second.question, trace=False),
            SolveJob(question=third.question),
        ]
        answers = dict(solver.stream(asked))
        assert [len(answers[number].trace) for number in range(3)] == [3, 0, 2 if solver_keeps else 0]


def test_a_listener_is_called_with_every_draft_of_its_puzzle_and_reads_its_logits() -> None:
    class Readable(Scripted):
        def logits(self, state: list[tuple[int, int]]) -> np.ndarray:
            return np.array([[[number, steps]] for number, steps in state], np.float32)

    heard: list[list[tuple[int, int]]] = [[] for _ in NEEDED]
    steps: list[list[TraceStep]] = [[] for _ in NEEDED]

    def listener(number: int) -> Listener:
        def listen(step: TraceStep, logits: Callable[[], np.ndarray]) -> None:
            steps[number].append(step)
            puzzle, done = logits()[0].astype(int).tolist()
            heard[number].append((puzzle, done))

        return listen

    asked = [
        SolveJob(question=job.question, on_draft=listener(number), trace=False) for number, job in enumerate(jobs())
    ]
    answers = dict(Solver(Readable(NEEDED), TASK, batch_size=3).stream(asked))
    assert heard == [[(number, done + 1) for done in range(needed)] for number, needed in enumerate(NEEDED)]
    for number, answer in answers.items():
        assert answer.trace == () and np.array_equal(steps[number][-1].grid, answer.grid)


def test_a_cancelled_job_frees_its_slot_at_the_next_step_and_has_no_answer() -> None:
    stepper, asked = Scripted([9, 9, 1, 1]), [0, 0]

    def gone() -> bool:
        asked[0] += 1
        return asked[0] == 2  # after two steps

    questions = [SolveJob(question=MADE.questions[0], cancelled=gone), *MADE.questions[1:4]]
    answers = dict(Solver(stepper, TASK, batch_size=2).stream(questions))
    assert sorted(answers) == [1, 2, 3] and answers[1].steps == 9
    assert asked[0] == 2  # and never again
    assert stepper.widths == [2, 2, 2, 2, 1, 1, 1, 1, 1]


def test_a_job_cancelled_while_it_waits_to_be_restarted_leaves_too() -> None:
    left: list[bool] = [False, True]
    questions = [SolveJob(question=MADE.questions[0], cancelled=lambda: left.pop(0))]
    stepper = Scripted([9])
    assert list(Solver(stepper, TASK, restart=2).stream(questions)) == []
    assert stepper.widths == [1, 1]


def test_when_all_jobs_are_cancelled_the_stream_ends() -> None:
    stepper = Scripted([9] * 8)
    assert list(Solver(stepper, TASK).stream(jobs(cancelled=lambda: True))) == []
    assert stepper.widths == [8]
