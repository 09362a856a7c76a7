"""Sudoku as a task: contract, one puzzle as text and its errors, rules, symmetries."""

import numpy as np
import pytest
from helpers.failing import mentions, raises
from helpers.sudokus import DONE, DRAWN, EASY
from hypothesis import given, settings
from hypothesis import strategies as st

from redraft.errors import ConfigError, PuzzleError, RedraftError
from redraft.tasks import TASKS, check_task, get_task
from redraft.tasks.base import IGNORE
from redraft.tasks.families import of_texts
from redraft.tasks.sudoku.task import Sudoku


@pytest.fixture(scope="module")
def nine() -> Sudoku:
    return Sudoku(9)


@pytest.fixture(scope="module")
def six() -> Sudoku:
    return Sudoku(6)


# the contract


@pytest.mark.parametrize("name", [name for name in TASKS if name.startswith("sudoku")])
def test_keeps_the_contract(name: str) -> None:
    task = get_task(name)
    assert task.name == name
    check_task(task, count=6)


def test_unknown_task_names_the_known() -> None:
    with raises(RedraftError, "'sudoku5'", "sudoku-4x4, sudoku-6x6"):
        get_task("sudoku5")
    for make in (lambda: Sudoku(5), lambda: get_task("sudoku-5x5")):
        with raises(ConfigError, "4, 6, 8, 9, 10, 12, 14, 15, 16", 5):
            make()
    with raises(ConfigError, "6x9"):
        get_task("sudoku-6x9")


def test_tokens(nine: Sudoku, six: Sudoku) -> None:
    assert (nine.vocab_size, nine.block, six.vocab_size, six.block) == (11, (3, 3), 8, (2, 3))
    tokens = nine.encode(nine.parse(EASY))
    assert tokens.dtype == np.int16 and tokens[:5].tolist() == [6, 4, 1, 1, 8]
    assert six.decode(np.array([0, 1, 2, 7, 8, IGNORE] * 6))[0].tolist() == [0, 0, 1, 6, 0, 0]


# text


@pytest.mark.parametrize(
    "text",
    [
        EASY,
        EASY.replace(".", "0"),
        EASY.replace(".", "_"),
        EASY.replace(".", "·"),
        ",".join(EASY),
        DRAWN,
        DRAWN.replace("|", "│").replace("-", "─").replace("+", "┼"),
        "\n".join(EASY[i : i + 9] for i in range(0, 81, 9)),
        f"  {EASY}\r\n",
    ],
)
def test_parse_reads(nine: Sudoku, text: str) -> None:
    assert nine.format(nine.parse(text)) == EASY


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (EASY[:80], (81, 80)),
        ("", (81, 0)),
        (
            EASY[:16] + "x" + EASY[17:],
            ("'x'", "cell 17 (row 2, column 8)", "1-9"),
        ),
        (DRAWN.replace("| 4 . . |", "| 4 . |"), ("row 5", 9, 8)),
        (DRAWN.replace("| 4 . . | 8 . 3 | . . 1 |", ""), (81, 72, "9 rows of 9", "8 rows")),
    ],
)
def test_parse_says_what_is_wrong(nine: Sudoku, text: str, parts: object) -> None:
    with raises(PuzzleError, parts):
        nine.parse(text)


def test_parse_knows_its_digits(six: Sudoku) -> None:
    with raises(PuzzleError, "'7'", "cell 2 (row 1, column 2)", "1-6"):
        six.parse("17" + "." * 34)


def test_sudoku_for() -> None:
    assert of_texts([EASY], "sudoku").height == 9
    assert of_texts([DRAWN, EASY], "sudoku").height == 9
    assert of_texts(["1.3..4.1.....3.."], "sudoku").height == 4
    assert of_texts([f"question,answer\n{EASY},{DONE}\n"], "sudoku").height == 9
    assert of_texts(["# mine\n" + "123456\n" * 6 + "\n" + "......\n" * 6], "sudoku").height == 6
    assert of_texts([EASY[:-1] + "x"], "sudoku").height == 9  # parse will say which character
    with raises(PuzzleError, 16, 36, 81, 256, 80):
        of_texts([EASY[:-1]], "sudoku")
    assert of_texts(["12345", EASY, "." * 16], "sudoku").height == 9  # reading will say what is wrong with the others
    with raises(PuzzleError, "puzzle"):
        of_texts([], "sudoku")


# rules


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("5.......5" + "." * 72, ("5s", "row 1")),
        ("." * 18 + "5........" * 2 + "." * 45, ("5s", "column 1")),
        (
            "." * 36 + "......7.." + "." * 8 + "7" + "." * 27,
            ("7s", "rows 4-6, columns 7-9"),
        ),
        ("12345678." + "." * 71 + "9", "no solution"),
        ("." * 81, "more than one"),
    ],
)
def test_validate_says_what_is_wrong(nine: Sudoku, text: str, parts: object) -> None:
    with raises(PuzzleError, parts):
        nine.validate(nine.parse(text))


def test_validate_refuses_other_grids(nine: Sudoku) -> None:
    nine.validate(nine.parse(EASY))
    with raises(PuzzleError, "(6, 6)", "(9, 9)"):
        nine.validate(np.zeros((6, 6), np.int8))
    with raises(PuzzleError, 10, "row 1, column 1", "1-9"):
        nine.validate(np.full((9, 9), 10, np.int8))


def test_check_gives_reasons(nine: Sudoku) -> None:
    question, answer = nine.parse(EASY), nine.parse(DONE)

    def reason(changes: dict[tuple[int, int], int]) -> str:
        other = answer.copy()
        for cell, digit in changes.items():
            other[cell] = digit
        verdict = nine.check(question, other)
        mask = nine.wrong_cells(question, other)
        assert bool(verdict) == (not verdict.reason)
        assert nine.check_many(question[None], other[None]).tolist() == [verdict.solved]
        assert mask.any() == bool(changes and set(changes.values()) != {0})
        return verdict.reason

    assert reason({}) == ""
    mentions(reason({(0, 0): 1}), "given", "row 1, column 1")
    mentions(reason({(3, 1): 7}), "row 4", "7s")
    mentions(reason({(0, 2): 0}), "1 cell")
    mentions(reason({(0, 2): 0, (0, 3): 0}), "2 cells")
    mentions(nine.check(question, np.full((9, 9), -3, np.int8)).reason, -3, "row 1, column 1")
    mentions(nine.check(question, np.zeros((4, 4), np.int8)).reason, "(4, 4)", "(9, 9)")


def test_wrong_cells_marks_both_digits_of_a_clash(nine: Sudoku) -> None:
    other = nine.parse(DONE)
    other[0, 2] = 6  # stands in row 1, column 3 (row 7: no), box 1
    wrong = np.argwhere(nine.wrong_cells(nine.parse(EASY), other)).tolist()
    assert [0, 2] in wrong and [0, 3] in wrong and [1, 0] in wrong


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([4, 6, 9]), st.integers(0, 2**32 - 1))
def test_check_many_equals_check(size: int, seed: int) -> None:
    task, rng = Sudoku(size), np.random.default_rng(seed)
    made = task.make(2, 0)
    questions, answers = np.repeat(made.questions, 4, axis=0), np.repeat(made.answers, 4, axis=0)
    spots = rng.random(answers.shape) < 0.5 / task.seq_len
    answers = np.where(spots, rng.integers(-1, size + 2, answers.shape), answers).astype(np.int8)
    verdicts = [task.check(*pair).solved for pair in zip(questions, answers, strict=True)]
    assert task.check_many(questions, answers).tolist() == verdicts


# making and symmetries


@pytest.mark.parametrize("size", [4, 6, 9])
def test_make_with_clues(size: int) -> None:
    task = Sudoku(size)
    clues = size * size // 2
    made = task.make(2, 1, clues=clues)
    assert (np.count_nonzero(made.questions, axis=(1, 2)) == clues).all()
    assert made.ratings.dtype == np.float32 and task.check_many(made.questions, made.answers).all()
    for question in made.questions:
        task.validate(question)
    with raises(ConfigError, "clues", size * size - 1, 2):
        task.make(1, 0, clues=2)


def test_make_with_few_clues_tries_again() -> None:
    assert (np.count_nonzero(Sudoku(4).make(8, 0, clues=4).questions, axis=(1, 2)) == 4).all()


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([4, 6, 9]), st.integers(0, 2**32 - 1))
def test_symmetries_keep_solutions_unique(size: int, seed: int) -> None:
    task = Sudoku(size)
    made = task.make(2, 0)
    inputs, labels = task.encode(made.questions), task.encode(made.answers)
    moved_inputs, moved_labels = task.augment(inputs, labels, np.random.default_rng(seed))
    assert moved_inputs.dtype == moved_labels.dtype == np.int16
    questions, answers = task.decode(moved_inputs), task.decode(moved_labels)
    assert task.check_many(questions, answers).all()
    for question, answer in zip(questions, answers, strict=True):
        task.validate(question)
        assert task.check(question, answer)


def test_augment_leaves_padding_and_ignored_labels(six: Sudoku) -> None:
    made = six.make(1, 0)
    inputs, labels = six.encode(made.questions), six.encode(made.answers)
    labels = np.where(inputs > 1, IGNORE, labels).astype(np.int16)
    inputs[0, :3] = 0
    labels[0, :3] = IGNORE
    moved, moved_labels = six.augment(inputs, labels, np.random.default_rng(0))
    assert ((moved != 1) == (moved_labels == IGNORE)).all()
    assert sorted(moved[moved < 2]) == sorted(inputs[inputs < 2])


@pytest.mark.parametrize(("size", "orbit"), [(4, 288), (6, 0)])
def test_augment_reaches_every_symmetry_and_differs_by_row(size: int, orbit: int) -> None:
    task = Sudoku(size)
    answers = np.repeat(task.encode(task.make(1, 0).answers), 6000, axis=0)
    moved, again = task.augment(answers, answers, np.random.default_rng(0))
    assert np.array_equal(moved, again)
    distinct = len(np.unique(moved, axis=0))
    # The 288 grids of 4x4 fall into two classes of 96 and 192 under the symmetries.
    assert distinct in (96, 192) if orbit else distinct > 5900
