"""Every task that redraft knows by name keeps the contract of tasks."""

import pytest
from helpers.failing import raises

from redraft.errors import RedraftError
from redraft.tasks import TASKS, check_task, get_task


@pytest.mark.parametrize("name", TASKS)
def test_contract(name: str) -> None:
    task = get_task(name)
    assert task.name == task.spec == name
    check_task(task, count=2)


def test_mazes_of_any_size_have_a_name() -> None:
    for height, width in ((4, 64), (12, 12), (64, 64)):
        task = get_task(f"maze-{height}x{width}")
        assert (task.height, task.width, task.spec) == (height, width, f"maze-{height}x{width}")
    for name in ("maze", "maze-10", "maze-10x", "maze-10x10x10", "Maze-10x10"):
        with raises(RedraftError, f"'{name}'", "sudoku-4x4"):
            get_task(name)
