"""Guesses: which cells and symbols, in what order, and how the solver goes through them."""

import re
from dataclasses import replace

import numpy as np
import pytest

from redraft.backends.protocol import Draft
from redraft.errors import RedraftError, WeightsError
from redraft.solve.load import load, open_stepper
from redraft.solve.opened import Habits
from redraft.solve.solver import Solver, guesses
from redraft.tasks import get_task

TASK = get_task("sudoku-4x4")
MADE = TASK.make(3, 0)
ANSWERS = TASK.encode(MADE.answers)
OPEN = 1


def test_the_least_sure_cell_comes_first_with_what_the_draft_does_not_say() -> None:
    inputs = np.array([OPEN, 3, OPEN, OPEN])
    logits = np.array(
        [
            [9, 9, 5, 1, 0],  # padding and blank are no symbols: token 2, by 4
            [0, 0, 1, 1, 1],  # given
            [0, 0, 1, 2, 8],  # token 4, by 6
            [0, 0, 3, 3.5, 1],  # token 3, by half
        ],
        np.float32,
    )
    assert guesses(inputs, logits, open_token=OPEN) == [(3, 2), (3, 3), (0, 3), (0, 2), (2, 3), (2, 4)]


def test_what_is_no_symbol_is_not_guessed() -> None:
    assert guesses(np.array([OPEN]), np.zeros((1, 3), np.float32), open_token=OPEN) == [(0, 2)]


def test_nothing_is_guessed_where_all_is_given() -> None:
    assert guesses(np.array([2, 3]), np.zeros((2, 5), np.float32), open_token=OPEN) == []


class Stuck:
    """Answers a puzzle rightly only where its key, a cell, is given as it should be; keeps what it was asked."""

    recursions = 1

    def __init__(self, keys: list[int | None]) -> None:
        self.keys = keys
        self.asked: list[np.ndarray] = []
        self.tries: list[int] = []

    def start(self, inputs: np.ndarray, puzzle_ids: np.ndarray, tries: np.ndarray) -> list[np.ndarray]:
        self.asked += list(inputs)
        self.tries += tries.tolist()
        return list(inputs)

    def step(self, state: list[np.ndarray], recursions: int | None = None) -> tuple[list[np.ndarray], Draft]:
        return state, Draft(np.stack([self._draft(inputs) for inputs in state]), np.zeros(len(state), np.float32))

    def _draft(self, inputs: np.ndarray) -> np.ndarray:
        number = self._number(inputs)
        key = self.keys[number]
        opened = key is not None and inputs[key] == ANSWERS[number, key]
        return ANSWERS[number] if opened else np.full(16, 2, np.int16)

    def _number(self, inputs: np.ndarray) -> int:
        """Which puzzle it is: the one whose givens are all there."""
        given = TASK.encode(MADE.questions)
        return next(n for n, q in enumerate(given) if (inputs[q != OPEN] == q[q != OPEN]).all())

    def logits(self, state: list[np.ndarray]) -> np.ndarray:
        """Least sure of the last cells; the second-best symbol is always the right one."""
        found = np.zeros((len(state), 16, TASK.vocab_size), np.float32)
        for row, inputs in enumerate(state):
            answer = ANSWERS[self._number(inputs)]
            found[row, np.arange(16), answer] = 10.0
            found[row, np.arange(16), np.where(answer == 2, 3, 2)] = 10 + np.arange(16, 0, -1)
        return found

    def select(self, state: list[np.ndarray], rows: np.ndarray) -> list[np.ndarray]:
        return [state[row] for row in rows]

    def join(self, first: list[np.ndarray], second: list[np.ndarray]) -> list[np.ndarray]:
        return first + second


def open_cells(number: int) -> list[int]:
    """Cells of a puzzle that are to be filled, the least sure by `Stuck` first."""
    return np.flatnonzero(TASK.encode(MADE.questions[number]) == OPEN)[::-1].tolist()


@pytest.mark.parametrize("batch_size", [1, 2, 3])
def test_a_puzzle_is_solved_by_the_guess_it_needs(batch_size: int) -> None:
    needed = [0, 2, 1]  # how many open cells come before the one that opens the puzzle
    stepper = Stuck([open_cells(number)[count] for number, count in enumerate(needed)])
    solver = Solver(stepper, TASK, restart=2, guess=True, max_steps=20, batch_size=batch_size)  # type: ignore[arg-type]
    answers = solver.solve_many(list(MADE.questions))
    assert [(a.solved, a.tries) for a in answers] == [(True, 2 + 2 * count) for count in needed]
    assert [a.steps for a in answers] == [2 * (1 + 2 * count) + 1 for count in needed]
    assert set(stepper.tries) == {0}, "a guess begins as the model does"
    for answer, number in zip(answers, range(3), strict=True):
        np.testing.assert_array_equal(answer.question, MADE.questions[number])


def test_each_guess_fills_one_cell_and_after_the_last_come_other_states() -> None:
    question, cells = TASK.encode(MADE.questions[0]), open_cells(0)
    count = 2 * len(cells)
    stepper = Stuck([None])
    solver = Solver(stepper, TASK, restart=1, guess=True, max_steps=count + 3)  # type: ignore[arg-type]
    [answer] = solver.solve_many([MADE.questions[0]])
    assert not answer.solved and answer.tries == count + 3
    filled = [np.flatnonzero(asked != question).tolist() for asked in stepper.asked]
    assert filled == [[], *([cell] for cell in cells for _ in range(2)), [], []]
    assert stepper.tries == [0] * (count + 1) + [count + 1, count + 2]


def test_without_cells_to_fill_there_is_nothing_to_guess() -> None:
    solver = load("maze-8x8", restart=2, guess=True)
    assert not solver.guess and solver.restart == 2


def test_what_the_card_says_gives_way_to_what_is_asked_for() -> None:
    assert Habits(max_steps=64, restart=4, guess=True).but(restart=0, guess=None, max_steps=None) == {
        "max_steps": 64,
        "restart": 0,
        "guess": True,
    }
    solver = load("sudoku-9x9", max_steps=12)
    assert (solver.max_steps, solver.restart, solver.guess) == (12, 4, True)
    for plain in (load("sudoku-6x6"), load("sudoku-9x9", halt="head"), load("sudoku-9x9", halt="never")):
        assert (plain.max_steps, plain.guess) == (16, False)


@pytest.mark.parametrize(
    "told",
    [None, "soon", {"max_steps": "many"}, {"max_steps": 16.5}, {"restart": "4"}, {"guess": "false"}, {"guess": 1}],
)
def test_a_card_that_makes_no_sense_is_named(told: object) -> None:
    opened = replace(open_stepper("sudoku-6x6"), card={"solve": told})
    with pytest.raises(WeightsError, match=f"card: solve: .*max_steps.*restart.*guess.*{re.escape(repr(told))}"):
        opened.habits("rules")


def test_a_hard_puzzle_is_solved_out_of_the_box() -> None:
    """One that takes the weights a guess, and by the rules has just this answer."""
    hard = "8..........36......7..9.2...5...7.......457.....1...3...1....68..85...1..9....4.."
    answer = load("sudoku-9x9", backend="numpy").solve(hard)
    assert answer.solved
    with pytest.raises(RedraftError):
        load("sudoku-9x9").solve(hard[:-1] + "9")
