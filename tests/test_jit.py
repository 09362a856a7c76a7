"""Kernels that Numba compiles are kept on disk, and do the same where what was kept is damaged or cannot be."""

import errno
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
from numba.core import caching

from redraft.jit import jit

Compile = Callable[[], Any]


@pytest.fixture
def compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Compile:
    """Compiles `twice`, of a module of its own, with its cache in `tmp_path / "cache"`: each time as a new process."""
    source = tmp_path / "kernels_of_a_test.py"
    source.write_text("def twice(x):\n    return x + x\n")
    spec = importlib.util.spec_from_file_location(source.stem, source)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, source.stem, module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    return lambda: jit(module.twice)


def file(tmp_path: Path, ending: str) -> Path:
    (found,) = (tmp_path / "cache").rglob(f"*.{ending}")
    return found


def hits(kernel: Any) -> int:
    return sum(kernel.stats.cache_hits.values())


def test_the_second_time_it_is_there(compiled: Compile) -> None:
    first, second = compiled(), compiled()
    assert (first(2), hits(first)) == (4, 0)
    assert (second(2), hits(second)) == (4, 1)


def flip(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize("ending", ["nbi", "nbc"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:60],
        lambda content: b"",
        flip,
        lambda content: b"x" * 1000,
        lambda content: content[:-1],
    ],
    ids=["cut short", "empty", "a bit", "other", "all but a byte"],
)
def test_a_damaged_file_is_replaced(
    compiled: Compile, tmp_path: Path, ending: str, damage: Callable[[bytes], bytes]
) -> None:
    compiled()(2)
    damaged = file(tmp_path, ending)
    damaged.write_bytes(damage(damaged.read_bytes()))
    assert compiled()(2) == 4
    assert (found := compiled())(2) == 4 and hits(found) == 1, "it was not replaced"


@pytest.mark.parametrize("ending", ["nbi", "nbc"])
def test_a_folder_in_its_place(compiled: Compile, tmp_path: Path, ending: str) -> None:
    compiled()(2)
    place = file(tmp_path, ending)
    place.unlink()
    place.mkdir()
    assert compiled()(2) == 4


def test_two_processes_that_write_at_once(compiled: Compile, tmp_path: Path) -> None:
    """Both take the first name for their kernel, one for integers, the other for floats: the last one's stays there."""
    compiled()(2)
    index, kept = file(tmp_path, "nbi"), file(tmp_path, "nbc")
    integers = index.read_bytes(), kept.read_bytes()
    index.unlink()
    compiled()(2.5)
    kept.write_bytes(integers[1])
    floats = compiled()
    assert floats(2.5) == 5 and hits(floats) == 0


def test_a_full_disk(compiled: Compile, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(caching.IndexDataCacheFile, "_open_for_write", full)
    assert compiled()(2) == 4


def test_a_cache_that_cannot_be_made(compiled: Compile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "file"))
    assert compiled()(2) == 4
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])
    assert compiled()(2) == 4


def test_a_numba_that_keeps_kernels_otherwise(compiled: Compile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(caching, "FunctionCache")
    assert compiled()(2) == 4


def test_arrays(compiled: Compile) -> None:
    assert np.array_equal(compiled()(np.arange(3)), [0, 2, 4])
