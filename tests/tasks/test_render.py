"""Drawings of grids: plain text, styled pieces, SVG."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from redraft.tasks.render import board_lines, board_segments, svg_animation, svg_strip
from redraft.tasks.sudoku import Sudoku

TASK = Sudoku(4)
ANSWER = TASK.parse("1234 3412 2143 4321")
QUESTION = np.where(np.eye(4, dtype=bool), ANSWER, 0).astype(np.int8)
SVG = "{http://www.w3.org/2000/svg}"


def test_board_lines() -> None:
    assert board_lines(TASK, QUESTION) == [
        "┌─────┬─────┐",
        "│ 1 · │ · · │",
        "│ · 4 │ · · │",
        "├─────┼─────┤",
        "│ · · │ 4 · │",
        "│ · · │ · 1 │",
        "└─────┴─────┘",
    ]
    lines = board_lines(Sudoku(6), np.zeros((6, 6), np.int8))
    assert len(lines) == 10 and lines[3] == "├───────┼───────┤"


def test_segments_carry_styles() -> None:
    grid = ANSWER.copy()
    grid[0, 1] = 0
    grid[3, 3] = 2
    before = ANSWER.copy()
    before[0, 2] = 4
    lines = board_segments(TASK, QUESTION, grid, previous=before, wrong=TASK.wrong_cells(QUESTION, grid))
    assert ["".join(text for text, _ in line) for line in lines] == board_lines(TASK, grid)
    assert lines[0] == [("┌─────┬─────┐", "rule")]
    styles = [[style for text, style in line if text.strip() and style != "rule"] for line in lines]
    assert styles[1] == ["given", "changed", "changed", "filled"]
    assert styles[5][3] == "wrong"
    assert board_segments(TASK, QUESTION, QUESTION)[1][2:5] == [("1", "given"), (" · ", ""), ("│", "rule")]


def test_svg_strip_shows_every_step() -> None:
    text = svg_strip(TASK, QUESTION, [QUESTION, ANSWER], ["puzzle", "solved & <done>"])
    root = ElementTree.fromstring(text)
    texts = ["".join(each.itertext()) for each in root.iter(f"{SVG}text")]
    assert texts.count("1") == 2 + 4 and "solved & <done>" in texts
    assert {each.get("font-weight") for each in root.iter(f"{SVG}text") if each.text == "4"} == {"700", None}
    assert "href" not in text and "script" not in text


def test_svg_animation_loops_over_every_step() -> None:
    text = svg_animation(TASK, QUESTION, [QUESTION, ANSWER], ["puzzle", "solved"], seconds_per_step=0.5)
    root = ElementTree.fromstring(text)
    steps = [each for each in root.iter(f"{SVG}g") if (each.get("class") or "").startswith("step")]
    assert [each.get("class") for each in steps] == ["step", "step last"]
    assert [each.get("style") for each in steps] == ["animation-delay:-2s", "animation-delay:-1.5s"]
    assert "step 2s step-end infinite" in text and "prefers-reduced-motion" in text


def test_captions_must_match() -> None:
    with pytest.raises(ValueError, match="a caption for each, got 1 and 2"):
        svg_strip(TASK, QUESTION, [QUESTION], ["a", "b"])
