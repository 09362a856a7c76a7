"""Stores: what is saved comes back, and every kind of damage is named."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.failing import raises

from redraft.data.build import from_examples
from redraft.data.sampler import Sampler
from redraft.data.store import Identifiers, Store, is_store, new_folder
from redraft.errors import DataError
from redraft.tasks import get_task

ARRAYS = ("inputs", "labels", "puzzle_ids", "ratings")


@pytest.fixture
def store() -> Store:
    task = get_task("sudoku-4x4")
    return from_examples(task, task.make(6, 0), source="six of them")


def test_save_and_open(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "store"
    assert not is_store(folder)
    store.save(folder)
    assert is_store(folder)
    opened = Store.open(folder, task="sudoku-4x4")
    assert (opened.task, opened.source, len(opened)) == ("sudoku-4x4", "six of them", 6)
    for name in ARRAYS:
        got, want = getattr(opened, name), getattr(store, name)
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got, want)
    assert [path.name for path in folder.parent.iterdir()] == ["store"], "leaves nothing half-written"


def test_encoded_examples(store: Store) -> None:
    made = get_task("sudoku-4x4").make(6, 0)
    np.testing.assert_array_equal(store.inputs, made.questions.reshape(6, 16) + 1)
    np.testing.assert_array_equal(store.labels, made.answers.reshape(6, 16) + 1)
    assert store.inputs.dtype == store.labels.dtype == np.int16
    assert not store.puzzle_ids.any()


def test_what_puzzle_ids_stand_for(store: Store, tmp_path: Path) -> None:
    assert store.identifiers is None and store.num_puzzle_ids == 1
    ids = np.array([0, 0, 4, 2, 2, 1], np.int32)
    assert replace(store, puzzle_ids=ids).identifiers == Identifiers(5, ""), "nobody knows what"
    named = replace(store, puzzle_ids=ids, named=Identifiers(9, "abc"))
    assert named.identifiers == named.rows(slice(2)).identifiers == Identifiers(9, "abc")
    assert named.num_puzzle_ids == 9
    named.save(tmp_path / "store")
    assert Store.open(tmp_path / "store").identifiers == Identifiers(9, "abc")
    file = tmp_path / "store" / "store.json"
    file.write_text(file.read_text().replace('"rows": 9', '"rows": "nine"'))
    with raises(DataError, "store.json", "identifiers", "rows", "fingerprint"):
        Store.open(tmp_path / "store")


def test_rows_keeps_order_and_everything_else(store: Store) -> None:
    some = store.rows(np.array([4, 1]))
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(some, name), getattr(store, name)[[4, 1]])
    assert (some.task, some.source) == (store.task, store.source)
    assert len(store.rows(slice(2))) == 2


def test_large_arrays_stay_in_their_files(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store.save(tmp_path / "store")
    monkeypatch.setattr("redraft.data.store.MAPPED", (tmp_path / "store/inputs.npy").stat().st_size)
    opened = Store.open(tmp_path / "store")
    mapped = [name for name in ARRAYS if isinstance(getattr(opened, name), np.memmap)]
    assert mapped == ["inputs", "labels"]
    assert isinstance(Store.open(tmp_path / "store", mmap=True).ratings, np.memmap)
    assert not isinstance(Store.open(tmp_path / "store", mmap=False).inputs, np.memmap)


def test_mapped_stores_serve_as_others_do(store: Store, tmp_path: Path) -> None:
    store.save(tmp_path / "store")
    mapped = Store.open(tmp_path / "store", mmap=True)
    some = np.array([4, 1])
    np.testing.assert_array_equal(mapped.rows(some).inputs, store.rows(some).inputs)
    np.testing.assert_array_equal(mapped.rows(slice(2)).labels, store.rows(slice(2)).labels)
    task = get_task("sudoku-4x4")
    batches = [Sampler(each, task, batch_size=4, seed=3).batch(5) for each in (store, mapped)]
    np.testing.assert_array_equal(batches[0].inputs, batches[1].inputs)
    assert mapped.labels.tobytes() == store.labels.tobytes()
    with pytest.raises(ValueError, match="read-only"):
        mapped.inputs[0] = 0


def test_an_empty_store_can_be_mapped(store: Store, tmp_path: Path) -> None:
    store.rows(slice(0)).save(tmp_path / "store")
    assert len(Store.open(tmp_path / "store", mmap=True)) == 0


def test_write_leaves_what_is_there(store: Store, tmp_path: Path) -> None:
    other = np.zeros((6, 16), np.int16)
    np.save(tmp_path / "inputs.npy", other)
    store.write(tmp_path, there=("inputs",))
    np.testing.assert_array_equal(Store.open(tmp_path).inputs, other)
    np.testing.assert_array_equal(Store.open(tmp_path).labels, store.labels)


def test_a_new_folder_is_whole_or_not_there(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), new_folder(tmp_path / "new") as partial:
        (partial / "half").write_text("")
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())
    with new_folder(tmp_path / "new") as partial:
        (partial / "all").write_text("")
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")] == ["new", "new/all"]


def test_never_overwrites(store: Store, tmp_path: Path) -> None:
    store.save(tmp_path / "store")
    with raises(DataError, tmp_path / "store"):
        store.rows(slice(1)).save(tmp_path / "store")
    assert len(Store.open(tmp_path / "store", task="sudoku-4x4")) == 6


def test_a_failed_save_leaves_no_store(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(np, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        store.save(tmp_path / "store")
    monkeypatch.undo()
    assert not (tmp_path / "store").exists()
    store.save(tmp_path / "store")  # what the first attempt left does not stand in the way


def test_other_task(store: Store, tmp_path: Path) -> None:
    store.save(tmp_path / "store")
    with raises(DataError, "sudoku-4x4", "sudoku-6x6"):
        Store.open(tmp_path / "store", task="sudoku-6x6")


def _truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-5])


def _replace(file: Path, array: np.ndarray) -> None:
    np.save(file, array)


def _meta(file: Path, **changes: object) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


DAMAGE = {
    "truncated array": (lambda f: _truncate(f / "inputs.npy"), ("inputs.npy", "array")),
    "empty array file": (lambda f: (f / "labels.npy").write_bytes(b""), ("labels.npy", "array")),
    "a pickle": (
        lambda f: np.save(f / "ratings.npy", np.array([{}] * 6, dtype=object), allow_pickle=True),
        ("ratings.npy", "array"),
    ),
    "missing array": (lambda f: (f / "ratings.npy").unlink(), ("ratings.npy", "No such file")),
    "other dtype": (
        lambda f: _replace(f / "puzzle_ids.npy", np.zeros(6)),
        ("puzzle_ids.npy", "int32", "float64", 1),
    ),
    "other axes": (
        lambda f: _replace(f / "inputs.npy", np.zeros(6, np.int16)),
        ("inputs.npy", "int16", 2, 1),
    ),
    "fewer rows": (
        lambda f: _replace(f / "labels.npy", np.zeros((5, 16), np.int16)),
        (6, "'labels': 5"),
    ),
    "narrower labels": (
        lambda f: _replace(f / "labels.npy", np.zeros((6, 15), np.int16)),
        ("inputs", "(6, 16)", "labels", "(6, 15)"),
    ),
    "meta cut short": (lambda f: _truncate(f / "store.json"), ("store.json", "JSON")),
    "meta not an object": (lambda f: (f / "store.json").write_text("[]"), ("store.json", "JSON")),
    "meta missing": (lambda f: (f / "store.json").unlink(), ("store.json", "No such file")),
    "later format": (lambda f: _meta(f / "store.json", format=99), (99, 2)),
    "no count": (lambda f: _meta(f / "store.json", examples=None), None),
}


@pytest.mark.parametrize("mmap", [False, True], ids=["read", "mapped"])
@pytest.mark.parametrize("name", DAMAGE)
def test_damage(store: Store, tmp_path: Path, name: str, mmap: bool) -> None:
    store.save(tmp_path / "store")
    damage, parts = DAMAGE[name]
    damage(tmp_path / "store")
    with raises(DataError, parts) as caught:
        Store.open(tmp_path / "store", task="sudoku-4x4", mmap=mmap)
    assert str(caught.value).startswith(str(tmp_path / "store"))
