"""What an earlier version wrote opens and means the same: a run, its weights, and a store.

tests/before was made by the version of commit 35cdcf5 (2026-11-28): `redraft data build pairs.csv -o grids --name
mirror` and `redraft train grids -o own --size nano --steps 4 --model.hidden-size 16`.
"""

import json
import shutil
from pathlib import Path

import pytest

import redraft
from redraft.cli import main
from redraft.data.store import Store

BEFORE = Path(__file__).parent / "before"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("grids", "own"):
        shutil.copytree(BEFORE / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_store_opens() -> None:
    store = Store.open(BEFORE / "grids" / "train")
    assert len(store) == 36
    assert store.inputs.shape == (36, 9)


def test_weights_solve(folder: Path) -> None:
    (answer,) = redraft.load("own/best").solve_many([["ab.", "...", "bba"]])
    assert answer.grid.shape == (3, 3)


def test_weights_are_evaluated_alike(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """After one step: weights that have hardly been trained amplify in 16 what processors round otherwise."""
    assert main(["eval", "own", "grids", "--json", "--steps", "1"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["puzzles"] == 4
    assert found["cells"] == pytest.approx(13 / 36, abs=1.5 / 36)  # a cell may be a tie


def test_a_run_is_resumed(folder: Path) -> None:
    """It goes on as the version that began it did: the loss of two more steps is what that version wrote."""
    assert main(["train", "--resume", "own", "--steps", "6"]) == 0
    *_, trained, evaluated = map(json.loads, Path("own/metrics.jsonl").read_text().splitlines())
    assert (trained["kind"], trained["step"]) == ("train", 6)
    assert trained["loss"] == pytest.approx(1.480860710144043, rel=1e-4)
    assert (evaluated["kind"], evaluated["step"]) == ("eval", 6)
