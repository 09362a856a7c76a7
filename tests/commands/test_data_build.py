"""`redraft data build`."""

import json
import shlex
from pathlib import Path

import pytest

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
    assert err == [
        "reading pairs.csv …", "encoding 24 pairs, and judging their answers …", "writing 24 pairs to turn-data …"
    ]  # fmt: skip
    assert out[0] == "turn: 24 pairs of grids of 2 x 2 cells"
    assert out[1] == "alphabet: x y z (3 symbols)"
    assert out[2] == "symmetries: rotate, symbols:xy; checker: half_turn:check"
    assert out[3].startswith("train: ") and out[-1] == "wrote turn-data; train on it with: redraft train turn-data"
    task = get_task(Store.open(Path("turn-data/train")).task)
    assert isinstance(task, Grids) and task.judges and task.about.symmetries == ("rotate", "symbols:xy")


def test_all_options(pairs: Path) -> None:
    Path("more.csv").write_text("input,output\nzz/zz,zz/zz\nzz/zz,xx/xx\n")
    options = ["--test", "more.csv", "--alphabet", "z,y,x", "--limit", "10", "--allow-contradictions"]
    assert data_build.run(["pairs.csv", "-o", "out", *options]) == 0
    train, test = Store.open(Path("out/train")), Store.open(Path("out/test"))
    assert (len(train), len(test)) == (10, 2)
    assert isinstance(train.task, dict) and train.task["alphabet"] == ["z", "y", "x"] and train.task["name"] == "out"
    assert train.source == "pairs.csv and more.csv (train)"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.csv", "-o", "out"], "nowhere.csv: cannot be read: No such file or directory"),
        (["pairs.csv", "-o", "there"], "there: already exists; name another folder"),
        (["pairs.csv", "-o", "out", "--seed", "-1"], "--seed: expected at least 0, got -1"),
        (["pairs.csv", "-o", "out", "--symmetries", "mirror"], "unknown symmetry 'mirror'"),
        (["pairs.csv", "-o", "out", "--alphabet", "xy"], "'z' is not in the alphabet x y"),
        (["pairs.csv", "-o", "out", "--test-share", "2"], "expected a test share between 0 and 1, got 2"),
        (["pairs.csv", "-o", "out", "--checker", "nowhere:check"], "nowhere:check: expected a function that judges"),
        (["pairs.csv", "-o", "out", "--views", "3"], "--views is for arc, but pairs.csv is read as grids (--kind)"),
        (["arc1", "-o", "out", "--symmetries", "rotate"], "--symmetries is for grids, but arc1 is read as arc"),
        (["arc2/training", "-o", "out", "--limit", "3"], "--limit is for grids, but arc2/training is read as arc"),
        (["arc1", "-o", "out", "--views", "-1"], "--views: expected at least 0, got -1"),
    ],
)
def test_mistakes(pairs: Path, arguments: list[str], message: str) -> None:
    Path("there").mkdir()
    before = sorted(Path().rglob("*"))
    with pytest.raises(RedraftError) as error:
        data_build.run(arguments)
    assert message in str(error.value)
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
    assert out[0].startswith("train: 15 pairs of 6 tasks, ") and out[1].startswith("test: 3 pairs of 3 tasks, ")
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
    assert out.startswith("train: 7 pairs of 5 tasks, ") and "test: 3 pairs of 3 tasks" in out
    advice = "redraft data build 'ARC Prize/arc-agi_test' --kind arc --concept 'ARC Prize' -o FOLDER\n"
    assert "arc-agi_test_challenges.json, the competition's test set" in err and err.endswith(advice)
    assert data_build.run([*shlex.split(advice)[3:-2], *options, "my submission"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0].startswith("train: 12 pairs of 7 tasks, ") and err == ""
    assert out.splitlines()[2:] == [
        "no output of the test is known: training goes without figures, for votes and a submission",
        "wrote my submission; train on it with: redraft train 'my submission'",
    ]
    with pytest.raises(RedraftError, match="f, g: 2 of the evaluation tasks are called as training tasks are"):
        data_build.run(["ARC Prize/arc-agi_test", "--concept", "ARC Prize/arc-agi_test", *options, "other"])


@pytest.mark.parametrize("name", ["tasks.json", "tasks.jsonl"])
def test_tasks_taken_for_pairs(tmp_path: Path, name: str) -> None:
    tasks = [{"id": each, "train": [swap(1, 2)], "test": [swap(3, 4)]} for each in "ab"]
    text = json.dumps(tasks) if name.endswith("json") else "\n".join(map(json.dumps, tasks))
    (tmp_path / name).write_text(text)
    with pytest.raises(RedraftError, match=r"holds ARC tasks, not pairs; build them with --kind arc"):
        data_build.run([str(tmp_path / name), "-o", str(tmp_path / "out")])
    assert data_build.run([str(tmp_path / name), "--kind", "arc", "--views", "2", "-o", str(tmp_path / "out")]) == 0


def test_a_folder_that_is_called_like_a_recipe(pairs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert data_build.run(["pairs.csv", "-o", "sudoku-4x4"]) == 0
    assert capsys.readouterr().out.endswith("redraft train ./sudoku-4x4\n")


def test_a_canvas_that_is_too_small(tmp_path: Path) -> None:
    file = tmp_path / "tasks.json"
    task = {"train": [swap(1, 2), swap(1, 2, 3)], "test": [swap(1, 2, 3, 4, 5)]}
    file.write_text(json.dumps({"a": task}))
    with pytest.raises(RedraftError) as error:
        data_build.run([str(file), "--kind", "arc", "--canvas", "2", "-o", str(tmp_path / "out")])
    message = (
        "task a, train pair 2, input: 1 rows of 3 cells; the canvas has 2 of 2, one of 5 holds all grids (--canvas)"
    )
    assert str(error.value) == message and not (tmp_path / "out").exists()


def test_the_command_reaches_it(pairs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if "data" not in COMMANDS:
        pytest.skip("redraft data is not in the table of commands")
    from redraft.cli import main

    assert main(["data", "build", "pairs.csv", "-o", "out"]) == 0
    assert "wrote out" in capsys.readouterr().out
    assert main(["data", "build", "pairs.csv", "-o", "out"]) == 2
    assert "out: already exists" in capsys.readouterr().err
