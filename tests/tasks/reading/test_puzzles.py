"""Reading puzzles of any task by its notation; more in the tests of Sudoku's and the mazes' files."""

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from helpers.failing import raises

from redraft.errors import DataError
from redraft.tasks import Puzzle, Task, get_task, written

NAMES = ["sudoku-4x4", "maze-4x6"]


@pytest.fixture(params=NAMES)
def task(request: pytest.FixtureRequest) -> Task:
    return get_task(request.param)


def rows(task: Task, count: int, line_end: str = "\n") -> str:
    made = task.make(count, 0)
    pairs = zip(made.questions, made.answers, strict=True)
    return "".join(f"{task.format(question)},{task.format(answer)}{line_end}" for question, answer in pairs)


@pytest.mark.parametrize("start", ["", "\ufeff"])
@pytest.mark.parametrize("header", ["", "question,answer\n", " Puzzle , Solution \n"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_csv_with_and_without_header(task: Task, tmp_path: Path, start: str, header: str, line_end: str) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes((start + header + rows(task, 3, line_end)).encode())
    examples, made = task.load(str(file)), task.make(3, 0)
    assert np.array_equal(examples.questions, made.questions) and np.array_equal(examples.answers, made.answers)
    assert np.isnan(examples.ratings).all()


def test_small_blocks_give_the_same(task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.csv"
    file.write_text("question,answer\n" + rows(task, 20))
    whole = task.load(str(file))
    monkeypatch.setattr(written, "BATCH", 7)
    parts = task.load(str(file))
    assert np.array_equal(whole.questions, parts.questions) and np.array_equal(whole.answers, parts.answers)
    assert len(task.load(str(file), limit=7)) == 7


def test_what_is_written_is_read(task: Task) -> None:
    made = task.make(5, 1)
    for question, found in zip(
        made.questions, task.read([task.format(question) for question in made.questions], "x"), strict=True
    ):
        assert isinstance(found, Puzzle) and np.array_equal(found.question, question)


def test_hub(task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "train.csv").write_text("question,answer\n" + rows(task, 2))
    hub = ModuleType("huggingface_hub")
    hub.hf_hub_download = lambda name, file, repo_type: str(tmp_path / file)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    assert len(task.load("hf:someone/puzzles")) == 2


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_an_empty_file(task: Task, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "empty.csv").write_bytes(content)
    with raises(DataError, "empty.csv"):
        task.load(str(tmp_path / "empty.csv"))
