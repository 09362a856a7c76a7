"""The made-up ARC: every kind of rule does what its name says, to all the pairs of a task."""

import numpy as np
import pytest

from redraft.tasks.arc.make import KINDS, make_tasks

TASKS = make_tasks(80, 1)


def test_each_task_depends_on_seed_and_number_alone() -> None:
    again = make_tasks(3, 1)
    for task, other in zip(TASKS, again, strict=False):
        assert task.name == other.name
        for pair, same in zip((*task.train, *task.test), (*other.train, *other.test), strict=True):
            assert np.array_equal(pair.input, same.input) and np.array_equal(pair.output, same.output)
    assert {task.name for task in TASKS}.isdisjoint(task.name for task in make_tasks(80, 2))


@pytest.mark.parametrize("kind", KINDS)
def test_rules(kind: str) -> None:
    tasks = [task for task in TASKS if task.name.startswith(kind)]
    assert len(tasks) > 3, "every kind comes about equally often"
    for task in tasks:
        assert len(task.train) == 3 and len(task.test) == 1
        for question, answer in (*task.train, *task.test):
            assert answer is not None and answer.dtype == np.uint8
            assert max(answer.shape) <= 30 and answer.max() <= 9
            counts, after = np.bincount(question.ravel(), minlength=10), np.bincount(answer.ravel(), minlength=10)
            if kind in ("symmetry", "gravity"):
                np.testing.assert_array_equal(counts, after)
            elif kind == "recolour":
                assert counts[0] == after[0] and sorted(counts) == sorted(after)
            elif kind == "double":
                np.testing.assert_array_equal(2 * counts, after)
            elif kind == "scale":
                assert np.array_equal(4 * counts, after) or np.array_equal(9 * counts, after)
            elif kind == "border":
                assert len({*answer[0], *answer[-1], *answer[:, 0], *answer[:, -1]}) == 1
            else:
                assert np.count_nonzero(after[1:]) == 1, "one object, so one colour"
                assert (after[1:] <= counts[1:]).all()


def test_gravity_leaves_no_cell_in_the_air() -> None:
    for task in TASKS:
        if task.name.startswith("gravity"):
            answers = [pair.output != 0 for pair in (*task.train, *task.test) if pair.output is not None]
            sides = [[np.rot90(answer, k) for answer in answers] for k in range(4)]
            assert any(all((np.diff(grid.astype(int), axis=0) >= 0).all() for grid in side) for side in sides)
