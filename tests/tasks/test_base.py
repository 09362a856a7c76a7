"""The contract of tasks: what `Task` gives for nothing, and what `check_task` finds."""

import numpy as np
import pytest
from helpers.failing import raises
from numpy.typing import NDArray

from redraft.draw.svg import svg_strip
from redraft.tasks import get_task
from redraft.tasks.base import Examples, Grid, Task
from redraft.tasks.check import check_task
from redraft.tasks.sudoku.task import Sudoku


class Plain(Sudoku):
    """Sudoku with no more than `Task` gives."""

    check_many = Task.check_many
    wrong_cells = Task.wrong_cells


def test_check_many_is_check_on_each() -> None:
    task = Plain(4)
    made = task.make(3, 0)
    answers = made.answers.copy()
    answers[1, 0, 0] = 0
    solved = task.check_many(made.questions, answers)
    assert solved.dtype == bool and solved.tolist() == [True, False, True]
    assert task.check_many(made.questions[:0], answers[:0]).shape == (0,)
    check_task(task, count=2)


def test_no_cell_is_wrong_unless_the_task_says_so() -> None:
    task = Plain(6)
    made = task.make(1, 0)
    question, clashes = made.questions[0], np.ones((6, 6), np.int8)
    wrong = task.wrong_cells(question, clashes)
    assert wrong.shape == (6, 6) and wrong.dtype == bool and not wrong.any()
    red = "#ffcecb"
    assert red not in svg_strip(task, question, [clashes], ["draft"])
    assert red in svg_strip(Sudoku(6), question, [clashes], ["draft"])


def test_check_task_finds_a_check_many_that_differs() -> None:
    class Careless(Sudoku):
        def check_many(self, questions: NDArray[np.int8], answers: NDArray[np.int8]) -> NDArray[np.bool_]:
            filled: NDArray[np.bool_] = (answers > 0).all((1, 2))  # forgets the givens
            return filled

    with raises(AssertionError, "check_many", "make"):
        check_task(Careless(4), count=3)


def test_check_task_finds_wrong_cells_in_a_right_answer() -> None:
    class Strict(Sudoku):
        def wrong_cells(self, question: Grid, grid: Grid) -> NDArray[np.bool_]:
            return question != grid

    with raises(AssertionError, "wrong_cells", "make"):
        check_task(Strict(4), count=1)


def test_check_task_finds_a_view_that_is_none() -> None:
    class Turned(Sudoku):
        orders: tuple[NDArray[np.intp], ...]

        @property
        def views(self) -> NDArray[np.intp]:
            return np.stack(self.orders)

    usual = np.arange(16)
    for orders, names in (
        ((usual[::-1],), ("views", "first")),
        ((usual, usual // 2), ("views", "leaves out a cell")),
        ((usual, np.roll(usual, 1)), ("a view",)),
    ):
        task = Turned(4)
        task.orders = orders
        with raises(AssertionError, *names):
            check_task(task, count=3)
    task.orders = (usual, usual[::-1])
    check_task(task, count=3)


def test_examples_must_match() -> None:
    grids = np.zeros((2, 4, 4), np.int8)
    with raises(ValueError, "shapes"):
        Examples(questions=grids, answers=grids, ratings=np.zeros(3, np.float32))
    made = Examples(questions=grids, answers=grids, ratings=np.zeros(2, np.float32))
    assert len(made) == 2 and len(made[:1]) == 1


@pytest.mark.parametrize("name", ["sudoku-4x4", "sudoku-9x9", "maze-8x8"])
def test_token_names_spell_a_puzzle(name: str) -> None:
    task = get_task(name)
    names, made = task.token_names, task.make(2, 0)
    assert len(names) == len(set(names)) == task.vocab_size and names[0] == "<pad>"
    for grid in (*made.questions, *made.answers):
        assert "".join(names[token] for token in task.encode(grid)) == task.format(grid)


def test_names_of_tokens_that_are_no_symbols() -> None:
    assert get_task("arc").token_names == ("<pad>", "<end>", *"0123456789")
    spec = {"kind": "grids", "name": "mine", "alphabet": [".", "10", "x"], "height": 2, "width": 3}
    assert get_task({**spec, "varies": False}).token_names == ("<pad>", ".", "10", "x")
    assert get_task({**spec, "varies": True}).token_names == ("<pad>", "<end>", ".", "10", "x")

    class Marked(Sudoku):
        """With a token more, which stands for no symbol."""

        def decode(self, tokens: NDArray[np.integer]) -> NDArray[np.int8]:
            return super().decode(np.where(np.asarray(tokens) == 6, 1, tokens))

    marked = Marked(4)
    marked.vocab_size = 7
    assert marked.token_names == ("<pad>", ".", "1", "2", "3", "4", "<6>")
