"""Evaluation on a scripted stepper: what is recorded of every step of every puzzle."""

from dataclasses import replace

import numpy as np
import pytest

from redraft.backends.protocol import Draft
from redraft.data.build import from_examples
from redraft.errors import DataError
from redraft.evaluate.evaluate import evaluate
from redraft.tasks import get_task
from redraft.tasks.base import IGNORE

TASK = get_task("sudoku-4x4")
STORE = from_examples(TASK, TASK.make(5, 0), source="")


class Filling:
    """Gets a quarter of the cells right in the first step, half in the second, and so on; its state counts steps."""

    def start(self, inputs: np.ndarray, puzzle_ids: np.ndarray) -> tuple[np.ndarray, int]:
        return np.stack([STORE.labels[np.flatnonzero((STORE.inputs == row).all(1))[0]] for row in inputs]), 0

    def step(self, state: tuple[np.ndarray, int]) -> tuple[tuple[np.ndarray, int], Draft]:
        labels, steps = state[0], state[1] + 1
        tokens = np.where(np.arange(16) < 4 * steps, labels, 0)
        return (labels, steps), Draft(tokens, np.full(len(labels), steps - 2.5, np.float32))


@pytest.mark.parametrize("batch_size", [1, 2, 5, 64])
def test_records(batch_size: int) -> None:
    told: list[int] = []
    made = evaluate(Filling(), TASK, STORE, steps=5, batch_size=batch_size, progress=told.append)  # type: ignore[arg-type]
    assert made.exact.tolist() == made.solved.tolist() == [[False, False, False, True, True]] * 5
    np.testing.assert_allclose(made.cells, [[0.25, 0.5, 0.75, 1, 1]] * 5)
    np.testing.assert_allclose(made.halt_logit, [[-1.5, -0.5, 0.5, 1.5, 2.5]] * 5)
    np.testing.assert_array_equal(made.ratings, STORE.ratings)
    assert told == [min(batch_size * k, 5) for k in range(1, -(-5 // batch_size) + 1)]


def test_cells_without_a_label_do_not_count() -> None:
    labels = STORE.labels.copy()
    labels[:, 4:] = IGNORE
    made = evaluate(Filling(), TASK, replace(STORE, labels=labels), steps=1)  # type: ignore[arg-type]
    assert made.exact.all() and (made.cells == 1).all()
    assert not made.solved.any(), "the rules are another judge than labels"


def test_nothing_to_evaluate() -> None:
    with pytest.raises(DataError, match="example"):
        evaluate(Filling(), TASK, STORE.rows(slice(0)))  # type: ignore[arg-type]
