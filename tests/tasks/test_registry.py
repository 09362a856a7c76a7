"""Every task that redraft knows by name keeps the contract of tasks; names with and without a version."""

import json
from pathlib import Path

import pytest
from helpers.failing import raises

from redraft.data.build import from_examples
from redraft.data.store import Store, task_in
from redraft.errors import DataError, RedraftError
from redraft.tasks import ANY_SIZE, TASKS, check_task, get_task


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


def test_families_of_any_size_are_listed() -> None:
    for name in ANY_SIZE:
        side = "3" if name.startswith("futoshiki") else "8"
        assert get_task(name.replace("N", side).replace("H", "5").replace("W", "7")).name


@pytest.mark.parametrize("name", [*TASKS, "sudoku-12x12", "maze-5x7", "arc-8x8"])
def test_an_id_is_a_name_with_a_version(name: str) -> None:
    task = get_task(name)
    assert task.id == f"{name}-v1" and task.spec == name
    same = get_task(task.id)
    assert (same.name, same.id, same.spec) == (name, task.id, name)


def test_a_version_that_there_is_not_names_the_one_there_is() -> None:
    with pytest.raises(RedraftError, match="unknown version 2 of sudoku-9x9; known: sudoku-9x9-v1"):
        get_task("sudoku-9x9-v2")
    with pytest.raises(RedraftError, match="unknown task 'sudoku'"):
        get_task("sudoku-v1")


def test_a_store_is_of_its_task_whether_a_version_stands_there_or_not(tmp_path: Path) -> None:
    task = get_task("sudoku-4x4-v1")
    from_examples(task, task.make(3, 0), source="made").save(tmp_path / "store")
    file = tmp_path / "store/store.json"
    meta = json.loads(file.read_text())
    assert meta["task"] == "sudoku-4x4"
    for written in ("sudoku-4x4", "sudoku-4x4-v1"):
        file.write_text(json.dumps({**meta, "task": written}))
        assert task_in(file.parent) == "sudoku-4x4"
        for expected in (None, "sudoku-4x4", "sudoku-4x4-v1"):
            assert Store.open(file.parent, task=expected).task == "sudoku-4x4"
        with pytest.raises(DataError, match="holds examples of sudoku-4x4"):
            Store.open(file.parent, task="sudoku-6x6-v1")
