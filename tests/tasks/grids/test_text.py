"""Grids in text and JSON, before their symbols are known."""

import pytest
from helpers.failing import raises
from hypothesis import given
from hypothesis import strategies as st

from redraft.errors import PuzzleError
from redraft.tasks.grids.text import rows_of, text_of

SYMBOLS = st.text(st.characters(blacklist_categories=["Z", "C"], blacklist_characters=",/"), min_size=1, max_size=3)


@pytest.mark.parametrize(
    ("written", "cells"),
    [
        ("ab/cd", ["ab", "cd"]),
        ("ab\ncd\n", ["ab", "cd"]),
        (" ab \r\n cd \r\n", ["ab", "cd"]),
        ("/ab/", ["ab"]),
        ("10 2/3 4", [["10", "2"], ["3", "4"]]),
        ("10, 2 / 3 ,4", [["10", "2"], ["3", "4"]]),
        ("1 2 3", [["1", "2", "3"]]),
        ("[[1, 0], [10, 2]]", [["1", "0"], ["10", "2"]]),
        ([["a", 1]], [["a", "1"]]),
        ([1, 2, 30], [["1", "2", "30"]]),
        (["a", "bc"], [["a", "bc"]]),
        ("[()]", ["[()]"]),
        ("[[]]", ["[[]]"]),
    ],
)
def test_forms(written: object, cells: list[str] | list[list[str]]) -> None:
    assert [list(row) for row in rows_of(written)] == [list(row) for row in cells]


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        ("", "empty"),
        (" / ", "empty"),
        ([], "empty"),
        ([[]], "row 1"),
        ("abc/de", ("row 2", 3, "row 1", 2)),
        ("ab//cd", ("row 2", 2, "row 1")),
        ("1 2/3", ("row 2", 2, "row 1", 1)),
        ("1,,2", "row 1, column 2"),
        ([[1, 2], [3]], ("row 2", 2, "row 1", 1)),
        ([[1], 2], ("row 2", "row 1", 2)),
        ([[1, None]], ("row 1, column 2", None)),
        ([[1.5]], ("row 1, column 1", 1.5)),
        ([[True]], ("row 1, column 1", True)),
        ([["#", " "]], ("row 1, column 2", "' '")),
        ([["", "#"]], ("row 1, column 1", "''")),
        ("[[1, 2], [3, 4}]", "'}]'"),
        (7, 7),
        (None, None),
    ],
)
def test_mistakes(written: object, parts: object) -> None:
    with raises(PuzzleError, parts):
        rows_of(written)


@given(st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(SYMBOLS, min_size=width, max_size=width), min_size=1)))
def test_a_line_is_read_back(rows: list[list[str]]) -> None:
    line = text_of(rows)
    assert "\n" not in line
    assert [list(row) for row in rows_of(line)] == rows


def test_a_column_of_long_symbols_needs_json() -> None:
    assert text_of([["10"], ["2"]]) == '[["10"], ["2"]]'
    assert text_of([["["], ["a"]]) == '[["["], ["a"]]'
