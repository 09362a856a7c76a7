"""Formats: files are named by what they are, and text by nothing."""

import bz2
import gzip
import io
import lzma
import pickle
import sqlite3
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch

from redraft.formats import describe_file, describe_format, seems_text


def array(file: Path) -> None:
    with file.open("wb") as opened:
        np.save(opened, np.zeros((3, 81)))


def arrays(file: Path) -> None:
    with file.open("wb") as opened:
        np.savez(opened, questions=np.zeros(81), answers=np.ones(81))


def packed_arrays(file: Path) -> None:
    with file.open("wb") as opened:
        np.savez_compressed(opened, questions=np.zeros((1000, 81)))


def zipped(*members: str) -> Callable[[Path], None]:
    def write(file: Path) -> None:
        with zipfile.ZipFile(file, "w") as archive:
            for member in members:
                archive.writestr(member, "content")

    return write


def tarred(file: Path) -> None:
    with tarfile.open(file, "w") as archive:
        archive.addfile(tarfile.TarInfo("puzzles.txt"), io.BytesIO(b""))


def database(file: Path) -> None:
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE puzzles (question TEXT)")
    connection.commit()
    connection.close()


def old_torch(file: Path) -> None:
    torch.save({"weight": torch.zeros(2)}, file, _use_new_zipfile_serialization=False)


@pytest.mark.parametrize(
    ("write", "name"),
    [
        (array, "a NumPy array (.npy)"),
        (arrays, "NumPy arrays (.npz)"),
        (packed_arrays, "NumPy arrays (.npz)"),
        (zipped("puzzles.csv"), "a zip archive"),
        (zipped(), "a zip archive"),
        (zipped("[Content_Types].xml", "_rels/.rels", "xl/workbook.xml"), "an Excel workbook (.xlsx)"),
        (zipped("[Content_Types].xml", "word/document.xml"), "a Word document (.docx)"),
        (zipped("metadata.json", "config.json", "model.weights.h5"), "a Keras model (.keras)"),
        (tarred, "a tar archive"),
        (database, "an SQLite database"),
        (lambda file: torch.save({"weight": torch.zeros(2)}, file), "a PyTorch file (torch.save)"),
        (old_torch, "a PyTorch file (torch.save)"),
        (lambda file: safetensors.numpy.save_file({"a": np.zeros(3)}, file), "a safetensors file"),
    ],
)
def test_files_as_programs_write_them(write: Callable[[Path], None], name: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    write(file)
    assert describe_file(file) == name


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"", "an empty file"),
        (gzip.compress(b"53..7", mtime=0), "a gzip archive"),
        (bz2.compress(b"53..7"), "a bzip2 archive"),
        (lzma.compress(b"53..7"), "an xz archive"),
        *((pickle.dumps({"puzzle": [1, 2]}, protocol), "a Python pickle") for protocol in (0, 2, 3, 4, 5)),
        (b"PAR1\x15\x04", "a Parquet table"),
        (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"GGUF\x03\0\0\0", "a GGUF model (llama.cpp)"),
        (b"\x08\x0a\x12\x07pytorch\x1a\x05", "an ONNX model"),
        (b"\x08\x01\x12\xe0\x33\x0a", "a TensorFlow SavedModel"),
        (b"\x1c\0\0\0TFL3", "a TensorFlow Lite model"),
        (b"\x89HDF\r\n\x1a\n\0", "an HDF5 file (Keras, h5py)"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 27\n",
            "a pointer of Git LFS, not the file itself (git lfs pull fetches it)",
        ),
        (b"<!DOCTYPE html><html>", "a web page (HTML)"),
        (b"\xef\xbb\xbf\n <HTML lang=en>", "a web page (HTML)"),
        (b"<!-- saved from a site -->\n<!doctype html>", "a web page (HTML)"),
        (b'<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC "-">\n<html xmlns="">', "a web page (HTML)"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "an XML document"),
        (b'<?xml version="1.0"?><opensudoku>', "an XML document"),
        (b'{"error": "Repository not found"}', "JSON"),
        (b'{\n "cells": [\n  {\n', "a notebook (.ipynb)"),
        (b'{"metadata": {"total_size": 9}, "weight_map": {}}', "an index of a model in several files (JSON)"),
    ],
)
def test_beginnings(head: bytes, name: str) -> None:
    assert describe_format(head) == name


@pytest.mark.parametrize(
    "text",
    [
        "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79\n",
        "question,answer\n53..,5321\n",
        "\ufeffquestion;answer\n",
        "+---+---+\n|5 3|. .|\n",
        "[[5, 3, 0], [6, 0, 0]]\n",
        "S # G\n",
        "BM puzzles of mine, the first of them\n",
        "BZh puzzles\n",
        "MZ, the second\n",
        "x^2 + 1\n",
        "(dots are blanks)\n",
        "version 2 of my puzzles\n",
        "[Puzzle]\n53..7....\n",
        "# <html> stands for nothing here\n",
        "Rätsel für Zoë: 53..7\n",
        "\tspaces\n",
        "P",
        "{abc}",
    ],
)
def test_text_has_no_name(text: str) -> None:
    assert describe_format(text.encode()) is None
    assert seems_text(text.encode())


def test_what_is_text() -> None:
    assert seems_text("Zoë".encode()[:-1]), "the last character is cut off"
    assert not seems_text(b"\xff\xfe5\x003\x00")
    assert not seems_text(bytes(range(32)))
    assert not seems_text(b"ab\0c")


def test_a_folder(tmp_path: Path) -> None:
    assert describe_file(tmp_path) == "a folder"
