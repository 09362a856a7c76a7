"""The search: which guesses in what order, what is left out, when it ends, and how the solver goes through it."""

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from redraft.backends.protocol import Draft
from redraft.errors import RedraftError, WeightsError
from redraft.solve.load import load, open_stepper
from redraft.solve.opened import Habits
from redraft.solve.search import ALONE, GuessTree, Node, fill, guesses
from redraft.solve.solver import Answer, Solver
from redraft.tasks import Grid, get_task

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
    first = [(3, 2), (3, 3), (0, 3), (0, 2), (2, 3), (2, 4)]
    then = [(3, 4), (0, 4), (2, 2)]
    assert list(guesses(inputs, logits, open_token=OPEN)) == first + then


def test_what_is_no_symbol_is_not_guessed() -> None:
    assert list(guesses(np.array([OPEN]), np.zeros((1, 3), np.float32), open_token=OPEN)) == [(0, 2)]


def test_nothing_is_guessed_where_all_is_given() -> None:
    assert list(guesses(np.array([2, 3]), np.zeros((2, 5), np.float32), open_token=OPEN)) == []


def tree(question: Grid, logits: Callable[[Node], np.ndarray], most: int = 10**6) -> list[Node]:
    """The nodes of a search where every try fails, with these logits."""
    search, nodes = GuessTree(TASK, question), []
    node = search.next(logits(()))
    while node and len(nodes) < most:
        nodes.append(node)
        node = search.next(logits(node))
    return nodes


def least_sure_first(node: Node) -> np.ndarray:
    """Logits (16, 6) that are the less sure the smaller the cell is, and prefer small tokens."""
    return -np.arange(6, dtype=np.float32) * (1 + np.arange(16, dtype=np.float32)[:, None])


def nearly_filled(*open_cells: int) -> Grid:
    """A question (4, 4) with few open cells."""
    tokens = ANSWERS[0].copy()
    tokens[list(open_cells)] = OPEN
    grid: Grid = TASK.decode(tokens)
    return grid


EMPTY: Grid = np.zeros((4, 4), np.int8)


def test_single_guesses_come_first_and_deeper_ones_join_them() -> None:
    nodes = tree(EMPTY, least_sure_first, ALONE + 8)
    singles = list(guesses(np.full(16, OPEN), least_sure_first(()), open_token=OPEN))
    assert nodes[:ALONE] == [(guess,) for guess in singles[:ALONE]]
    assert [len(node) for node in nodes[ALONE:]] == [2, 1] * 4, "they take turns"
    assert nodes[ALONE][0] == singles[0], "the child of the first to fail"
    assert nodes[ALONE + 1] == (singles[ALONE],)


def test_a_node_is_what_its_guesses_fill_in_whatever_their_order() -> None:
    nodes = tree(EMPTY, least_sure_first, 500)
    assert len({frozenset(node) for node in nodes}) == len(nodes) == 500
    assert max(map(len, nodes)) >= 3
    assert all(len({cell for cell, _ in node}) == len(node) for node in nodes), "a cell is filled once"


def test_a_node_that_breaks_a_rule_is_never_tried() -> None:
    for node in tree(MADE.questions[0], least_sure_first, 300):
        filled = TASK.decode(fill(TASK.encode(MADE.questions[0]), node))
        assert not TASK.wrong_cells(filled, filled).any()


def test_a_search_ends_and_reaches_every_filling_that_keeps_the_rules() -> None:
    question = nearly_filled(0, 5, 6)
    right = frozenset((cell, int(ANSWERS[0, cell])) for cell in (0, 5, 6))
    nodes = tree(question, least_sure_first)
    filled = {frozenset(node) for node in nodes if len(node) == 3}
    assert right in filled and len(nodes) < 5**3
    search = GuessTree(TASK, question)
    logits = [least_sure_first(()) for _ in range(len(nodes) + 3)]
    assert [search.next(each) for each in logits][-3:] == [(), (), ()], "it stays ended"


def test_a_draft_orders_the_children_of_its_own_node() -> None:
    def changing(node: Node) -> np.ndarray:
        return least_sure_first(node)[:: -1 if len(node) == 1 else 1]

    nodes = tree(EMPTY, changing, ALONE + 8)
    pair = next(node for node in nodes if len(node) == 2)
    assert pair[0][0] == 0 and pair[1][0] == 15


def test_a_puzzle_that_breaks_a_rule_itself_has_no_node() -> None:
    question = EMPTY.copy()
    question[0, :2] = 3
    assert tree(question, least_sure_first) == []


class Stuck:
    """Answers a puzzle rightly only where its key, some cells, is given as it should be; keeps what it was asked."""

    recursions = 1

    def __init__(self, keys: list[list[int] | None]) -> None:
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
        opened = key is not None and (inputs[key] == ANSWERS[number, key]).all()
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
    stepper = Stuck([[open_cells(number)[count]] for number, count in enumerate(needed)])
    solver = Solver(stepper, TASK, restart=2, guess=True, max_steps=20, batch_size=batch_size)  # type: ignore[arg-type]
    answers = solver.solve_many(list(MADE.questions))
    failed = [2, 4, 3]  # also by best symbols, which are wrong, but for those that break a rule at once
    assert [(a.solved, a.tries) for a in answers] == [(True, count) for count in failed]
    assert [a.steps for a in answers] == [2 * (count - 1) + 1 for count in failed]
    assert set(stepper.tries) == {0}, "a guess begins as the model does"
    for answer, number in zip(answers, range(3), strict=True):
        np.testing.assert_array_equal(answer.question, MADE.questions[number])


@pytest.mark.parametrize("batch_size", [1, 2, 3, 7])
def test_a_puzzle_that_needs_several_guesses_is_solved_and_alike_in_every_batch(batch_size: int) -> None:
    keys = [open_cells(0)[:2], open_cells(1)[1:4], open_cells(2)[:1]]

    def solved(size: int) -> list[Answer]:
        solver = Solver(Stuck(keys), TASK, restart=1, guess=True, max_steps=4000, batch_size=size)  # type: ignore[arg-type]
        return solver.solve_many(list(MADE.questions))

    answers, alone = solved(batch_size), solved(1)
    assert all(answer.solved for answer in answers)
    for answer, same, key in zip(answers, alone, keys, strict=True):
        assert len(answer.trace[-1].guesses) >= len(key)
        assert [step.guesses for step in answer.trace] == [step.guesses for step in same.trace]
        assert answer.tries == answer.steps == len(answer.trace)


def test_after_the_last_node_come_other_states() -> None:
    question, cells = nearly_filled(0, 5), [0, 5]
    stepper = Stuck([None])
    stepper._number = lambda inputs: 0  # type: ignore[method-assign]
    count = 1 + len(tree(question, lambda node: stepper.logits([fill(TASK.encode(question), node)])[0]))
    solver = Solver(stepper, TASK, restart=1, guess=True, max_steps=count + 2)  # type: ignore[arg-type]
    [answer] = solver.solve_many([question])
    assert not answer.solved and answer.tries == count + 2
    filled = [np.flatnonzero(asked != TASK.encode(question)).tolist() for asked in stepper.asked]
    assert filled[0] == filled[-1] == filled[-2] == [] and all(set(each) <= {*cells} for each in filled)
    assert cells in filled
    assert stepper.tries == [0] * count + [count, count + 1]


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
