"""A lock is one process's at a time, says whose, and ends with that process however it ends."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from redraft import locks
from redraft.locks import holder, locked

HOLDS = """
import sys
from pathlib import Path
from redraft.locks import locked
with locked(Path(sys.argv[1])):
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_one_at_a_time(tmp_path: Path) -> None:
    file = tmp_path / "run/lock"
    with locked(file) as first, locked(file) as second:
        assert first and not second
        assert str(os.getpid()) in holder(file).split()
    assert not file.exists(), "nothing is left of it"
    with locked(file, wait=True) as third:
        assert third


def test_a_killed_process_leaves_no_lock_behind(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None and other.stdout.readline()
        with locked(file) as ours:
            assert not ours and str(other.pid) in holder(file).split()
        other.kill()
    assert file.exists() and str(other.pid) in holder(file).split()
    with locked(file) as ours:
        assert ours and str(os.getpid()) in holder(file).split()


def test_waiting_for_a_lock_whose_file_is_deleted_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the time it is locked, the file that was opened is one no more: there may be another by that name."""
    file, lock, asked = tmp_path / "lock", locks._lock, []

    def late(handle: int, wait: bool) -> None:
        if not asked:
            file.unlink()
        asked.append(handle)
        lock(handle, wait)

    monkeypatch.setattr(locks, "_lock", late)
    with locked(file) as ours, locked(file) as again:
        assert ours and not again


def test_the_process_is_told_with_its_host_where_that_is_another(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("12 elsewhere\n")
    assert re.search(r"\b12\b.*\belsewhere\b", holder(tmp_path / "lock"))
    nobody = holder(tmp_path / "none")
    for unknown in ("", "x y\n"):
        (tmp_path / "lock").write_text(unknown)
        assert holder(tmp_path / "lock") == nobody


def test_where_files_cannot_be_locked_a_warning_has_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(handle: int, wait: bool) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(locks, "_lock", fail)
    with locked(tmp_path / "lock") as ours:
        assert ours
    err = capsys.readouterr().err
    assert err.startswith(f"{tmp_path / 'lock'}: ") and "No locks available" in err
