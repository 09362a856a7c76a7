"""Puzzle ids of data against the table that was trained, as a table of cases."""

from dataclasses import replace

import numpy as np
import pytest

from redraft.data.build import from_examples
from redraft.data.store import Identifiers, Store
from redraft.errors import WeightsError
from redraft.evaluate.ids import require_ids
from redraft.solve.opened import PuzzleTable
from redraft.tasks import get_task
from redraft.tasks.arc.augmentations import Views
from redraft.tasks.arc.make import make_tasks

TASK = get_task("sudoku-4x4")
PLAIN = from_examples(TASK, TASK.make(4, 0), source="plain")
VIEWS = Views.make(make_tasks(2, 0), count=3)
BUILT = replace(PLAIN, views=VIEWS, puzzle_ids=np.array([1, 1, 5, 5], np.int32))
ROWS = len(VIEWS) + 1
NAMED = replace(PLAIN, puzzle_ids=np.array([1, 1, 2, 3], np.int32), named=Identifiers(9, "abc"))
UNNAMED = replace(NAMED, named=None)


@pytest.mark.parametrize(
    ("table", "store"),
    [
        (PuzzleTable(0, None), PLAIN),
        (PuzzleTable(0, None), BUILT),
        (PuzzleTable(1, None), PLAIN),
        (PuzzleTable(ROWS, VIEWS.fingerprint()), BUILT),
        (PuzzleTable(ROWS + 5, VIEWS.fingerprint()), BUILT),
        (PuzzleTable(9, "abc"), NAMED),
        (PuzzleTable(ROWS, None), BUILT),
        (PuzzleTable(4, ""), UNNAMED),
    ],
)
def test_ids_that_are_rows_of_the_table(table: PuzzleTable, store: Store) -> None:
    assert require_ids(table, store, name="w", data="d") == []


@pytest.mark.parametrize(
    ("table", "store"),
    [(PuzzleTable(99, None), BUILT), (PuzzleTable(99, ""), NAMED), (PuzzleTable(99, None), PLAIN)],
)
def test_what_nobody_can_know_is_remarked_on(table: PuzzleTable, store: Store) -> None:
    [remark] = require_ids(table, store, name="w", data="d")
    assert remark.startswith("w: ") and " d" in remark


@pytest.mark.parametrize(
    ("table", "store", "named"),
    [
        (PuzzleTable(1, None), BUILT, f" 1 .*{ROWS}"),
        (PuzzleTable(ROWS - 1, VIEWS.fingerprint()), BUILT, f"{ROWS - 1} .*{ROWS}"),
        (PuzzleTable(8, "abc"), NAMED, " 8 .* 9"),
        (PuzzleTable(3, None), UNNAMED, " 3 .* 4"),
        (PuzzleTable(ROWS, "other"), BUILT, "order"),
        (PuzzleTable(9, "other"), NAMED, "order"),
        (PuzzleTable(ROWS, VIEWS.fingerprint()), PLAIN, f"{ROWS}.*redraft data build"),
        (PuzzleTable(9, ""), PLAIN, " 9.*redraft data build"),
    ],
)
def test_others_are_refused(table: PuzzleTable, store: Store, named: str) -> None:
    with pytest.raises(WeightsError, match=f"^w: .*{named}") as error:
        require_ids(table, store, name="w", data="d")
    assert ("redraft arc adapt w d" in str(error.value)) == (store is BUILT)


def test_a_remedy_of_ones_own() -> None:
    with pytest.raises(WeightsError, match=r"^w: .*order.*; build both at once$"):
        require_ids(PuzzleTable(ROWS, "other"), BUILT, name="w", data="d", remedy="build both at once")


def test_another_order_is_another_table() -> None:
    first, second = make_tasks(2, 0)
    turned = Views.make([second, first], count=3)
    assert len(turned) == len(VIEWS)
    with pytest.raises(WeightsError, match="order"):
        require_ids(PuzzleTable(ROWS, VIEWS.fingerprint()), replace(BUILT, views=turned), name="w", data="d")
