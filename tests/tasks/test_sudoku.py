"""Sudoku as a task: contract, text formats and their errors, files, rules, symmetries."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redraft.errors import ConfigError, DataError, PuzzleError, RedraftError
from redraft.tasks import TASKS, Puzzle, check_task, get_task
from redraft.tasks.base import IGNORE
from redraft.tasks.sudoku import Sudoku, sudoku_for

SHARED = Path(__file__).parents[3] / "shared/data/sudoku-extreme"
EASY = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79"
DONE = "534678912672195348198342567859761423426853791713924856961537284287419635345286179"
DRAWN = """
+-------+-------+-------+
| 5 3 . | . 7 . | . . . |
| 6 . . | 1 9 5 | . . . |
| . 9 8 | . . . | . 6 . |
+-------+-------+-------+
| 8 . . | . 6 . | . . 3 |
| 4 . . | 8 . 3 | . . 1 |
| 7 . . | . 2 . | . . 6 |
+-------+-------+-------+
| . 6 . | . . . | 2 8 . |
| . . . | 4 1 9 | . . 5 |
| . . . | . 8 . | . 7 9 |
+-------+-------+-------+
"""


@pytest.fixture(scope="module")
def nine() -> Sudoku:
    return Sudoku(9)


@pytest.fixture(scope="module")
def six() -> Sudoku:
    return Sudoku(6)


def only_error(found: list[Puzzle | PuzzleError]) -> str:
    assert len(found) == 1 and isinstance(found[0], PuzzleError)
    return str(found[0])


# the contract


@pytest.mark.parametrize("name", [name for name in TASKS if name.startswith("sudoku")])
def test_keeps_the_contract(name: str) -> None:
    task = get_task(name)
    assert task.name == name
    check_task(task, count=6)


def test_unknown_task_names_the_known() -> None:
    with pytest.raises(RedraftError, match="unknown task 'sudoku-5x5'; known tasks: sudoku-4x4, sudoku-6x6"):
        get_task("sudoku-5x5")
    with pytest.raises(ConfigError, match="sizes are 4, 6, 9; got 5"):
        Sudoku(5)


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
    ("text", "message"),
    [
        (EASY[:80], "expected 81 characters, got 80"),
        ("", "expected 81 characters, got 0"),
        (
            EASY[:16] + "x" + EASY[17:],
            "character 'x' at cell 17 (row 2, column 8) is not a digit 1-9 or a blank (. 0 _ ·)",
        ),
        (DRAWN.replace("| 4 . . |", "| 4 . |"), "row 5: expected 9 cells, got 8"),
        (DRAWN.replace("| 4 . . | 8 . 3 | . . 1 |", ""), "expected 81 characters, got 72 (9 rows of 9; got 8 rows)"),
    ],
)
def test_parse_says_what_is_wrong(nine: Sudoku, text: str, message: str) -> None:
    with pytest.raises(PuzzleError) as caught:
        nine.parse(text)
    assert str(caught.value) == message


def test_parse_knows_its_digits(six: Sudoku) -> None:
    with pytest.raises(PuzzleError, match=r"character '7' at cell 2 \(row 1, column 2\) is not a digit 1-6"):
        six.parse("17" + "." * 34)


def test_read_lines_with_comments_and_errors(nine: Sudoku) -> None:
    found = nine.read(["# two good, one bad", "", EASY, EASY[:-1], DONE], "puzzles.txt")
    assert [getattr(each, "place", "") for each in found] == [f"puzzles.txt, line {n}" for n in (3, 4, 5)]
    assert isinstance(found[0], Puzzle) and isinstance(found[2], Puzzle)
    assert str(found[1]) == "puzzles.txt, line 4: expected 81 characters, got 80"


def test_read_drawings(nine: Sudoku) -> None:
    rows = "\n".join(DONE[i : i + 9] for i in range(0, 81, 9))
    text = f"{DRAWN}\n# next, without a blank line between\n{rows}\n{rows}\n{EASY}\n53..7....\n\n{EASY}"
    found = nine.read(text.splitlines(), "x")
    assert [nine.format(each.question) if isinstance(each, Puzzle) else str(each) for each in found] == [
        EASY,
        DONE,
        DONE,
        EASY,
        "x, line 36: expected 81 characters, got 9",
        EASY,
    ]
    assert isinstance(found[0], Puzzle) and found[0].place == "x, line 3"


def test_read_csv(nine: Sudoku) -> None:
    lines = ["source,Puzzle,solution,rating", f"a,{EASY},{DONE},12.5", f'b,"{EASY}",,', f"c,{EASY},{EASY},1", "d,12"]
    first, second, third, fourth = nine.read(lines, "f.csv")
    assert isinstance(first, Puzzle) and first.answer is not None and first.rating == 12.5
    assert nine.format(first.answer) == DONE
    assert isinstance(second, Puzzle) and second.answer is None and second.rating is None
    assert str(third) == "f.csv, line 4: answer: 51 cells are blank"
    assert str(fourth) == "f.csv, line 5: expected 81 characters, got 2"


def test_read_csv_without_header(nine: Sudoku) -> None:
    one, two = nine.read([f"{EASY},{DONE}", f"{EASY},{DONE[:-1]}"], "f")
    assert isinstance(one, Puzzle) and one.answer is not None
    assert str(two) == "f, line 2: answer: expected 81 characters, got 80"
    assert only_error(nine.read(["question,rating", f"{EASY},high"], "f")) == "f, line 2: rating 'high' is not a number"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.sampled_from('12.0_|-+=,"#x \r\té·─'), max_size=40), max_size=12))
def test_read_answers_every_text(lines: list[str]) -> None:
    for each in Sudoku(4).read(lines, "any"):
        assert isinstance(each, Puzzle | PuzzleError) and each.place.startswith("any, line ")


def test_sudoku_for() -> None:
    assert sudoku_for([EASY]).size == 9
    assert sudoku_for([DRAWN, EASY]).size == 9
    assert sudoku_for(["1.3..4.1.....3.."]).size == 4
    assert sudoku_for([f"question,answer\n{EASY},{DONE}\n"]).size == 9
    assert sudoku_for(["# mine\n" + "123456\n" * 6 + "\n" + "......\n" * 6]).size == 6
    assert sudoku_for([EASY[:-1] + "x"]).size == 9  # parse will say which character
    with pytest.raises(PuzzleError, match=r"expected 16, 36 or 81 characters \(4x4, 6x6 or 9x9 Sudoku\), got 80"):
        sudoku_for([EASY[:-1]])
    with pytest.raises(PuzzleError, match="puzzle 2 is 4x4 but puzzle 1 is 9x9"):
        sudoku_for([EASY, "." * 16])
    with pytest.raises(PuzzleError, match="no puzzle given"):
        sudoku_for([])


# rules


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("5.......5" + "." * 72, "two 5s in row 1"),
        ("." * 18 + "5........" * 2 + "." * 45, "two 5s in column 1"),
        ("." * 36 + "......7.." + "." * 8 + "7" + "." * 27, "two 7s in the box at rows 4-6, columns 7-9"),
        ("12345678." + "." * 71 + "9", "no solution"),
        ("." * 81, "more than one solution"),
    ],
)
def test_validate_says_what_is_wrong(nine: Sudoku, text: str, message: str) -> None:
    with pytest.raises(PuzzleError) as caught:
        nine.validate(nine.parse(text))
    assert str(caught.value) == message


def test_validate_refuses_other_grids(nine: Sudoku) -> None:
    nine.validate(nine.parse(EASY))
    with pytest.raises(PuzzleError, match=r"shape \(6, 6\), expected \(9, 9\)"):
        nine.validate(np.zeros((6, 6), np.int8))
    with pytest.raises(PuzzleError, match="10 at row 1, column 1 is not a digit 1-9 or a blank"):
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
    assert reason({(0, 0): 1}) == "changes the given at row 1, column 1"
    assert reason({(3, 1): 7}) == "row 4 has two 7s"
    assert reason({(0, 2): 0}) == "1 cell is blank"
    assert reason({(0, 2): 0, (0, 3): 0}) == "2 cells are blank"
    assert nine.check(question, np.full((9, 9), -3, np.int8)).reason.startswith("-3 at row 1, column 1 is not")
    assert nine.check(question, np.zeros((4, 4), np.int8)).reason == "the grid has shape (4, 4), expected (9, 9)"


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
    with pytest.raises(ConfigError, match=rf"clues must lie in \d+-{size * size - 1}, got 2; no puzzle has"):
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


# files


def write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_load_csv(nine: Sudoku, tmp_path: Path) -> None:
    text = f"source,question,answer,rating\na,{EASY},{DONE},3\n# note\n\nb,{EASY.replace('.', '0')},{DONE},\n"
    file = write(tmp_path / "train.csv", text)
    for path in (file, str(tmp_path)):
        examples = nine.load(path)
        assert len(examples) == 2 and examples.ratings[0] == 3 and np.isnan(examples.ratings[1])
        assert nine.format(examples.questions[1]) == EASY and nine.format(examples.answers[0]) == DONE
    assert len(nine.load(file, limit=1)) == 1
    with pytest.raises(DataError, match=r"neither test\.csv nor test\.txt in this folder"):
        nine.load(str(tmp_path), split="test")
    plain = write(tmp_path / "plain.csv", f"{EASY},{DONE}\r\n{EASY},{DONE}")
    assert len(nine.load(plain)) == 2


def test_load_in_small_blocks(nine: Sudoku, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path / "a.csv", "question,answer\n" + f"{EASY},{DONE}\n" * 20 + f"{EASY},{DONE[1:]}5\n")
    monkeypatch.setattr("redraft.tasks.sudoku.BLOCK_BYTES", 100)
    assert len(nine.load(file, limit=20)) == 20
    with pytest.raises(DataError, match=r"a\.csv, line 22: answer: changes the given at row 1, column 1"):
        nine.load(file)


def test_load_text_is_answered_by_search(nine: Sudoku, tmp_path: Path) -> None:
    examples = nine.load(write(tmp_path / "a.txt", f"# easy\n{EASY}\n{DRAWN}"))
    assert [nine.format(answer) for answer in examples.answers] == [DONE, DONE]
    assert examples.ratings.tolist() == [0, 0]
    examples = nine.load(write(tmp_path / "a.csv", f"question,rating\n{EASY},7\n"))
    assert nine.format(examples.answers[0]) == DONE and examples.ratings.tolist() == [7]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("question,answer\n", "no puzzles in this file"),
        (f"source,grid,answer\na,{EASY},{DONE}\n", "line 1: no column named question or puzzle or quizzes; got source"),
        (f"question,answer\n{EASY}\n", "line 2: expected 2 columns, got 1"),
        (f"question,answer\n{EASY},{DONE}\n{EASY[1:]},{DONE}\n", "line 3: question: expected 81 characters, got 80"),
        (f"question,answer\n{EASY},{DONE[:-1]}\n", "line 2: answer: expected 81 characters, got 80"),
        (f"question,answer\n{EASY[:-1]}?,{DONE}\n", r"line 2: question: character '?' at cell 81 (row 9, column 9) is"),
        (f"question,answer\n{EASY},{EASY}\n", "line 2: answer: 51 cells are blank"),
        (f"question,answer\n{EASY},{DONE[:-2]}99\n", "line 2: answer: changes the given at row 9, column 8"),
        (f"question,answer,rating\n{EASY},{DONE},1\n{EASY},{DONE},high\n", "line 3: rating 'high' is not a number"),
        (f"{EASY}\n{EASY[:-1]}\n", "line 2: expected 81 characters, got 80"),
        (f"{EASY}\n{'.' * 81}\n", "line 2: more than one solution"),
        (f"{EASY}\n12345678.{'.' * 71}9\n", "line 2: no solution"),
    ],
)
def test_load_says_what_is_wrong(nine: Sudoku, tmp_path: Path, text: str, message: str) -> None:
    file = write(tmp_path / "bad.csv", text)
    with pytest.raises(DataError) as caught:
        nine.load(file)
    assert str(caught.value).startswith(file) and message in str(caught.value)


def test_load_without_file_or_hub(nine: Sudoku, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"nowhere\.csv: cannot be read: No such file"):
        nine.load("nowhere.csv")
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    with pytest.raises(DataError, match=r"needs the package huggingface_hub.*give the path of a CSV file"):
        nine.load("hf:sapientinc/sudoku-extreme")


@pytest.mark.skipif(not SHARED.is_dir(), reason="no copy of Sudoku-Extreme beside the repository")
def test_real_rows(nine: Sudoku) -> None:
    examples = nine.load(str(SHARED), split="test", limit=2000)
    assert len(examples) == 2000 and examples.ratings.max() > 50
    nine.validate(examples.questions[0])
    inputs, labels = nine.encode(examples.questions), nine.encode(examples.answers)
    inputs, labels = nine.augment(inputs, labels, np.random.default_rng(0))
    assert nine.check_many(nine.decode(inputs), nine.decode(labels)).all()
