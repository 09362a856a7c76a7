"""`redraft arc`: votes of one process or several, gone on with, merged, scored and handed in."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.failing import mentions, refused

import redraft.arc.vote
import redraft.backends.torch
from redraft.arc.votes import Votes
from redraft.backends.protocol import Draft
from redraft.data.arc import arc_stores, build_arc
from redraft.models import TRMConfig, build_model
from redraft.tasks.arc.augmentations import Views
from redraft.tasks.arc.files import ArcTask, Pair, to_json
from redraft.tasks.arc.task import Arc, canvas
from redraft.weights.io import save_weights

Run = Callable[..., tuple[int, str, str]]
ARC = Arc()


def grid(*rows: str) -> np.ndarray:
    return np.array([[int(cell) for cell in row] for row in rows], np.uint8)


TASKS = [
    ArcTask(
        name="two",
        train=(Pair(grid("12", "34"), grid("21")),),
        test=(Pair(grid("56", "78"), grid("65")), Pair(grid("123"), grid("3"))),
    ),
    ArcTask(name="one", train=(Pair(grid("19"), grid("91")),), test=(Pair(grid("1", "2", "3"), grid("11", "22")),)),
]
VIEWS = Views.make(TASKS, count=6)
PAIRS = [(task, pair) for task in TASKS for pair in task.test]
JOBS = 3 * 7
CONFIG = TRMConfig(
    vocab_size=12, seq_len=900, hidden_size=8, num_heads=1, width_multiple=8, n=1, T=1, puzzle_positions=1,
    puzzle_dim=8, num_puzzles=len(VIEWS) + 1,
)  # fmt: skip


def seen(grid: np.ndarray | None, puzzle_id: int) -> np.ndarray:
    assert grid is not None
    return ARC.encode(canvas(VIEWS.view(grid, puzzle_id)))


RIGHT = {
    (puzzle_id, seen(pair.input, puzzle_id).tobytes()): seen(pair.output, puzzle_id)
    for task, pair in PAIRS
    for puzzle_id in VIEWS.ids(task.name)
}


class Foreseen:
    """Stands for TorchStepper: right but for the second test of `two`, where it gives the question back."""

    calls = 0

    def __init__(self, model: object, *, device: object = "cpu") -> None:
        pass

    def start(self, inputs: np.ndarray, puzzle_ids: np.ndarray) -> list[np.ndarray]:
        return [self.answer(int(i), row) for i, row in zip(puzzle_ids, inputs, strict=True)]

    def answer(self, puzzle_id: int, question: np.ndarray) -> np.ndarray:
        wrong = VIEWS.locate(puzzle_id)[0] == 0 and (question > 1).sum() == TASKS[0].test[1].input.size
        return question if wrong else RIGHT[puzzle_id, question.tobytes()]

    def step(self, state: list[np.ndarray]) -> tuple[list[np.ndarray], Draft]:
        Foreseen.calls += 1
        return state, Draft(np.stack(state), np.full(len(state), 2, np.float32))


@pytest.fixture
def foreseen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redraft.arc.vote, "TorchStepper", Foreseen)
    monkeypatch.setattr(Foreseen, "calls", 0)


def write_data(folder: Path, tasks: list[ArcTask] = TASKS, **changes: Any) -> Path:
    """A folder of ARC data with the test inputs of TASKS, and `tasks` to score by."""
    replace(arc_stores([], TASKS, views=VIEWS)["test"], **changes).save(folder / "test")
    (folder / "tasks.json").write_text(json.dumps({task.name: to_json(task) for task in tasks}))
    return folder


def write_weights(folder: Path, **card: Any) -> Path:
    save_weights(folder, build_model(CONFIG), task="arc", card=card)
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_data(tmp_path / "data", [ArcTask(name="unasked", train=TASKS[0].train, test=TASKS[0].test), *TASKS])


@pytest.fixture
def arc_weights(tmp_path: Path) -> Path:
    return write_weights(tmp_path / "arc", views=VIEWS.fingerprint())


# eval
@pytest.mark.usefixtures("foreseen")
def test_figures(run: Run, arc_weights: Path, data: Path, tmp_path: Path) -> None:
    for folder in (data, data / "test"):
        status, out, err = run("arc", "eval", arc_weights, folder, "--steps", 2, "--batch-size", 8, "--json")
        assert (status, err) == (0, "")
        figures = json.loads(out)
        assert (figures["tasks"], figures["tests"], figures["votes"]) == (2, 3, JOBS), "only tasks that are asked"
        assert figures["ranks"] == {"two": [1, None], "one": [1]}
        assert figures["pass_at"]["2"] == pytest.approx(3 / 4) and figures["pairs_at"]["2"] == pytest.approx(2 / 3)
        assert (figures["missing"], figures["data"], figures["device"]) == ([], str(folder), "cpu")
    assert Foreseen.calls == 2 * 2 * 3


@pytest.mark.usefixtures("foreseen")
def test_a_table(run: Run, arc_weights: Path, data: Path) -> None:
    status, out, _ = run("arc", "eval", arc_weights, data, "--views", 2, "--at", "halt")
    assert status == 0
    mentions(out, "2 tasks", "3 test inputs", "6 votes")
    rows = [line.replace("│", " ").split() for line in out.splitlines()]
    assert ["2", "75.00%", "66.67%"] in rows and ["1,000", "75.00%", "66.67%"] in rows


@pytest.mark.usefixtures("foreseen")
def test_a_submission(run: Run, arc_weights: Path, data: Path, tmp_path: Path) -> None:
    assert run("arc", "eval", arc_weights, data, "--submission", tmp_path / "submission.json")[0] == 0
    made = json.loads((tmp_path / "submission.json").read_text())
    both = {"attempt_1": [[6, 5]], "attempt_2": [[6, 5]]}
    assert made["two"][0] == both and made["two"][1]["attempt_1"] == [[1, 2, 3]]
    assert made["one"] == [{"attempt_1": [[1, 1], [2, 2]], "attempt_2": [[1, 1], [2, 2]]}]


@pytest.mark.usefixtures("foreseen")
def test_outputs_that_nobody_knows(run: Run, arc_weights: Path, tmp_path: Path) -> None:
    asked = [replace(task, test=tuple(Pair(pair.input, None) for pair in task.test)) for task in TASKS]
    data = write_data(tmp_path / "data", asked)
    status, out, _ = run("arc", "eval", arc_weights, data, "--submission", tmp_path / "submission.json")
    assert status == 0
    mentions(out, f"{JOBS} votes", data)
    assert [len(tests) for tests in json.loads((tmp_path / "submission.json").read_text()).values()] == [2, 1]
    assert "pass_at" not in json.loads(run("arc", "eval", arc_weights, data, "--json")[1])


def test_a_real_model(run: Run, tmp_path: Path) -> None:
    """On data as `redraft data build` makes them."""
    stores = build_arc("make:3@0", tmp_path / "made", count=4)
    save_weights(
        tmp_path / "arc", build_model(replace(CONFIG, num_puzzles=stores["test"].num_puzzle_ids)), task="arc", card={}
    )
    file = tmp_path / "votes.npz"
    command = ("arc", "eval", tmp_path / "arc", tmp_path / "made", "--views", 2, "--steps", 1)
    status, out, err = run(*command, "--json", "-o", file, "--dtype", "bfloat16")
    assert (status, err) == (0, "") and json.loads(out)["votes"] == len(Votes.open(file)) == 6
    assert (json.loads(out)["tasks"], json.loads(out)["pass_at"]["1"]) == (3, 0), "untrained"


@pytest.mark.usefixtures("foreseen")
def test_a_shard_without_work(run: Run, arc_weights: Path, data: Path, tmp_path: Path) -> None:
    file = tmp_path / "votes.npz"
    assert run("arc", "eval", arc_weights, data, "--views", 1, "--shard", "4/4", "-o", file)[0] == 0
    assert len(Votes.open(file)) == 0 and Votes.open(file).missing() == ["1/4", "2/4", "3/4"]


# shards
@pytest.mark.usefixtures("foreseen")
def test_shards_are_merged(run: Run, arc_weights: Path, data: Path, tmp_path: Path) -> None:
    files = [tmp_path / f"votes-{i}.npz" for i in (1, 2, 3)]
    for i, file in enumerate(files, 1):
        status, _, err = run("arc", "eval", arc_weights, data, "--shard", f"{i}/3", "-o", file, "--steps", 1)
        assert status == 0 and err.startswith("redraft arc: ") and "shard " in err
    submission = tmp_path / "submission.json"
    status, out, err = run(
        "arc", "merge", *files, "--data", data, "--json", "-o", tmp_path / "all", "--submission", submission
    )
    assert (status, err) == (0, "")
    merged = json.loads(out)
    run("arc", "eval", arc_weights, data, "--steps", 1, "-o", tmp_path / "one", "--submission", tmp_path / "one.json")
    assert submission.read_bytes() == (tmp_path / "one.json").read_bytes()
    one = json.loads(run("arc", "merge", "--data", data, tmp_path / "one", "--json")[1])
    assert {key: one[key] for key in merged} == merged and merged["votes"] == JOBS
    assert Votes.open(tmp_path / "all").missing() == []
    status, _, err = run("arc", "merge", files[0], files[2], "--data", data)
    assert status == 0 and len(err.splitlines()) == 1
    mentions(err, "redraft arc", "shard 2/3")
    refused(run("arc", "merge", files[0], files[0], "--data", data), files[0], "shard 1/3")


@pytest.mark.usefixtures("foreseen")
def test_an_interrupted_run_goes_on(
    run: Run, arc_weights: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redraft.arc.vote, "SAVE_EVERY", 0)
    file = tmp_path / "votes.npz"
    command = ("arc", "eval", arc_weights, data, "--steps", 1, "--batch-size", 4, "-o", file)
    step = Foreseen.step

    def stopped(self: Foreseen, state: Any) -> Any:
        if Foreseen.calls == 3:
            raise KeyboardInterrupt
        return step(self, state)

    with monkeypatch.context() as patch:
        patch.setattr(Foreseen, "step", stopped)
        assert run(*command)[0] == 130
    assert Votes.open(file).missing() == ["1/1 (12 of 21 votes)"]
    assert run(*command, "--json")[0] == 0 and Foreseen.calls == 6
    assert Votes.open(file).missing() == []
    assert run(*command)[0] == 0 and Foreseen.calls == 6, "nothing left to do"
    refused(run(*command, "--views", 3), file, "number of views")


# votes that do not belong together
@pytest.mark.usefixtures("foreseen")
def test_votes_of_other_weights_and_data(run: Run, arc_weights: Path, data: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    save_weights(other, build_model(CONFIG, seed=1), task="arc", card={})
    for name, weights in (("a", arc_weights), ("b", other)):
        assert run("arc", "eval", weights, data, "--views", 1, "-o", tmp_path / name)[0] == 0
    refused(run("arc", "merge", tmp_path / "a", tmp_path / "b", "--data", data), tmp_path / "b", "weights")
    status, out, err = run("arc", "merge", tmp_path / "a", tmp_path / "b", "--data", data, "--force", "--json")
    assert (status, err, json.loads(out)["votes"]) == (0, "", 6)
    elsewhere = replace(TASKS[1], test=(Pair(grid("4"), grid("11", "22")),))
    write_data(tmp_path / "elsewhere", [TASKS[0], elsewhere])
    elsewhere_too = run("arc", "merge", tmp_path / "a", "--data", tmp_path / "elsewhere")
    refused(elsewhere_too, tmp_path / "a", tmp_path / "elsewhere")


def test_weights_of_other_puzzles(run: Run, data: Path, tmp_path: Path) -> None:
    few = tmp_path / "few"
    save_weights(few, build_model(replace(CONFIG, num_puzzles=10)), task="arc", card={})
    refused(run("arc", "eval", few, data), few, 10, data, len(VIEWS) + 1, f"redraft arc adapt {few} {data}")
    others = write_weights(tmp_path / "others", views="0" * 16)
    refused(run("arc", "eval", others, data), others, "augmentations", "redraft arc adapt")
    plain = tmp_path / "plain"
    save_weights(plain, build_model(replace(CONFIG, puzzle_positions=0, num_puzzles=1)), task="arc", card={})
    assert run("arc", "eval", plain, data, "--views", 1, "--steps", 1)[0] == 0, "without embeddings they fit all"


def test_data_that_does_not_fit_its_tasks(run: Run, arc_weights: Path, tmp_path: Path) -> None:
    short = write_data(tmp_path / "short", [TASKS[1], replace(TASKS[0], test=TASKS[0].test[:1])])
    refused(run("arc", "eval", arc_weights, short), "tasks.json", 2, "two", 1)
    refused(run("arc", "eval", arc_weights, write_data(tmp_path / "less", TASKS[:1])), "tasks.json", 1, "one")
    bare = write_data(tmp_path / "bare")
    os.remove(bare / "tasks.json")
    refused(run("arc", "eval", arc_weights, bare), bare / "tasks.json")
    refused(
        run("arc", "eval", arc_weights, write_data(tmp_path / "plain", views=None)), tmp_path / "plain", "augmentations"
    )
    maze = write_data(tmp_path / "maze", task="maze-30x30")
    refused(run("arc", "eval", arc_weights, maze), maze, "maze-30x30", "arc")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["vote"], ("'vote'", "eval, merge, adapt")),
        (["eval"], "WEIGHTS"),
        (["eval", "arc", "data", "--shard", "5/4"], ("--shard", "I/N", "1/4", "'5/4'")),
        (["eval", "arc", "data", "--shard", "0/4"], ("--shard", "'0/4'")),
        (["eval", "arc", "data", "--shard", "two"], ("--shard", "'two'")),
        (["eval", "arc", "data", "--shard", "1/4"], ("--shard 1/4", "--output FILE")),
        (["eval", "arc", "data", "--views", "0"], ("views", 1, 0)),
        (["eval", "arc", "data", "--steps", "0"], ("steps", 1)),
        (["eval", "arc", "data", "-o", "nowhere/votes"], "nowhere"),
        (["eval", "arc", "data", "--submission", "data"], ("data", "folder")),
        (["eval", "arc", "data", "-o", "damaged"], ("damaged", "votes")),
        (["eval", "arc", "nowhere"], ("nowhere", "store")),
        (["eval", "nowhere", "data"], ("nowhere", "weights")),
        (["merge", "--data", "data"], "merge"),
        (["merge", "damaged"], "--data"),
        (["merge", "damaged", "--data", "data"], ("damaged", "redraft arc eval")),
        (["merge", "missing", "--data", "data"], ("missing", "file")),
    ],
)
@pytest.mark.usefixtures("arc_weights", "data")
def test_mistakes(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], parts: object
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "damaged").write_bytes(b"PK")
    refused(run("arc", *arguments), parts)


def test_help(run: Run) -> None:
    for arguments, status in ((["--help"], 0), ([], 2)):
        got, out, err = run("arc", *arguments)
        assert got == status and (out or err).startswith("usage: redraft arc ")
        assert all(f"\n  {name} " in (out or err) for name in ("eval", "merge", "adapt"))
    for name in ("eval", "merge", "adapt"):
        assert run("arc", name, "--help")[1].startswith(f"usage: redraft arc {name}")
