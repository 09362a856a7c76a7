"""Weights with a table of puzzle embeddings, and data of these ids, of others, and of none, for every command."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers.failing import mentions, refused

from redraft.data.arc import build_arc
from redraft.models import TRMConfig, build_model
from redraft.tasks.arc.files import Pair, to_json
from redraft.tasks.arc.make import make_tasks
from redraft.weights.io import save_weights

Run = Callable[..., tuple[int, str, str]]
TASKS = make_tasks(3, 4)
SIDE = max(max(grid.shape) for task in TASKS for pair in (*task.train, *task.test) for grid in pair if grid is not None)
MODEL = TRMConfig(
    vocab_size=12, seq_len=SIDE * SIDE, hidden_size=16, num_heads=1, width_multiple=8, n=1, T=1, puzzle_positions=1,
    puzzle_dim=16,
)  # fmt: skip


def write_tasks(file: Path) -> Path:
    file.write_text(json.dumps({task.name: to_json(task) for task in TASKS}))
    return file


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two builds of the same tasks, `a` and `b`, the tasks themselves, and weights trained on `a`."""
    monkeypatch.chdir(tmp_path)
    write_tasks(tmp_path / "tasks.json")
    for seed, name in enumerate("ab"):
        store = build_arc("tasks.json", tmp_path / name, count=3, seed=seed, side=SIDE)["test"]
        if name == "a":
            assert store.identifiers is not None
            model = build_model(replace(MODEL, num_puzzles=store.num_puzzle_ids))
            card = {"views": store.identifiers.fingerprint}
            save_weights(tmp_path / "weights", model, task=store.task, card=card)
    return tmp_path


COMMANDS = {
    "eval": ("eval", "weights", "DATA", "--steps", 1, "--json"),
    "arc eval": ("arc", "eval", "weights", "DATA", "--steps", 1, "--json"),
    "compare": ("compare", "weights", "weights@2", "--data", "DATA", "--steps", 1),
    "inspect": ("inspect", "weights", "DATA", "--steps", 1, "--puzzles", "none"),
}


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("name", COMMANDS)
def test_data_of_other_ids_is_refused(run: Run, name: str) -> None:
    def on(data: str) -> tuple[int, str, str]:
        return run(*(data if word == "DATA" else word for word in COMMANDS[name]))

    assert on("a")[0] == 0
    refused(on("b"), "weights", "augmentations", "b")
    if name == "eval":
        refused(on("tasks.json"), "tasks.json", "redraft data build")


@pytest.mark.usefixtures("here")
def test_a_puzzle_given_alone(run: Run) -> None:
    refused(run("solve", "--weights", "weights", "[[1,2],[3,4]]"), "weights", "id")


@pytest.mark.usefixtures("here")
def test_training_is_judged_by_rows_of_its_own_table(run: Run) -> None:
    for test in ("b", "tasks.json"):
        status, _, err = run("train", "a", "--tiny", "--data.test", test, "-o", "run")
        assert status == 2 and "a: " in err and not Path("run").exists(), test


@pytest.mark.usefixtures("here")
def test_published_names_are_compared(run: Run, here: Path) -> None:
    for name in "ab":
        assert run("data", "export", name, "-o", f"published-{name}")[0] == 0
        published = f"published-{name}"
        assert run("data", "import", published, "-o", f"imported-{name}", "--task", f"arc-{SIDE}x{SIDE}")[0] == 0
    assert run("eval", "weights", "imported-a", "--steps", 1)[::2] == (0, "")
    refused(run("eval", "weights", "imported-b", "--steps", 1), "weights", "imported-b")
    names = here / "published-a" / "identifiers.json"
    turned = json.loads(names.read_text())
    names.write_text(json.dumps([turned[0], *turned[-4:], *turned[1:-4]]))
    assert run("data", "import", "published-a", "-o", "turned", "--task", f"arc-{SIDE}x{SIDE}")[0] == 0
    assert run("eval", "weights", "turned", "--steps", 1)[0] == 2
    names.unlink()
    assert run("data", "import", "published-a", "-o", "unnamed", "--task", f"arc-{SIDE}x{SIDE}")[0] == 0
    assert run("eval", "weights", "unnamed", "--steps", 1)[0] == 0, "as many of them, and nobody says otherwise"


def test_a_competitions_test_set_from_tasks_to_a_submission(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pairs = [{"input": [[1, k]], "output": [[k, 1]]} for k in range(3)]
    hidden = {name: {"train": pairs, "test": [{"input": [[3, 4]]}, {"input": [[4, 3]]}]} for name in ("t1", "t2")}
    Path("arc-agi_test_challenges.json").write_text(json.dumps(hidden))
    status, out, err = run("data", "build", "arc-agi_test", "--views", 3, "--canvas", 4, "-o", "built")
    assert (status, err) == (0, "")
    mentions(out, "test", "redraft train built")
    status, _, err = run("train", "built", "--tiny", "-o", "run")
    assert status == 0
    mentions(err, "--submission")
    kept: list[Any] = [json.loads((tmp_path / "run" / name / "config.json").read_text()) for name in ("best", "last")]
    assert kept[0]["card"]["step"] == kept[1]["card"]["step"] == 6 and "evaluation" not in kept[0]["card"]
    assert all(json.loads(line)["kind"] == "train" for line in Path("run/metrics.jsonl").read_text().splitlines())
    assert run("train", "--resume", "run")[0] == 0
    status, out, _ = run("arc", "eval", "run", "built", "--steps", 1, "--submission", "submission.json")
    assert status == 0
    mentions(out, "built")
    submission = json.loads(Path("submission.json").read_text())
    assert {name: [sorted(each) for each in answers] for name, answers in submission.items()} == {
        name: [["attempt_1", "attempt_2"]] * 2 for name in hidden
    }
    refused(run("eval", "run", "built"), "redraft arc eval run built")


def test_adapting_refuses_leaks(run: Run, here: Path) -> None:
    shown = TASKS[0].train[0]
    leaking = replace(TASKS[0], test=(Pair(shown.input, shown.output),))
    (here / "new.json").write_text(json.dumps({leaking.name: to_json(leaking)}))
    adapt = ("arc", "adapt", "weights", "new.json", "--out", "out", "--views", 1, "--visits", 1, "--steps", 1)
    refused(run(*adapt), "test pair 1", leaking.name, "demonstration 1")
    assert not (here / "out").exists()
