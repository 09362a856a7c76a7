"""Arrays of files: no pickles, no bombs, one error that names the file."""

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

import redraft.arrays
from redraft.arrays import read_array, unpack
from redraft.errors import DataError


def npy(header: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header) + 1) + header.encode() + b"\n"


def npz(**members: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, member in members.items():
            packed.writestr(f"{name}.npy", member)
    return content.getvalue()


@pytest.mark.parametrize("mapped", [False, True])
def test_there_and_back(tmp_path: Path, mapped: bool) -> None:
    np.save(tmp_path / "x.npy", np.arange(6))
    found = read_array(tmp_path / "x.npy", DataError, mapped=mapped)
    assert found.tolist() == [0, 1, 2, 3, 4, 5] and isinstance(found, np.memmap) == mapped
    content = io.BytesIO()
    np.savez(content, a=np.arange(2), b=np.zeros(3))
    assert {name: array.tolist() for name, array in unpack(content.getvalue(), ["a"]).items()} == {"a": [0, 1]}


DAMAGED = {
    "empty": b"",
    "text": b"no array",
    "cut": npy("{'descr': '<i2', 'fortran_order': False, 'shape': (9,)}"),
    "larger than memory": npy("{'descr': '<i2', 'fortran_order': False, 'shape': (10000000000000000, 16)}"),
    "larger than numbers": npy("{'descr': '<i2', 'fortran_order': False, 'shape': (" + "9" * 30 + ", 16)}"),
    "negative": npy("{'descr': '<i2', 'fortran_order': False, 'shape': (-1, 16)}"),
    "objects": npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}"),
    "deep": npy("(" * 300),
    "no header": npy("{'descr': '<i2'}"),
}


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("kind", DAMAGED)
def test_damaged(tmp_path: Path, kind: str, mapped: bool) -> None:
    (tmp_path / "x.npy").write_bytes(DAMAGED[kind])
    with pytest.raises(DataError, match=r"x\.npy: "):
        read_array(tmp_path / "x.npy", DataError, mapped=mapped)
    with pytest.raises(ValueError, match=r"."):
        unpack(npz(a=DAMAGED[kind]), ["a"])
    with pytest.raises(ValueError, match=r"."):
        unpack(DAMAGED[kind], ["a"])


def test_what_is_no_array_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"x\.npy: .*No such file"):
        read_array(tmp_path / "x.npy", DataError)
    (tmp_path / "x.npy").write_bytes(npz(a=b""))
    with pytest.raises(DataError, match=r"x\.npy: "):
        read_array(tmp_path / "x.npy", DataError)
    with pytest.raises(ValueError, match="b"):
        unpack(npz(a=b""), ["b"])


def test_what_would_unpack_to_more_than_a_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redraft.arrays, "MOST", 1000)
    content = io.BytesIO()
    np.savez_compressed(content, a=np.zeros(10**6, np.uint8), b=np.zeros(2, np.uint8))
    with pytest.raises(ValueError, match=r"0\.0 GiB"):
        unpack(content.getvalue(), ["a"])
    assert len(unpack(content.getvalue(), ["b"])["b"]) == 2, "what is not asked for is not unpacked"
