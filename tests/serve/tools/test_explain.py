"""Drafts in words: changes, restarts, guesses, and an end where there are too many."""

from concurrent.futures import Future
from types import SimpleNamespace

import numpy as np
from helpers.serving import MADE, TASK

from redraft.serve.service import Work
from redraft.serve.tools.explain import SHOWN, explain
from redraft.serve.types import ExplainResponse
from redraft.solve.answer import Answer, TraceStep
from redraft.tasks import Grid, Task, get_task

QUESTION, RIGHT = MADE.questions[0], MADE.answers[0]


def explained(
    trace: list[TraceStep], tries: int = 1, *, task: Task = TASK, question: Grid = QUESTION
) -> ExplainResponse:
    future: Future[Answer] = Future()
    grid = trace[-1].grid
    verdict = task.check(question, grid)
    answer = Answer(
        task=task,
        question=question,
        grid=grid,
        verdict=verdict,
        steps=len(trace),
        tries=tries,
        halt_probability=0.5,
        trace=tuple(trace),
    )
    future.set_result(answer)
    served = SimpleNamespace(name="some", task=task)
    return explain(Work(served=served, entries=[future], several=False, seconds=1.0))


def test_restarts_guesses_and_steps_that_change_nothing() -> None:
    wrong = np.roll(RIGHT, 1, axis=0)
    cell = 4 * 1 + 2
    first = [TraceStep(grid=wrong, halt_probability=0.25)] * 3
    guesses = tuple((each, int(TASK.encode(RIGHT)[each])) for each in (cell, 0))
    second = TraceStep(grid=wrong, halt_probability=0.25, attempt=2, guesses=guesses[:1])
    third = TraceStep(grid=wrong, halt_probability=0.25, attempt=3, guesses=guesses)
    found = explained([*first, second, third, TraceStep(grid=RIGHT, halt_probability=1.0, attempt=4)], tries=4)
    lines = found.words.splitlines()
    assert lines[0].endswith("solved after 6 steps and 4 tries; the answer keeps all rules.")
    assert lines[2] == "2 steps changed nothing."
    assert lines[3] == f"Restart 1, with a guess: {RIGHT[1, 2]} in row 2, column 3."
    assert lines[4].startswith("Step 4: 0 cells changed; ") and "25% sure" in lines[4]
    both = f"{RIGHT[1, 2]} in row 2, column 3; {RIGHT[0, 0]} in row 1, column 1"
    assert lines[5] == f"Restart 2, with 2 guesses: {both}."
    assert lines[7] == "Restart 3, from another state."
    assert "no rule is broken" in lines[8] and lines[9] == "Answer:"
    [guess] = found.drafts[3].guesses
    assert (guess.row, guess.column, guess.value) == (2, 3, str(RIGHT[1, 2]))
    assert [len(each.guesses) for each in found.drafts] == [0, 0, 0, 1, 2, 0]
    assert [each.changed for each in found.drafts[1:5]] == [0, 0, 0, 0] and found.drafts[0].wrong


def test_a_restart_in_another_view_says_so() -> None:
    task = get_task("maze-5x8")
    made = task.make(1, 0)
    asked, right = made.questions[0], made.answers[0]
    tries = [TraceStep(grid=asked, halt_probability=0.5, attempt=number) for number in (1, 2, 5)]
    found = explained(
        [*tries, TraceStep(grid=right, halt_probability=0.5, attempt=5)], tries=5, task=task, question=asked
    )
    assert "Restart 1, in another view." in found.words and "Restart 4, from another state." in found.words


def test_what_is_not_solved_is_a_draft() -> None:
    found = explained([TraceStep(grid=np.roll(RIGHT, 1, axis=0), halt_probability=0.9)])
    assert "not solved after 1 step and 1 try: " in found.words and "Last draft:" in found.words
    assert found.result.status == "unsolved" and found.result.answer is None


def test_words_have_a_bounded_length() -> None:
    grids = [np.roll(RIGHT, number % 2 + 1, axis=0) for number in range(200)]
    found = explained([TraceStep(grid=grid, halt_probability=0.1) for grid in grids])
    assert len(found.drafts) == 200 and len(found.words.splitlines()) <= SHOWN + 8
    assert "160 lines left out" in found.words and "Step 200: " in found.words
