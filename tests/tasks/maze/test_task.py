"""Mazes: text, tokens, rules, made puzzles, symmetries, pictures, and files good and bad."""

from pathlib import Path

import numpy as np
import pytest
from helpers.failing import mentions, raises, warns
from helpers.places import DATA
from hypothesis import given, settings
from hypothesis import strategies as st

from redraft.errors import ConfigError, DataError, DataWarning, PuzzleError
from redraft.tasks import TASKS, Puzzle, check_task, get_task
from redraft.tasks.families import of_texts
from redraft.tasks.maze.task import Maze

SHARED = DATA / "maze-hard"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="no copy of Maze-Hard beside the repository")

DRAWN = "S.#..\n..#..\n.##..\n....G"
DONE = "S #  \no #  \no##  \nooooG"
TASK = Maze(4, 5)
QUESTION, ANSWER = TASK.parse(DRAWN), TASK.parse(DONE)
LINE, ANSWER_LINE = TASK.format(QUESTION), TASK.format(ANSWER)


@pytest.mark.parametrize("name", ["maze-10x10", "maze-15x15", "maze-4x4", "maze-5x12"])
def test_contract(name: str) -> None:
    task = get_task(name)
    assert task.name == name
    check_task(task, count=6)


def test_names_and_sizes() -> None:
    assert {"maze-10x10", "maze-15x15", "maze-30x30"} <= set(TASKS)
    hard = Maze(30, 30)
    assert (hard.vocab_size, hard.seq_len, hard.least, hard.grades[-1]) == (6, 900, 110, "optimal")
    assert Maze(64, 64).least == 256 and Maze(10, 10).least == 12 and Maze(4, 4).least == 3
    for size in ((3, 10), (10, 65)):
        with raises(ConfigError, 4, 64, f"{size[0]}x{size[1]}"):
            Maze(*size)
    with raises(ConfigError, "3x3"):
        get_task("maze-3x3")


# text


def test_parse_and_format() -> None:
    assert LINE == "S #    #   ##      G"
    for text in (LINE, LINE.replace(" ", "."), LINE.replace(" ", "·"), DRAWN, DRAWN.replace(".", " "), f"\n{DRAWN}\n"):
        assert np.array_equal(TASK.parse(text), QUESTION)
    assert np.array_equal(TASK.parse(ANSWER_LINE), ANSWER)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", (20, 0)),
        (LINE[:-1], (20, 19)),
        (LINE.replace("G", "X"), ("'X'", "cell 20 (row 4, column 5)")),
        (
            "S....\n.....\n...\n....G",
            ("row 3", 5, 3),
        ),
        ("S....\n......\n.....\n....G", ("row 2", 5, 6)),
        ("S....\n.....\n....G", (20, 15, "4 rows of 5", "3 rows")),
        ("S...\n....\n....\n....\n...G", (20, "4 rows of 5", "5 rows")),
    ],
)
def test_parse_says_what_is_wrong(text: str, parts: object) -> None:
    with raises(PuzzleError, parts):
        TASK.parse(text)


def test_size_of_a_maze() -> None:
    square = Maze(5, 5).format(Maze(5, 5).make(1, 0).questions[0])
    for text, size in (
        (DRAWN, (4, 5)),
        (f"; mine\n\n{DRAWN}\n\n{DRAWN}", (4, 5)),
        (square, (5, 5)),
        (f"{square}\n" * 5, (5, 5)),
        (f"source,question,answer\nme,{square},{square}\n", (5, 5)),
    ):
        task = of_texts([text], "maze")
        assert (task.height, task.width) == size
    for text in ("", "123", LINE):
        with raises(PuzzleError, 4, 64):
            of_texts([text], "maze")
    with raises(PuzzleError, "puzzle"):
        of_texts([], "maze")


# rules


def changed(grid: np.ndarray, **cells: int) -> np.ndarray:
    """The grid with symbols at cells named like `r1c2`."""
    other = grid.copy()
    for name, symbol in cells.items():
        row, column = name[1:].split("c")
        other[int(row) - 1, int(column) - 1] = symbol
    return other


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        (changed(QUESTION, r1c1=1), "no S"),
        (changed(QUESTION, r1c2=2), "2 S"),
        (changed(QUESTION, r4c5=0), "no G"),
        (changed(QUESTION, r4c2=4), "row 4, column 2"),
        (changed(QUESTION, r4c4=0, r3c5=0), ("S", "G")),
        (changed(QUESTION, r2c2=7), (7, "row 2, column 2", "0-4")),
        (QUESTION.T, ("(5, 4)", "(4, 5)")),
    ],
)
def test_validate(question: np.ndarray, parts: object) -> None:
    TASK.validate(QUESTION)
    with raises(PuzzleError, parts):
        TASK.validate(question)


@pytest.mark.parametrize(
    ("answer", "parts", "wrong"),
    [
        (ANSWER, (), ""),
        (QUESTION, ("path",), ""),
        (changed(ANSWER, r1c3=1), ("wall", "row 1, column 3"), "r1c3"),
        (changed(ANSWER, r1c2=0), ("wall", "row 1, column 2"), "r1c2"),
        (changed(ANSWER, r4c5=4), ("G", "row 4, column 5"), "r4c5"),
        (changed(ANSWER, r3c1=1), ("path", "row 2, column 1"), "r2c1 r4c1"),
        (changed(ANSWER, r3c4=4), ("path", "row 3, column 4"), "r3c4 r4c4"),
        (changed(ANSWER, r1c5=4), ("path", "row 1, column 5"), "r1c5"),
        (changed(ANSWER, r1c2=4), ("S", "path", 2), "r1c2"),
        (changed(ANSWER, r2c1=1), ("S", "path", "none"), "r3c1"),
        (changed(ANSWER, r1c4=4, r1c5=4, r2c4=4, r2c5=4), ("path", "row 1, column 4"), "r1c4 r1c5 r2c4 r2c5"),
        (changed(ANSWER, r2c1=1, r1c2=4, r2c2=4), ("path", "row 2, column 2"), "r2c2 r3c1"),
    ],
)  # fmt: skip
def test_check(answer: np.ndarray, parts: tuple[object, ...], wrong: str) -> None:
    verdict = TASK.check(QUESTION, answer)
    assert verdict.solved == (verdict.reason == "") == (not parts)
    mentions(verdict.reason, parts)
    marked = [f"r{r + 1}c{c + 1}" for r, c in np.argwhere(TASK.wrong_cells(QUESTION, answer))]
    assert sorted(marked) == sorted(wrong.split())
    assert TASK.grade_many(QUESTION[None], answer[None])[0] == (0 if parts else 2)


def test_a_longer_path_is_valid_but_not_solved() -> None:
    task = Maze(4, 4)
    question = task.parse("S.G. .... .... ....".replace(" ", "\n"))
    answer = task.parse("S.G. ooo. .... ....".replace(" ", "\n"))
    mentions(task.check(question, answer).reason, "4 steps", 2)
    assert task.grade_many(question[None], answer[None]).tolist() == [1]
    assert not task.check_many(question[None], answer[None])[0] and not task.wrong_cells(question, answer).any()
    mentions(task.check(answer, answer).reason, "question", "path")
    mentions(task.check(question, question * 9).reason, "0-4")
    no_start = np.where(question == 2, 1, question).astype(np.int8)
    touching = task.parse("..G. ..o. .... ....".replace(" ", "\n"))
    mentions(task.check(no_start, touching).reason, "no S")


def test_decode_makes_sense_of_any_tokens() -> None:
    tokens = np.arange(-2, 18, dtype=np.int16)
    assert set(TASK.decode(tokens).ravel().tolist()) == {0, 1, 2, 3, 4}
    assert TASK.decode(np.zeros(20, np.int16)).tolist() == np.ones((4, 5)).tolist(), "padding is a free cell"


# data


def test_make() -> None:
    task = Maze(6, 8)
    made, longer = task.make(5, 3), task.make(8, 3)
    assert np.array_equal(longer.questions[:5], made.questions), "a longer run begins with the shorter one"
    assert not np.array_equal(task.make(5, 4).questions, made.questions)
    assert np.array_equal(made.ratings, (made.answers >= 2).sum((1, 2))), "the rating is the cells on the path"
    assert made.ratings.min() >= task.least == 6
    assert task.make(3, 0, least=18).ratings.min() >= 18
    assert len(task.make(0, 0)) == 0


def test_make_says_what_is_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    for least in (2, 21):
        with raises(ConfigError, "maze-4x5", "least", "3-20", least):
            TASK.make(1, 0, least=least)
    task = Maze(4, 5)
    monkeypatch.setattr(task._searcher, "make", lambda *_: None)
    with raises(ConfigError, "1,048,576", 19):
        task.make(1, 0, least=19)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([(5, 5), (4, 6)]))
def test_augment_searches_the_label_anew(seed: int, size: tuple[int, int]) -> None:
    task = Maze(*size)
    made = task.make(4, seed)
    inputs, labels = task.encode(made.questions), task.encode(made.answers)
    inputs, labels = task.augment(inputs, labels, np.random.default_rng(seed))
    for before, tokens, label in zip(made.questions, inputs, labels, strict=True):
        moved = task.decode(tokens)
        square = [np.rot90(grid, k) for grid in (before, before.T) for k in range(4)]
        assert any(np.array_equal(moved, view) for view in square)
        assert np.array_equal(task._searcher.answer(moved[None])[0][0], task.decode(label))
    assert inputs.dtype == labels.dtype == np.int16


def test_augment_uses_every_symmetry() -> None:
    task = Maze(5, 5)
    made = task.make(1, 0)
    inputs = np.repeat(task.encode(made.questions), 200, axis=0)
    moved, _ = task.augment(inputs, inputs, np.random.default_rng(0))
    assert len({row.tobytes() for row in moved}) == 8


@needs_shared
def test_turning_the_label_would_break_the_published_rule() -> None:
    """The reason for searching anew: 93 % of the labels survive a left-right flip, and hardly any another symmetry."""
    task = Maze(30, 30)
    examples = task.load(str(SHARED), limit=200)
    flipped, turned = (
        (task._searcher.answer(view(examples.questions))[0] == view(examples.answers)).all((1, 2)).mean()
        for view in (lambda grids: grids[:, :, ::-1], lambda grids: np.rot90(grids, axes=(1, 2)))
    )
    assert 0.85 < flipped < 1 and turned < 0.05


# files


def write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_read_drawings_lines_and_comments() -> None:
    spaces = DRAWN.replace(".", " ")
    text = f"; drawn\n{spaces}\n\n{DRAWN}\n; in a line\n{LINE}\r\n{LINE}\n#####\nS...G\n     \n.....\n"
    found = list(TASK.read(text.splitlines(keepends=True), "mine.txt"))
    assert [each.place for each in found] == [f"mine.txt, line {n}" for n in (2, 7, 12, 13, 14)]
    assert all(isinstance(each, Puzzle) for each in found)
    assert isinstance(found[-1], Puzzle) and TASK.format(found[-1].question) == "#####S   G" + " " * 10


def test_read_csv() -> None:
    lines = [
        "source,question,answer,rating",
        f"a,{LINE},{ANSWER_LINE},8",
        f'b,"{LINE}",,',
        f"c,{LINE},{LINE},8",
        "d,##",
    ]
    one, two, three, four = TASK.read(lines, "f.csv")
    assert isinstance(one, Puzzle) and one.rating == 8 and np.array_equal(one.answer, ANSWER)
    assert isinstance(two, Puzzle) and two.answer is None
    mentions(three, "f.csv, line 4", "answer", "path")
    mentions(four, "f.csv, line 5", 4, "source, question, answer, rating", 2)
    (bare,) = TASK.read([f"{LINE},{ANSWER_LINE}"], "f")
    assert isinstance(bare, Puzzle) and np.array_equal(bare.answer, ANSWER)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.sampled_from("# SGo.;,x\r\té·"), max_size=24), max_size=10))
def test_read_answers_every_text(lines: list[str]) -> None:
    for each in TASK.read(lines, "any"):
        assert isinstance(each, Puzzle | PuzzleError) and each.place.startswith("any, line ")


def test_load(tmp_path: Path) -> None:
    rows = f"a,{LINE},{ANSWER_LINE},8\n; note\nb,{LINE.replace(' ', '.')},{ANSWER_LINE},\n"
    write(tmp_path / "train.csv", f"\ufeffsource,question,answer,rating\r\n{rows}")
    examples = TASK.load(str(tmp_path))
    assert np.array_equal(examples.questions, [QUESTION] * 2) and np.array_equal(examples.answers, [ANSWER] * 2)
    assert examples.ratings[0] == 8 and np.isnan(examples.ratings[1])
    answered = TASK.load(write(tmp_path / "mazes.txt", f"{DRAWN}\n{LINE}\n"))
    assert np.array_equal(answered.answers, [ANSWER] * 2) and answered.ratings.tolist() == [8, 8]
    headless = TASK.load(write(tmp_path / "plain.csv", f"\ufeff{LINE},{ANSWER_LINE}\n{LINE},{ANSWER_LINE}"))
    assert len(headless) == 2


LONGER = TASK.format(changed(ANSWER, r1c2=4, r2c2=4, r2c1=4))
BAD: list[tuple[str, object]] = [
    ("", "empty"),
    ("question,answer\n", "puzzles"),
    (f"walls,answer\n{LINE},{LINE}\n", ("line 1", "question", "puzzle", "input", "walls, answer")),
    (f"question,answer\n{LINE[1:]},{ANSWER_LINE}\n", ("line 2", 20, 19)),
    (
        f"question,answer\n{LINE},{ANSWER_LINE.replace('G', 'Q')}\n",
        ("line 2", "answer", "'Q'", "cell 20 (row 4, column 5)"),
    ),
    (f"question,answer\n{LINE},{LINE}\n", ("line 2", "answer", "path")),
    (f"question,answer\n{LINE},{LONGER}\n", ("line 2", "answer", "S", 2)),
    (f"question,answer\n{ANSWER_LINE},{ANSWER_LINE}\n", ("line 2", "question", "path")),
    (f"{LINE}\n{LINE[1:]}\n", ("line 2", 20, 19)),
    (f"{LINE}\n{LINE.replace('G', 'S')}\n", ("line 2", "2 S")),
    (f"{LINE}\n{ANSWER_LINE}\n", ("line 2", "row 2, column 1")),
    (f"{DRAWN}\n\n#...S\n.....\n.###.\n#G#..\n", ("line 6", "S", "G")),
    ("S....\n.....\n....G\n", ("line 1", 20, 15, "4 rows of 5", "3 rows")),
    (f"{LINE}\nS....\n...\n.....\n....G\n", ("line 2", "row 2", 5, 3)),
]


@pytest.mark.parametrize(("text", "parts"), BAD)
def test_load_says_what_is_wrong(tmp_path: Path, text: str, parts: object) -> None:
    file = write(tmp_path / "bad.csv", text)
    with raises(DataError, file, parts):
        TASK.load(file)


def test_load_of_another_encoding(tmp_path: Path) -> None:
    file = tmp_path / "utf16.csv"
    file.write_text(f"question,answer\n{LINE},{ANSWER_LINE}\n", encoding="utf-16")
    assert len(TASK.load(str(file))) == 1
    file.write_bytes(f"question,answer\n{LINE},{ANSWER_LINE}\n{LINE[:-1]}".encode() + b"\xe9," + ANSWER_LINE.encode())
    with (
        warns(DataWarning, "line 3", "UTF-8"),
        raises(DataError, "line 3", "'é'", "cell 20 (row 4, column 5)"),
    ):
        TASK.load(str(file))


@needs_shared
def test_published_files() -> None:
    task = Maze(30, 30)
    for split, count in (("train", 1000), ("test", 500)):
        examples = task.load(str(SHARED), split=split)
        assert len(examples) == count and task.check_many(examples.questions, examples.answers).all()
        with (SHARED / f"{split}.csv").open() as lines:
            next(lines)
            assert next(lines).split(",")[1] == task.format(examples.questions[0])


# pictures


def test_symbols_and_fills() -> None:
    assert ["".join(row) for row in TASK.symbols(ANSWER)] == ["S·#··", "o·#··", "o##··", "ooooG"]
    fills = TASK.fills(ANSWER)
    assert len({fills[0][0], fills[0][1], fills[0][2], fills[1][0], fills[3][4]}) == 5
    assert all(len(fill) == 7 and fill[0] == "#" for row in fills for fill in row)
