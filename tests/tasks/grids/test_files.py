"""Pairs of grids in files of all kinds, questions in texts, and everything that may be wrong with either."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.failing import mentions, raises

from redraft.errors import DataError, PuzzleError
from redraft.tasks import Puzzle
from redraft.tasks.base import OUTSIDE
from redraft.tasks.grids.files import GridPair, Survey, encode, files_of, pairs, place_of, sorted_symbols
from redraft.tasks.grids.task import Grids, GridSpec

Write = Callable[[str | bytes], Path]
Plain = tuple[list[str], list[str], str | None]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(content: str | bytes, name: str = "pairs.txt") -> Path:
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path / name

    return written


def plain(pair: GridPair) -> Plain:
    """Rows of question and answer as text, and the group."""
    return ["".join(row) for row in pair.question], ["".join(row) for row in pair.answer], pair.group


TWO: list[Plain] = [(["ab", "cd"], ["ba", "dc"], "g"), (["a"], ["b"], "h")]
OBJECTS = [
    {"input": [["a", "b"], ["c", "d"]], "output": "ba/dc", "group": "g", "rating": 2.5},
    {"input": "a", "output": [["b"]], "group": "h"},
]


@pytest.mark.parametrize(
    "content",
    [
        "input,output,group,rating\nab/cd,ba/dc,g,2.5\na,b,h,\n",
        "\ufeffQuestion , Answer,GROUP,rating\r\nab/cd,ba/dc,g,2.5\r\n\r\na,b,h,\r\n",
        'input,note,output,group,rating\n"ab\ncd",x,"ba\r\ndc",g,2.5\na,,b,h,\n',
        "input;output;group;rating\na,b/c,d;b,a/d,c;g;2.5\na;b;h;\n",
        'input\toutput\tgroup\trating\n"a,b/c,d"\tba/dc\tg\t2.5\na\tb\th\t',
        "\n" + "\n".join(map(json.dumps, OBJECTS)) + "\n\n",
        json.dumps(OBJECTS),
        json.dumps(OBJECTS, indent=2),
    ],
    ids=["csv", "bom", "quoted", "semicolons", "tabs", "jsonl", "json", "json over lines"],
)
def test_pairs(write: Write, content: str) -> None:
    found = list(pairs(write(content)))
    assert [plain(pair) for pair in found] == TWO
    assert found[0].rating == 2.5 and math.isnan(found[1].rating)
    assert [plain(pair) for pair in pairs(write(content), limit=1)] == TWO[:1]


def test_places(write: Write) -> None:
    file = write('input,output\n\n"ab\ncd",ba/dc\na,b\n')
    assert [pair.place for pair in pairs(file)] == [f"{file}, line 3", f"{file}, line 5"]
    assert place_of(file, 1) == f"{file}, line 5"
    file = write(json.dumps(OBJECTS))
    assert [pair.place for pair in pairs(file)] == [f"{file}, pair 1", f"{file}, pair 2"]


def test_folder_of_tasks_as_arc_has_them(tmp_path: Path) -> None:
    task = {"train": [{"input": [[0, 1]], "output": [[1, 0]]}], "test": [{"input": [[1, 1]], "output": [[0, 0]]}]}
    (tmp_path / "b.json").write_text(json.dumps(task))
    (tmp_path / "a.json").write_text(json.dumps(task, indent=1))
    (tmp_path / "README.md").write_text("no pairs")
    found = list(pairs(tmp_path))
    assert [plain(pair) for pair in found] == [
        (["01"], ["10"], "a"), (["11"], ["00"], "a"), (["01"], ["10"], "b"), (["11"], ["00"], "b"),
    ]  # fmt: skip
    assert found[1].place == f"{tmp_path / 'a.json'}, test pair 1"


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("", "empty"),
        (" \n\n", "empty"),
        ("input,output\n", "pairs"),
        ("left,right\nab,ba\n", ("line 1", "question", "puzzle", "input", "left, right")),
        ("ab,ba\n", ("line 1", "question", "puzzle", "input", "ab, ba")),
        ("input,question,output\na,b,c\n", ("line 1", "input", "question")),
        ("input\nab\n", ("line 2", "output")),
        ("input,output\nab,\n", ("line 2", "output")),
        ("input,output\n,ab\n", ("line 2", "input")),
        ("input,output\na,b\na\n", ("line 3", 2, "input, output", 1)),
        ("input,output\na,b\na,b,c\n", ("line 3", 2, "input, output", 3)),
        ("input,output\na,b\nab/c,b\n", ("line 3", "input", "row 2", 2, "row 1", 1)),
        ('input,output\na,"b c/d"\n', ("line 2", "output", "row 2", 2, "row 1", 1)),
        ("input,output,rating\na,b,hard\n", ("line 2", "rating", "'hard'")),
        ("input,output,group\na,b,g\na,b,\n", ("line 3", "group")),
        ("input,output,group\na,b,\na,b,g\n", ("line 3", "group")),
        ('{"input": "a", "output": "b"}\n{"input": "a"\n', ("line 2", "JSON")),
        ('{"input": "a", "output": "b"}\n[1]\n', ("line 2", "input", "output", "[1]")),
        ('{"input": "a"}\n', ("line 1", "output")),
        ('{"input": "a", "question": "a", "output": "b"}\n', ("line 1", "question", "input")),
        ('[{"input": [[1, 2], [3]], "output": [[1]]}]', ("pair 1", "input", "row 2", 2, "row 1", 1)),
        ('[{"input": [[1]], "output": 7}]', ("pair 1", "output", 7)),
        ('[{"input": [[1]],\n"output": [[1]]\n', ("line 3", "JSON")),
        ("[]", "pairs"),
        ("input,output\n" + "/".join(["a" * 31] * 31) + ",a\n", ("line 2", "input", "31 x 31", "30 x 30")),
        ("input,output\na,b\n" + "a" * 31 + "," + "/".join("a" * 31) + "\n", ("line 3", "output", "31 x 1")),
        (b"PAR1" + bytes(20), "Parquet"),
        (b"\x93NUMPY\x01\x00", ".npy"),
        (b"input,output\n\0\0\1,b\n", "binary"),
    ],
)  # fmt: skip
def test_files_that_are_wrong(write: Write, content: str | bytes, parts: object) -> None:
    file = write(content)
    with raises(DataError, file, parts):
        Survey().add(file)


def test_more_symbols_than_grids_can_hold(write: Write) -> None:
    rows = "\n".join(f"{i},{i}" for i in range(100, 128))
    symbols = [f"s{i}" for i in range(128)]
    file = write("input,output\n" + rows + "\n" + '"' + ",".join(symbols) + '",a\n')
    with raises(DataError, f"{file}, line 30", "input", 127, "0 1 2 3"):
        Survey().add(file)


def test_symbols_outside_a_stated_alphabet(write: Write) -> None:
    file = write("input,output\nab/ab,ba/ba\nab/ax,ba/ba\n")
    with raises(DataError, f"{file}, line 3", "input", "row 2, column 2", "'x'", "a b"):
        Survey(alphabet=("a", "b")).add(file)


def test_hidden_files_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("input,output\nab,ba\n")
    for name in ("._a.csv", ".DS_Store", ".hidden.json"):
        (tmp_path / name).write_bytes(b"\0\5\x16\7")
    assert files_of(tmp_path) == [tmp_path / "a.csv"]
    (tmp_path / "a.csv").unlink()
    with raises(DataError, tmp_path, ".csv"):
        files_of(tmp_path)


def test_places_without_pairs(tmp_path: Path) -> None:
    with raises(DataError, tmp_path, ".csv", ".tsv"):
        list(pairs(tmp_path))
    with raises(DataError, "nowhere.csv", "No such file"):
        list(pairs(tmp_path / "nowhere.csv"))


def test_survey_and_arrays(write: Write) -> None:
    file = write("input,output,group\n10 2/3 10,10,x\n2,3/2,y\n3,3,x\n")
    survey = Survey()
    assert survey.add(file) == 3 and survey.rows == 3
    assert sorted_symbols(survey.symbols) == ("0", "1", "2", "3", "10")
    assert (survey.height, survey.width, survey.varies) == (2, 2, True)
    examples, names = encode(file, 3, alphabet=("2", "3", "1", "0", "10"), height=2, width=2)
    assert examples.questions[0].tolist() == [[4, 0], [1, 4]]
    assert examples.answers[0].tolist() == [[2, 3], [OUTSIDE, OUTSIDE]], "without separators each character is a cell"
    assert names == {"x": 0, "y": 1} and examples.groups is not None and examples.groups.tolist() == [0, 1, 0]


def test_a_file_that_changes_between_the_passes(write: Write) -> None:
    file = write("input,output\na,b\n")
    with raises(DataError, f"{file}, line 2"):
        encode(file, 1, alphabet=("a",), height=1, width=1)
    with raises(DataError, file):
        encode(file, 2, alphabet=("a", "b"), height=1, width=1)


def test_sorted_symbols() -> None:
    assert sorted_symbols({"b", "10", "2", "-1", "#", ".", "a", "²"}) == (".", "-1", "2", "10", "#", "a", "b", "²")


FIXED = Grids(GridSpec(name="mine", alphabet=(".", "#", "1"), height=2, width=3))
VARYING = Grids(GridSpec(name="mine", alphabet=(".", "#", "1"), height=3, width=3, varies=True))
LINE = Grids(GridSpec(name="mine", alphabet=(".", "#", "1"), height=1, width=3, varies=True))


def shown(task: Grids, text: str) -> list[tuple[str, str]]:
    """Place, without the name, and grid or mistake of each puzzle."""
    found = task.read(text.splitlines(), "p")
    return [
        (entry.place.removeprefix("p, "), task.format(entry.question) if isinstance(entry, Puzzle) else entry.message)
        for entry in found
    ]


@pytest.mark.parametrize(
    ("task", "text", "wanted"),
    [
        (FIXED, "#.1/...\n\n1../###\n", [("line 1", "#.1/..."), ("line 3", "1../###")]),
        (FIXED, "#.1...\n1..###", [("line 1", "#.1/..."), ("line 2", "1../###")]),
        (FIXED, "#.1\n...\n\n1..\n###\n", [("line 1", "#.1/..."), ("line 4", "1../###")]),
        (FIXED, "#.1\n...\n1..\n###\n", [("line 1", "#.1/..."), ("line 3", "1../###")]),
        (FIXED, "\ufeff# . 1\n. . .\n", [("line 1", "#.1/...")]),
        (FIXED, "input,output\n#.1/...,1../###\n", [("line 2", "#.1/...")]),
        (FIXED, 'input\n"#.1\n..."\n', [("line 2", "#.1/...")]),
        (FIXED, '{"question": "#.1/..."}\n{"input": [["#", ".", 1], [".", ".", "."]]}',
         [("line 1", "#.1/..."), ("line 2", "#.1/...")]),
        (FIXED, '[{"input": "#.1/..."}]', [("pair 1", "#.1/...")]),
        (FIXED, '[["#", ".", 1], [".", ".", "."]]\n#.1/...', [("line 1", "#.1/..."), ("line 2", "#.1/...")]),
        (VARYING, "#1\n..\n\n1\n", [("line 1", "#1/.."), ("line 4", "1/")]),
        (VARYING, "#1/..\n1/\n11/11\n", [("line 1", "#1/.."), ("line 2", "1/"), ("line 3", "11/11")]),
        (LINE, "#1\n.\n", [("line 1", "#1"), ("line 2", ".")]),
        (FIXED, "", []),
        (FIXED, "\n \n", []),
    ],
)  # fmt: skip
def test_questions(task: Grids, text: str, wanted: list[tuple[str, str]]) -> None:
    assert shown(task, text) == wanted


@pytest.mark.parametrize(
    ("text", "place", "parts"),
    [
        ("#.1/..x", "line 1", ("row 2, column 3", "'x'", ". # 1")),
        ("#.1\n..", "line 1", ("row 2", 3, "row 1", 2)),
        ("#.1/...\na,,b", "line 2", "row 1, column 2"),
        ("input,output\n#.1/...,1.\n", "line 2", ("answer", "2 x 3", "1 x 2")),
        ("input,output\n,1..\n", "line 2", "question"),
        ("input,rating\n#.1/...,x\n", "line 2", ("rating", "'x'", "2.5")),
        ('{"input": [["#"]]}', "line 1", ("2 x 3", "1 x 1")),
    ],
)
def test_questions_that_are_wrong(text: str, place: str, parts: object) -> None:
    found = shown(FIXED, text)[-1]
    assert found[0] == place
    mentions(found[1], parts)


def test_answers_and_ratings_come_along() -> None:
    (found,) = FIXED.read(["input,output,rating\n", "#.1/...,1../###,3\n"], "p")
    assert isinstance(found, Puzzle) and found.answer is not None
    assert FIXED.format(found.answer) == "1../###" and found.rating == 3
    (wrong,) = FIXED.read(["input,output", "#.1/...,1../###,3"], "p")
    assert isinstance(wrong, PuzzleError)
    mentions(wrong, 2, "input, output", 3)


def test_a_line_that_format_wrote_is_read() -> None:
    rng = np.random.default_rng(0)
    for task in (FIXED, VARYING, LINE):
        grids = rng.integers(3, size=(30, task.height, task.width)).astype(np.int8)
        for grid in grids if task.about.varies else ():
            grid[rng.integers(1, task.height + 1) :], grid[:, rng.integers(1, task.width + 1) :] = OUTSIDE, OUTSIDE
        found = task.read([task.format(grid) for grid in grids], "p")
        assert np.array_equal([entry.question for entry in found if isinstance(entry, Puzzle)], grids)
