"""`redraft data build`."""

import json
import shlex
from pathlib import Path

import pytest
from helpers.failing import mentions, raises

from redraft.cli import COMMANDS
from redraft.commands import data_build
from redraft.data.store import Store
from redraft.errors import RedraftError
from redraft.tasks import get_task
from redraft.tasks.grids.task import Grids

ROWS = [f"{a}{b}/{c}{d},{d}{c}/{b}{a}" for a in "xy" for b in "xy" for c in "xy" for d in "xyz"]


@pytest.fixture
def pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "pairs.csv"
    file.write_text("\n".join(["input,output", *ROWS]) + "\n")
    (tmp_path / "half_turn.py").write_text(
        "def check(question, answer):\n    return [row[::-1] for row in question[::-1]] == answer\n"
    )
    return file


def test_own_pairs(pairs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--name", "turn", "--symmetries", "rotate", "symbols:xy", "--checker", "half_turn:check"]
    assert data_build.run(["pairs.csv", "-o", "turn-data", *options, "--test-share", "0.25", "--seed", "3"]) == 0
    out, err = (each.splitlines() for each in capsys.readouterr())
    assert len(err) == 3
    mentions(err[0], "pairs.csv")
    mentions(err[1], "24 pairs")
    mentions(err[2], "24 pairs", "turn-data")
    mentions(out[0], "turn", "24 pairs", "2 x 2 cells")
    mentions(out[1], "x y z", "3 symbols")
    mentions(out[2], "rotate, symbols:xy", "half_turn:check")
    assert out[3].startswith("train: ")
    mentions(out[-1], "turn-data", "redraft train turn-data")
    task = get_task(Store.open(Path("turn-data/train")).task)
    assert isinstance(task, Grids) and task.judges and task.about.symmetries == ("rotate", "symbols:xy")


def test_all_options(pairs: Path) -> None:
    Path("more.csv").write_text("input,output\nzz/zz,zz/zz\nzz/zz,xx/xx\n")
    options = ["--test", "more.csv", "--alphabet", "z,y,x", "--limit", "10", "--allow-contradictions"]
    assert data_build.run(["pairs.csv", "-o", "out", *options]) == 0
    train, test = Store.open(Path("out/train")), Store.open(Path("out/test"))
    assert (len(train), len(test)) == (10, 2)
    assert isinstance(train.task, dict) and train.task["alphabet"] == ["z", "y", "x"] and train.task["name"] == "out"
    mentions(train.source, "pairs.csv", "more.csv", "train")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["nowhere.csv", "-o", "out"], ("nowhere.csv", "No such file or directory")),
        (["pairs.csv", "-o", "there"], "there"),
        (["pairs.csv", "-o", "out", "--seed", "-1"], ("--seed", 0, -1)),
        (["pairs.csv", "-o", "out", "--symmetries", "mirror"], "'mirror'"),
        (["pairs.csv", "-o", "out", "--alphabet", "xy"], ("'z'", "alphabet", "x y")),
        (["pairs.csv", "-o", "out", "--test-share", "2"], ("test share", 0, 1, 2)),
        (["pairs.csv", "-o", "out", "--checker", "nowhere:check"], "nowhere:check"),
        (["pairs.csv", "-o", "out", "--views", "3"], ("--views", "arc", "pairs.csv", "grids", "--kind")),
        (["arc1", "-o", "out", "--symmetries", "rotate"], ("--symmetries", "grids", "arc1", "arc")),
        (["arc2/training", "-o", "out", "--limit", "3"], ("--limit", "grids", "arc2/training", "arc")),
        (["arc1", "-o", "out", "--views", "-1"], ("--views", 0, -1)),
    ],
)
def test_mistakes(pairs: Path, arguments: list[str], parts: object) -> None:
    Path("there").mkdir()
    before = sorted(Path().rglob("*"))
    with raises(RedraftError, parts):
        data_build.run(arguments)
    assert [each for each in sorted(Path().rglob("*")) if "__pycache__" not in each.parts] == before


def test_arc_tasks_from_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for half in ("training", "evaluation"):
        folder = tmp_path / "tasks" / half
        folder.mkdir(parents=True)
        for i in range(3):
            shift = 3 * (half == "evaluation") + i
            pairs = [{"input": [[shift, k]], "output": [[k, shift]]} for k in range(3)]
            (folder / f"{half[:1]}{i}.json").write_text(json.dumps({"train": pairs[:2], "test": pairs[2:]}))
    assert data_build.run(["tasks", "--kind", "arc", "-o", "arc-data", "--views", "4"]) == 0
    out = capsys.readouterr().out.splitlines()
    mentions(out[0], "train", "15 pairs", "6 tasks")
    mentions(out[1], "test", "3 pairs", "3 tasks")
    assert (len(Store.open(Path("arc-data/train"))), len(Store.open(Path("arc-data/test")))) == (15, 3)


def swap(*grid: int) -> dict[str, list[list[int]]]:
    return {"input": [list(grid)], "output": [list(reversed(grid))]}


def write_kaggle(folder: Path, **sets: str) -> None:
    """Kaggle's files of sets, each with a task for each of some names; the set `test` has no outputs."""
    folder.mkdir()
    for subset, names in sets.items():
        tasks = {name: {"train": [swap(1, k, ord(name) % 10)], "test": [swap(2, k, 0)]} for k, name in enumerate(names)}
        solutions = {name: [pair.pop("output") for pair in task["test"]] for name, task in tasks.items()}
        (folder / f"arc-agi_{subset}_challenges.json").write_text(json.dumps(tasks))
        if subset != "test":
            (folder / f"arc-agi_{subset}_solutions.json").write_text(json.dumps(solutions))
    (folder / "sample_submission.json").write_text("{}")


def test_kaggles_folder_as_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_kaggle(Path("ARC Prize"), training="ab", evaluation="cde", test="fg")
    options = ["--views", "2", "--canvas", "4", "--allow-leaks", "all", "-o"]
    assert data_build.run(["ARC Prize", *options, "built"]) == 0
    out, err = capsys.readouterr()
    mentions(out, "train: 7 pairs", "5 tasks", "test: 3 pairs", "3 tasks")
    advice = "redraft data build 'ARC Prize/arc-agi_test' --kind arc --concept 'ARC Prize' -o FOLDER\n"
    assert "arc-agi_test_challenges.json" in err and err.endswith(advice)
    assert data_build.run([*shlex.split(advice)[3:-2], *options, "my submission"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    first, _, hidden, last = out.splitlines()
    mentions(first, "train", "12 pairs", "7 tasks")
    mentions(hidden, "test")
    mentions(last, "my submission", "redraft train 'my submission'")
    with raises(RedraftError, "f, g", 2):
        data_build.run(["ARC Prize/arc-agi_test", "--concept", "ARC Prize/arc-agi_test", *options, "other"])


@pytest.mark.parametrize("name", ["tasks.json", "tasks.jsonl"])
def test_tasks_taken_for_pairs(tmp_path: Path, name: str) -> None:
    tasks = [{"id": each, "train": [swap(1, 2)], "test": [swap(3, 4)]} for each in "ab"]
    text = json.dumps(tasks) if name.endswith("json") else "\n".join(map(json.dumps, tasks))
    (tmp_path / name).write_text(text)
    with raises(RedraftError, "ARC", "--kind arc"):
        data_build.run([str(tmp_path / name), "-o", str(tmp_path / "out")])
    assert data_build.run([str(tmp_path / name), "--kind", "arc", "--views", "2", "-o", str(tmp_path / "out")]) == 0


def test_a_folder_that_is_called_like_a_recipe(pairs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert data_build.run(["pairs.csv", "-o", "sudoku-4x4"]) == 0
    assert capsys.readouterr().out.endswith("redraft train ./sudoku-4x4\n")


def test_a_canvas_that_is_too_small(tmp_path: Path) -> None:
    file = tmp_path / "tasks.json"
    task = {"train": [swap(1, 2), swap(1, 2, 3)], "test": [swap(1, 2, 3, 4, 5)]}
    file.write_text(json.dumps({"a": task}))
    place = "task a, train pair 2, input"
    with raises(RedraftError, place, "1 rows of 3", "2 of 2", 5, "--canvas"):
        data_build.run([str(file), "--kind", "arc", "--canvas", "2", "-o", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


def test_the_command_reaches_it(pairs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if "data" not in COMMANDS:
        pytest.skip("redraft data is not in the table of commands")
    from redraft.cli import main

    assert main(["data", "build", "pairs.csv", "-o", "out"]) == 0
    mentions(capsys.readouterr().out, "redraft train out")
    assert main(["data", "build", "pairs.csv", "-o", "out"]) == 2
    mentions(capsys.readouterr().err, "redraft data", "out")
