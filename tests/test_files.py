"""Files are written whole or not at all, by one process or several, and nothing half-written stays for long."""

import os
import time
from pathlib import Path

import pytest

from redraft import files
from redraft.errors import RedraftError
from redraft.files import OURS, SAFETENSORS, partial_of, replacing, sweep, write_text


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    write_text(file, "old")
    with replacing(file) as partial:
        partial.write_text("new")
        assert file.read_text() == "old"
    assert file.read_text() == "new" and names(tmp_path) == ["a.csv"]
    assert file.stat().st_mode & 0o777 == 0o666 & ~_umask()


def test_two_write_the_same_file(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    with replacing(file) as first:
        with replacing(file) as second:
            first.write_text("first")
            second.write_text("second")
        assert file.read_text() == "second"
    assert file.read_text() == "first" and names(tmp_path) == ["a.csv"]


def test_nothing_is_left_of_what_fails(tmp_path: Path) -> None:
    def interrupted() -> None:
        with replacing(tmp_path / "a.csv") as partial:
            partial.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with pytest.raises(RedraftError, match=r"none/a\.csv: .*No such file"):
        write_text(tmp_path / "none/a.csv", "text")
    assert names(tmp_path) == []


def test_names_of_any_length(tmp_path: Path) -> None:
    write_text(tmp_path / ("é" * 120), "text")
    assert names(tmp_path) == ["é" * 120]


def test_what_killed_processes_leave_goes_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, fresh, other = partial_of(tmp_path / "a.csv"), partial_of(tmp_path / "a.csv"), tmp_path / "notes.tmp"
    for path in (old, fresh, other):
        path.touch()
    for path in (old, other):
        os.utime(path, (time.time() - 2 * files.HOUR,) * 2)
    files._sweep_once.cache_clear()
    write_text(tmp_path / "b.csv", "text")
    assert set(names(tmp_path)) == {fresh.name, "notes.tmp", "b.csv"}


def test_a_sweep_of_all_that_is_half_written(tmp_path: Path) -> None:
    partial_of(tmp_path / "state.safetensors").touch()
    partial_of(tmp_path / "data").mkdir()
    for name in (".tmpAb12xY", ".tmp", "a.tmp", "x.12-0.tmp"):
        (tmp_path / name).touch()
    sweep(tmp_path, OURS, SAFETENSORS, older_than=0)
    assert names(tmp_path) == [".tmp", "a.tmp", "x.12-0.tmp"]
    sweep(tmp_path / "none", OURS, older_than=0)


def test_a_pipe_is_written_to_and_stays_one(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_text(pipe, "text")
        assert os.read(reader, 10) == b"text"
    finally:
        os.close(reader)
    assert pipe.is_fifo() and names(tmp_path) == ["pipe"]


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
