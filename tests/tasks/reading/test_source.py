"""Bytes to lines: encodings, line ends, compression, and files that hold no text."""

import gzip
import io
import sys
from pathlib import Path

import pytest
from helpers.failing import raises, warns

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
    with warns(DataWarning, "a.txt, line 2", "UTF-8", "Latin-1"):
        assert list(lines_of(file)) == ["plain", "café", "naïve"]


def test_marks_and_the_end_of_file_sign_of_dos_are_no_text() -> None:
    assert list(clean(["\ufeffone\r\n", "two\x1a"])) == ["one", "two"]


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (b"\x93NUMPY\x01\x00v\x00", ".npy"),
        (b"PK\x03\x04" + bytes(30), "zip"),
        (b"\x89PNG\r\n\x1a\n" + bytes(30), "PNG"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        (b"<!DOCTYPE html><html>", "HTML"),
        (bytes(range(256)), "binary"),
        (gzip.compress(b"text", mtime=0)[:-6], "gzip"),
        (gzip.compress(b"\x89PNG\r\n\x1a\n" + bytes(9), mtime=0), ("gzip", "PNG")),
        (b"\xff\xfeo\x00n", "UTF-16"),
    ],
)
def test_what_is_no_text_is_named(tmp_path: Path, content: bytes, parts: object) -> None:
    (tmp_path / "a").write_bytes(content)
    with raises(DataError, tmp_path / "a", parts):
        list(lines_of(tmp_path / "a"))


def test_places_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with raises(DataError, path):
            list(lines_of(path))
    monkeypatch.setattr(sys, "stdin", None)
    with raises(DataError, "standard input"):
        list(lines_of("-"))


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("\n".join(TEXT).encode("utf-16"))))
    assert list(lines_of("-")) == TEXT
    monkeypatch.setattr(sys, "stdin", io.StringIO("a\nb\n"))
    assert list(lines_of("-")) == ["a", "b"]
