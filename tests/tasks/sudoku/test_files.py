"""Sudoku in files: texts of several puzzles, CSV, folders, the Hugging Face Hub, and what is said of bad ones."""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from helpers.failing import mentions, raises
from helpers.places import DATA
from helpers.sudokus import DONE, DRAWN, EASY
from hypothesis import given, settings
from hypothesis import strategies as st

from redraft.errors import DataError, PuzzleError
from redraft.tasks import Puzzle
from redraft.tasks.sudoku.task import Sudoku

SHARED = DATA / "sudoku-extreme"


@pytest.fixture(scope="module")
def nine() -> Sudoku:
    return Sudoku(9)


def only_error(entries: Iterable[Puzzle | PuzzleError]) -> str:
    found = list(entries)
    assert len(found) == 1 and isinstance(found[0], PuzzleError)
    return str(found[0])


# texts


def test_read_lines_with_comments_and_errors(nine: Sudoku) -> None:
    found = list(nine.read(["# two good, one bad", "", EASY, EASY[:-1], DONE], "puzzles.txt"))
    assert [getattr(each, "place", "") for each in found] == [f"puzzles.txt, line {n}" for n in (3, 4, 5)]
    assert isinstance(found[0], Puzzle) and isinstance(found[2], Puzzle)
    mentions(found[1], "puzzles.txt, line 4", 81, 80)


def test_read_drawings(nine: Sudoku) -> None:
    rows = "\n".join(DONE[i : i + 9] for i in range(0, 81, 9))
    text = f"{DRAWN}\n# next, without a blank line between\n{rows}\n{rows}\n{EASY}\n53..7....\n\n{EASY}"
    found = list(nine.read(text.splitlines(), "x"))
    assert [nine.format(each.question) if isinstance(each, Puzzle) else each.place for each in found] == [
        EASY,
        DONE,
        DONE,
        EASY,
        "x, line 36",
        EASY,
    ]
    mentions(found[4], 81, 9)
    assert isinstance(found[0], Puzzle) and found[0].place == "x, line 3"


def test_read_csv(nine: Sudoku) -> None:
    lines = ["source,Puzzle,solution,rating", f"a,{EASY},{DONE},12.5", f'b,"{EASY}",,', f"c,{EASY},{EASY},1", "d,12"]
    first, second, third, fourth = nine.read(lines, "f.csv")
    assert isinstance(first, Puzzle) and first.answer is not None and first.rating == 12.5
    assert nine.format(first.answer) == DONE
    assert isinstance(second, Puzzle) and second.answer is None and second.rating is None
    mentions(third, "f.csv, line 4", "answer", "51 cells")
    mentions(fourth, "f.csv, line 5", 4, "source, Puzzle, solution, rating", 2)


def test_read_csv_without_header(nine: Sudoku) -> None:
    one, two = nine.read([f"{EASY},{DONE}", f"{EASY},{DONE[:-1]}"], "f")
    assert isinstance(one, Puzzle) and one.answer is not None
    mentions(two, "f, line 2", "answer", 81, 80)
    mentions(only_error(nine.read(["question,rating", f"{EASY},high"], "f")), "f, line 2", "rating", "'high'", "2.5")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.sampled_from('12.0_|-+=,"#x \r\té·─'), max_size=40), max_size=12))
def test_read_answers_every_text(lines: list[str]) -> None:
    for each in Sudoku(4).read(lines, "any"):
        assert isinstance(each, Puzzle | PuzzleError) and each.place.startswith("any, line ")


# files


def write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_load_csv(nine: Sudoku, tmp_path: Path) -> None:
    text = f"source,question,answer,rating\na,{EASY},{DONE},3\n# note\n\nb,{EASY.replace('.', '0')},{DONE},\n"
    file = write(tmp_path / "train.csv", text)
    for path in (file, str(tmp_path)):
        examples = nine.load(path)
        assert len(examples) == 2 and examples.ratings[0] == 3 and np.isnan(examples.ratings[1])
        assert nine.format(examples.questions[1]) == EASY and nine.format(examples.answers[0]) == DONE
    assert len(nine.load(file, limit=1)) == 1
    with raises(DataError, "test.csv", "test.txt"):
        nine.load(str(tmp_path), split="test")
    plain = write(tmp_path / "plain.csv", f"{EASY},{DONE}\r\n{EASY},{DONE}")
    assert len(nine.load(plain)) == 2


def test_load_in_small_blocks(nine: Sudoku, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path / "a.csv", "question,answer\n" + f"{EASY},{DONE}\n" * 20 + f"{EASY},{DONE[1:]}5\n")
    monkeypatch.setattr("redraft.tasks.written.BATCH", 7)
    assert len(nine.load(file, limit=20)) == 20
    with raises(DataError, "a.csv, line 22", "answer", "given", "row 1, column 1"):
        nine.load(file)


def test_load_text_is_answered_by_search(nine: Sudoku, tmp_path: Path) -> None:
    examples = nine.load(write(tmp_path / "a.txt", f"# easy\n{EASY}\n{DRAWN}"))
    assert [nine.format(answer) for answer in examples.answers] == [DONE, DONE]
    assert examples.ratings.tolist() == [0, 0]
    examples = nine.load(write(tmp_path / "a.csv", f"question,rating\n{EASY},7\n"))
    assert nine.format(examples.answers[0]) == DONE and examples.ratings.tolist() == [7]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", "empty"),
        ("question,answer\n", "puzzles"),
        (f"source,grid,answer\na,{EASY},{DONE}\n", ("line 1", "question", "puzzle", "input", "source")),
        (f"question,answer\n{EASY}\n", ("line 2", 2, "question, answer", 1)),
        (f"question,answer\n{EASY},{DONE}\n{EASY[1:]},{DONE}\n", ("line 3", 81, 80)),
        (f"question,answer\n{EASY},{DONE[:-1]}\n", ("line 2", "answer", 81, 80)),
        (f"question,answer\n{EASY[:-1]}?,{DONE}\n", ("line 2", "'?'", "cell 81 (row 9, column 9)")),
        (f"question,answer\n{EASY},{EASY}\n", ("line 2", "answer", "51 cells")),
        (f"question,answer\n{EASY},{DONE[:-2]}99\n", ("line 2", "answer", "given", "row 9, column 8")),
        (f"question,answer,rating\n{EASY},{DONE},1\n{EASY},{DONE},high\n", ("line 3", "rating", "'high'")),
        (f"{EASY}\n{EASY[:-1]}\n", ("line 2", 81, 80)),
        (f"{EASY}\n{'.' * 81}\n", ("line 2", "more than one")),
        (f"{EASY}\n12345678.{'.' * 71}9\n", ("line 2", "no solution")),
    ],
)
def test_load_says_what_is_wrong(nine: Sudoku, tmp_path: Path, text: str, parts: object) -> None:
    file = write(tmp_path / "bad.csv", text)
    with raises(DataError, file, parts):
        nine.load(file)


def test_load_without_file_or_hub(nine: Sudoku, monkeypatch: pytest.MonkeyPatch) -> None:
    with raises(DataError, "nowhere.csv", "No such file"):
        nine.load("nowhere.csv")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with raises(DataError, "huggingface_hub", "CSV"):
        nine.load("hf:sapientinc/sudoku-extreme")


def with_hub(monkeypatch: pytest.MonkeyPatch, download: Callable[..., str]) -> None:
    hub = ModuleType("huggingface_hub")
    hub.hf_hub_download = download  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)


def test_load_from_the_hub(nine: Sudoku, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str, str]] = []

    def download(name: str, file: str, *, repo_type: str) -> str:
        asked.append((name, file, repo_type))
        return write(tmp_path / file, f"source,question,answer,rating\na,{EASY},{DONE},3\n")

    with_hub(monkeypatch, download)
    examples = nine.load("hf:someone/puzzles", split="test")
    assert asked == [("someone/puzzles", "test.csv", "dataset")]
    assert nine.format(examples.answers[0]) == DONE and examples.ratings.tolist() == [3]


class LocalEntryNotFoundError(FileNotFoundError, ValueError):
    """As the hub's own, which it raises when there is no network and no copy on disk."""


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (OSError("Connection reset by peer"), "(Connection reset by peer)"),
        (LocalEntryNotFoundError("No such file on disk\nCheck your connection."), "(No such file on disk)"),
        (RuntimeError(), "(RuntimeError)"),
    ],
)
def test_load_without_network_says_how_to_give_a_path(
    nine: Sudoku, monkeypatch: pytest.MonkeyPatch, error: Exception, shown: str
) -> None:
    def download(*_: str, repo_type: str) -> str:
        raise error

    with_hub(monkeypatch, download)
    with raises(DataError, "hf:someone/puzzles", shown, "CSV", "test.csv") as caught:
        nine.load("hf:someone/puzzles", split="test")
    assert not str(caught.value).endswith(".")


@pytest.mark.skipif(not SHARED.is_dir(), reason="no copy of Sudoku-Extreme beside the repository")
def test_real_rows(nine: Sudoku) -> None:
    examples = nine.load(str(SHARED), split="test", limit=2000)
    assert len(examples) == 2000 and examples.ratings.max() > 50
    nine.validate(examples.questions[0])
    inputs, labels = nine.encode(examples.questions), nine.encode(examples.answers)
    inputs, labels = nine.augment(inputs, labels, np.random.default_rng(0))
    assert nine.check_many(nine.decode(inputs), nine.decode(labels)).all()
