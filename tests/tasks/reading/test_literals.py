"""Nested lists as Python, JSON and NumPy print them."""

import json
from typing import Any

import numpy as np
import pytest
from helpers.failing import raises
from hypothesis import given
from hypothesis import strategies as st

from redraft.tasks.reading.literals import LiteralError, begins, depth, nested

CELLS: Any = st.one_of(st.integers(-9, 99), st.text(max_size=3), st.none())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[[1, 2], [3, 4]]", [[1, 2], [3, 4]]),
        ("((1, 2), (3, 4))", [[1, 2], [3, 4]]),
        ("[['G' 'R']\n ['B' 'R']]", [["G", "R"], ["B", "R"]]),
        ("[[0 3 -1]\n [0 1 10]]", [[0, 3, -1], [0, 1, 10]]),
        ("array([[1, 0]], dtype=int8)", [[1, 0]]),
        ("np.array([1., 2.5])", [1, 2.5]),
        ("[array([1]), array([np.int8(2)])]", [[1], [2]]),
        ("board = [\n  [1, None],\n  [nan, null],\n]\n", [[1, None], [None, None]]),
        ('["a\\"b", "\\u00e9", \'c\']', ['a"b', "é", "c"]),
        ("[]", []),
    ],
)
def test_what_people_paste(text: str, found: list[Any]) -> None:
    assert begins(text) and depth(text) == 0 and nested(text) == found


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[[1, 2]", "bracket"),
        ("[1] 2", "'2'"),
        ("[1, ..., 9]", "'...'"),
        ("[word]", "'word'"),
        ("[[[[[1]]]]]", 4),
        ("[1}", "'}'"),
        ("[os.system('ls')]", ()),
    ],
)
def test_what_is_no_list(text: str, parts: object) -> None:
    with raises(LiteralError, parts):
        found = nested(text)
        raise LiteralError(str(found))


def test_open_brackets_are_counted_outside_quotes() -> None:
    assert depth('[[1, "]"],') == 1 and depth("[ [ (") == 3 and depth("1]") == -1


@given(st.lists(st.lists(CELLS, min_size=1, max_size=4), min_size=1, max_size=4))
def test_what_json_and_python_write_is_read_back(rows: list[list[Any]]) -> None:
    assert nested(json.dumps(rows)) == rows
    plain = [[cell for cell in row if not isinstance(cell, str) or cell.isalnum()] for row in rows]
    assert nested(repr(plain)) == plain


@given(st.integers(1, 5), st.integers(1, 5))
def test_what_numpy_prints_is_read_back(height: int, width: int) -> None:
    array = np.arange(height * width).reshape(height, width)
    assert nested(str(array)) == nested(repr(array)) == array.tolist()
