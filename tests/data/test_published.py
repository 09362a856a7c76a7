"""The published layout: read as stores, written from stores, and every contradiction in it named."""

import json
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.failing import raises
from hypothesis import given, settings
from hypothesis import strategies as st

import redraft.data.published
from redraft.data.build import from_examples, open_source
from redraft.data.export import export_published, exported_rows
from redraft.data.published import Spec, import_to, open_split, read_identifiers, write_arrays
from redraft.data.store import Store
from redraft.errors import DataError, RedraftError
from redraft.tasks import get_task
from redraft.tasks.arc.augmentations import Views
from redraft.tasks.arc.make import make_tasks
from redraft.tasks.base import IGNORE

SUDOKU = get_task("sudoku-9x9")
ARRAYS = ("inputs", "labels", "puzzle_ids", "ratings", "groups", "puzzles")
PUBLISHED = ("inputs", "labels", "puzzle_identifiers", "puzzle_indices", "group_indices")

META = {
    "pad_id": 0,
    "ignore_label_id": 0,
    "blank_identifier_id": 0,
    "vocab_size": 11,
    "seq_len": 81,
    "num_puzzle_identifiers": 7,
    "total_groups": 3,
    "mean_puzzle_examples": 1.5,
    "total_puzzles": 4,
    "sets": ["all"],
}


def write_split(folder: Path, seed: int = 0, name: str = "all", **meta: object) -> dict[str, np.ndarray]:
    """Six rows in four puzzles in three groups, as the published code writes them."""
    rng = np.random.default_rng(seed)
    arrays = {
        "inputs": rng.integers(0, 11, (6, 81), dtype=np.uint8),
        "labels": rng.integers(0, 11, (6, 81), dtype=np.uint8),
        "puzzle_identifiers": np.array([4, 2, 6, 1], np.int32),
        "puzzle_indices": np.array([0, 1, 3, 5, 6], np.int32),
        "group_indices": np.array([0, 1, 3, 4], np.int32),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for field, array in arrays.items():
        np.save(folder / f"{name}__{field}.npy", array)
    (folder / "dataset.json").write_text(json.dumps({**META, **meta}))
    return arrays


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A published folder of both splits."""
    write_split(tmp_path / "data/train")
    write_split(tmp_path / "data/test", seed=1)
    names = ["<blank>", *(f"task {i}" for i in range(1, 7))]
    (tmp_path / "data/identifiers.json").write_text(json.dumps(names))
    return tmp_path / "data"


def import_published(folder: Path, split: str, *, task: Spec | None = None) -> Store:
    """A split of a published folder as a store in memory."""
    found = open_split(folder, split, task=task)
    inputs, labels = (np.concatenate(arrays) for arrays in zip(*found.blocks(), strict=True))
    return found.store(inputs, labels, read_identifiers(folder))


def assert_same(got: Store, want: Store) -> None:
    for name in ARRAYS:
        assert getattr(got, name).dtype == getattr(want, name).dtype, name
        np.testing.assert_array_equal(getattr(got, name), getattr(want, name), err_msg=name)


# in
def test_every_row_gets_its_puzzle_and_group(folder: Path) -> None:
    store = import_published(folder, "train")
    arrays = write_split(folder / "again")
    np.testing.assert_array_equal(store.inputs, arrays["inputs"])
    np.testing.assert_array_equal(store.labels, np.where(arrays["labels"] == 0, IGNORE, arrays["labels"].astype(int)))
    assert (store.labels == IGNORE).any(), "the test needs labels that do not count"
    assert store.puzzle_ids.tolist() == [4, 2, 2, 6, 6, 1]
    assert store.puzzles.tolist() == [0, 1, 1, 2, 2, 3]
    assert store.groups.tolist() == [0, 1, 1, 1, 1, 2]
    assert np.isnan(store.ratings).all()
    assert (store.task, store.source) == ("sudoku-9x9", str(folder / "train"))


def test_other_tokens_may_mean_that_a_label_does_not_count(tmp_path: Path) -> None:
    labels = write_split(tmp_path / "train", ignore_label_id=3)["labels"]
    np.testing.assert_array_equal(import_published(tmp_path, "train").labels == IGNORE, labels == 3)
    write_split(tmp_path / "test", ignore_label_id=None)
    np.testing.assert_array_equal(import_published(tmp_path, "test").labels, labels)


def test_several_sets_are_one_store(tmp_path: Path) -> None:
    first, second = write_split(tmp_path / "train", name="one"), write_split(tmp_path / "train", seed=1, name="two")
    (tmp_path / "train/dataset.json").write_text(json.dumps({**META, "sets": ["one", "two"]}))
    store = import_published(tmp_path, "train")
    np.testing.assert_array_equal(store.inputs, np.concatenate([first["inputs"], second["inputs"]]))
    assert store.groups.tolist() == [0, 1, 1, 1, 1, 2, 3, 4, 4, 4, 4, 5]
    assert store.puzzles.tolist() == [0, 1, 1, 2, 2, 3, 4, 5, 5, 6, 6, 7]
    assert store.puzzle_ids.tolist() == [4, 2, 2, 6, 6, 1] * 2


@pytest.mark.parametrize(
    ("cells", "tokens", "task"), [(81, 11, "sudoku-9x9"), (900, 6, "maze-30x30"), (900, 12, "arc")]
)
def test_sizes_tell_the_task(tmp_path: Path, cells: int, tokens: int, task: str) -> None:
    write_split(tmp_path / "train", seq_len=cells, vocab_size=tokens)
    for name in ("inputs", "labels"):
        np.save(tmp_path / f"train/all__{name}.npy", np.ones((6, cells), np.uint8))
    assert import_published(tmp_path, "train").task == task
    assert import_published(tmp_path, "train", task=task).task == task


def test_other_sizes_need_a_task(tmp_path: Path) -> None:
    write_split(tmp_path / "train", seq_len=16, vocab_size=6)
    for name in ("inputs", "labels"):
        np.save(tmp_path / f"train/all__{name}.npy", np.ones((6, 16), np.uint8))
    with raises(DataError, "dataset.json", 16, 6, "--task"):
        import_published(tmp_path, "train")
    assert import_published(tmp_path, "train", task="sudoku-4x4").task == "sudoku-4x4"
    with raises(DataError, 16, 6, "sudoku-6x6", 36, 8):
        import_published(tmp_path, "train", task="sudoku-6x6")
    with raises(RedraftError, "'sudoku'"):
        import_published(tmp_path, "train", task="sudoku")


def test_to_stores_on_disk(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redraft.data.published, "BLOCK", 4)  # rows of a split take two blocks
    told: list[int] = []
    stores = import_to(folder, tmp_path / "out", report=told.append)
    assert told == [4, 6, 10, 12]
    assert list(stores) == ["train", "test"]
    for split, store in stores.items():
        assert_same(store, import_published(folder, split))
        assert_same(open_source(SUDOKU, str(tmp_path / "out"), split=split), store)
    assert (tmp_path / "out/identifiers.json").read_text() == (folder / "identifiers.json").read_text()
    assert not (tmp_path / "out/test_puzzles.json").exists()
    with raises(DataError, "out"):
        import_to(folder, tmp_path / "out")


def test_names_tell_what_puzzle_ids_stand_for(folder: Path, tmp_path: Path) -> None:
    (folder / "identifiers.json").unlink()
    nameless = import_published(folder, "train")
    assert nameless.identifiers == (7, "")
    views = Views.make(make_tasks(2, 0), count=3)
    for name, names in (("views", views.identifiers()), ("others", [f"puzzle {i}" for i in range(9)])):
        (folder / "identifiers.json").write_text(json.dumps(names))
        store = import_published(folder, "train")
        written = import_to(folder, tmp_path / name)
        assert written["train"].identifiers == written["test"].identifiers == store.identifiers
        assert store.identifiers is not None and store.identifiers.rows == 7
        assert (store.identifiers.fingerprint == views.fingerprint()) == (name == "views")
        (folder / "identifiers.json").write_text(json.dumps([names[0], *names[:0:-1]]))
        turned = import_published(folder, "train").identifiers
        assert turned is not None and turned.fingerprint not in ("", store.identifiers.fingerprint), "another order"


def test_arc_keeps_its_test_puzzles(folder: Path, tmp_path: Path) -> None:
    (folder / "test_puzzles.json").write_text('{"task 1": {}}')
    import_to(folder, tmp_path / "out")
    assert (tmp_path / "out/test_puzzles.json").read_text() == '{"task 1": {}}'


def test_no_rows(tmp_path: Path) -> None:
    write_split(tmp_path / "data/train")
    for name in PUBLISHED:
        array = np.load(tmp_path / f"data/train/all__{name}.npy")
        np.save(tmp_path / f"data/train/all__{name}.npy", array[: 1 if name.endswith("indices") else 0])
    assert len(import_to(tmp_path / "data", tmp_path / "out")["train"]) == 0


def test_one_split_is_enough(tmp_path: Path) -> None:
    write_split(tmp_path / "data/test")
    assert list(import_to(tmp_path / "data", tmp_path / "out")) == ["test"]


def _array(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        file = folder / f"test/all__{name}.npy"
        np.save(file, change(np.load(file)))

    return damage


def _set(name: str, place: Any, value: int) -> Callable[[Path], None]:
    def change(array: np.ndarray) -> np.ndarray:
        array = array.astype(np.int32)
        array[place] = value
        return array

    return _array(name, change)


def _meta(**changes: object) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        (folder / "test/dataset.json").write_text(json.dumps({**META, **changes}))

    return damage


DAMAGE = {
    "missing array": (lambda f: (f / "test/all__labels.npy").unlink(), ("all__labels.npy", "No such file")),
    "cut short": (
        lambda f: (f / "test/all__inputs.npy").write_bytes((f / "test/all__inputs.npy").read_bytes()[:-5]),
        ("all__inputs.npy", "array"),
    ),
    "empty": (lambda f: (f / "test/all__inputs.npy").write_bytes(b""), ("all__inputs.npy", "array")),
    "floats": (_array("inputs", lambda a: a / 2), ("all__inputs.npy", 2, "float64")),
    "fewer labels": (_array("labels", lambda a: a[:5]), ("all__labels.npy", 6, 81, "(5, 81)")),
    "narrower": (_array("inputs", lambda a: a[:, 1:]), ("all__inputs.npy", 6, 81, "(6, 80)")),
    "fewer ids": (_array("puzzle_identifiers", lambda a: a[1:]), ("all__puzzle_identifiers.npy", 4, 3)),
    "puzzles that fall": (_set("puzzle_indices", 2, 0), ("all__puzzle_indices.npy", "entry 2", 1, 0)),
    "a puzzle without rows": (_set("puzzle_indices", 2, 1), ("all__puzzle_indices.npy", "entry 2", 1)),
    "puzzles end early": (
        _set("puzzle_indices", -1, 5),
        ("all__puzzle_indices.npy", 0, 6, 5),
    ),
    "puzzles begin late": (_set("puzzle_indices", 0, 1), ("all__puzzle_indices.npy", 0, 6, 1)),
    "no puzzles": (_array("puzzle_indices", lambda a: a[:0]), ("all__puzzle_indices.npy", 0, 6, "none")),
    "groups that fall": (_set("group_indices", 2, 1), ("all__group_indices.npy", "entry 2", 1)),
    "groups end late": (_set("group_indices", -1, 9), ("all__group_indices.npy", 0, 4, 9)),
    "id too large": (_set("puzzle_identifiers", 2, 7), ("puzzle 2", 0, 6, 7)),
    "id below 0": (_set("puzzle_identifiers", 0, -1), ("puzzle 0", 0, 6, -1)),
    "token": (_set("inputs", (3, 7), 11), ("all__inputs.npy", "row 3, position 7", 0, 10, 11)),
    "label": (_set("labels", (5, 0), 99), ("all__labels.npy", "row 5, position 0", 0, 10, 99)),
    "meta not JSON": (lambda f: (f / "test/dataset.json").write_text("{"), ("dataset.json", "JSON")),
    "meta not an object": (lambda f: (f / "test/dataset.json").write_text("[]"), ("dataset.json", "JSON")),
    "no size": (_meta(seq_len=None), ("seq_len", 1, None)),
    "odd size": (_meta(vocab_size="11"), ("vocab_size", 1, "'11'")),
    "huge vocabulary": (_meta(vocab_size=1 << 20), ("vocab_size", 32767)),
    "odd label": (_meta(ignore_label_id="0"), ("ignore_label_id", "null", "'0'")),
    "other padding": (_meta(pad_id=5), ("pad_id", 0, 5)),
    "no sets": (_meta(sets=[]), ("sets", '["all"]', "[]")),
    "a set not there": (_meta(sets=["all", "more"]), ("more__inputs.npy", "No such file")),
    "names not a list": (lambda f: (f / "identifiers.json").write_text("{}"), ("identifiers.json", "JSON")),
    "too few names": (lambda f: (f / "identifiers.json").write_text('["a"]'), ("identifiers.json", 7, 1)),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage(folder: Path, tmp_path: Path, name: str) -> None:
    damage, parts = DAMAGE[name]
    damage(folder)
    with raises(DataError, parts) as caught:
        import_to(folder, tmp_path / "out")
    assert str(caught.value).startswith(str(folder)), "names the file"
    assert [path.name for path in tmp_path.iterdir()] == ["data"], "leaves nothing half-written"


def test_no_published_folder(tmp_path: Path) -> None:
    with raises(DataError, "train/dataset.json"):
        import_to(tmp_path, tmp_path / "out")
    with raises(DataError, "dataset.json", "No such file"):
        import_published(tmp_path, "train")


# out
def test_the_layout_of_made_puzzles(tmp_path: Path) -> None:
    stores = {
        "train": from_examples(SUDOKU, SUDOKU.make(4, 0), source=""),
        "test": from_examples(SUDOKU, SUDOKU.make(2, 1), source=""),
    }
    export_published(stores, tmp_path / "out")
    assert json.loads((tmp_path / "out/identifiers.json").read_text()) == ["<blank>"]
    assert json.loads((tmp_path / "out/test/dataset.json").read_text()) == {
        "pad_id": 0,
        "ignore_label_id": 0,
        "blank_identifier_id": 0,
        "vocab_size": 11,
        "seq_len": 81,
        "num_puzzle_identifiers": 1,
        "total_groups": 2,
        "mean_puzzle_examples": 1.0,
        "total_puzzles": 2,
        "sets": ["all"],
    }
    arrays = {name: np.load(tmp_path / f"out/train/all__{name}.npy") for name in PUBLISHED}
    assert [str(array.dtype) for array in arrays.values()] == ["uint8", "uint8", "int32", "int32", "int32"]
    np.testing.assert_array_equal(arrays["inputs"], stores["train"].inputs)
    assert arrays["puzzle_identifiers"].tolist() == [0] * 4
    assert arrays["puzzle_indices"].tolist() == arrays["group_indices"].tolist() == [0, 1, 2, 3, 4]


def test_in_and_out_again_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    (folder / "test_puzzles.json").write_text('{"task 1": {"train": []}}')
    stores = import_to(folder, tmp_path / "store")
    names = json.loads((tmp_path / "store/identifiers.json").read_text())
    export_published(stores, tmp_path / "out", identifiers=names, test_puzzles={"task 1": {"train": []}})
    files = sorted(path.relative_to(folder) for path in folder.rglob("*.*"))
    assert len(files) == 14
    for file in files:
        assert (tmp_path / "out" / file).read_bytes() == (folder / file).read_bytes(), file


@settings(max_examples=25, deadline=None)
@given(
    groups=st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=3), min_size=1, max_size=4),
    seed=st.integers(0, 99),
)
def test_out_and_in_again_gives_the_same_arrays(
    groups: list[list[int]], seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Any groups of puzzles with so many rows each."""
    rng = np.random.default_rng(seed)
    sizes = [size for group in groups for size in group]
    rows = sum(sizes)
    labels = rng.integers(1, 11, (rows, 81), dtype=np.int16)
    labels[rng.random(labels.shape) < 0.3] = IGNORE
    store = Store(
        task="sudoku-9x9",
        inputs=rng.integers(0, 11, (rows, 81), dtype=np.int16),
        labels=labels,
        puzzle_ids=np.repeat(rng.integers(0, 50, len(sizes)), sizes).astype(np.int32),
        ratings=np.full(rows, np.nan, np.float32),
        groups=np.repeat(np.arange(len(groups)), [sum(group) for group in groups]).astype(np.int32),
        puzzles=np.repeat(np.arange(len(sizes)), sizes).astype(np.int32),
    )
    folder = tmp_path_factory.mktemp("out") / "folder"
    export_published({"train": store}, folder)
    assert_same(import_published(folder, "train"), store)


def refusals(store: Store) -> dict[str, tuple[dict[str, Store], dict[str, Any], object]]:
    """Stores and options that cannot be exported, and why."""
    zero, large, odd = store.labels.copy(), store.inputs.copy(), store.inputs.copy()
    zero[2, 5], large[1, 0], odd[0, 3] = 0, 11, -1
    other = from_examples(get_task("sudoku-4x4"), get_task("sudoku-4x4").make(2, 0), source="")
    joined = replace(store, puzzles=np.zeros(3, np.int32), groups=np.zeros(3, np.int32))
    return {
        "nothing": ({}, {}, "stores"),
        "no rows": ({"train": store.rows(slice(0))}, {}, ("train", "examples")),
        "label 0": ({"train": replace(store, labels=zero)}, {}, ("train", "row 2, position 5", "label", 1, 10, 0)),
        "token": ({"train": replace(store, inputs=large)}, {}, ("train", "row 1, position 0", 0, 10, 11)),
        "below": ({"train": replace(store, inputs=odd)}, {}, ("train", "row 0, position 3", 0, 10, -1)),
        "two tasks": ({"train": store, "test": other}, {}, ("test", "task")),
        "two ids": (
            {"train": replace(joined, puzzle_ids=np.array([0, 0, 1], np.int32))},
            {},
            ("train", "row 2", "puzzle id"),
        ),
        "few names": ({"train": store}, {"identifiers": []}, ("names", 1, 0)),
        "no views": ({"train": store}, {"views": 0}, ("augmentation", 1, 0)),
    }  # fmt: skip


REFUSALS = refusals(from_examples(SUDOKU, SUDOKU.make(3, 0), source=""))


@pytest.mark.parametrize("name", REFUSALS)
def test_what_the_layout_cannot_hold(tmp_path: Path, name: str) -> None:
    stores, options, parts = REFUSALS[name]
    with raises(DataError, parts):
        export_published(stores, tmp_path / "out", **options)
    assert not list(tmp_path.iterdir())


def test_never_overwrites(tmp_path: Path) -> None:
    with raises(DataError, tmp_path):
        export_published({"train": from_examples(SUDOKU, SUDOKU.make(1, 0), source="")}, tmp_path)


def test_array_files_are_those_of_numpy(tmp_path: Path) -> None:
    tokens = np.arange(12, dtype=np.int16).reshape(4, 3)
    files = (tmp_path / "a.npy", tmp_path / "b.npy")
    write_arrays(files, (4, 3), np.uint8, [(tokens[:3], tokens[:3] + 1), (tokens[3:], tokens[3:] + 1)])
    np.save(tmp_path / "want.npy", tokens.astype(np.uint8))
    assert files[0].read_bytes() == (tmp_path / "want.npy").read_bytes()
    np.testing.assert_array_equal(np.load(files[1]), tokens + 1)
    assert struct.unpack("<H", files[0].read_bytes()[8:10])[0] % 64 == 54, "data begin at a multiple of 64 bytes"


# ARC, with views
def canvas(grid: list[list[int]]) -> np.ndarray:
    """A grid in the top left corner of a canvas (900,), end markers below and right of it."""
    cells = np.zeros((30, 30), np.int16)
    height, width = np.shape(grid)
    cells[:height, :width] = np.array(grid) + 2
    cells[height, :width] = cells[:height, width] = 1
    return cells.ravel()


GRIDS = [[[0, 1], [2, 3], [0, 4]], [[5, 0, 6]], [[7]], [[1, 1], [0, 2]]]
COLOURS = ["0123456789", "0213456789", "0987654321", "0123456789", "0192837465"]
VIEWS = Views(
    tasks=("one", "two"),
    starts=np.array([0, 3, 5]),
    symmetries=np.array([0, 1, 6, 0, 3], np.uint8),
    colours=np.array([[int(colour) for colour in colours] for colours in COLOURS], np.uint8),
)


def arc_store(pairs: list[tuple[int, int, int]]) -> Store:
    """Pairs (task, question, answer), the grids by their place in GRIDS."""
    labels = np.stack([canvas(GRIDS[answer]) for _, _, answer in pairs])
    tasks = np.array([task for task, _, _ in pairs])
    numbers = np.unique(tasks, return_inverse=True)[1].astype(np.int32)
    return Store(
        task="arc",
        inputs=np.stack([canvas(GRIDS[question]) for _, question, _ in pairs]),
        labels=np.where(labels == 0, IGNORE, labels).astype(np.int16),
        puzzle_ids=(VIEWS.starts[tasks] + 1).astype(np.int32),
        ratings=np.full(len(pairs), np.nan, np.float32),
        groups=numbers,
        puzzles=numbers,
        views=VIEWS,
    )


ARC = {"train": arc_store([(0, 0, 1), (0, 1, 2), (1, 2, 3)]), "test": arc_store([(1, 3, 0)])}


def test_every_view_becomes_a_puzzle(tmp_path: Path) -> None:
    export_published(ARC, tmp_path / "out")
    train, test = import_published(tmp_path / "out", "train"), import_published(tmp_path / "out", "test")
    assert (len(train), len(test)) == (exported_rows(ARC["train"]), exported_rows(ARC["test"])) == (3 * 2 + 2, 2)
    assert train.puzzle_ids.tolist() == [1, 1, 2, 2, 3, 3, 4, 5]
    assert train.groups.tolist() == [0, 0, 0, 0, 0, 0, 1, 1]
    assert train.puzzles.tolist() == [0, 0, 1, 1, 2, 2, 3, 4]
    assert json.loads((tmp_path / "out/identifiers.json").read_text()) == VIEWS.identifiers()
    assert json.loads((tmp_path / "out/train/dataset.json").read_text())["num_puzzle_identifiers"] == 6

    rows = np.array([0, 0])
    want = VIEWS.show(ARC["test"].inputs[rows], ARC["test"].labels[rows], np.array([4, 5]), None)
    np.testing.assert_array_equal(test.inputs, want[0])
    np.testing.assert_array_equal(test.labels, want[1])


def test_pairs_move_in_training(tmp_path: Path) -> None:
    export_published(ARC, tmp_path / "out", seed=3)
    train = import_published(tmp_path / "out", "train")
    rows = np.array([0, 1, 0, 1, 0, 1, 2, 2])
    inputs, labels = VIEWS.show(ARC["train"].inputs[rows], ARC["train"].labels[rows], train.puzzle_ids, None)
    moved = (train.inputs != inputs).any(1) & (train.labels != labels).any(1)
    assert moved.any(), "all pairs stay in their corner"
    for got, want in ((train.inputs, inputs), (train.labels, labels)):
        assert ((got > 1).sum(1) == (want > 1).sum(1)).all(), "no cell is lost on the way"
    export_published(ARC, tmp_path / "again", seed=3)
    assert_same(import_published(tmp_path / "again", "train"), train)


def test_fewer_views_are_the_first_of_more(tmp_path: Path) -> None:
    export_published(ARC, tmp_path / "out", views=2)
    train = import_published(tmp_path / "out", "train")
    assert train.puzzle_ids.tolist() == [1, 1, 2, 2, 4, 5]
    assert len(train) == exported_rows(ARC["train"], 2)
    assert json.loads((tmp_path / "out/identifiers.json").read_text()) == VIEWS.identifiers(), "ids keep their meaning"


def test_views_are_shown_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export_published({"test": ARC["train"]}, tmp_path / "whole")
    monkeypatch.setattr("redraft.data.export.BLOCK", 2)  # one view of the first task at a time
    export_published({"test": ARC["train"]}, tmp_path / "parts")
    assert_same(import_published(tmp_path / "parts", "test"), import_published(tmp_path / "whole", "test"))


def test_tasks_to_be_solved(tmp_path: Path) -> None:
    export_published(ARC, tmp_path / "out")
    assert json.loads((tmp_path / "out/test_puzzles.json").read_text()) == {
        "two": {
            "train": [{"input": GRIDS[2], "output": GRIDS[3]}],
            "test": [{"input": GRIDS[3], "output": GRIDS[0]}],
        }
    }
    hidden = replace(ARC["test"], labels=np.full((1, 900), IGNORE, np.int16))
    export_published({"test": hidden}, tmp_path / "hidden")
    (pair,) = json.loads((tmp_path / "hidden/test_puzzles.json").read_text())["two"]["test"]
    assert pair == {"input": GRIDS[3], "output": [[0]]}, "one black cell where the answer is not known"


def test_rows_under_other_ids_than_their_tasks(tmp_path: Path) -> None:
    for wrong in (0, 5, 6):
        store = replace(ARC["test"], puzzle_ids=np.array([wrong], np.int32))
        with raises(DataError, "test", "puzzle id"):
            export_published({"test": store}, tmp_path / "out")


def test_views_that_contradict_each_other(tmp_path: Path) -> None:
    others = replace(VIEWS, tasks=("one", "three"))
    with raises(DataError, "augmentations"):
        export_published({**ARC, "test": replace(ARC["test"], views=others)}, tmp_path / "out")
    with raises(DataError, "names"):
        export_published(ARC, tmp_path / "out", identifiers=["<blank>"] * 6)
