"""Bytes to lines: encodings, line ends, compression, and files that hold no text."""

import gzip
import io
import sys
from pathlib import Path

import pytest

from redraft.errors import DataError, DataWarning
from redraft.tasks.reading.source import clean, lines_of

TEXT = ["one", "", "zwölf · ─", "last"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(tmp_path: Path, encoding: str, end: str) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(end.join(TEXT).encode(encoding))
    assert list(lines_of(file)) == TEXT
    file.write_bytes(gzip.compress((end.join(TEXT) + end).encode(encoding)))
    assert list(lines_of(file)) == TEXT, "whatever it is called"


def test_latin_1_is_read_with_one_warning(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes("plain\ncafé\nnaïve\n".encode("latin-1"))
    with pytest.warns(DataWarning, match=r"a\.txt, line 2: not UTF-8; read as Latin-1") as found:
        assert list(lines_of(file)) == ["plain", "café", "naïve"]
    assert len(found) == 1


def test_marks_and_the_end_of_file_sign_of_dos_are_no_text() -> None:
    assert list(clean(["\ufeffone\r\n", "two\x1a"])) == ["one", "two"]


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"\x93NUMPY\x01\x00v\x00", "a NumPy array (.npy), not text"),
        (b"PK\x03\x04" + bytes(30), "a zip archive, not text"),
        (b"\x89PNG\r\n\x1a\n" + bytes(30), "a PNG picture, not text"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
        (b"<!DOCTYPE html><html>", "a web page (HTML), not text"),
        (bytes(range(256)), "binary data, not text"),
        (gzip.compress(b"text", mtime=0)[:-6], "a gzip archive that is damaged or cut off"),
        (gzip.compress(b"\x89PNG\r\n\x1a\n" + bytes(9), mtime=0), "(inside the gzip archive): a PNG picture, not text"),
        (b"\xff\xfeo\x00n", "not text in UTF-16"),
    ],
)
def test_what_is_no_text_is_named(tmp_path: Path, content: bytes, named: str) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(DataError) as caught:
        list(lines_of(tmp_path / "a"))
    assert str(caught.value).startswith(str(tmp_path / "a")) and named in str(caught.value)


def test_places_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(DataError, match="cannot be read"):
            list(lines_of(path))
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(DataError, match="standard input is closed"):
        list(lines_of("-"))


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("\n".join(TEXT).encode("utf-16"))))
    assert list(lines_of("-")) == TEXT
    monkeypatch.setattr(sys, "stdin", io.StringIO("a\nb\n"))
    assert list(lines_of("-")) == ["a", "b"]
