"""Other starts are what they are said to be, and restarts are added up as they are spent."""

import numpy as np
import pytest
import torch

from benchmarks.effort.policies import Shape
from benchmarks.effort.record import NEVER, Runs
from benchmarks.effort.starts import Donors, random_start, restarted
from redraft.core.carry import Carry
from redraft.data.build import open_source
from redraft.models import TRMConfig, build_model
from redraft.tasks import get_task
from redraft.weights import folder
from redraft.weights.io import load_weights

pytestmark = pytest.mark.arithmetic

STATES = torch.arange(3.0)[:, None, None].expand(3, 4, 2)  # donors 0, 1, 2 of four positions and width two
DONORS = Donors(rows=np.array([0, 2, 3]), carry=Carry(STATES, 10 * STATES))


def test_restarts_cost_what_they_take() -> None:
    firsts = np.array(
        [
            [3, 9, NEVER, NEVER],  # the model's own start
            [NEVER, 2, 5, NEVER],
            [1, 1, 1, NEVER],  # not asked of the first two any more
        ]
    )
    solved, spent = restarted(firsts, 4)
    assert solved.tolist() == [True, True, True, False]
    assert spent.tolist() == [3, 4 + 2, 4 + 4 + 1, 12]
    solved, spent = restarted(firsts, 9)
    assert solved.tolist() == [True, True, True, False]
    assert spent.tolist() == [3, 9, 9 + 5, 27]


def test_a_puzzle_begins_from_anothers_end() -> None:
    found = DONORS.other(np.array([0, 1, 2, 3, 4, 5]))
    assert found.y[:, 0, 0].tolist() == [1, 1, 2, 0, 1, 2], "puzzle 0 would have been its own donor"
    assert torch.equal(found.z, 10 * found.y) and found.y.shape == (6, 4, 2)


def test_the_mean_is_of_others() -> None:
    found = DONORS.mean(np.array([0, 1, 3]))
    assert found.y[:, 0, 0].tolist() == pytest.approx([1.5, 1.0, 0.5])
    assert found.z.shape == (3, 4, 2)
    torch.testing.assert_close(found.z, 10 * found.y)


@pytest.mark.parametrize(("kept", "enough"), [(0, False), (1, False), (2, True)])
def test_one_donor_is_not_enough(kept: int, enough: bool) -> None:
    assert Donors(rows=DONORS.rows[:kept], carry=DONORS.carry.rows(slice(kept))).enough is enough


def test_donors_are_those_that_are_solved() -> None:
    task = get_task("sudoku-6x6")
    store = open_source(task, "make:24@4242")
    place = folder("sudoku-6x6")
    assert place is not None
    runs, shape = Runs(load_weights(place).model, task, store, batch_size=24), Shape(T=2, n=3, steps=2)
    donors = Donors.of(runs, shape)
    record = runs.record(shape.recursions, lambda done: None)
    assert np.array_equal(donors.rows, np.flatnonzero(record.solved[:, -1]))
    assert len(donors.rows) == len(donors.carry.y) > 12
    assert (runs.first_solved(np.arange(24), 2, start=donors.mean) <= 2).mean() > 0.5, (
        "a start the model can go on from"
    )


def test_random_starts_depend_on_puzzle_and_seed_alone() -> None:
    task = get_task("sudoku-4x4")
    model = build_model(
        TRMConfig(vocab_size=6, seq_len=16, hidden_size=16, num_heads=2, width_multiple=8, puzzle_dim=16)
    )
    runs = Runs(model, task, open_source(task, "make:5@1"), batch_size=5)
    start, again, other = (random_start(runs, seed) for seed in (1, 1, 2))
    rows = np.arange(5)
    assert torch.equal(start(rows).y[3:], again(np.array([3, 4])).y)
    assert not torch.equal(start(rows).y, other(rows).y) and not torch.equal(start(rows).y, start(rows).z)
    y = start(rows).y
    assert y.shape == model.initial_carry(5).y.shape
    assert torch.equal(y, y[:, :1].expand_as(y)), "the same at every position"
