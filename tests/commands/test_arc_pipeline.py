"""ARC from tasks to a submission, with a tiny model: nothing is solved at first, and in the end it is."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.failing import mentions

from redraft.cli import main
from redraft.tasks.arc.files import ArcTask, Pair, to_json

RULES = {  # what becomes of each colour
    "ones": {1: 2},
    "threes": {3: 1},
}
MODEL = [
    *("--model.seq-len", "25", "--model.hidden-size", "32", "--model.num-heads", "2", "--model.n", "1"),
    *("--model.T", "1", "--model.expansion", "2", "--model.width-multiple", "32"),
    *("--model.puzzle-positions", "1", "--model.puzzle-dim", "32"),
]
OPTIM = [
    *("--optim.kind", "adamw", "--optim.lr", "3e-3", "--optim.warmup", "10", "--optim.ema", "0.95"),
    *("--optim.puzzle-lr", "2e-2", "--max-steps", "2", "--eval-steps", "2", "--batch-size", "16"),
]


def tasks(rules: dict[str, dict[int, int]], seed: int) -> dict[str, Any]:
    """Tasks that recolour 4x4 grids: four demonstrations and a test whose input is in none of them."""
    rng = np.random.default_rng(seed)

    def pair(rule: dict[int, int]) -> Pair:
        grid = rng.integers(4, size=(4, 4)).astype(np.uint8)
        return Pair(grid, np.vectorize(lambda colour: rule.get(colour, colour))(grid).astype(np.uint8))

    made = {}
    for name, rule in rules.items():
        pairs = [pair(rule) for _ in range(5)]
        made[name] = to_json(ArcTask(name=name, train=tuple(pairs[:4]), test=tuple(pairs[4:])))
    return made


def command(*arguments: object) -> int:
    return main(list(map(str, arguments)))


def share_solved(capsys: pytest.CaptureFixture[str]) -> float:
    return float(json.loads(capsys.readouterr().out.splitlines()[-1])["pass_at"]["2"])


@pytest.mark.slow
def test_from_tasks_to_a_submission(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tasks.json").write_text(json.dumps(tasks(RULES, seed=0)))
    data, run, out = tmp_path / "data", tmp_path / "run", tmp_path / "submission.json"
    assert (
        command("data", "build", tmp_path / "tasks.json", "--kind", "arc", "--views", 2, "--canvas", 5, "-o", data) == 0
    )

    train = ["train", "arc1", "--task", "arc-5x5", "--data.train", data, "--data.test", data, "--threads", 1]
    assert command(*train, *MODEL, *OPTIM, "--steps", 1, "-o", tmp_path / "untrained") == 0
    capsys.readouterr()
    assert command("arc", "eval", tmp_path / "untrained", data, "--steps", 2, "--json") == 0
    assert share_solved(capsys) == 0

    assert command(*train, *MODEL, *OPTIM, "--steps", 400, "--eval-every", 400, "-o", run) == 0
    capsys.readouterr()
    assert command("arc", "eval", run, data, "--steps", 2, "--json", "--submission", out) == 0
    assert share_solved(capsys) == 1
    handed_in = json.loads(out.read_text())
    for name, task in tasks(RULES, seed=0).items():
        assert [set(answer) for answer in handed_in[name]] == [{"attempt_1", "attempt_2"}]
        assert task["test"][0]["output"] in handed_in[name][0].values()

    adapted = tmp_path / "adapted"
    (tmp_path / "new.json").write_text(json.dumps(tasks({"twos": {2: 3}}, seed=1)))
    adapt = ["arc", "adapt", run, tmp_path / "new.json", "--out", adapted, "--views", 2, "--visits", 2, "--steps", 2]
    assert command(*adapt, "--json", "--submission", out) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (figures["tasks"], figures["votes"], figures["cost"]["tasks"]) == (1, 3, 1)
    assert list(json.loads(out.read_text())) == ["twos"]
    assert command(*adapt, "--json") == 0, "what is done is not done again"
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["votes"] == 3
    assert command(*adapt[:-2], "--steps", 3) == 2, "the votes kept there are of other steps"
    mentions(capsys.readouterr().err, adapted, "steps")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--views", "0"], ("--views", 1, 0)),
        (["--learn", "all"], ("sudoku-6x6", "ARC")),
    ],
)
def test_mistakes(arguments: list[str], parts: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("arc", "adapt", "sudoku-6x6", tmp_path, "--out", tmp_path / "out", *arguments) == 2
    mentions(capsys.readouterr().err, parts)
    assert not (tmp_path / "out").exists()
