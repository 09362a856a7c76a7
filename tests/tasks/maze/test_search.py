"""Searches in mazes: the published path, grades, and the distribution of new mazes."""

import csv
from collections import deque
from itertools import product

import numpy as np
import pytest
from helpers.places import DATA
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from redraft.tasks.maze import search as maze_search
from redraft.tasks.maze.search import BROKEN, FREE, GOAL, OPTIMAL, PATH, START, VALID, WALL, Searcher, greatest_share

SHARED = DATA / "maze-hard"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="no copy of Maze-Hard beside the repository")

Grids = NDArray[np.int8]


def published(split: str) -> tuple[Grids, Grids, NDArray[np.int64]]:
    """Questions, answers (N, 30, 30) and ratings (N,) of Maze-Hard, read without redraft."""
    with (SHARED / f"{split}.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    grids = [
        np.array([["# SGo".index(cell) for cell in row[column]] for row in rows], np.int8).reshape(-1, 30, 30)
        for column in ("question", "answer")
    ]
    return grids[0], grids[1], np.array([int(row["rating"]) for row in rows])


def distances(maze: Grids, source: tuple[int, int]) -> dict[tuple[int, int], int]:
    """Steps from a cell to every free cell that can be reached."""
    found, queue = {source: 0}, deque([source])
    while queue:
        r, c = queue.popleft()
        for near in ((r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1)):
            inside = 0 <= near[0] < maze.shape[0] and 0 <= near[1] < maze.shape[1]
            if inside and maze[near] != WALL and near not in found:
                found[near] = found[r, c] + 1
                queue.append(near)
    return found


@needs_shared
@pytest.mark.parametrize("split", ["train", "test"])
def test_every_published_answer_is_reproduced(split: str) -> None:
    questions, answers, ratings = published(split)
    searcher = Searcher(30, 30, compiled=True)
    found, lengths = searcher.answer(questions)
    assert np.array_equal(found, answers)
    assert np.array_equal(lengths, ratings) and lengths.min() == 110, "S and G count as cells of the path"
    graded = searcher.grade(questions, answers)
    assert (graded.grades == OPTIMAL).all() and np.array_equal(graded.shortest, lengths)


@needs_shared
@pytest.mark.slow
def test_made_mazes_are_distributed_as_the_published_ones() -> None:
    questions, _, ratings = published("train")
    searcher = Searcher(30, 30, compiled=True)
    made = [searcher.make(0, i, 110) for i in range(60)]
    mazes = np.array([maze for maze in made if maze is not None])
    assert len(mazes) == 60
    lengths = searcher.answer(mazes)[1]
    density, published_density = ((grids == WALL).mean((1, 2)) for grids in (mazes, questions))
    for ours, theirs in ((density, published_density), (lengths, ratings)):
        spread = theirs.std() / len(ours) ** 0.5
        assert abs(ours.mean() - theirs.mean()) < 3.5 * spread, f"mean {ours.mean():.4g}, published {theirs.mean():.4g}"
    assert density.min() > 0.27 and density.max() < 0.46
    assert lengths.min() >= 110


@st.composite
def mazes(draw: st.DrawFn) -> Grids:
    height, width = draw(st.integers(4, 7)), draw(st.integers(4, 7))
    cells = draw(st.lists(st.integers(0, 2), min_size=height * width, max_size=height * width))
    maze = (np.array(cells, np.int8) > 0).astype(np.int8)
    start, goal = draw(st.lists(st.integers(0, height * width - 1), min_size=2, max_size=2, unique=True))
    maze[[start, goal]] = START, GOAL
    return maze.reshape(height, width)


@settings(max_examples=60, deadline=None)
@given(mazes())
def test_answers_are_shortest_paths_interpreted_and_compiled(maze: Grids) -> None:
    start, goal = ((int(r), int(c)) for r, c in (np.argwhere(maze == end)[0] for end in (START, GOAL)))
    steps = distances(maze, start).get(goal)
    results = []
    for compiled in (False, True):
        searcher = Searcher(*maze.shape, compiled=compiled)
        answers, lengths = searcher.answer(maze[None])
        graded = searcher.grade(maze[None], answers)
        assert lengths[0] == (0 if steps is None else steps + 1)
        assert graded.grades[0] == (BROKEN if steps is None else OPTIMAL)
        assert ((answers[0] == maze) | ((maze == FREE) & (answers[0] == PATH))).all()
        results.append((answers.tolist(), lengths.tolist(), graded.grades.tolist()))
    assert results[0] == results[1]


@settings(max_examples=60, deadline=None)
@given(mazes(), st.data())
def test_any_marks_are_graded_alike(maze: Grids, data: st.DataObject) -> None:
    """Also where there are several S, or none: what a model writes need not make sense."""
    answer = maze.ravel().copy()
    for cell in data.draw(st.lists(st.integers(0, maze.size - 1), max_size=9)):
        answer[cell] = data.draw(st.sampled_from([PATH, PATH, PATH, FREE, START, GOAL]))
    tried = answer.reshape(maze.shape)[None]
    for question in (maze[None], np.where(tried == PATH, FREE, tried)):
        grades = [Searcher(*maze.shape, compiled=each).grade(question, tried).grades[0] for each in (False, True)]
        assert grades[0] == grades[1]
        if grades[0] != BROKEN:
            assert (question[0] == START).sum() == 1 and (question[0] == GOAL).sum() == 1


def test_grades() -> None:
    searcher = Searcher(4, 5, compiled=False)
    question = np.array([[2, 1, 3, 1, 1], [1, 1, 1, 1, 1], [1, 0, 1, 1, 1], [1, 1, 1, 1, 1]], np.int8)

    def grade(*rows: str) -> tuple[int, int, int]:
        answer = np.array([["# SGo".index(cell) for cell in row] for row in rows], np.int8)
        graded = searcher.grade(question[None], answer[None])
        return int(graded.grades[0]), int(graded.lengths[0]), int(graded.shortest[0])

    assert grade("SoG  ", "     ", " #   ", "     ") == (OPTIMAL, 3, 3)
    assert grade("S G  ", "ooo  ", " #   ", "     ") == (VALID, 5, 3)
    assert grade("S Goo", "o   o", "o#  o", "ooooo") == (VALID, 13, 3)
    broken = (
        ("S G  ", "     ", " #   ", "     "),  # nothing
        ("SoGo ", "     ", " #   ", "     "),  # goes on behind G
        ("S G  ", "oo   ", " #   ", "     "),  # ends
        ("SoG  ", "   oo", " # oo", "     "),  # a ring apart
        ("SoG  ", "     ", " #  o", "     "),  # a stray cell
        ("SoG  ", " o   ", " #   ", "     "),  # a branch
        ("S G  ", "oooo ", " #oo ", "     "),  # touches itself
        ("SoG  ", "     ", "     ", "     "),  # breaks a wall
        ("SoG #", "     ", " #   ", "     "),  # builds one
    )
    for rows in broken:
        assert grade(*rows)[0] == BROKEN, rows


@pytest.mark.slow
def test_made_mazes_are_drawn_as_by_rejection() -> None:
    """The shortcut of `make` against drawing walls, S and G until they are far enough apart."""
    least, count = 8, 600
    rng = np.random.default_rng(5)
    plain = []
    while len(plain) < count:
        maze = (rng.random((4, 5)) >= rng.uniform(0.3, 0.5)).astype(np.int8)
        free = np.argwhere(maze)
        if len(free) < least:
            continue
        start, goal = free[rng.choice(len(free), 2, replace=False)].tolist()
        steps = distances(maze, tuple(start)).get(tuple(goal), 0)
        if steps + 1 >= least:
            plain.append((steps + 1, int((maze == WALL).sum()), start[0] + 4 * goal[1]))
    searcher = Searcher(4, 5, compiled=True)
    ours = []
    for i in range(count):
        made = searcher.make(1, i, least)
        assert made is not None
        (start, goal), length = (
            (np.argwhere(made == end)[0].tolist() for end in (START, GOAL)),
            searcher.answer(made[None]),
        )
        ours.append((int(length[1][0]), int((made == WALL).sum()), start[0] + 4 * goal[1]))
    for name, a, b in zip(("length", "walls", "ends"), np.transpose(plain), np.transpose(ours), strict=True):
        values, both = np.unique(np.concatenate([a, b]), return_counts=True)
        common = values[both >= 20]
        counts = np.array([[(each == value).sum() for value in common] for each in (a, b)])
        chi = ((counts[0] - counts[1]) ** 2 / counts.sum(0)).sum()
        assert chi < len(common) + 4 * (2 * len(common)) ** 0.5, f"{name}: {dict(zip(common, counts.T, strict=True))}"


def test_a_maze_depends_on_its_seed_and_number_alone() -> None:
    slow, fast = Searcher(5, 6, compiled=False), Searcher(5, 6, compiled=True)
    pairs = [(fast.make(3, i, 9), slow.make(3, i, 9)) for i in reversed(range(8))]
    assert all(np.array_equal(a, b) for a, b in pairs if a is not None and b is not None)
    assert len({None if a is None else a.tobytes() for a, _ in pairs}) == 8
    assert fast.make(3, 0, 30, tries=200) is None, "out of reach"


def test_long_work_loads_the_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    searcher, plain = Searcher(6, 6), Searcher(6, 6, compiled=False)
    questions = np.stack([maze for i in range(3) if (maze := plain.make(0, i, 10)) is not None])
    expected = plain.answer(questions)
    monkeypatch.setattr(maze_search, "PATIENCE", 0)
    for _ in range(2):
        assert all(np.array_equal(a, b) for a, b in zip(searcher.answer(questions), expected, strict=True))
    assert searcher._compiled and not plain._compiled
    monkeypatch.setattr(maze_search, "PATIENCE", 60)
    monkeypatch.setattr(maze_search, "MANY", 2 * searcher.size)
    fresh = Searcher(6, 6)
    fresh.answer(questions[:2])
    assert not fresh._compiled, "few cells"
    fresh.answer(questions)
    assert fresh._compiled, "many"


def test_without_numba_all_is_interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maze_search, "compile_kernel", lambda kernel: None)
    searcher = Searcher(5, 5, compiled=True)
    maze = searcher.make(0, 0, 8)
    assert maze is not None and searcher.answer(maze[None])[1][0] >= 8


@pytest.mark.parametrize(("side", "least"), list(product((6, 10, 20), (8, 12))))
def test_no_share_of_far_pairs_comes_near_the_greatest(side: int, least: int) -> None:
    rng = np.random.default_rng(side)
    shares = []
    for _ in range(40):
        maze = (rng.random((side, side)) >= rng.uniform(0.3, 0.5)).astype(np.int8)
        free = [(int(r), int(c)) for r, c in np.argwhere(maze)]
        sources = [free[i] for i in rng.choice(len(free), 8)]
        far = [sum(steps + 1 >= least for steps in distances(maze, source).values()) for source in sources]
        shares.append(np.mean(far) / (len(free) - 1))
    assert max(shares) < greatest_share(least, side) * 1.15, "eight sources, so with some noise"
