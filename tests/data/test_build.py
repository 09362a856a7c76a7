"""Sources of data: made, read from files, opened from stores; and what a model has not seen."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.failing import raises

from redraft.data.build import answered, from_examples, open_source, task_of, without
from redraft.data.store import Store
from redraft.errors import DataError
from redraft.tasks import get_task
from redraft.tasks.base import IGNORE

TASK = get_task("sudoku-4x4")


def write_csv(file: Path, count: int, seed: int = 0) -> Store:
    made = TASK.make(count, seed)
    lines = [
        f"{TASK.format(question)},{TASK.format(answer)},{rating:g}"
        for question, answer, rating in zip(made.questions, made.answers, made.ratings, strict=True)
    ]
    file.write_text("\n".join(["question,answer,rating", *lines]) + "\n")
    return from_examples(TASK, made, source=str(file))


def assert_same(got: Store, want: Store) -> None:
    for name in ("inputs", "labels", "puzzle_ids", "ratings"):
        np.testing.assert_array_equal(getattr(got, name), getattr(want, name))


def test_made_puzzles() -> None:
    store = open_source(TASK, "make:5@3")
    assert_same(store, from_examples(TASK, TASK.make(5, 3), source=""))
    assert store.source == "make:5@3"
    assert_same(open_source(TASK, "make:5"), open_source(TASK, "make:5@0"))
    assert_same(open_source(TASK, "make:5@3", limit=2), store.rows(slice(2)))


@pytest.mark.parametrize("source", ["make:", "make:x", "make:5@", "make:-5", "make:5@-1", "make:5@3 "])
def test_bad_recipe_for_puzzles(source: str) -> None:
    with raises(DataError, "make:COUNT", "make:COUNT@SEED"):
        open_source(TASK, source)


def test_csv_file(tmp_path: Path) -> None:
    want = write_csv(tmp_path / "puzzles.csv", 4)
    assert_same(open_source(TASK, str(tmp_path / "puzzles.csv")), want)
    assert_same(open_source(TASK, str(tmp_path / "puzzles.csv"), limit=3), want.rows(slice(3)))


def test_folder_of_splits(tmp_path: Path) -> None:
    train, test = write_csv(tmp_path / "train.csv", 3), write_csv(tmp_path / "test.csv", 2, seed=9)
    assert_same(open_source(TASK, str(tmp_path)), train)
    assert_same(open_source(TASK, str(tmp_path), split="test"), test)
    assert open_source(TASK, str(tmp_path), split="test").source == f"{tmp_path} (test)"


def test_store_folder(tmp_path: Path) -> None:
    want = open_source(TASK, "make:5@3")
    want.save(tmp_path / "store")
    assert_same(open_source(TASK, str(tmp_path / "store")), want)
    assert len(open_source(TASK, str(tmp_path / "store"), limit=2)) == 2
    with raises(DataError, "sudoku-6x6"):
        open_source(get_task("sudoku-6x6"), str(tmp_path / "store"))


def test_no_examples(tmp_path: Path) -> None:
    with raises(DataError, "make:0"):
        open_source(TASK, "make:0")
    with raises(DataError, "limit", 1, -1):
        open_source(TASK, "make:5", limit=-1)
    (tmp_path / "empty.csv").write_text("")
    with raises(DataError, "empty.csv"):
        open_source(TASK, str(tmp_path / "empty.csv"))
    with raises(DataError, "nowhere.csv"):
        open_source(TASK, str(tmp_path / "nowhere.csv"))


def test_without_drops_questions_seen() -> None:
    store = open_source(TASK, "make:12@3")
    seen = store.rows(np.array([0, 5, 11]))
    assert_same(without(store, seen), store.rows(np.array([1, 2, 3, 4, 6, 7, 8, 9, 10])))
    assert len(without(store, store)) == 0
    assert_same(without(store, store.rows(slice(0))), store)


def test_groups_are_brought_together() -> None:
    made = TASK.make(5, 0)
    store = from_examples(TASK, replace(made, groups=np.array([7, 3, 7, 9, 3], np.int32)), source="")
    want = TASK.encode(made.questions[[0, 2, 1, 4, 3]])
    np.testing.assert_array_equal(store.inputs, want)
    assert store.groups.tolist() == [0, 0, 1, 1, 2] and store.puzzles.tolist() == [0, 1, 2, 3, 4]


def test_rows_without_answers_cannot_judge() -> None:
    store = from_examples(TASK, TASK.make(4, 0), source="")
    labels = store.labels.copy()
    labels[2] = IGNORE
    known = answered(replace(store, labels=labels))
    np.testing.assert_array_equal(known.inputs, store.inputs[[0, 1, 3]])
    assert answered(store) is store


def test_a_folder_with_a_store_for_each_split(tmp_path: Path) -> None:
    for split, seed in (("train", 1), ("test", 2)):
        from_examples(TASK, TASK.make(3, seed), source=split).save(tmp_path / "data" / split)
    folder = str(tmp_path / "data")
    assert open_source(TASK, folder, split="test").source == "test"
    assert task_of("anything", folder).name == TASK.name, "the data knows its task"
    assert task_of("sudoku-6x6", "make:3").name == "sudoku-6x6"


def test_easier_puzzles_have_more_cells_given() -> None:
    """The same puzzles, with clues added to those that are there; more of them keep the fewer."""
    plain, easier, easiest = (open_source(TASK, source) for source in ("make:6@3", "make:6@3+2", "make:6@3+5"))
    blank = TASK.encode(np.zeros((1, 4, 4), np.int8))[0, 0]
    for fewer, more, added in ((plain, easier, 2), (easier, easiest, 3)):
        given = fewer.inputs != blank
        np.testing.assert_array_equal(more.inputs[given], fewer.inputs[given])
        assert ((more.inputs != blank).sum(1) - given.sum(1)).tolist() == [added] * 6
    given = easiest.inputs != blank
    np.testing.assert_array_equal(easiest.inputs[given], easiest.labels[given])
    assert np.isnan(easier.ratings).all() and easier.source == "make:6@3+2"
    np.testing.assert_array_equal(open_source(TASK, "make:3@3+2").inputs, easier.inputs[:3], "a longer set begins so")


def test_puzzles_that_cannot_be_made_easier() -> None:
    with raises(DataError, "sudoku-4x4", 14):
        open_source(TASK, "make:6@3+14")
    with raises(DataError, "maze-8x8"):
        open_source(get_task("maze-8x8"), "make:2@3+4")
