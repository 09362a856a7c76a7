"""Sudoku in the forms that people and programs write it, and what is said of those that are none."""

from typing import Any

import numpy as np
import pytest
from helpers.failing import mentions, raises
from helpers.sudokus import DONE, EASY

from redraft.draw.board import board_lines
from redraft.errors import PuzzleError
from redraft.tasks import Puzzle
from redraft.tasks.families import of_lines, of_texts
from redraft.tasks.reading.records import Record, records
from redraft.tasks.sudoku.task import Sudoku
from redraft.tasks.sudoku.text import SudokuText

ROWS = [EASY[i : i + 9] for i in range(0, 81, 9)]
ANSWERS = [DONE[i : i + 9] for i in range(0, 81, 9)]
ZEROS = EASY.replace(".", "0")


def spaced(text: str) -> str:
    return text.replace(".", " ")


def boxes(row: str, between: str = " ", bar: str = " | ") -> str:
    return bar.join(between.join(row[i : i + 3]) for i in (0, 3, 6))


def framed(rule: str, left: str = "| ", right: str = " |", bar: str = " | ", between: str = " ") -> str:
    lines = [left + boxes(row, between, bar) + right for row in ROWS]
    return "\n".join([rule, *lines[:3], rule, *lines[3:6], rule, *lines[6:], rule])


SIDE_BY_SIDE = "\n".join(
    f"│ {boxes(row, bar=' │ ')} │   │ {boxes(answer, bar=' │ ')} │" for row, answer in zip(ROWS, ANSWERS, strict=True)
)
FORMS: dict[str, str] = {
    "zeros": ZEROS,
    "underscores": EASY.replace(".", "_"),
    "dashes": EASY.replace(".", "-"),
    "x": EASY.replace(".", "x"),
    "stars": EASY.replace(".", "*"),
    "question marks": EASY.replace(".", "?"),
    "hashes": EASY.replace(".", "#"),
    "any one sign": EASY.replace(".", "□"),
    "commas": ",".join(ZEROS),
    "fields, blanks empty": ",".join("" if cell == "." else cell for cell in EASY),
    "cells between spaces": " ".join(ZEROS),
    "groups": " ".join(ROWS),
    "slashes": "/".join(ROWS),
    "-1": " ".join("-1" if cell == "." else cell for cell in EASY),
    "None": "\n".join(" ".join("None" if cell == "." else cell for cell in row) for row in ROWS),
    "nan": "\n".join(",".join("nan" if cell == "." else cell for cell in row) for row in ROWS),
    "floats": "\n".join(",".join("" if cell == "." else f"{cell}.0" for cell in row) for row in ROWS),
    "tabs": "\n".join("\t".join("" if cell == "." else cell for cell in row) for row in ROWS),
    "semicolons": "\n".join(";".join("" if cell == "." else cell for cell in row) for row in ROWS),
    "rows": "\n".join(ROWS),
    "indented": "\n".join("    " + row for row in ROWS),
    "bands apart": "\n\n".join("\n".join(ROWS[i : i + 3]) for i in (0, 3, 6)),
    "frame": framed("+-------+-------+-------+"),
    "frame of HoDoKu": framed(":-------+-------+-------:"),
    "frame of Simple Sudoku": framed("*-----------*", "|", "|", "|", ""),
    "frame with double lines": framed("╠═══════╬═══════╬═══════╣", "║ ", " ║", " ║ "),
    "spaces in a frame": spaced(framed("+-------+-------+-------+")),
    "spaces in a tight frame": spaced(framed("+---+---+---+", "|", "|", "|", "")),
    "spaces, ruled": "\n".join(boxes(spaced(row), "") for row in ROWS),
    "spaces": "\n".join(spaced(row) for row in ROWS),
    "spaces cut off": "\n".join(spaced(row).rstrip() for row in ROWS),
    "spaces between cells": "\n".join(" ".join(spaced(row)) for row in ROWS),
    "every cell framed": "\n".join(f"{'+---' * 9}+\n| {' | '.join(spaced(row))} |" for row in ROWS),
    "Markdown table": "\n".join(f"|{'|'.join(spaced(row))}|" for row in [ROWS[0], "-" * 9, *ROWS[1:]]),
    "candidates": "\n".join("|" + " ".join("1249" if cell == "." else cell for cell in row) + "|" for row in ROWS),
    "Python lists": "board = "
    + str([[int(cell) for cell in ZEROS[i : i + 9]] for i in range(0, 81, 9)]),
    "lists over lines": "[" + ",\n ".join(str([int(cell) for cell in ZEROS[i : i + 9]]) for i in range(0, 81, 9)) + "]",
    "list of rows": str(ROWS),
    "list of cells": str([int(cell) for cell in ZEROS]),
    "NumPy": str(np.array([[int(cell) for cell in ZEROS[i : i + 9]] for i in range(0, 81, 9)])),
    "JSON": str([list(row) for row in ROWS]).replace("'", '"'),
    "HoDoKu": f":0000:x:{EASY}:::",
    "HoDoKu, filled in": f":0100:5:{EASY.replace('.', '+4', 1)}:511 612:112::",
    "rating behind": f"{EASY} 2.3",
    "remark behind": f"{EASY} # easy one",
    "fields behind": f"{EASY};SE 7.1;name",
    "count behind": f"{EASY},30",
    "number in front": f"12. {EASY}",
    "word in front": f"easy: {EASY}",
    "quotes": f'"{EASY}"',
    "list item": f"- {EASY}",
    "link": f"https://example.org/play?bd={ZEROS}&level=3",
    "title": "Easy\n" + "\n".join(ROWS),
    "title with numbers": "Nr. 12 (2024-05-01)\n" + "\n".join(ROWS),
    "number": "1\n" + "\n".join(ROWS),
    "fence": "```\n" + "\n".join(ROWS) + "\n```",
    "SadMan": "#A me\n[Puzzle]\n" + "\n".join(ROWS) + "\n[State]\n" + "\n".join(ANSWERS),
    "OpenSudoku": f'<?xml version="1.0"?>\n<opensudoku>\n<game data="{ZEROS}" />\n</opensudoku>',
    "our own board": "\n".join(board_lines(Sudoku(9), Sudoku(9).parse(EASY))),
}  # fmt: skip


def read(text: str, notation: SudokuText | None = None) -> list[str]:
    """The puzzles of a text, blanks as dots, or what is said of them."""
    notation = notation or SudokuText()

    def plain(record: Record) -> str:
        try:
            return record.error or "".join(map(str, notation.grid(record.question).ravel())).replace("0", ".")
        except PuzzleError as error:
            return error.message

    return [plain(record) for record in records(text.splitlines(), "f", notation)]


@pytest.mark.parametrize("form", FORMS)
def test_forms(form: str) -> None:
    assert read(FORMS[form]) == [EASY], "of any size"
    assert read(FORMS[form], SudokuText((9,))) == [EASY], "of the size that is named"


@pytest.mark.parametrize("form", [form for form in FORMS if form not in ("OpenSudoku",)])
def test_a_puzzle_alone_is_read_as_in_a_file(form: str) -> None:
    task = Sudoku(9)
    assert task.format(task.parse(FORMS[form])) == EASY


def test_answers_beside_and_behind_their_question() -> None:
    for text in (SIDE_BY_SIDE, f"{EASY}\t{DONE}", f"{EASY},{DONE}", f"1: {EASY} -> {DONE}"):
        (found,) = Sudoku(9).read(text.splitlines(), "f")
        assert isinstance(found, Puzzle) and found.answer is not None
        assert (Sudoku(9).format(found.question), Sudoku(9).format(found.answer)) == (EASY, DONE)


def test_several_drawings() -> None:
    other = [DONE[i : i + 9] for i in range(0, 81, 9)]
    drawn = ["\n".join(ROWS), "\n".join(other)]
    for between in ("\n", "\n\n", "\nGrid 02\n", "\n\n# next\n", "\n2\n", "\n---------\n"):
        assert read(between.join(drawn)) == [EASY, DONE]
    assert read(f"{FORMS['bands apart']}\n\n{EASY}") == [EASY, EASY]
    assert read("1\n" + EASY + "\n2\n" + DONE) == [EASY, DONE]
    assert read(str([EASY, DONE])) == [EASY, DONE]
    found = list(Sudoku(9).read(f"{EASY}\n\n{drawn[0]}".splitlines(), "f"))
    assert [(each.place, isinstance(each, Puzzle) and each.drawn) for each in found] == [
        ("f, line 1", False), ("f, line 3", True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (EASY[:-1], (81, 80)),
        (EASY + "1", (81, 82)),
        (ZEROS[3:], (81, 78)),
        ("0" * 3 + "1" * 77, (81, 80, "zeros")),
        ("." * 256, (81, 256, "16x16")),
        (EASY[:40] + "a" + EASY[41:], ("'a'", "cell 41 (row 5, column 5)", "1-9")),
        (EASY[:40] + "x" + EASY[41:], ("'x'", "cell 41 (row 5, column 5)")),
        ("\n".join([*ROWS[:4], ROWS[4][:-1], *ROWS[5:]]), ("row 5", 9, 8)),
        ("\n".join([*ROWS[:4], ROWS[4] + "1", *ROWS[5:]]), ("row 5", 9, 10)),
        ("\n".join(ROWS[:8]), (81, 72, "9 rows of 9", "8 rows")),
        ("[[1, 2], [3", ("list", "bracket")),
        ("[[1, ..., 9]]", ("list", "'...'")),
    ],
)
def test_what_is_no_puzzle_is_reported(text: str, parts: object) -> None:
    (said,) = read(text, SudokuText((9,)))
    mentions(said, parts)


@pytest.mark.parametrize("text", ["Easy", "Medium", "hello world", "12", "# 1", "```", "See page 12-34.", "----------"])
def test_remarks_are_passed_over(text: str) -> None:
    assert read(text) == []
    assert read(f"{text}\n{EASY}\n{text}\n") == [EASY]


def test_one_short_row_tells_no_size() -> None:
    """A drawing has the size of the whole: neither a title of four letters nor a row of four digits makes it 4x4."""
    for text in ("Easy\n" + "\n".join(ROWS), FORMS["spaces"], FORMS["semicolons"], FORMS["spaces in a frame"]):
        assert of_texts([text], None).name == "sudoku-9x9"
    six = "\n".join("12....\n..34..\n......\n....56\n1.....\n.....2".splitlines())
    assert of_texts([six], "sudoku").name == "sudoku-6x6"
    task, found = of_lines(["", "Title", EASY, EASY], "f", None)
    assert task.name == "sudoku-9x9" and len(list(found)) == 2


BOARD = [[None if cell == "." else int(cell) for cell in row] for row in ROWS]


@pytest.mark.parametrize(
    "board",
    [
        BOARD,
        [["" if cell is None else str(cell) for cell in row] for row in BOARD],
        [["x" if cell is None else cell for cell in row] for row in BOARD],
        [[-1 if cell is None else cell for cell in row] for row in BOARD],
        [[float("nan") if cell is None else float(cell) for cell in row] for row in BOARD],
        tuple(map(tuple, BOARD)),
        ROWS,
        list(EASY),
        [0 if cell == "." else int(cell) for cell in EASY],
        np.array([[0 if cell is None else cell for cell in row] for row in BOARD]),
        np.array([[np.nan if cell is None else cell for cell in row] for row in BOARD]),
        np.array([list(row) for row in ROWS]),
    ],
    ids=str,
)
def test_boards_in_python(board: Any) -> None:
    task = Sudoku(9)
    assert task.format(task.board(board)) == EASY


def test_boards_that_are_none() -> None:
    for board, parts in (
        (BOARD[:8], (81, 72)),
        ([*BOARD[:8], ["q"] * 9], ("'q'", "cell 73")),
        (7, 7),
        ([[10] * 9] * 9, ("'10'", "cell 1 (row 1, column 1)")),
    ):
        with raises(PuzzleError, parts):
            Sudoku(9).board(board)
