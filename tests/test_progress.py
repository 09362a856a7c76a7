"""The progress bar: on a terminal only, and gone afterwards. Stages are lines elsewhere."""

import re

import pytest

from redraft import progress as bars
from redraft.progress import progress, stages


def count(total: int, *, shown: bool = True) -> None:
    with progress("counting", total, shown=shown) as tell:
        for done in range(1, total + 1):
            tell(done)


def test_silent_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    count(3)
    assert capsys.readouterr() == ("", "")


def test_on_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    count(3)
    out, err = capsys.readouterr()
    assert out == "" and "counting" in err and "3/3" in err
    count(3, shown=False)
    assert "counting" not in capsys.readouterr().err


def test_stages_are_lines_at_most_one_a_second_of_a_kind(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 0.0, 3.25, 3.5, 4.3, 4.5, 5.25])
    monkeypatch.setattr(bars, "monotonic", lambda: next(clock))
    with stages("export") as tell:
        for what in ("tracing", "solving: step 1", "solving: step 2", "solving: step 3", "solving: step 4", "rounding"):
            tell(what)
    out, err = capsys.readouterr()
    assert out == ""
    assert [re.sub(" +", " ", line) for line in err.splitlines()] == [
        "redraft export: 0.0 s tracing",
        "redraft export: 3.2 s solving: step 1",
        "redraft export: 4.3 s solving: step 3",
        "redraft export: 5.2 s rounding",
    ]


def test_stages_on_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with stages("export") as tell:
        tell("tracing a step")
    out, err = capsys.readouterr()
    assert out == "" and "tracing a step" in err and "redraft export" not in err
