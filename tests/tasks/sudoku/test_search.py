"""The search behind Sudoku: counts known from the literature, minimality, seeding, compiled against interpreted."""

import subprocess
import sys

import numpy as np
import pytest
from helpers.sudokus import EASY

from redraft.errors import PuzzleError
from redraft.tasks import get_task
from redraft.tasks.sudoku import search

HARD = "8..........36......7..9.2...5...7.......457.....1...3...1....68..85...1..9....4.."


def grid(text: str) -> np.ndarray:
    size = round(len(text) ** 0.5)
    return np.array([0 if cell == "." else int(cell) for cell in text], np.int8).reshape(size, size)


def solve(grid: np.ndarray, limit: int = 2) -> tuple[int, np.ndarray | None, int]:
    return search.Search(len(grid)).solve(grid, limit)


def test_counts_all_4x4_grids() -> None:
    assert solve(np.zeros((4, 4), np.int8), limit=1000)[0] == 288


def test_counts_6x6_grids() -> None:
    # There are 28,200,960 grids with 2x3 boxes: 6! first rows, and with 123456 as the first, 36 second rows in three
    # classes under symmetry, of which these are one each, with 6, 18 and 12 members.
    total = 0
    for second, members in (("456123", 6), ("456132", 18), ("456231", 12)):
        total += members * solve(grid("123456" + second + "." * 24), limit=10**5)[0]
    assert 720 * total == 28_200_960


@pytest.mark.parametrize(("text", "guesses"), [(EASY, False), (HARD, True)])
def test_solves(text: str, guesses: bool) -> None:
    count, answer, guessed = solve(grid(text))
    assert count == 1 and answer is not None and (guessed > 0) == guesses
    for unit in (answer, answer.T, answer.reshape(3, 3, 3, 3).swapaxes(1, 2).reshape(9, 9)):
        assert (np.sort(unit, axis=1) == np.arange(1, 10)).all()
    assert (answer == grid(text))[grid(text) > 0].all()


def test_limit_and_no_solution() -> None:
    empty = np.zeros((9, 9), np.int8)
    assert solve(empty, limit=1)[0] == 1
    assert solve(empty, limit=2)[0] == 2
    blocked = grid("123456780" + "0" * 71 + "9")  # row 1 needs a 9 in column 9, which has one
    assert solve(blocked)[:2] == (0, None)
    clash = grid("11" + "0" * 79)
    assert solve(clash)[0] == 0


def test_solution_count_equals_brute_force() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        question = search.Search(4).fill(rng)
        question[rng.random((4, 4)) < 0.75] = 0
        assert solve(question, limit=1000)[0] == brute_force(question.copy())


def brute_force(cells: np.ndarray) -> int:
    blanks = np.argwhere(cells == 0)
    if not len(blanks):
        return 1
    r, c = blanks[0]
    box = cells[r // 2 * 2 : r // 2 * 2 + 2, c // 2 * 2 : c // 2 * 2 + 2]
    total = 0
    for digit in range(1, 5):
        if digit not in cells[r] and digit not in cells[:, c] and digit not in box:
            cells[r, c] = digit
            total += brute_force(cells)
            cells[r, c] = 0
    return total


@pytest.mark.parametrize(("size", "count"), [(4, 8), (6, 4), (9, 1)])
def test_minimal_means_minimal(size: int, count: int) -> None:
    made = search.make(size, count, seed=3)
    for question, answer in zip(made.questions, made.answers, strict=True):
        solutions, solved, _ = solve(question)
        assert solutions == 1 and np.array_equal(solved, answer)
        for r, c in np.argwhere(question > 0):
            fewer = question.copy()
            fewer[r, c] = 0
            assert solve(fewer)[0] == 2


@pytest.mark.parametrize("size", [4, 6, 9])
def test_longer_run_begins_with_the_shorter(size: int) -> None:
    short, long = search.make(size, 3, seed=5), search.make(size, 5, seed=5)
    for a, b in ((short.questions, long.questions), (short.answers, long.answers), (short.ratings, long.ratings)):
        assert np.array_equal(a, b[:3])
    assert not np.array_equal(search.make(size, 5, seed=6).questions, long.questions)


def test_compiled_equals_interpreted() -> None:
    pytest.importorskip("numba")
    assert search.Search(9, compiled=True).compiled
    for size, count, clues in ((4, 20, None), (6, 20, None), (9, 4, None), (9, 4, 30), (12, 2, None), (16, 2, None)):
        plain = search.make(size, count, 1, clues, compiled=False)
        fast = search.make(size, count, 1, clues, compiled=True)
        assert np.array_equal(plain.questions, fast.questions)
        assert np.array_equal(plain.answers, fast.answers)
        assert np.array_equal(plain.ratings, fast.ratings)
    near, found = grid(HARD)[None], []
    for compiled in (False, True):
        made = search.make(9, 3, 1, None, 3, near, tries=9, compiled=compiled)
        found.append((made.questions.tolist(), made.answers.tolist(), made.ratings.tolist()))
    assert found[0] == found[1]
    hard = np.stack([grid(HARD), np.zeros((9, 9), np.int8), grid("11" + "0" * 79)])
    for a, b in zip(search.solve_many(hard, compiled=False), search.solve_many(hard, compiled=True), strict=True):
        assert np.array_equal(a, b)


def test_variations_are_minimal_and_share_most_clues() -> None:
    near = np.stack([grid(HARD), grid(EASY)])
    made = search.make(9, 4, seed=1, near=near)
    for i, (question, answer) in enumerate(zip(made.questions, made.answers, strict=True)):
        start = near[i % 2]
        solutions, solved, guesses = solve(question)
        assert solutions == 1 and np.array_equal(solved, answer) and guesses == made.ratings[i]
        assert not np.array_equal(question, start) and ((question == start) & (start > 0)).sum() >= 6
        for r, c in np.argwhere(question > 0):
            fewer = question.copy()
            fewer[r, c] = 0
            assert solve(fewer)[0] == 2
    assert len({question.tobytes() for question in made.questions}) == 4
    longer = search.make(9, 5, seed=1, near=near)
    assert np.array_equal(longer.questions[:4], made.questions), "a longer run begins with the shorter"
    assert not np.array_equal(search.make(9, 4, seed=2, near=near).questions, made.questions)


def test_guesses_are_reached_by_climbing() -> None:
    pytest.importorskip("numba")
    for near in (None, grid(EASY)[None]):
        made = search.make(9, 3, 0, guesses=12, near=near, tries=3000, compiled=True)
        assert made.ratings.min() >= 12
        assert [solve(question)[2] for question in made.questions] == made.ratings.tolist()
    assert search.make(6, 4, 0, guesses=0, tries=9).ratings.min() >= 0
    out_of_reach = search.make(4, 3, 0, guesses=50, tries=20)  # the hardest of 20
    assert (out_of_reach.ratings < 50).all() and (search.solve_many(out_of_reach.questions)[0] == 1).all()


def test_changes_over_to_compiled_when_work_remains(monkeypatch: pytest.MonkeyPatch) -> None:
    made = search.make(4, 30, seed=0)
    monkeypatch.setattr(search, "PATIENCE", 0.0)
    monkeypatch.setattr(search, "WORTH", 0.0)
    asked: list[bool] = []
    monkeypatch.setattr(search, "compile_kernel", lambda kernel: asked.append(True))  # as if Numba were missing
    assert np.array_equal(search.make(4, 30, seed=0).questions, made.questions)
    assert asked == [True]


def test_works_without_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)  # importing it fails
    search.compile_kernel.cache_clear()
    try:
        assert not search.Search(4, compiled=True).compiled
        assert (search.make(4, 3, seed=0, compiled=True).ratings == 0).all()
    finally:
        search.compile_kernel.cache_clear()


def test_import_loads_neither_numba_nor_torch() -> None:
    code = "import sys, redraft.tasks; sys.exit(bool({'numba', 'torch', 'huggingface_hub'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_clues_keep_the_sparsest_when_out_of_reach() -> None:
    made = search.make(4, 5, 0, 2, tries=3)
    assert (np.count_nonzero(made.questions, axis=(1, 2)) >= 4).all()


def test_solutions_of_many_grids_are_counted_as_those_of_few(monkeypatch: pytest.MonkeyPatch) -> None:
    made = search.make(4, 30, 0).questions
    grids = [*made, *np.where(np.arange(16).reshape(4, 4) == 3, 0, made), np.zeros((4, 4), np.int8)]
    expected = [solve(grid)[0] for grid in grids]
    counter = search.Counter(4)
    monkeypatch.setattr(search.Counter, "MANY", 3)
    assert [counter.count(grid) for grid in grids] == expected
    assert set(expected) <= {1, 2} and expected[-1] == 2


def test_a_count_that_takes_too_many_guesses_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    made = search.make(9, 30, 0)
    hard = made.questions[made.ratings.argmax()]
    assert made.ratings.max() > 2
    monkeypatch.setattr(search, "CHECKED", 1)
    assert search.Counter(9).count(hard) == -1
    with pytest.raises(PuzzleError, match="guesses"):
        get_task("sudoku-9x9").validate(hard)
    assert search.Counter(9).count(made.questions[made.ratings.argmin()]) == 1
