"""`redraft list`."""

from collections.abc import Callable
from pathlib import Path

import pytest

import redraft.weights
from redraft import recipes
from redraft.tasks import TASKS

Run = Callable[..., tuple[int, str, str]]


def test_everything_is_listed(run: Run, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redraft.weights, "_HERE", weights.parent)
    monkeypatch.setitem(recipes.RECIPES, "bare", lambda **_: None)  # type: ignore[arg-type, return-value]
    status, out, _ = run("list")
    assert status == 0
    for name in (*TASKS, *recipes.RECIPES):
        assert any(line.split()[:1] == [name] for line in out.splitlines()), name
    assert out.endswith("weights that ship\n  weights              tiny\n"), "one line of the summary"


def test_no_weights(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redraft.weights, "_HERE", tmp_path)
    assert run("list")[1].endswith("weights that ship: none\n")


def test_damaged_weights(run: Run, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redraft.weights, "_HERE", weights.parent)
    (weights / "config.json").write_text("{}")
    status, _, err = run("list")
    assert status == 2 and "config.json: damaged" in err


def test_arguments(run: Run) -> None:
    assert run("list", "--help")[0] == 0
    assert run("list", "more")[::2] == (2, "redraft list: unexpected argument 'more'; redraft list takes none\n")
