"""`redraft data`."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from helpers.failing import mentions, refused
from rich.text import Text

from redraft.data.build import from_examples
from redraft.data.export import export_published
from redraft.data.known import KNOWN
from redraft.data.store import Store
from redraft.tasks import get_task
from redraft.tasks.arc.augmentations import Views

Run = Callable[..., tuple[int, str, str]]
TASK = get_task("sudoku-9x9")


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A folder of stores."""
    store = from_examples(TASK, TASK.make(5, 0), source="made")
    store.save(tmp_path / "built/train")
    store.rows(slice(2)).save(tmp_path / "built/test")
    return tmp_path / "built"


def test_help(run: Run) -> None:
    status, out, _ = run("data", "--help")
    assert status == 0
    for name in ("list", "build", "show", "import", "export"):
        assert f"  {name} " in out
    assert run("data")[0] == 2
    for name in ("list", "show", "import", "export"):
        status, out, _ = run("data", name, "--help")
        assert status == 0 and out.startswith(f"usage: redraft data {name}")


def test_list(run: Run) -> None:
    lines = run("data", "list")[1].splitlines()
    assert len(lines) == len(KNOWN) + 1
    titles, first = (line.split("\t") for line in lines[:2])
    found = dict(zip(titles, first, strict=True))
    assert (found["name"], found["source"]) == ("sudoku-extreme", "hf:sapientinc/sudoku-extreme")
    assert found["recipes"] == "sudoku-extreme-mlp, sudoku-extreme-att, sudoku-extreme-eq, sudoku-extreme-symbols"


def test_list_as_json(run: Run) -> None:
    found = json.loads(run("data", "list", "--json")[1])
    assert [row["name"] for row in found] == [known.name for known in KNOWN]
    assert found[0]["megabytes"] == 798


def test_list_on_a_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    out = run("data", "list")[1]
    assert "\t" not in out
    for known in KNOWN:
        cells = (known.name, known.source, known.task, known.licence, known.rows.split()[-1])
        assert all(cell in out for cell in cells), "nothing is cut off at 80 columns"
    assert max(map(len, Text.from_ansi(out).plain.splitlines())) <= 80


def test_show(run: Run, built: Path) -> None:
    status, out, err = run("data", "show", built)
    assert (status, err) == (0, "")
    lines = [line.split(maxsplit=1) for line in out.splitlines()]
    assert lines[:4] == [["train"], ["task", "sudoku-9x9"], ["rows", "5"], ["groups", "5"]]
    assert ["source", "made"] in lines and ["test"] in lines


def test_show_as_json(run: Run, built: Path) -> None:
    ratings = Store.open(built / "test").ratings
    found = json.loads(run("data", "show", built / "test", "--json")[1])
    assert found == {
        "test": {
            "task": "sudoku-9x9",
            "rows": 2,
            "groups": 2,
            "puzzles": 2,
            "cells": 81,
            "puzzle_ids": 1,
            "views": None,
            "ratings": {name: pytest.approx(getattr(ratings, name)()) for name in ("min", "mean", "max")},
            "bytes": sum(file.stat().st_size for file in (built / "test").iterdir()),
            "source": "made",
        }
    }


def test_out_and_in_again(run: Run, built: Path, tmp_path: Path) -> None:
    status, out, err = run("data", "export", built, "-o", tmp_path / "out")
    assert (status, err) == (0, "")
    mentions(out, tmp_path / "out", "sudoku-9x9", "train 5 rows", "test 2 rows")
    status, out, err = run("data", "import", tmp_path / "out", "-o", tmp_path / "again")
    assert (status, err) == (0, "")
    mentions(out, tmp_path / "again", "sudoku-9x9", "train 5 rows", "test 2 rows")
    for split in ("train", "test"):
        got, want = Store.open(tmp_path / "again" / split), Store.open(built / split)
        np.testing.assert_array_equal(got.inputs, want.inputs)
        np.testing.assert_array_equal(got.labels, want.labels)


def test_names_and_test_puzzles_go_along(run: Run, built: Path, tmp_path: Path) -> None:
    (built / "identifiers.json").write_text('["<blank>", "more"]')
    (built / "test_puzzles.json").write_text('{"more": {}}')
    assert run("data", "export", built, "-o", tmp_path / "out")[0] == 0
    assert json.loads((tmp_path / "out/identifiers.json").read_text()) == ["<blank>", "more"]
    assert json.loads((tmp_path / "out/test_puzzles.json").read_text()) == {"more": {}}


def test_views(run: Run, tmp_path: Path) -> None:
    inputs = np.zeros((1, 900), np.int16)
    inputs[0, :2], inputs[0, [2, 30, 31]] = (5, 6), 1
    views = Views(
        tasks=("one",),
        starts=np.array([0, 3]),
        symmetries=np.array([0, 1, 2], np.uint8),
        colours=np.tile(np.arange(10, dtype=np.uint8), (3, 1)),
    )
    one, none = np.zeros(1, np.int32), np.full(1, np.nan, np.float32)
    labels = np.where(inputs == 0, -100, inputs).astype(np.int16)
    arrays = {"inputs": inputs, "labels": labels, "puzzle_ids": one + 1, "groups": one, "puzzles": one}
    Store(task="arc", ratings=none, views=views, **arrays).save(tmp_path / "test")
    assert json.loads(run("data", "show", tmp_path / "test", "--json")[1])["test"]["views"] == 3
    assert run("data", "export", tmp_path / "test", "-o", tmp_path / "all")[1].endswith("arc, test 3 rows\n")
    assert run("data", "export", tmp_path, "-o", tmp_path / "two", "--views", 2)[1].endswith("arc, test 2 rows\n")
    assert "one" in json.loads((tmp_path / "all/test_puzzles.json").read_text())


def test_build_is_a_command_of_its_own(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("redraft.commands.data_build")
    heard: list[list[str]] = []
    module.run = lambda arguments: heard.append(arguments) or 3  # type: ignore[attr-defined, func-returns-value]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    assert run("data", "build", "arc", "--help")[0] == 3
    assert heard == [["arc", "--help"]]


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["frob"], ("'frob'", "list, build, show, import, export")),
        (["show", "nowhere"], ("nowhere", "train", "test")),
        (["show", "published"], ("published", "redraft data import published -o FOLDER")),
        (["import", "nowhere", "-o", "x"], ("nowhere", "published")),
        (["import", "published", "-o", "built"], "built"),
        (["import", "published", "-o", "x", "--task", "sudoku-6x6"], ("sudoku-6x6", 36, 8)),
        (["export", "nowhere", "-o", "x"], ("nowhere", "store")),
        (["export", "built", "-o", "built"], "built"),
        (["export", "built", "-o", "x", "--views", "0"], ("--views", 1, 0)),
        (["export", "built", "-o", "x", "--seed", "-1"], ("--seed", 0, -1)),
        (["export", "built", "-o", "x", "--views", "5"], ("--views", "built")),
        (["export", "zero", "-o", "x"], ("train", "row 0, position 0", "label", 1, 10, 0)),
        (["export", "built"], "--output"),
    ],
)
def test_mistakes(
    run: Run, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], parts: object
) -> None:
    monkeypatch.chdir(tmp_path)
    store = Store.open(built / "test")
    export_published({"test": store}, tmp_path / "published")
    replace(store, labels=np.zeros_like(store.labels)).save(tmp_path / "zero")
    refused(run("data", *arguments), parts)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["built", "published", "zero"], "nothing half-written"
