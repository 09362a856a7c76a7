"""The batch that all clients share: filled across requests, in turn, left by who is gone, and ended in order."""

from concurrent.futures import Future, wait
from pathlib import Path

import pytest
from helpers.serving import ANSWERS, MADE, TASK, WAIT, Gated

from redraft.serve.limits import Refused
from redraft.serve.shared import SharedSolver
from redraft.solve.answer import Answer
from redraft.solve.job import SolveJob
from redraft.solve.load import load
from redraft.solve.solver import Solver
from redraft.tasks import get_task


def jobs(*numbers: int) -> list[SolveJob]:
    return [SolveJob(question=MADE.questions[number]) for number in numbers]


def shared(stepper: Gated, *, batch_size: int = 4, queue: int = 100) -> SharedSolver:
    return SharedSolver(Solver(stepper, TASK, batch_size=batch_size, max_steps=50, trace=False), queue=queue)


def texts(futures: list[Future[Answer]]) -> list[str]:
    return [future.result(WAIT).text for future in futures]


def test_requests_share_the_batch_and_refill_its_slots() -> None:
    stepper = Gated({0: 3, 1: 3}, gated=True)
    pool = shared(stepper)
    first = pool.submit(jobs(0))
    stepper.reached()  # alone in its first step
    second = pool.submit(jobs(1, 2))
    third = pool.submit(jobs(3, 4, 5))
    stepper.open()
    assert texts(first) + texts(second) + texts(third) == ANSWERS[:6]
    # 1 alone; then it and one of each request in turn: 1, 3, 2; then 0, 1 and the two that are left
    assert stepper.widths == [1, 4, 4, 1]
    pool.close()


def test_a_small_request_does_not_wait_for_a_large_one() -> None:
    stepper = Gated(gated=True)
    pool = shared(stepper, batch_size=1)
    large = pool.submit(jobs(*range(10)))
    stepper.reached()
    small = pool.submit(jobs(20))
    stepper.gate.release(3)  # one in the batch, then one of each
    assert texts(small) == [ANSWERS[20]]
    assert sum(future.done() for future in large) <= 2
    stepper.open()
    assert texts(large) == ANSWERS[:10]
    pool.close()


def test_answers_are_those_of_solve_many(tmp_path: Path) -> None:
    questions = list(get_task("sudoku-6x6").make(30, 11).questions)
    alone = load("sudoku-6x6", trace=True).solve_many(questions)
    pool = SharedSolver(load("sudoku-6x6", batch_size=7), queue=100)
    parts = [questions[:1], questions[1:4], questions[4:20], questions[20:]]
    futures = [pool.submit([SolveJob(question=each, trace=True) for each in part]) for part in parts]
    together = [future.result(WAIT) for part in futures for future in part]
    assert [answer.to_dict()["status"] for answer in together] == [answer.to_dict()["status"] for answer in alone]
    assert [(a.text, a.steps, a.tries) for a in together] == [(a.text, a.steps, a.tries) for a in alone]
    pool.close()


def test_who_leaves_while_waiting_is_not_solved_and_who_leaves_the_batch_frees_the_slot() -> None:
    stepper = Gated({0: 40, 1: 2}, gated=True)
    pool = shared(stepper, batch_size=2)
    gone, kept = pool.submit(jobs(0, 1))
    stepper.reached()
    waiting = pool.submit(jobs(2, 3))
    assert (pool.running, pool.waiting) == (2, 2)
    assert gone.cancel() and waiting[0].cancel()
    stepper.open()
    assert kept.result(WAIT).text == ANSWERS[1] and waiting[1].result(WAIT).text == ANSWERS[3]
    pool.close()
    assert stepper.widths == [2, 2]  # 3 came in where 0 had been
    assert (pool.running, pool.waiting) == (0, 0)


def test_a_full_queue_refuses_a_request_as_a_whole_and_forgets_who_left() -> None:
    stepper = Gated(gated=True)
    pool = shared(stepper, batch_size=1, queue=3)
    first = pool.submit(jobs(0))
    stepper.reached()
    waiting = pool.submit(jobs(1, 2))
    with pytest.raises(Refused) as refused:
        pool.submit(jobs(3, 4))
    assert refused.value.status == 429 and refused.value.retry_after == 1
    assert pool.waiting == 2
    assert waiting[0].cancel()
    again = pool.submit(jobs(3, 4))
    stepper.open()
    assert texts([*first, waiting[1], *again]) == [ANSWERS[number] for number in (0, 2, 3, 4)]
    pool.close()


def test_closing_answers_what_waits_and_takes_no_more() -> None:
    stepper = Gated({0: 3}, gated=True)
    pool = shared(stepper, batch_size=1)
    futures = pool.submit(jobs(0, 1, 2))
    stepper.open()
    pool.close()
    assert texts(futures) == ANSWERS[:3]
    with pytest.raises(Refused) as refused:
        pool.submit(jobs(3))
    assert refused.value.status == 503


def test_a_fault_fails_those_in_the_batch_alone(capsys: pytest.CaptureFixture[str]) -> None:
    stepper = Gated(gated=True)
    pool = shared(stepper, batch_size=2)
    failing = pool.submit(jobs(0, 1))
    stepper.reached()
    later = pool.submit(jobs(2, 3, 4))
    stepper.fails = True
    stepper.open()
    wait(failing, WAIT)
    assert [type(future.exception()) for future in failing] == [ArithmeticError, ArithmeticError]
    assert texts(later) == ANSWERS[2:5]
    pool.close()
    assert "as a test wants it" in capsys.readouterr().err
