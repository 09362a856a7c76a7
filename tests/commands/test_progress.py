"""The progress bar: on a terminal only, and gone afterwards."""

import pytest

from redraft.commands.progress import progress


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
