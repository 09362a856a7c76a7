"""Arrays of files: no pickles, no bombs, one error that names the file."""

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from helpers.failing import raises

import redraft.arrays
from redraft.arrays import pack, read_array, unpack, unpack_with_meta
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
    found = read_array(tmp_path / "x.npy", np.int64, 1, mapped=mapped)
    assert found.tolist() == [0, 1, 2, 3, 4, 5] and isinstance(found, np.memmap) == mapped
    content = io.BytesIO()
    np.savez(content, a=np.arange(2), b=np.zeros(3))
    assert {name: array.tolist() for name, array in unpack(content.getvalue(), {"a": (np.int64, 1)}).items()} == {
        "a": [0, 1]
    }


def test_type_and_axes(tmp_path: Path) -> None:
    for array in (np.zeros(2, np.int32), np.zeros((2, 2), np.int16), np.zeros(2, ">i2")):
        np.save(tmp_path / "x.npy", array)
        with raises(DataError, "x.npy", "int16 with 1 axes", array.dtype, array.ndim):
            read_array(tmp_path / "x.npy", np.int16, 1)
        with raises(ValueError, "a: ", "int16 with 1 axes", array.dtype, array.ndim):
            unpack(pack({}, {"a": array}), {"a": (np.int16, 1)})
    assert len(unpack(pack({}, {"a": np.zeros(2, np.uint8)}), {"a": (np.integer, 1)})["a"]) == 2


def test_meta_goes_along() -> None:
    meta, arrays = unpack_with_meta(pack({"format": [1, None]}, {"a": np.arange(2)}), {"a": (np.int64, 1)})
    assert meta == {"format": [1, None]} and list(arrays) == ["a"]
    content = io.BytesIO()
    np.savez(content, meta=np.frombuffer(b"{", np.uint8))
    with raises(ValueError, ""):
        unpack_with_meta(content.getvalue(), {})


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
        read_array(tmp_path / "x.npy", np.int16, 1, mapped=mapped)
    with pytest.raises(ValueError, match=r"."):
        unpack(npz(a=DAMAGED[kind]), {"a": (np.int16, 1)})
    with pytest.raises(ValueError, match=r"."):
        unpack(DAMAGED[kind], {"a": (np.int16, 1)})


def test_what_is_no_array_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"x\.npy: .*No such file"):
        read_array(tmp_path / "x.npy", np.int16, 1)
    (tmp_path / "x.npy").write_bytes(npz(a=b""))
    with pytest.raises(DataError, match=r"x\.npy: "):
        read_array(tmp_path / "x.npy", np.int16, 1)
    with pytest.raises(ValueError, match="b"):
        unpack(npz(a=b""), {"b": (np.int16, 1)})


def test_what_would_unpack_to_more_than_a_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redraft.arrays, "MOST", 1000)
    content = io.BytesIO()
    np.savez_compressed(content, a=np.zeros(10**6, np.uint8), b=np.zeros(2, np.uint8))
    with pytest.raises(ValueError, match=r"0\.0 GiB"):
        unpack(content.getvalue(), {"a": (np.uint8, 1)})
    assert len(unpack(content.getvalue(), {"b": (np.uint8, 1)})["b"]) == 2, "what is not asked for is not unpacked"
