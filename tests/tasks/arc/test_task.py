"""ARC as a task: contract, tokens as published, the largest rectangle, grids as text and their errors."""

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.failing import mentions, raises
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from redraft.errors import DataError, PuzzleError
from redraft.tasks import check_task, get_task
from redraft.tasks.arc.task import Arc, canvas, crop
from redraft.tasks.base import IGNORE, OUTSIDE, Puzzle

ARC = Arc()
SMALL = np.array([[1, 0, 9], [2, 2, 0]], np.uint8)
sides = st.tuples(st.integers(1, 30), st.integers(1, 30))
grids = sides.flatmap(lambda shape: arrays(np.uint8, shape, elements=st.integers(0, 9)))


def pair(question: list[list[int]], answer: list[list[int]] | None = None) -> dict[str, list[list[int]]]:
    return {"input": question} if answer is None else {"input": question, "output": answer}


TASK = {"train": [pair([[1, 2]], [[2, 1]])], "test": [pair([[3]])]}


def test_keeps_the_contract() -> None:
    task = get_task("arc")
    assert (task.name, task.spec, task.vocab_size, task.seq_len, task.judges) == ("arc", "arc", 12, 900, False)
    check_task(task, count=30)


# tokens


def tokens_by_hand(grid: np.ndarray) -> np.ndarray:
    """As published: colours from 2 on, one row of end markers as wide as the grid, one column as tall."""
    height, width = grid.shape
    board = np.zeros((30, 30), np.int64)
    for r in range(height):
        for c in range(width):
            board[r, c] = int(grid[r, c]) + 2
    for c in range(width):
        if height < 30:
            board[height, c] = 1
    for r in range(height):
        if width < 30:
            board[r, width] = 1
    return board.ravel()


def test_tokens_of_a_small_grid() -> None:
    board = ARC.encode(canvas(SMALL)).reshape(30, 30)
    assert board.dtype == np.int16
    assert board[:4, :5].tolist() == [[3, 2, 11, 1, 0], [4, 4, 2, 1, 0], [1, 1, 1, 0, 0], [0, 0, 0, 0, 0]]
    assert not board[4:].any() and not board[:, 5:].any()
    labels = ARC.encode_labels(canvas(SMALL)).reshape(30, 30)
    assert labels[:3, :4].tolist() == [[3, 2, 11, 1], [4, 4, 2, 1], [1, 1, 1, IGNORE]], "end markers count, padding not"
    assert (labels[3:] == IGNORE).all() and (labels[:, 4:] == IGNORE).all()


@given(grids)
@settings(max_examples=60, deadline=None)
def test_tokens_are_the_published(grid: np.ndarray) -> None:
    tokens = ARC.encode(canvas(grid))
    np.testing.assert_array_equal(tokens, tokens_by_hand(grid))
    np.testing.assert_array_equal(crop(ARC.decode(tokens)), grid)
    np.testing.assert_array_equal(crop(ARC.decode(ARC.encode_labels(canvas(grid)))), grid)


def test_an_answer_that_is_not_known_has_no_labels() -> None:
    nothing = np.full((30, 30), OUTSIDE, np.int8)
    assert (ARC.encode_labels(nothing) == IGNORE).all() and not ARC.encode(nothing).any()
    assert np.array_equal(ARC.decode(ARC.encode(nothing)), nothing)
    assert crop(nothing).shape == (0, 0)


def crop_by_hand(tokens: np.ndarray) -> np.ndarray:
    """The largest rectangle of colours in the top left corner, by trying all; the least tall of equally large ones."""
    board, best = tokens.reshape(30, 30), (0, 0)
    colours = (board >= 2) & (board <= 11)
    for height in range(1, 31):
        for width in range(1, 31):
            if height * width > best[0] * best[1] and colours[:height, :width].all():
                best = height, width
    return board[: best[0], : best[1]] - 2


@given(
    arrays(np.int16, (6, 6), elements=st.sampled_from([2, 2, 3, 11, 11, 5, 1])), st.sampled_from([0, 1, 12, -100, 2])
)
@settings(max_examples=60, deadline=None)
def test_decode_takes_the_largest_rectangle(corner: np.ndarray, rest: int) -> None:
    board = np.full((30, 30), rest, np.int16)
    board[:6, :6] = corner
    np.testing.assert_array_equal(crop(ARC.decode(board.ravel())), crop_by_hand(board.ravel()))


def test_decode_prefers_the_least_tall_of_equals() -> None:
    board = np.zeros((30, 30), np.int16)
    board[0, :4] = board[1, :2] = 2
    assert crop(ARC.decode(board.ravel())).shape == (1, 4)
    both = np.stack([board.ravel(), ARC.encode(canvas(SMALL))]).reshape(1, 2, 900)
    assert ARC.decode(both).shape == (1, 2, 30, 30), "any number of axes before"
    np.testing.assert_array_equal(ARC.decode(both)[0, 1], canvas(SMALL))


# text


def test_text_of_a_grid() -> None:
    assert ARC.format(canvas(SMALL)) == "[[1,0,9],[2,2,0]]"
    np.testing.assert_array_equal(ARC.parse(" [[1, 0, 9],\n [2, 2, 0]]\n"), canvas(SMALL))


WRONG_GRIDS = {
    "[[0,1],[2]]": ("row 2", 1, "row 1", 2),
    "[[0,10]]": (10, "row 1, column 2", "0-9"),
    "[[0],[-1]]": (-1, "row 2, column 1", "0-9"),
    "[[1.0]]": ("1.0", "row 1, column 1", "0-9"),
    "[[true]]": ("true", "row 1, column 1", "0-9"),
    '[["1"]]': ('"1"', "row 1, column 1", "0-9"),
    "[]": "rows",
    "[[]]": ("row 1", 0, 1, 30),
    "[0,1]": "rows",
    "7": "rows",
    json.dumps([[0] * 30] * 31): (31, 30),
    json.dumps([[0] * 31] * 30): ("row 1", 31, 1, 30),
    "[[0,1]": "JSON",
    "": "JSON",
    "[" * 100_000: "JSON",
}


@pytest.mark.parametrize("text", WRONG_GRIDS, ids=lambda text: text[:20])
def test_wrong_grids(text: str) -> None:
    with raises(PuzzleError, WRONG_GRIDS[text]):
        ARC.parse(text)


def test_validate() -> None:
    ARC.validate(canvas(SMALL))
    for change, parts in (
        (lambda board: board.fill(OUTSIDE), "rectangle"),
        (lambda board: board.__setitem__((5, 5), 1), "rectangle"),
        (lambda board: board.__setitem__((1, 1), OUTSIDE), "rectangle"),
        (lambda board: board.__setitem__((1, 2), 10), (10, "row 2, column 3", "0-9")),
    ):
        board = canvas(SMALL)
        change(board)
        with raises(PuzzleError, parts):
            ARC.validate(board)
    with raises(PuzzleError, "(2, 3)", "(30, 30)"):
        ARC.validate(SMALL.astype(np.int8))


def test_no_rules_judge_an_answer() -> None:
    made = ARC.make(4, 0)
    verdict = ARC.check(made.questions[0], made.answers[0])
    assert not verdict
    mentions(verdict.reason, "rules")
    assert not ARC.check_many(made.questions, made.answers).any()


def read(text: str) -> list[tuple[str, str, str | None]]:
    """Place, question and answer of each puzzle; of an error its whole message, "" and None."""
    found = []
    for puzzle in ARC.read(text.splitlines(keepends=True), "file"):
        if isinstance(puzzle, Puzzle):
            answer = None if puzzle.answer is None else ARC.format(puzzle.answer)
            found.append((puzzle.place, ARC.format(puzzle.question), answer))
        else:
            found.append((str(puzzle), "", None))
    return found


def test_reads_grids_and_tasks() -> None:
    assert read("[[1]]\n\n[[2,3]]\n") == [("file, line 1", "[[1]]", None), ("file, line 3", "[[2,3]]", None)]
    assert read("\ufeff[\n [1],\n [2]\n]") == [("file", "[[1],[2]]", None)]
    expected = [("file, train pair 1", "[[1,2]]", "[[2,1]]"), ("file, test pair 1", "[[3]]", None)]
    assert read(json.dumps(TASK)) == read(json.dumps(TASK, indent=1)) == expected
    assert read(json.dumps({"a": TASK}))[1] == ("file, task a, test pair 1", "[[3]]", None)
    assert read(json.dumps(TASK["train"])) == [("file, pair 1", "[[1,2]]", "[[2,1]]")]
    assert read(json.dumps([TASK, {"id": "b", **TASK}]))[1::2] == [
        ("file, entry 1, test pair 1", "[[3]]", None),
        ("file, entry 2, task b, test pair 1", "[[3]]", None),
    ]
    assert [place for place, _, _ in read(f"{json.dumps(TASK)}\n{json.dumps({'a': TASK})}")] == [
        *("file, line 1, train pair 1", "file, line 1, test pair 1"),
        *("file, line 2, task a, train pair 1", "file, line 2, task a, test pair 1"),
    ]
    lines = [json.dumps(pair([[1]], [[0]])), json.dumps(pair([[5]]))]
    assert read(lines[0]) == [("file", "[[1]]", "[[0]]")]
    assert read("\n".join(lines)) == [("file, line 1", "[[1]]", "[[0]]"), ("file, line 2", "[[5]]", None)]
    assert read("") == read("\n \n") == []


def test_reading_names_the_place_of_an_error() -> None:
    first, second = read("[[1]]\n[[1],[2,3]]\n")
    assert first == ("file, line 1", "[[1]]", None)
    mentions(second[0], "file, line 2", "row 2", 2, "row 1", 1)
    wrong = {"train": TASK["train"], "test": [pair([[1, 11]])]}
    mentions(read(json.dumps(wrong))[0][0], "file, test pair 1, input", 11, "row 1, column 2")
    [broken] = read('{"train":\n [}')
    mentions(broken[0], "file", "JSON")


def test_load(tmp_path: Path) -> None:
    for subset, names in (("training", "ab"), ("evaluation", "c")):
        (tmp_path / subset).mkdir()
        for name in names:
            task = {"train": [pair([[1, 2]], [[2, 1]])] * 2, "test": [pair([[3]], [[4]])]}
            (tmp_path / subset / f"{name}.json").write_text(json.dumps(task))
    train = ARC.load(str(tmp_path))
    assert train.groups is not None and train.groups.tolist() == [0, 0, 0, 1, 1, 1, 2, 2]
    test = ARC.load(str(tmp_path), split="test")
    assert ARC.format(test.questions[0]) == "[[3]]" and ARC.format(test.answers[0]) == "[[4]]" and len(test) == 1
    assert len(ARC.load(str(tmp_path), limit=3)) == 3
    with raises(DataError, "'dev'", "train", "test"):
        ARC.load(str(tmp_path), split="dev")
    (tmp_path / "x.json").write_text(json.dumps(TASK))
    with raises(DataError, "x.json", "test", "output"):
        ARC.load(str(tmp_path / "x.json"), split="test")


# data and pictures


def test_augment_does_the_same_to_both_grids() -> None:
    made = ARC.make(64, 3)
    inputs, labels = ARC.encode(made.answers), ARC.encode_labels(made.answers)
    moved, moved_labels = ARC.augment(inputs, labels, np.random.default_rng(0))
    np.testing.assert_array_equal(np.where(moved == 0, IGNORE, moved), moved_labels)
    assert moved.dtype == moved_labels.dtype == np.int16
    assert (moved != inputs).any(1).mean() > 0.9
    black = (ARC.decode(inputs) == 0).sum((1, 2))
    np.testing.assert_array_equal((ARC.decode(moved) == 0).sum((1, 2)), black, err_msg="black stays black")


def test_make_gives_groups_and_longer_runs_begin_with_shorter() -> None:
    made, more = ARC.make(10, 5), ARC.make(20, 5)
    assert made.groups is not None and made.groups.tolist() == [0] * 4 + [1] * 4 + [2] * 2
    np.testing.assert_array_equal(made.questions, more.questions[:10])
    assert len(ARC.make(0, 0)) == 0
    assert (ARC.make(10, 6).questions != made.questions).any()


def test_pictures() -> None:
    board = canvas(SMALL)
    assert ["".join(row).rstrip() for row in ARC.symbols(board)[:3]] == ["109", "220", ""]
    fills = ARC.fills(board)
    assert fills[0][:4] == ["#0074D9", "#000000", "#870C25", ""] and fills[2][0] == ""
