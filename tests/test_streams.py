"""Streams that are closed, full or read by nobody: the command does its work, and says so by its exit status."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "error"}
FULL = Path("/dev/full")


def shell(redirected: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`redraft ARGUMENTS` with streams as a shell redirects them."""
    command = ["sh", "-c", f'exec "$0" -m redraft "$@" {redirected}', sys.executable, *arguments]
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=ENVIRONMENT, timeout=60
    )


MADE = ("make", "sudoku-4x4", "2")


def test_closed_standard_output() -> None:
    done = shell(">&-", *MADE)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert shell(">&-", "--help").returncode == 0
    wrong = shell(">&-", "make", "chess")
    assert wrong.returncode == 2 and "'chess'" in wrong.stderr


def test_closed_standard_error() -> None:
    done = shell("2>&-", *MADE)
    assert (done.returncode, len(done.stdout.split())) == (0, 2)
    assert shell("2>&-", "make", "chess").returncode == 2


def test_all_closed(tmp_path: Path) -> None:
    """Files that are opened meanwhile do not take the streams' place."""
    assert shell("<&- >&- 2>&-", *MADE, "-o", str(tmp_path / "made.csv")).returncode == 0
    assert len((tmp_path / "made.csv").read_text().splitlines()) == 3


def test_closed_standard_input() -> None:
    done = shell("<&-", "solve", "sudoku", "-f", "-")
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch("redraft solve: .*standard input.*\n", done.stderr)


@pytest.mark.skipif(not FULL.exists(), reason="needs a device that is always full")
def test_full_ones() -> None:
    """What cannot be put out has not been done; what is only for show does not matter."""
    out = shell(f">{FULL}", *MADE)
    assert (out.returncode, out.stderr) == (2, "redraft make: No space left on device\n")
    err = shell(f"2>{FULL}", *MADE)
    assert (err.returncode, len(err.stdout.split())) == (0, 2)
    assert shell(f"2>{FULL}", "make", "chess").returncode == 2
