"""Sokoban with one box: plans agree with plain search, any shortest one is right, and bad ones are named."""

from collections import deque

import numpy as np
import pytest
from helpers.failing import mentions, raises

from redraft.errors import ConfigError, PuzzleError
from redraft.tasks import check_task, get_task
from redraft.tasks.base import Grid
from redraft.tasks.sokoban import BOX, FAR, GOAL, PLAYER, STEPS, WALL, Sokoban

TASK = Sokoban(4)
QUESTION = "@---/-$--/----/---."
PLANS = {  # answers, and the grade of each
    "@---/-v--/->v-/--v.": "broken",  # the box stops below its goal
    "@---/-v--/-v--/->>.": "optimal",
    "@---/->v-/--v-/-->.": "optimal",
    "@-v-/->^v/--v</-->.": "broken",
    "@---/->>v/---v/---.": "optimal",
    "@---/->v-/-<v-/-->.": "broken",  # an arrow off the plan
}


def fewest(board: Grid) -> int | None:
    """The fewest pushes by a search over places of player and box."""
    free = {tuple(cell) for cell in np.argwhere(board != WALL).tolist()}
    box, player, goal = (tuple(np.argwhere(board == symbol)[0].tolist()) for symbol in (BOX, PLAYER, GOAL))
    known, waiting = {(box, player): 0}, deque([(box, player)])
    while waiting:
        box, player = waiting.popleft()
        if box == goal:
            return known[box, player]
        for rows, columns in STEPS:
            there = player[0] + rows, player[1] + columns
            pushed = there == box
            moved = (box[0] + rows, box[1] + columns) if pushed else box
            if {there, moved} <= free and known.get((moved, there), FAR) > known[box, player] + pushed:
                known[moved, there] = known[box, player] + pushed
                waiting.append((moved, there)) if pushed else waiting.appendleft((moved, there))
    return None


def test_contract_of_other_sizes() -> None:
    for name in ("sokoban-4x4", "sokoban-8x8"):
        check_task(get_task(name), count=6, seed=1)
    for size in (3, 11):
        with raises(ConfigError, 4, 10, size):
            Sokoban(size)


def test_plans_have_as_many_pushes_as_plain_search_finds() -> None:
    task = Sokoban(5)
    rng = np.random.default_rng(1)
    boards = np.array([task._random(rng) for _ in range(150)])
    found = task.search(boards)
    expected = [fewest(board) for board in boards]
    assert sum(each is None for each in expected) > 20
    crossed = task.walk(boards).crossed
    for board, pushes, sound, rating, cross in zip(boards, expected, found.sound, found.ratings, crossed, strict=True):
        assert sound == (pushes is not None and not cross), TASK.draw(board)
        assert pushes is None or rating == pushes


@pytest.mark.parametrize("plan", PLANS)
def test_any_plan_of_fewest_pushes_is_right(plan: str) -> None:
    question, answer = TASK.parse(QUESTION), TASK.parse(plan)
    grade = TASK.grades[TASK.grade_many(question[None], answer[None])[0]]
    assert grade == PLANS[plan]
    assert TASK.check(question, answer).solved == (grade == "optimal")
    assert TASK.wrong_cells(question, answer).any() == (grade == "broken")


def test_reasons() -> None:
    question = TASK.parse(QUESTION)
    for answer, parts in (
        (QUESTION, ("stays", "row 2, column 2")),
        ("@---/-v--/----/---.", ("stays", "row 3, column 2")),
        ("@---/-v--/-^--/---.", ("comes back", "row 2, column 2")),
        ("@---/-^--/----/---.", ("cannot be pushed", "row 2, column 2")),
        ("@---/->v-/-<v-/-->.", ("off the plan", "row 3, column 2")),
        ("----/-v--/-v--/->>.", ("changes the player", "row 1, column 1")),
        ("@---/-v--/-v--/->>v", ("changes the goal", "row 4, column 4")),
    ):
        verdict = TASK.check(question, TASK.parse(answer))
        assert not verdict
        mentions(verdict.reason, *parts)


def test_a_longer_plan_is_valid() -> None:
    task = Sokoban(5)
    question = task.parse("@----/-$---/-----/---.-/-----")
    longer = task.parse("@----/->>v-/---v-/---.-/-----"), task.parse("@----/->v--/-v<--/->>.-/-----")
    assert [task.grades[each] for each in task.grade_many(question[None].repeat(2, 0), np.array(longer))] == [
        "optimal",
        "valid",
    ]
    mentions(task.check(question, longer[1]).reason, 6, 4)


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        ("@---/----/----/---.", ("no box",)),
        ("@---/-$$-/----/---.", ("2 boxes",)),
        ("@---/-$--/-v--/---.", ("arrow", "row 3, column 2")),
        ("$---/@---/----/---.", ("no way",)),
        ("@-#-/-$#-/--#-/--#.", ("no way",)),
    ],
)
def test_questions_without_a_plan(question: str, parts: tuple[str, ...]) -> None:
    with raises(PuzzleError, *parts):
        TASK.validate(TASK.parse(question))


def test_made_boards_begin_alike() -> None:
    task = Sokoban()
    made = task.make(5, 2)
    assert np.array_equal(task.make(2, 2).questions, made.questions[:2])
    assert (made.ratings >= 3).all() and task.check_many(made.questions, made.answers).all()
