"""Sudoku of the sizes beside 4x4, 6x6 and 9x9: what is made, digits as letters, and the forms that people write."""

from functools import cache

import numpy as np
import pytest

from redraft.compare.llm.prompts import script_for
from redraft.draw.board import board_lines
from redraft.draw.pixels import png_strip, require_letters
from redraft.draw.svg import svg_strip
from redraft.errors import ConfigError, PuzzleError
from redraft.tasks import Puzzle, check_task, get_task
from redraft.tasks.families import of_lines, of_texts
from redraft.tasks.reading.records import records
from redraft.tasks.sudoku import search
from redraft.tasks.sudoku.cells import SIGNS
from redraft.tasks.sudoku.kernel import BOXES
from redraft.tasks.sudoku.task import Sudoku
from redraft.tasks.sudoku.text import SudokuText

pytestmark = pytest.mark.slow  # all of them together

SIZES = (8, 10, 12, 14, 15, 16)


@cache
def puzzle(size: int, seed: int = 0) -> tuple[str, str]:
    """A question and its answer, each in a line."""
    task = Sudoku(size)
    made = task.make(1, seed)
    return task.format(made.questions[0]), task.format(made.answers[0])


def rows(text: str) -> list[str]:
    size = Sudoku(round(len(text) ** 0.5)).size
    return [text[i : i + size] for i in range(0, len(text), size)]


def framed(text: str, between: str = " ") -> str:
    tall, wide = BOXES[len(rows(text))]
    bars = "+".join(["-" * (wide + 2)] * (len(rows(text)) // wide))
    lines = [f"+{bars}+"]
    for number, row in enumerate(rows(text), 1):
        boxes = (between.join(row[i : i + wide]) for i in range(0, len(row), wide))
        lines.append(f"|{between}" + f"{between}|{between}".join(boxes) + f"{between}|")
        if number % tall == 0:
            lines.append(f"+{bars}+")
    return "\n".join(lines)


def numbers(text: str) -> list[list[int]]:
    return Sudoku(len(rows(text))).parse(text).tolist()


FORMS = {
    "line": lambda q: q,
    "lower case": str.lower,
    "zeros": lambda q: q.replace(".", "0"),
    "underscores": lambda q: q.replace(".", "_"),
    "x": lambda q: q.replace(".", "x"),
    "stars": lambda q: q.replace(".", "*"),
    "commas": ",".join,
    "cells between spaces": " ".join,
    "groups": lambda q: " ".join(rows(q)),
    "quotes": lambda q: f'"{q}"',
    "number in front": lambda q: f"12. {q}",
    "word in front": lambda q: f"easy: {q}",
    "rating behind": lambda q: f"{q} 2.3",
    "rows": lambda q: "\n".join(rows(q)),
    "title": lambda q: "Easy, no. 4\n" + "\n".join(rows(q)),
    "bands apart": lambda q: "\n\n".join(
        "\n".join(rows(q)[i : i + BOXES[len(rows(q))][0]]) for i in range(0, len(rows(q)), BOXES[len(rows(q))][0])
    ),
    "spaces between": lambda q: "\n".join(map(" ".join, rows(q))),
    "frame": framed,
    "tight frame": lambda q: framed(q, ""),
    "spaces in a frame": lambda q: framed(q).replace(".", " "),
    "our own board": lambda q: "\n".join(board_lines(Sudoku(len(rows(q))), Sudoku(len(rows(q))).parse(q))),
    "numbers between spaces": lambda q: "\n".join(" ".join(map(str, row)) for row in numbers(q)),
    "numbers between commas": lambda q: "\n".join(",".join(map(str, row)) for row in numbers(q)),
    "Python lists": lambda q: str(numbers(q)),
    "lists over lines": lambda q: str(np.array(numbers(q)).tolist()).replace("], ", "],\n "),
    "list of rows": lambda q: str(rows(q)),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("form", FORMS)
def test_forms(form: str, size: int) -> None:
    question, _ = puzzle(size)
    text, task = FORMS[form](question), Sudoku(size)
    assert task.format(task.parse(text)) == question
    for notation in (SudokuText(), SudokuText((size,))):
        found = list(records(text.splitlines(), "f", notation))
        assert [record.error or task.format(notation.grid(record.question)) for record in found] == [question]
    assert of_texts([text], "sudoku").name == task.name
    assert of_lines(text.splitlines(), "f", None)[0].name == task.name


@pytest.mark.parametrize("size", SIZES)
def test_several_and_answers(size: int) -> None:
    task, (one, answer), (two, _) = Sudoku(size), puzzle(size), puzzle(size, 1)
    for between in ("\n", "\n\n", "\nGrid 02\n", "\n# next\n"):
        for text in (between.join([one, two]), between.join(["\n".join(rows(one)), "\n".join(rows(two))])):
            task_found, found = of_lines(text.splitlines(), "f", "sudoku")
            assert task_found.name == task.name
            assert [task.format(task.notation.grid(record.question)) for record in found] == [one, two]
    beside = "\n".join(f"│ {' '.join(q)} │   │ {' '.join(a)} │" for q, a in zip(rows(one), rows(answer), strict=True))
    for text in (beside, f"{one}\t{answer}", f"{one},{answer}", f"question,answer\n{one},{answer}"):
        (read,) = of_lines(text.splitlines(), "f", "sudoku")[1]
        assert task.format(task.parse(read.question)) == one and task.format(task.parse(read.answer)) == answer


def test_lines_of_4x4_are_no_rows_of_16x16() -> None:
    four = Sudoku(4)
    made = [four.format(question) for question in four.make(40, 0).questions]
    sparse = "1" + "." * 14 + "2"  # too few clues: an error of that line alone
    lines = [*made[:20], sparse, *made[20:]]
    task, found = of_lines(lines, "f", "sudoku")
    assert task.name == "sudoku-4x4"
    assert [record.question for record in found] == lines


def test_boards_in_python() -> None:
    task, (question, _) = Sudoku(16), puzzle(16)
    for board in (np.array(numbers(question)), numbers(question), [list(row) for row in rows(question)]):
        assert task.format(task.board(board)) == question


@pytest.mark.parametrize(
    ("size", "change", "message"),
    [
        (16, lambda q: q[:-1], "expected 256 characters, got 255"),
        (
            12,
            lambda q: q[:40] + "D" + q[41:],
            "character 'D' at cell 41 (row 4, column 5) is not a digit 1-9 and A-C",
        ),
        (10, lambda q: q[:40] + "B" + q[41:], "character 'B' at cell 41 (row 5, column 1) is not a digit 1-9 and A or"),
        (16, lambda q: "\n".join([*rows(q)[:-1], rows(q)[-1][:-1]]), "row 16: expected 16 cells, got 15"),
    ],
)
def test_mistakes(size: int, change, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(PuzzleError) as caught:
        Sudoku(size).parse(change(puzzle(size)[0]))
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("size", SIZES)
def test_contract(size: int) -> None:
    task = get_task(f"sudoku-{size}x{size}")
    assert task.name == f"sudoku-{size}x{size}" and (task.height, task.vocab_size) == (size, size + 2)
    check_task(task, count=2)


def test_all_sixteen_digits_are_judged() -> None:
    task = Sudoku(16)
    made = task.make(2, 0)
    assert task.check_many(made.questions, made.answers).all()
    for digit in (1, 15, 16):
        other = made.answers.copy()
        other[other == digit] = 17 - digit
        assert not task.check_many(np.zeros_like(other), other).any()
    other = np.full((16, 16), 16, np.int8)
    assert task.check(np.zeros((16, 16), np.int8), other).reason == "row 1 has 16 Gs"
    assert search.Search(16).solve(np.zeros((16, 16), np.int8), limit=2)[0] == 2


def test_clues() -> None:
    for size in (8, 12, 16):
        made = Sudoku(size).make(1, 0, clues=size * size // 2)
        assert np.count_nonzero(made.questions) == size * size // 2
    with pytest.raises(ConfigError, match="clues must lie in 92-255, got 60"):
        Sudoku(16).make(1, 0, clues=60)


def test_places_of_a_file() -> None:
    question, _ = puzzle(16)
    found = list(Sudoku(16).read(f"# mine\n{framed(question)}\n\n{question}".splitlines(), "f"))
    assert [(each.place, isinstance(each, Puzzle) and each.drawn) for each in found] == [
        ("f, line 3", True), ("f, line 24", False),
    ]  # fmt: skip


def test_pictures_and_prompts_have_letters() -> None:
    task = Sudoku(16)
    made = task.make(1, 0)
    question, answer = made.questions[0], made.answers[0]
    picture = svg_strip(task, question, [answer], ["answer"])
    assert {f">{sign}</text>" in picture for sign in SIGNS[1:]} == {True}
    require_letters(task)
    blank, filled = (png_strip(task, question, [grid], [""]) for grid in (question, answer))
    assert len(filled) > len(blank) > 1000
    script = script_for(task)
    assert "a digit from 1 to 9 and A to G so that" in script.rules
    assert np.array_equal(script.read(f"Here it is:\n{script.write(answer)}\n"), answer)


def test_damaged_9x9_are_no_large_ones() -> None:
    nine = Sudoku(9)
    made = nine.make(1, 0)
    question, answer = nine.format(made.questions[0]), nine.format(made.answers[0])
    beside = [f"{q}   {a}" for q, a in zip(rows(question), rows(answer), strict=True)]
    spaced = [" ".join(row).replace(".", " ") for row in rows(question)]
    for damaged in (beside[:8], [spaced[0], *spaced]):  # 144 cells, and 10 rows
        with pytest.raises(PuzzleError):
            of_lines(damaged, "f", None)
        assert of_lines([*damaged, "", question], "f", None)[0].name == "sudoku-9x9"
    for title in ("BAD", "A", "FACE"):
        assert [record.question for record in SudokuText().bare(iter(enumerate([title, *rows(question)])), "f")] == [
            question
        ]
