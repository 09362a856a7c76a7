"""Budgets: how they are written, and how the solver keeps to them."""

import math
from collections.abc import Iterator

import numpy as np
import pytest

import redraft.solve.solver
from redraft.backends.protocol import Draft
from redraft.errors import ConfigError
from redraft.solve.budget import ANY, SolveBudget, read_budget
from redraft.solve.load import load
from redraft.solve.solver import Solver
from redraft.tasks import get_task

TASK = get_task("sudoku-4x4")
MADE = TASK.make(3, 0)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (200, SolveBudget(200, math.inf)),
        ("200", SolveBudget(200, math.inf)),
        ("50ms", SolveBudget(ANY, 0.05)),
        ("2s", SolveBudget(ANY, 2.0)),
        ("1.5 s", SolveBudget(ANY, 1.5)),
    ],
)
def test_what_is_written_is_steps_or_time(value: int | str, expected: SolveBudget) -> None:
    assert read_budget(value) == expected


@pytest.mark.parametrize(
    "value",
    [0, -1, "0", "0ms", "0.0s", "", "1.5", "2m", "s", "-2s", "nan", "1e3", "٣", "5 steps", str(ANY + 1), "9" * 5000],
)
def test_anything_else_is_one_clear_error(value: int | str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_budget(value)
    assert repr(str(value)) in str(caught.value) and "\n" not in str(caught.value)


class Never:
    """Solves nothing; every recursion takes a second of the clock it is given."""

    recursions = 2

    def __init__(self, clock: list[float]) -> None:
        self.clock = clock

    def start(self, inputs: np.ndarray, puzzle_ids: np.ndarray, tries: np.ndarray) -> np.ndarray:
        return inputs

    def step(self, state: np.ndarray, recursions: int | None = None) -> tuple[np.ndarray, Draft]:
        self.clock[0] += recursions or self.recursions
        return state, Draft(np.full(state.shape, 2, np.int16), np.zeros(len(state), np.float32))

    def logits(self, state: np.ndarray) -> np.ndarray:
        return np.zeros((*state.shape, TASK.vocab_size), np.float32)

    def select(self, state: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return state[rows]

    def join(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        return np.concatenate([first, second])


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    now = [0.0]
    monkeypatch.setattr(redraft.solve.solver, "perf_counter", lambda: now[0])
    yield now


def solver(clock: list[float], budget: int | str, **options: int) -> Solver:
    return Solver(Never(clock), TASK, budget=budget, trace=False, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(("budget", "steps"), [("9s", 5), ("10s", 5), ("11s", 6), ("1ms", 1), (7, 7), ("7", 7)])
def test_a_puzzle_ends_when_its_budget_is_spent(clock: list[float], budget: int | str, steps: int) -> None:
    [answer] = solver(clock, budget, max_steps=3).solve_many([MADE.questions[0]])
    assert answer.steps == steps and not answer.solved


def test_time_is_counted_per_puzzle_from_when_it_joins(clock: list[float]) -> None:
    answers = solver(clock, "4s", batch_size=1, restart=1).solve_many(list(MADE.questions))
    assert [(answer.steps, answer.tries) for answer in answers] == [(2, 2)] * 3
    assert clock == [12.0]


def test_a_job_with_steps_of_its_own_keeps_to_both(clock: list[float]) -> None:
    from redraft.solve.job import SolveJob

    jobs = [SolveJob(question=MADE.questions[0], max_steps=steps) for steps in (1, 9)]
    assert [answer.steps for _, answer in sorted(solver(clock, "4s").stream(jobs), key=lambda each: each[0])] == [1, 2]


def test_weights_are_loaded_with_a_budget() -> None:
    assert load("sudoku-6x6", budget=3).max_steps == 3
    found = load("sudoku-6x6", budget="20s")
    assert (found.max_steps, found.seconds) == (ANY, 20.0) and found.solve(MADE_6X6).solved
    with pytest.raises(ConfigError, match="budget and max_steps"):
        load("sudoku-6x6", budget=3, max_steps=3)


MADE_6X6 = get_task("sudoku-6x6").make(1, 0).questions[0]
