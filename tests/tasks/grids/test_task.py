"""Grids of one's own: text, tokens, rules from a checker, symmetries."""

import json
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.failing import mentions, raises
from hypothesis import given
from hypothesis import strategies as st

from redraft.errors import ConfigError, DataError, PuzzleError, RedraftError
from redraft.tasks import Examples, check_task, get_task
from redraft.tasks.base import IGNORE, OUTSIDE
from redraft.tasks.grids.symmetries import keys
from redraft.tasks.grids.task import Grids, GridSpec

FIXED = GridSpec(name="mine", alphabet=(".", "a", "b"), height=2, width=3)
VARYING = GridSpec(name="mine", alphabet=("0", "1", "10"), height=4, width=4, varies=True, symmetries=("dihedral",))

Write = Callable[[str], str]


@pytest.fixture
def checker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes the body of a checker into a module of the current folder; gives its `module:function`."""
    monkeypatch.chdir(tmp_path)

    def write(body: str) -> str:
        name = f"own_rules_{zlib.crc32(body.encode())}"
        (tmp_path / f"{name}.py").write_text(f"def check(question, answer):\n    {body}\n")
        return f"{name}:check"

    return write


@st.composite
def tasks(draw: st.DrawFn) -> Grids:
    """Tasks of all sorts of alphabets, sizes and symmetries."""
    height, width = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    alphabet = draw(st.sampled_from([".#", "abcde", ("0", "1", "2", "10", "11"), ("10", "20"), "[]1"]))
    names = ["flip-h", "flip-v", "symbols:" + ",".join(alphabet[:2])]
    names += ["transpose", "rotate", "dihedral"] if height == width else []
    symmetries = draw(st.lists(st.sampled_from(names), unique=True))
    return Grids(
        GridSpec(
            name="any",
            alphabet=tuple(alphabet),
            height=height,
            width=width,
            varies=draw(st.booleans()),
            symmetries=tuple(symmetries),
        )
    )


def some(task: Grids, count: int, seed: int) -> Examples:
    """Random questions and answers of a task, of random sizes where they vary."""
    rng = np.random.default_rng(seed)
    grids = rng.integers(len(task.about.alphabet), size=(2, count, task.height, task.width)).astype(np.int8)
    for grid in grids.reshape(-1, task.height, task.width) if task.about.varies else ():
        height, width = rng.integers(1, task.height + 1), rng.integers(1, task.width + 1)
        grid[height:], grid[:, width:] = OUTSIDE, OUTSIDE
    return Examples(questions=grids[0], answers=grids[1], ratings=np.full(count, np.nan, np.float32))


@given(tasks(), st.integers(0, 2**32))
def test_contract(task: Grids, seed: int) -> None:
    check_task(task, examples=some(task, 5, seed), count=5, seed=seed)


@given(tasks(), st.integers(0, 2**32))
def test_augment_does_the_same_to_question_and_answer(task: Grids, seed: int) -> None:
    grids = some(task, 6, seed).questions
    inputs, labels = task.augment(task.encode(grids), task.encode_labels(grids), np.random.default_rng(seed))
    assert np.array_equal(np.where(labels == IGNORE, 0, labels), inputs)
    before, after = (keys(each, task.symmetries, varies=task.about.varies) for each in (grids, task.decode(inputs)))
    assert np.array_equal(before, after), "only what was declared"


def test_augment_shows_every_view() -> None:
    task = Grids(GridSpec(name="mine", alphabet=("a", "b", "c", "d"), height=2, width=2, symmetries=("dihedral",)))
    tokens = np.tile(task.encode(task.parse("ab/cd")), (200, 1))
    shown, _ = task.augment(tokens, tokens, np.random.default_rng(0))
    assert len({row.tobytes() for row in shown}) == 8
    plain = Grids(GridSpec(name="mine", alphabet=("a", "b", "c", "d"), height=2, width=2))
    assert plain.augment(tokens, tokens, np.random.default_rng(0))[0] is tokens, "none is declared"


@given(tasks())
def test_spec_makes_the_task_again(task: Grids) -> None:
    again = get_task(json.loads(json.dumps(task.spec)))
    assert isinstance(again, Grids) and again.about == task.about
    assert again.spec == task.spec == json.loads(json.dumps(task.spec)), "a store compares it with what JSON gives"


def test_unknown_key_in_a_spec() -> None:
    with raises(ConfigError, "task", "'heigth'", "kind, name, alphabet"):
        get_task({"kind": "grids", "name": "x", "alphabet": ["a"], "heigth": 1, "width": 1})
    with raises(RedraftError, "'boards'"):
        get_task({"kind": "boards"})


def test_tokens_of_grids_of_one_size() -> None:
    task = Grids(FIXED)
    tokens = task.encode(task.parse(".ab/bb."))
    assert task.vocab_size == 4 and tokens.dtype == np.int16 and tokens.tolist() == [1, 2, 3, 3, 3, 1]
    assert np.array_equal(task.encode_labels(task.parse(".ab/bb.")), tokens)
    assert task.decode(np.array([0, 9, 1, IGNORE, 2, 3])).tolist() == [[OUTSIDE, OUTSIDE, 0], [OUTSIDE, 1, 2]]


def test_tokens_of_grids_that_vary() -> None:
    task = Grids(VARYING)
    grid = task.parse("0 10/1 0")
    assert grid.tolist() == [[0, 2, -1, -1], [1, 0, -1, -1], [-1] * 4, [-1] * 4]
    tokens = task.encode(grid).reshape(4, 4)
    assert tokens.tolist() == [[2, 4, 1, 0], [3, 2, 1, 0], [1, 1, 0, 0], [0, 0, 0, 0]], "end markers, no corner"
    assert (task.encode_labels(grid).reshape(4, 4) == np.where(tokens == 0, IGNORE, tokens)).all()
    full = np.ones((4, 4), np.int8)
    assert task.vocab_size == 5 and set(task.encode(full).tolist()) == {3}, "a full canvas has no end markers"


def test_a_draft_is_cut_to_a_rectangle() -> None:
    task = Grids(VARYING)
    draft = np.array([[2, 2, 2, 2], [2, 2, 1, 2], [2, 2, 0, 0], [1, 2, 2, 2]])
    assert task.cells(task.decode(draft.ravel())) == [["0", "0"]] * 3, "3 x 2 cells are more than 1 x 4"
    nothing = task.decode(np.ones(16))
    assert (nothing == OUTSIDE).all() and task.format(nothing) == ""
    mentions(task.check(task.parse("0"), nothing).reason, "grid")


def test_text() -> None:
    task = Grids(FIXED)
    grid = task.parse(".ab\nbb.")
    assert grid.dtype == np.int8 and grid.tolist() == [[0, 1, 2], [2, 2, 0]]
    assert task.format(grid) == ".ab/bb."
    for text in (".ab/bb.", ".abbb.", ". a b / b b .", '[[".", "a", "b"], ["b", "b", "."]]'):
        assert np.array_equal(task.parse(text), grid), text
    assert task.symbols(grid) == [["·", "a", "b"], ["b", "b", "·"]]
    assert task.format(np.full((2, 3), OUTSIDE, np.int8)) == "???/???", "a draft may hold what is no symbol"
    varying = Grids(VARYING)
    assert varying.format(varying.parse("1 10 0")) == "1 10 0/", "the slash tells a grid from a line of a drawing"
    assert varying.symbols(varying.parse("1 10"))[0] == ["1", "2", " ", " "], "one character for each"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", "empty"),
        (".ab", ("2 x 3", "1 x 3")),
        (".ab/bb", ("row 2", 3, "row 1", 2)),
        (".ab/bbb/...", ("2 x 3", "3 x 3")),
        (".ab/bxb", ("row 2, column 2", "'x'", ". a b")),
    ],
)
def test_text_that_is_no_grid(text: str, parts: object) -> None:
    with raises(PuzzleError, parts):
        Grids(FIXED).parse(text)


def test_grids_that_vary_have_a_largest_size() -> None:
    with raises(PuzzleError, "4 x 4", "5 x 1"):
        Grids(VARYING).parse("0/0/0/0/0")


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"name": ""}, "name"),
        ({"alphabet": ()}, (1, 127, 0)),
        ({"alphabet": ("a", "a")}, (1, 127)),
        ({"alphabet": tuple(map(str, range(128)))}, (1, 127, 128)),
        ({"alphabet": ("a", " ")}, ("mine", "alphabet", "' '")),
        ({"height": 31, "width": 31}, (1, 900, "31 x 31")),
        ({"height": 0}, (1, 900, "0 x 3")),
        ({"symmetries": ("rotate",)}, ("rotate", "2 x 3")),
        ({"symmetries": ("mirror",)}, "'mirror'"),
        ({"scopes": ("rows", "boxes")}, ("scopes", "'boxes'", "rows, columns")),
        ({"scopes": ("blocks-2x2",)}, ("scopes", "blocks-2x2", "2x3")),
    ],
)
def test_specs_that_cannot_be(change: dict[str, Any], parts: object) -> None:
    values = {"name": "mine", "alphabet": (".", "a"), "height": 2, "width": 3} | change
    with raises(ConfigError, parts):
        GridSpec(**values)


def test_interchangeable_symbols_are_those_of_the_largest_class_that_stands_together() -> None:
    def of(*symmetries: str, varies: bool = False) -> range:
        spec = GridSpec(name="mine", alphabet=tuple(".123xy"), height=3, width=3, varies=varies, symmetries=symmetries)
        return Grids(spec).interchangeable

    assert of() == of("dihedral") == range(0)
    assert of("symbols:xy", "symbols:312") == range(2, 5)
    assert of("symbols:123", varies=True) == range(3, 6), "the end marker comes before the symbols"
    assert of("symbols:13x") == range(0), "2 stands between them"


def test_no_puzzles_of_your_own_can_be_made() -> None:
    with raises(ConfigError, "mine"):
        Grids(FIXED).make(1, 0)


def test_without_a_checker_nothing_is_judged() -> None:
    task = Grids(FIXED)
    assert not task.judges
    grid = task.parse(".ab/bb.")
    mentions(task.check(grid, grid).reason, "mine", "rules")
    task.validate(grid)
    with raises(PuzzleError, "row 1, column 1"):
        task.validate(np.full((2, 3), 7, np.int8))
    with raises(PuzzleError, "(3, 2)"):
        task.validate(grid.T)


def with_checker(path: str) -> Grids:
    return Grids(GridSpec(name="mine", alphabet=(".", "a", "b"), height=2, width=3, checker=path))


@pytest.mark.parametrize(
    ("body", "solved", "reason"),
    [
        ("return True", True, ""),
        ("return ''", True, ""),
        ("return 'two of them touch'", False, "two of them touch"),
        ("return answer == [list('.ab'), list('bb.')] and question[0] == ['a', 'a', 'a']", True, ""),
    ],
)
def test_checker(checker: Write, body: str, solved: bool, reason: str) -> None:
    task = with_checker(checker(body))
    assert task.judges
    question, answer = task.parse("aaa/..."), task.parse(".ab/bb.")
    assert (task.check(question, answer).solved, task.check(question, answer).reason) == (solved, reason)
    assert task.check_many(question[None], answer[None]).tolist() == [solved]
    draft = np.full((2, 3), OUTSIDE, np.int8)
    mentions(task.check(question, draft).reason, "symbol", "row 1, column 1")


def test_checker_that_says_no_more_than_no(checker: Write) -> None:
    path = checker("return False")
    grid = with_checker(path).parse(".ab/bb.")
    mentions(with_checker(path).check(grid, grid).reason, path)


def test_checker_with_a_fault(checker: Write) -> None:
    path = checker("return 1 / 0")
    task = with_checker(path)
    with raises(RedraftError, path, "ZeroDivisionError: division by zero", "aaa/...", ".ab/bb."):
        task.check(task.parse("aaa/..."), task.parse(".ab/bb."))
    task = with_checker(checker("return 3.5"))
    with raises(RedraftError, "check", "True", "False", "3.5"):
        task.check(task.parse("aaa/..."), task.parse(".ab/bb."))


def test_check_task_finds_a_symmetry_that_is_none(checker: Write) -> None:
    path = checker("return answer != question and answer[0][0] == 'a'")
    spec = {"name": "mine", "alphabet": (".", "a", "b"), "height": 1, "width": 2, "checker": path}
    task = Grids(GridSpec(**spec))
    grids = np.stack([task.parse(text) for text in ("..", "b.", "ab", "aa")])
    made = Examples(questions=grids[:2], answers=grids[2:], ratings=np.zeros(2, np.float32))
    check_task(task, examples=made)
    with raises(AssertionError, "augment"):
        check_task(Grids(GridSpec(symmetries=("flip-h",), **spec)), examples=made)
    wrong = Examples(questions=grids[:2], answers=grids[[2, 1]], ratings=made.ratings)
    with raises(AssertionError, "make"):
        check_task(task, examples=wrong)
    check_task(task, count=1, examples=wrong)


def test_symmetries_of_the_square_are_views() -> None:
    spec = GridSpec(name="mine", alphabet=(".", "a"), height=2, width=2, symmetries=("rotate",))
    assert Grids(spec).views.tolist() == [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1], [1, 3, 0, 2]]
    assert Grids(replace(spec, symmetries=("symbols:.a",))).views.tolist() == [[0, 1, 2, 3]]
    assert Grids(replace(spec, varies=True)).views.shape == (1, 4)


def test_checker_that_is_not_there(checker: Write, tmp_path: Path) -> None:
    with raises(RedraftError, "no_such_module:check"):
        with_checker("no_such_module:check")
    path = checker("return True").removesuffix("check")
    with raises(RedraftError, "module:NAME"):
        with_checker(path + "chek")
    (tmp_path / "own_rules_number.py").write_text("check = 3\n")
    with raises(RedraftError, "int"):
        with_checker("own_rules_number:check")


def test_load(checker: Write, tmp_path: Path) -> None:
    task = with_checker(checker("return answer[0][0] == 'a'"))
    file = tmp_path / "train.csv"
    file.write_text("input,output,rating\naaa/...,abb/...,2\naaa/..b,abb/...,\n")
    for source in (str(file), str(tmp_path)):
        found = task.load(source)
        assert [task.format(grid) for grid in found.questions] == ["aaa/...", "aaa/..b"]
        assert found.ratings[0] == 2 and np.isnan(found.ratings[1]) and found.groups is None
    assert len(task.load(str(file), limit=1)) == 1
    file.write_text("input,output\naaa/...,abb/...\naaa/..b,bbb/...\n")
    with raises(DataError, "train.csv, line 3", "output", "check"):
        task.load(str(file))
    broken = with_checker(checker("return bool(1 / (question != answer))"))
    file.write_text("input,output\naaa/...,abb/...\naaa/...,aaa/...\n")
    with raises(DataError, "train.csv, line 3", "output", "check", "ZeroDivisionError"):
        broken.load(str(file))
    file.write_text("input,output\naaa/...,abb\n")
    with raises(DataError, "train.csv, line 2", "output", "2 x 3", "1 x 3"):
        task.load(str(file))
    file.write_text("input,output\naaa/...,axb/...\n")
    with raises(DataError, "line 2", "output", "row 1, column 2", "'x'", ". a b"):
        task.load(str(file))
