"""How all commands read their arguments."""

import os
from collections.abc import Callable

import pytest

Run = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize("columns", ["0", "1", "5", "20", "nonsense"])
def test_help_on_a_terminal_of_any_width(run: Run, monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    status, out, _ = run("make", "--help")
    assert status == 0 and "--seed" in out
    status, _, err = run("make", "sudoku-4x4", "--sede", "1")
    assert status == 2 and "--sede" in err
    assert os.environ["COLUMNS"] == columns
    monkeypatch.delenv("COLUMNS")
    assert run("make", "--help")[0] == 0 and "COLUMNS" not in os.environ
