"""Which files of a folder hold ARC tasks: hidden names, Kaggle's download, sets in two halves, what is left out."""

from pathlib import Path

import pytest
from helpers.failing import raises

from redraft.errors import DataError
from redraft.tasks.arc.folders import halves_of, left_out, looks_like_tasks, task_files

KAGGLE = ("training", "evaluation", "test")


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}")
    return folder


def kaggle(folder: Path, *subsets: str) -> Path:
    names = [f"arc-agi_{subset}_challenges.json" for subset in subsets]
    solutions = [f"arc-agi_{subset}_solutions.json" for subset in subsets if subset != "test"]
    return touch(folder, *names, *solutions, "sample_submission.json")


def names(files: list[Path], folder: Path) -> list[str]:
    return [file.relative_to(folder).as_posix() for file in files]


def test_hidden_names_and_other_files_are_passed_over(tmp_path: Path) -> None:
    hidden = (".DS_Store", "._a.json", ".vscode/settings.json", "sub/.ipynb_checkpoints/b.json", "__MACOSX/._a.json")
    touch(tmp_path, "a.json", "sub/b.JSON", "c.jsonl", "d.ndjson", "README.md", "LICENSE", "e.csv", *hidden)
    assert names(task_files(tmp_path), tmp_path) == ["a.json", "c.jsonl", "d.ndjson", "sub/b.JSON"]
    inside = touch(tmp_path / ".cache" / "tasks", "a.json")
    assert names(task_files(inside), inside) == ["a.json"], "above the folder that is named a dot is nothing special"


def test_kaggles_folder(tmp_path: Path) -> None:
    folder = kaggle(tmp_path / "all", *KAGGLE)
    test = folder / "arc-agi_test_challenges.json"
    halves = [str(folder / f"arc-agi_{subset}") for subset in KAGGLE[:2]]
    assert halves_of(str(folder)) == halves_of(str(folder / "arc-agi")) == halves
    assert left_out(str(folder)) == left_out(str(folder / "arc-agi")) == [test]
    assert names(task_files(folder), folder) == [
        f"arc-agi_{subset}_challenges.json" for subset in ("evaluation", "training")
    ]
    assert halves_of(str(tmp_path)) == halves, "a folder deeper"


def test_one_set_of_kaggles(tmp_path: Path) -> None:
    for subset in KAGGLE:
        folder = kaggle(tmp_path / subset, subset)
        assert names(task_files(folder), folder) == [f"arc-agi_{subset}_challenges.json"]
        assert halves_of(str(folder)) == [] and left_out(str(folder)) == []


def test_outputs_without_their_tasks_are_read_as_what_they_are(tmp_path: Path) -> None:
    touch(tmp_path, "a_solutions.json", "sample_submission.json")
    assert names(task_files(tmp_path), tmp_path) == ["a_solutions.json", "sample_submission.json"]


@pytest.mark.parametrize("inner", [".", "data", "ARC-AGI-2-main/data", "a/b/c"])
def test_two_halves(tmp_path: Path, inner: str) -> None:
    touch(tmp_path / inner, "training/a.json", "evaluation/b.json", ".git/training/c", ".git/evaluation/c")
    assert halves_of(str(tmp_path)) == [str(tmp_path / inner / half) for half in KAGGLE[:2]]
    assert left_out(str(tmp_path)) == []
    touch(tmp_path / inner, "test/c.json")
    assert left_out(str(tmp_path)) == [tmp_path / inner / "test"]
    assert halves_of(str(tmp_path / inner / "training")) == []


def test_several_sets(tmp_path: Path) -> None:
    for name in "ab":
        touch(tmp_path / name, "training/a.json", "evaluation/b.json")
    with raises(DataError, tmp_path, 2):
        halves_of(str(tmp_path))


def test_what_names_alone_show(tmp_path: Path) -> None:
    folder = kaggle(tmp_path / "kaggle", *KAGGLE)
    for name in ("", "arc-agi", "arc-agi_test", "arc-agi_test_challenges.json", "arc-agi_training_solutions.json"):
        assert looks_like_tasks(str(folder / name)), name
    assert looks_like_tasks(str(touch(tmp_path / "set", "data/training/a.json", "data/evaluation/b.json")))
    plain = touch(tmp_path / "plain", "a.json", "b.csv", ".x_challenges.json")
    for name in ("", "a.json", "b.csv", "nowhere"):
        assert not looks_like_tasks(str(plain / name)), name
