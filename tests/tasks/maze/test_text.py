"""Mazes in the forms that people and programs write them, and what is said of those that are none."""

import numpy as np
import pytest
from helpers.failing import mentions

from redraft.draw.board import board_lines
from redraft.errors import PuzzleError
from redraft.tasks import Puzzle
from redraft.tasks.families import of_lines, of_texts
from redraft.tasks.maze.task import Maze
from redraft.tasks.maze.text import MazeText
from redraft.tasks.reading.records import records

ROWS = ["#  # ", "S #  ", "   # ", " #  G", " # # "]
TASK = Maze(5, 5)
GRID = TASK.parse("".join(ROWS))


def written(**signs: str) -> list[str]:
    """The rows with other signs for some: `wall`, `free`, `S`, `G`."""
    names = {"wall": "#", "free": " ", "S": "S", "G": "G"}
    return [
        "".join({names[name]: sign for name, sign in signs.items()}.get(cell, cell) for cell in row) for row in ROWS
    ]


BOARD = board_lines(TASK, GRID)
FORMS: dict[str, list[str]] = {
    "rows": ROWS,
    "dots": written(free="."),
    "spaces cut off": [row.rstrip() for row in ROWS],
    "spaces added": [row + "   " for row in ROWS],
    "tabs at the ends": [row + "\t" for row in ROWS],
    "indented": ["  " + row for row in ROWS],
    "small letters": written(S="s", G="g"),
    "E": written(G="E"),
    "blocks": written(wall="█"),
    "digits": written(wall="1", free="0"),
    "stars": written(wall="*", free="."),
    "two signs a cell": ["".join({"#": "██", " ": "  "}.get(cell, cell + " ") for cell in row) for row in ROWS],
    "cells apart": [" ".join(row.replace(" ", ".")) for row in ROWS],
    "commas": [",".join(row) for row in written(wall="1", free="0")],
    "frame": ["+-----+", *(f"|{row}|" for row in ROWS), "+-----+"],
    "our own board": BOARD,
    "our own boards": [f"{line}   {line}" for line in BOARD] + ["solved in 1 step, checked by the rules"],
    "a line": ["".join(ROWS)],
    "quotes": ['"' + "".join(ROWS) + '"'],
    "comment": ["; # mine", *ROWS],
    "title": ["# from a friend", *ROWS],
    "fence": ["```", *ROWS, "```"],
    "lists": [str([list(row) for row in ROWS])],
    "list of rows": ["[", *(f'  "{row}",' for row in ROWS), "]"],
    "JSON": ['{"maze": "' + "".join(ROWS) + '"}'],
    "CSV": ["question", '"' + "".join(ROWS) + '"'],
    "CSV, drawn": ["question", '"' + ROWS[0], *ROWS[1:-1], ROWS[-1] + '"'],
}


@pytest.mark.parametrize("form", FORMS)
def test_forms(form: str) -> None:
    for notation in (MazeText(), MazeText((5, 5))):
        (found,) = records(FORMS[form], "f", notation)
        assert not found.error and np.array_equal(notation.grid(found.question), GRID)
    assert of_texts(["\n".join(FORMS[form])], "maze").name == "maze-5x5"


@pytest.mark.parametrize("form", ["rows", "spaces cut off", "blocks", "our own board", "lists"])
def test_a_maze_alone_is_read_as_in_a_file(form: str) -> None:
    assert np.array_equal(TASK.parse("\n".join(FORMS[form])), GRID)


def test_mazes_are_told_from_sudoku_by_their_first_lines() -> None:
    for form in ("rows", "blocks", "title", "small letters", "a line"):
        task, found = of_lines(FORMS[form], "f", None)
        assert task.name == "maze-5x5" and len(list(found)) == 1


def test_a_row_of_free_cells_may_be_an_empty_line() -> None:
    rows = ["#S# ", "    ", "# # ", "  #G"]
    cut = [row.rstrip() for row in rows]
    for notation in (MazeText(), MazeText((4, 4))):
        (found,) = records(cut, "f", notation)
        assert np.array_equal(notation.grid(found.question), Maze(4, 4).parse("".join(rows)))
        assert len(list(records([*rows, "", *rows], "f", notation))) == 2, "but it divides whole mazes"


def test_openings_in_the_border_are_start_and_goal() -> None:
    grid = MazeText().grid("#####\n     \n### #\n#   #\n#####")
    assert np.argwhere(grid == 2).tolist() == [[1, 0]] and np.argwhere(grid == 3).tolist() == [[1, 4]]


def test_boards_in_python() -> None:
    for board in (ROWS, [list(row) for row in ROWS], np.array([list(row) for row in ROWS]), GRID):
        assert np.array_equal(TASK.board(board), GRID)


@pytest.mark.parametrize(
    ("rows", "parts"),
    [
        (written(G="Q"), ("'Q'", "cell 20 (row 4, column 5)")),
        (written(wall="⬛", free="⬜"), ("'⬛'", "cell 1 (row 1, column 1)")),
        (ROWS[:4], (25, 20, "5 rows of 5", "4 rows")),
        ([*written(free=".")[:4], ".#."], ("row 5", 5, 3)),
        ([*ROWS[:4], ROWS[4] + "#"], ("row 5", 5, 6)),
    ],
)
def test_what_is_no_maze_is_reported(rows: list[str], parts: object) -> None:
    (found,) = TASK.read(rows, "f")
    assert isinstance(found, PuzzleError)
    mentions(found, parts)


def test_answers_keep_their_shape() -> None:
    drawn, line = TASK.read([*ROWS, "", "".join(ROWS)], "f")
    assert isinstance(drawn, Puzzle) and drawn.drawn and isinstance(line, Puzzle) and not line.drawn
    assert np.array_equal(TASK.parse(TASK.draw(GRID)), GRID)
