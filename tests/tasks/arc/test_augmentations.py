"""Views of ARC tasks: the published transforms and names, none twice by content, and grids that find their way back."""

import io
import sys
from contextlib import suppress
from itertools import permutations, product
from pathlib import Path
from types import FrameType

import numpy as np
import pytest
from helpers.failing import raises
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from redraft.errors import DataError
from redraft.tasks.arc.augmentations import UNDOES, Views, turn
from redraft.tasks.arc.files import ArcTask, Pair
from redraft.tasks.arc.make import make_tasks
from redraft.tasks.arc.task import Arc, canvas, crop
from redraft.tasks.base import IGNORE

ARC = Arc()
TASKS = make_tasks(12, 4)
VIEWS = Views.make(TASKS, count=40)
PUBLISHED = (  # by number: what each symmetry is
    lambda grid: grid,
    lambda grid: np.rot90(grid, 1),
    lambda grid: np.rot90(grid, 2),
    lambda grid: np.rot90(grid, 3),
    np.fliplr,
    np.flipud,
    np.transpose,
    lambda grid: np.fliplr(np.rot90(grid)),
)


def grid(*rows: str) -> np.ndarray:
    return np.array([[int(cell) for cell in row] for row in rows], np.uint8)


def task(name: str, *pairs: tuple[np.ndarray, np.ndarray | None]) -> ArcTask:
    every = [Pair(*pair) for pair in pairs]
    return ArcTask(name=name, train=tuple(every[:-1]), test=(every[-1],))


@pytest.mark.parametrize("symmetry", range(8))
def test_symmetries_are_the_published(symmetry: int) -> None:
    for shape in ((2, 3), (3, 3), (1, 4)):
        board = np.arange(np.prod(shape)).reshape(shape)
        turned = turn(board, symmetry)
        np.testing.assert_array_equal(turned, PUBLISHED[symmetry](board))
        np.testing.assert_array_equal(turn(turned, UNDOES[symmetry]), board)


# which views


def content(each: ArcTask, symmetry: int, colours: np.ndarray) -> tuple[bytes, ...]:
    """What a task shows under a view, the order of its pairs aside."""

    def moved(board: np.ndarray | None) -> bytes:
        if board is None:
            return b"?"
        shown = PUBLISHED[symmetry](colours[board])
        return bytes(shown.shape) + shown.tobytes()

    return tuple(sorted(moved(pair.input) + b"|" + moved(pair.output) for pair in (*each.train, *each.test)))


def contents(views: Views, each: ArcTask) -> list[tuple[bytes, ...]]:
    return [content(each, views.symmetries[id - 1], views.colours[id - 1]) for id in views.ids(each.name)]


SYMMETRIC = [
    task("black", (grid("00"), grid("0")), (grid("0"), grid("00"))),
    task("one colour", (grid("10"), grid("1")), (grid("01"), grid("0"))),
    task("mirror", (grid("12", "00"), grid("2")), (grid("21", "00"), grid("2"))),  # left-right swaps its pairs
    task("turning", (grid("010", "111", "010"), grid("3")), (grid("232", "323", "232"), grid("010", "101", "010"))),
    task("no answer", (grid("12"), grid("1")), (grid("21"), None)),
    task("sides", (grid("12"), grid("1", "2")), (grid("3"), grid("3"))),
    task("same cells", (grid("1111"), grid("11", "11")), (grid("1", "1", "1", "1"), grid("0"))),
]


@pytest.mark.parametrize("each", [*SYMMETRIC, *TASKS[:4]], ids=lambda each: each.name)
def test_no_view_shows_what_another_does(each: ArcTask) -> None:
    views = Views.make([each], count=60)
    shown = contents(views, each)
    assert len(set(shown)) == len(shown) <= 61
    assert views.symmetries[0] == 0 and views.colours[0].tolist() == list(range(10)), "the first is the task itself"
    assert (views.colours[:, 0] == 0).all() and (np.sort(views.colours, axis=1) == np.arange(10)).all()


@pytest.mark.parametrize("each", SYMMETRIC, ids=lambda each: each.name)
def test_all_that_differ_are_found(each: ArcTask) -> None:
    used = np.unique(
        np.concatenate([board.ravel() for p in (*each.train, *each.test) for board in p if board is not None])
    )
    every = set()
    for symmetry, named in product(range(8), permutations(range(1, 10), int((used > 0).sum()))):
        colours = np.zeros(10, np.uint8)
        colours[used[used > 0]] = named
        every.add(content(each, symmetry, colours))
    count = 3 * len(every)  # 15 draws for each that there is
    assert set(contents(Views.make([each], count=count), each)) == every


def test_fewer_views_are_the_first_of_more() -> None:
    some, more = Views.make(TASKS[:3], count=7), Views.make([TASKS[5], *TASKS[:3]], count=90)
    for each in TASKS[:3]:
        few, many = some.ids(each.name), more.ids(each.name)
        for name in ("symmetries", "colours"):
            a, b = getattr(some, name), getattr(more, name)
            np.testing.assert_array_equal(a[few[0] - 1 : few[-1]], b[many[0] - 1 : many[0] - 1 + len(few)])
    assert (Views.make(TASKS[:1], count=7, seed=1).colours != some.colours[:8]).any()
    assert len(Views.make(TASKS, count=0)) == len(TASKS) and len(Views.make([])) == 0


def test_ids() -> None:
    assert VIEWS.tasks == tuple(each.name for each in TASKS)
    found = [VIEWS.locate(id) for id in range(1, len(VIEWS) + 1)]
    assert found[0] == (0, 0) and found == sorted(found)
    for t, each in enumerate(TASKS):
        assert [found[id - 1] for id in VIEWS.ids(each.name)] == [(t, k) for k in range(len(VIEWS.ids(each.name)))]
    np.testing.assert_array_equal(VIEWS.counts(np.array([1, len(VIEWS)])), [41, len(VIEWS.ids(TASKS[-1].name))])
    for wrong in (0, len(VIEWS) + 1, -1):
        with raises(ValueError, 1, len(VIEWS), wrong):
            VIEWS.locate(wrong)
        with raises(ValueError, "ids", 1):
            VIEWS.show(*np.zeros((2, 1, 900), np.int16), np.array([wrong]), None)


def test_names_must_tell_tasks_apart() -> None:
    with raises(DataError, "'black'"):
        Views.make([SYMMETRIC[0], SYMMETRIC[0]])
    with raises(DataError, "'a|||b'", "'|||'"):
        Views.make([task("a|||b", (grid("1"), grid("1")), (grid("1"), None))])


def test_many_views_are_made_together() -> None:
    """Some hundred calls a task, not some a view: 960 tasks of 1,000 views take seconds, not minutes."""
    tasks, calls = make_tasks(20, 0), 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        views = Views.make(tasks)
    finally:
        sys.setprofile(before)
    assert len(views) > 15_000 and calls < len(views)


# grids under views

sides = st.tuples(st.integers(1, 30), st.integers(1, 30))
grids = sides.flatmap(lambda shape: arrays(np.uint8, shape, elements=st.integers(0, 9)))
ids = st.integers(1, len(VIEWS))


@given(grids, ids)
@settings(max_examples=60, deadline=None)
def test_undo_brings_a_view_back(board: np.ndarray, id: int) -> None:
    shown = VIEWS.view(board, id)
    v = id - 1
    np.testing.assert_array_equal(shown, PUBLISHED[VIEWS.symmetries[v]](VIEWS.colours[v][board]))
    np.testing.assert_array_equal(VIEWS.undo(shown, id), board)
    assert shown.dtype == VIEWS.undo(shown, id).dtype == np.uint8


@given(st.lists(st.tuples(grids, st.none() | grids, ids), min_size=1, max_size=4), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_tokens_show_the_view(rows: list[tuple[np.ndarray, np.ndarray | None, int]], seed: int) -> None:
    unknown = np.full((30, 30), -1, np.int8)
    inputs = ARC.encode(np.stack([canvas(question) for question, _, _ in rows]))
    labels = ARC.encode_labels(np.stack([unknown if answer is None else canvas(answer) for _, answer, _ in rows]))
    puzzle_ids = np.array([id for _, _, id in rows], np.int32)
    shown = VIEWS.show(inputs, labels, puzzle_ids, None)
    moved = VIEWS.show(inputs, labels, puzzle_ids, np.random.default_rng(seed))
    assert {tokens.dtype for tokens in (*shown, *moved)} == {np.dtype(np.int16)}
    for i, (question, answer, id) in enumerate(rows):
        question = VIEWS.view(question, id)
        answer = None if answer is None else VIEWS.view(answer, id)
        np.testing.assert_array_equal(shown[0][i], ARC.encode(canvas(question)))
        right = unknown if answer is None else canvas(answer)
        np.testing.assert_array_equal(shown[1][i], ARC.encode_labels(right))
        # elsewhere: both grids at the same place, whole, with their end markers
        board, label = moved[0][i].reshape(30, 30), moved[1][i].reshape(30, 30)
        top, left = np.argwhere(board > 1)[0]
        for each, grid, pad in ((board, question, 0), (label, answer, IGNORE)):
            if grid is None:
                assert (each == IGNORE).all()
                continue
            height, width = grid.shape
            wanted = np.full((31, 31), pad)
            wanted[top + height, left : left + width] = wanted[top : top + height, left + width] = 1
            wanted[top : top + height, left : left + width] = grid.astype(int) + 2
            np.testing.assert_array_equal(each, wanted[:30, :30])
            back = np.roll(each, (-top, -left), (0, 1))
            np.testing.assert_array_equal(VIEWS.undo(crop(ARC.decode(back.ravel())), id), rows[i][each is label])


def test_all_places_come_equally_often_but_a_quarter_stays() -> None:
    small = ARC.encode(canvas(grid("1" * 28)))
    tall = ARC.encode_labels(canvas(np.ones((29, 2), np.uint8)))
    ids = np.ones(3000, np.int64)
    boards, _ = VIEWS.show(np.tile(small, (3000, 1)), np.tile(tall, (3000, 1)), ids, np.random.default_rng(0))
    counts = np.bincount(boards.argmax(1), minlength=900).reshape(30, 30)
    assert counts[:2, :3].sum() == 3000, "0..30-29 rows down, 0..30-28 columns to the right"
    np.testing.assert_allclose(counts[:2, :3].ravel() / 3000, [3 / 8] + [1 / 8] * 5, atol=0.03)


# names and files


def test_identifiers_are_the_published() -> None:
    names = VIEWS.identifiers()
    assert len(names) == len(VIEWS) + 1 and names[0] == "<blank>" and names[1] == TASKS[0].name
    task_name, symmetry, colours = names[2].split("|||")
    assert (task_name, symmetry) == (TASKS[0].name, f"t{VIEWS.symmetries[1]}")
    assert [int(colour) for colour in colours] == VIEWS.colours[1].tolist()
    again = Views.from_identifiers(names)
    assert_same(again, VIEWS)
    assert Views.from_identifiers(["<blank>"]).identifiers() == ["<blank>"]


def assert_same(views: Views, others: Views) -> None:
    assert views.tasks == others.tasks
    for name in ("starts", "symmetries", "colours"):
        assert getattr(views, name).dtype == getattr(others, name).dtype
        np.testing.assert_array_equal(getattr(views, name), getattr(others, name))


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        ([], ("identifier 0", "'<blank>'", "'none'")),
        (["a"], ("identifier 0", "'<blank>'", "'a'")),
        (["<blank>", "a|||t1|||0123456789"], ("identifier 1", "name")),
        (["<blank>", "a", "b|||t1|||0123456789"], ("identifier 2", "name")),
        (["<blank>", "a", "a|||t8|||0123456789"], "identifier 2"),
        (["<blank>", "a", "a|||t1|||1023456789"], "identifier 2"),
        (["<blank>", "a", "a|||t1|||0123456788"], "identifier 2"),
        (["<blank>", "a", "a|||t1"], "identifier 2"),
        (["<blank>", "a", "b", "a"], "'a'"),
        (["<blank>", "<blank>", "a"], "'<blank>'"),
    ],
)
def test_wrong_identifiers(names: list[str], parts: object) -> None:
    with raises(DataError, parts):
        Views.from_identifiers(names)


def test_save_and_open(tmp_path: Path) -> None:
    VIEWS.save(tmp_path / "views.npz")
    assert_same(Views.open(tmp_path / "views.npz"), VIEWS)
    assert [path.name for path in tmp_path.iterdir()] == ["views.npz"]
    Views.make([]).save(tmp_path / "none.npz")
    assert len(Views.open(tmp_path / "none.npz")) == 0


def saved(**changes: np.ndarray) -> bytes:
    content = io.BytesIO()
    arrays = {name: getattr(VIEWS, name) for name in ("starts", "symmetries", "colours")}
    np.savez(content, **{"tasks": np.array(VIEWS.tasks), **arrays, **changes})
    return content.getvalue()


twice = VIEWS.colours.copy()
twice[5, 3] = twice[5, 4]
DAMAGE = {
    "empty": (b"", "store"),
    "text": (b"no views", "store"),
    "cut": (saved()[:-9], "store"),
    "colour twice": (saved(colours=twice), "symmetry"),
    "black changed": (saved(colours=VIEWS.colours[:, ::-1]), "symmetry"),
    "symmetry 8": (saved(symmetries=VIEWS.symmetries + np.uint8(8)), "symmetry"),
    "lengths": (saved(symmetries=VIEWS.symmetries[1:]), "length"),
    "starts": (saved(starts=VIEWS.starts[::-1]), "starts"),
    "no tasks": (saved(tasks=np.array(VIEWS.tasks[1:])), "length"),
    "names": (saved(tasks=np.array(["x"] * len(TASKS))), "name"),
    "first of a task": (saved(symmetries=np.full(len(VIEWS), 1, np.uint8)), "as it is"),
    "floats": (saved(starts=VIEWS.starts.astype(float)), ("starts", "float64")),
    "objects": (saved(tasks=np.array([{}], object)), "store"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damaged_files(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "views.npz"
    bytes_, parts = DAMAGE[kind]
    file.write_bytes(bytes_)
    with raises(DataError, file, parts):
        Views.open(file)


def test_missing_file(tmp_path: Path) -> None:
    with raises(DataError, tmp_path / "views.npz", "No such file"):
        Views.open(tmp_path / "views.npz")


def test_any_damage_is_a_data_error_or_harmless(tmp_path: Path) -> None:
    whole, rng = saved(), np.random.default_rng(0)
    for i in range(200):
        damaged = bytearray(whole)
        for place in rng.integers(len(whole) if i % 2 else 400, size=3):
            damaged[place if i % 3 else -1 - place] = rng.integers(256)
        (tmp_path / "views.npz").write_bytes(bytes(damaged))
        with suppress(DataError):
            assert_same(Views.open(tmp_path / "views.npz"), VIEWS)
