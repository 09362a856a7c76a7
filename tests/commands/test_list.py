"""`redraft list`."""

from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.failing import mentions, refused

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
    assert out.splitlines()[-1].split() == ["weights", "tiny"], "one line of the summary"


def test_no_weights(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redraft.weights, "_HERE", tmp_path)
    mentions(run("list")[1].splitlines()[-1], "none")


def test_damaged_weights(run: Run, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redraft.weights, "_HERE", weights.parent)
    (weights / "config.json").write_text("{}")
    status, _, err = run("list")
    assert status == 2
    mentions(err, weights / "config.json")


def test_arguments(run: Run) -> None:
    assert run("list", "--help")[0] == 0
    refused(run("list", "more"), "redraft list", "'more'")
