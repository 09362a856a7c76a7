"""`redraft bench`: its kinds are listed and have help; those that moved name their new command."""

import pytest
from helpers.failing import mentions

from redraft.cli import main
from redraft.commands.bench import MOVED, WHAT


def test_usage_lists_every_kind(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--help"]) == 0
    out = capsys.readouterr().out
    mentions(out, *WHAT, *WHAT.values())
    assert main(["bench"]) == 2
    assert capsys.readouterr().err == out


@pytest.mark.parametrize("name", list(WHAT))
def test_every_kind_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", name, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"usage: redraft bench {name}")


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        *(([old, "--repeats", "1"], new) for old, new in MOVED.items()),
        (["train", "--reference", "checkout"], "train"),
        (["solve", "--reference=checkout"], "solve"),
    ],
)
def test_what_moved_names_its_new_command(arguments: list[str], kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", *arguments]) == 2
    err = capsys.readouterr().err
    mentions(err, f"python -m benchmarks {kind}")
    assert err.count("\n") == 1
