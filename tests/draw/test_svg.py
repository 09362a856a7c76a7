"""Pictures as SVG: every step, cells in their colours, frames of what changed."""

import xml.etree.ElementTree as ElementTree

import numpy as np
from helpers.failing import raises

from redraft.draw.board import MARK
from redraft.draw.svg import svg_animation, svg_strip
from redraft.tasks.base import OUTSIDE, Grid, Task
from redraft.tasks.maze.task import FILLS, Maze
from redraft.tasks.sudoku.task import Sudoku

TASK = Sudoku(4)
ANSWER = TASK.parse("1234 3412 2143 4321")
QUESTION = np.where(np.eye(4, dtype=bool), ANSWER, 0).astype(np.int8)
SVG = "{http://www.w3.org/2000/svg}"


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
    with raises(ValueError, 1, 2):
        svg_strip(TASK, QUESTION, [QUESTION], ["a", "b"])


# cells that are known by their colour

MAZE = Maze(4, 5)
WALLED = MAZE.parse("S.#..\n..#..\n.##..\n....G")
PATH = MAZE.parse("S.#..\no.#..\no##..\nooooG")


class Coloured(Sudoku):
    """Sudoku whose 1 is blue, on grids that need not fill the canvas."""

    wrong_cells = Task.wrong_cells

    def symbols(self, grid: Grid) -> list[list[str]]:
        return [[" ·1234"[cell + 1] for cell in row] for row in grid.tolist()]

    def fills(self, grid: Grid) -> list[list[str]]:
        return [["#0000ff" if cell == 1 else "" for cell in row] for row in grid.tolist()]


def area(root: ElementTree.Element, fill: str) -> int:
    """Cells that rectangles of a colour cover; cells of these boards are 44 pixels wide."""
    return sum(int(each.get("width", 0)) for each in root.iter(f"{SVG}rect") if each.get("fill") == fill) // 44


def test_svg_cells_in_their_colours() -> None:
    draft = PATH.copy()
    draft[1:3, 0] = 1
    root = ElementTree.fromstring(svg_strip(MAZE, WALLED, [WALLED, draft, PATH], ["question", "draft", "answer"]))
    assert [area(root, FILLS[symbol]) for symbol in range(5)] == [12, 32, 3, 3, 10]
    texts = [each.text for each in root.iter(f"{SVG}text")]
    assert texts.count("S") == texts.count("G") == 3 and "o" not in texts and "#" not in texts
    frames = [each for each in root.iter(f"{SVG}path") if each.get("stroke") == MARK["changed"]]
    assert len(frames) == 1 and (frames[0].get("d") or "").count("M") == 2, "framed: what changed since the draft"
    wrong = [each for each in root.iter(f"{SVG}path") if each.get("stroke") == MARK["wrong"]]
    assert len(wrong) == 1 and (wrong[0].get("d") or "").count("M") == 1, "the end of the path in the draft"


def test_cells_without_a_colour_are_drawn_as_ever() -> None:
    root = ElementTree.fromstring(svg_strip(Coloured(4), QUESTION, [QUESTION], ["puzzle"]))
    assert area(root, "#0000ff") == 2
    assert [each.text for each in root.iter(f"{SVG}text")] == ["4", "4", "puzzle"]


def test_what_lies_outside_is_not_drawn() -> None:
    question = np.full((4, 4), OUTSIDE, np.int8)
    question[:2, :3] = 1
    task = Coloured(4)
    root = ElementTree.fromstring(svg_strip(task, question, [question], ["small"]))
    assert area(root, "#0000ff") == 6 and root.get("width") == str(3 * 44 + 40)
    assert svg_animation(task, question, [question], ["small"]).count("<rect") == svg_strip(
        task, question, [question], ["small"]
    ).count("<rect") + 1  # fmt: skip
