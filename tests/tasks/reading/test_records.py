"""Tables and documents: headers, quotes, what spreadsheets add, JSON of all shapes, Parquet."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.failing import mentions, raises

from redraft.errors import DataError
from redraft.tasks.reading.records import Numbered, Record, parquet_records, records


class Lines:
    """A notation of a puzzle a line."""

    comment = "#"

    def bare(self, lines: Iterator[Numbered], name: str) -> Iterator[Record]:
        for number, line in lines:
            if line.strip() and not line.startswith("#"):
                yield Record(f"{name}, line {number}", line)

    def grid(self, value: Any) -> np.ndarray:
        raise NotImplementedError


def found(text: str) -> list[tuple[Any, Any, Any, str]]:
    return [
        (each.question, each.answer, each.rating, each.error or each.place.removeprefix("f, "))
        for each in records(text.splitlines(), "f", Lines())
    ]


@pytest.mark.parametrize(
    "text",
    [
        "question,answer,rating\nQ,A,2",
        "\ufeffid,Puzzle , SOLUTION,rating\n1,Q,A,2",
        "quizzes;solutions;rating\r\nQ;A;2\r\n",
        "input\toutput\trating\nQ\tA\t2",
        "question|answer|rating\nQ|A|2",
        "sep=;\nquestion;answer;rating\nQ;A;2",
        '"sep=;",\nquestion;answer;rating\nQ;A;2',
        '# mine\n\nquestion,answer,rating\n"Q","A","2"\n,,\n   \n',
        "question,answer,rating\n'Q,'A,2",
        'question,answer,rating\n"=""Q""","=""A""",2',
        '="question",answer,rating\nQ,A,2'.replace('="question"', "question"),
        "question,answer,rating,,\nQ,A,2,,",
        "question,answer,rating\nQ,A,2,,\n",
        "place,question,status,answer,rating,message\n,Q,solved,A,2,\nx,,error,,,bad\n",
        "question,answer,rating\nquestion,answer,rating\nQ,A,2",
    ],
)
def test_tables(text: str) -> None:
    ((question, answer, rating, place),) = found(text)
    assert (question, answer, rating) == ("Q", "A", "2") and place.startswith("line ")


def test_quotes_hold_commas_and_line_ends() -> None:
    text = 'source,question,answer\n"Book, page 3","a\nb",""""\n\nx,c,\n'
    assert found(text) == [("a\nb", '"', None, "line 2"), ("c", None, None, "line 5")]


def test_spaces_of_a_field_stay() -> None:
    assert found("question,answer\n  # ,o \n")[0][:2] == ("  # ", "o ")


@pytest.mark.parametrize(
    "text",
    [
        '{"question": "Q", "answer": "A", "rating": 2}',
        '{"Puzzle": "Q", "Solution": "A", "rating": 2, "id": 1}\n\n',
        '[{"input": "Q", "output": "A", "rating": 2}]',
        '[\n  {\n    "input": "Q",\n "output": "A",\n "rating": 2\n }\n]',
        '{\n "input": "Q",\n "output": "A",\n "rating": 2\n}',
        '{"train": [{"input": "Q", "output": "A", "rating": 2}]}',
    ],
)
def test_documents(text: str) -> None:
    ((question, answer, rating, _),) = found(text)
    assert (question, answer, rating) == ("Q", "A", 2)


def test_opensudoku() -> None:
    text = '<?xml version="1.0"?>\n<opensudoku>\n<game data="12" />\n<game data=\'34\'/>\n</opensudoku>'
    assert [each[0] for each in found(text)] == ["12", "34"]
    with raises(DataError, "XML"):
        found("<other/>")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("question,answer\nQ\n", (2, "question, answer", 1)),
        ("question,answer\nQ,A,B\n", (2, "question, answer", 3)),
        ('{"question": "Q"}\n{"question": \n', "JSON"),
        ('{"question": "Q"}\n[1]\n', ("input", "output", "[1]")),
        ('{"question": "Q", "puzzle": "P"}', ("question", "puzzle")),
    ],
)
def test_a_damaged_entry_does_not_hide_the_others(text: str, parts: object) -> None:
    mentions(found(text)[-1][3], parts)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("board,answer\nQ,A\n", ("f, line 1", "question", "puzzle", "input", "board, answer")),
        ("question,puzzle\nQ,A\n", ("f, line 1", "question", "puzzle")),
        ('[{"question": "Q"},\n', ("f, line 2", "JSON")),
        ('question\n"Q\n' + "x" * (1 << 24) + '"', ("f, line 2", "CSV")),
    ],
)
def test_texts_that_cannot_be_read_at_all(text: str, parts: object) -> None:
    with raises(DataError, parts):
        found(text)


def test_entries_come_one_by_one() -> None:
    """Nothing is read ahead of what is asked for: a pipe is answered as it comes."""
    for text in ("question\nQ\nR", "Q\nR", '{"question": "Q"}\n{"question": "R"}'):
        read: list[str] = []

        def lines(text: str = text, read: list[str] = read) -> Iterator[str]:
            for line in text.splitlines():
                read.append(line)
                yield line

        assert next(records(lines(), "f", Lines())).question == "Q"
        assert len(read) == len(text.splitlines()) - 1


def test_parquet(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    pyarrow = pytest.importorskip("pyarrow")
    file = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"id": [1, 2], "Question": ["Q", "R"], "answer": ["A", None]}), file)
    assert list(parquet_records(file)) == [Record(f"{file}, row 1", "Q", "A"), Record(f"{file}, row 2", "R")]
    parquet.write_table(pyarrow.table({"id": [1]}), file)
    with raises(DataError, "question", "puzzle", "input", "id"):
        list(parquet_records(file))
    file.write_bytes(b"PAR1" + bytes(200))
    with raises(DataError, "Parquet"):
        list(parquet_records(file))
