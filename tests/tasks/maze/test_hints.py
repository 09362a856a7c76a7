"""Hints of a maze: the arrows lead down the distance to G, and following them from S draws the published path."""

import numpy as np
import pytest

from redraft.errors import DataError
from redraft.tasks import get_task
from redraft.tasks.base import NEVER, Hints
from redraft.tasks.maze.hints import NOTES, PACE, SLACK, date
from redraft.tasks.maze.search import GOAL, START, WALL, Searcher

MOVES = {1: (1, 0), 2: (0, -1), 3: (0, 1), 4: (-1, 0)}


def test_a_small_maze_by_hand() -> None:
    task = get_task("maze-4x5")
    question = task.parse("S  # #  ##  #     G#")
    told = task.hints(task.encode(question[None]))
    note, last_note, noted, earliest, latest = (part.reshape(4, 5) for part in told)
    assert [" ".join(NOTES[k][0] for k in row) for row in note] == ["r d d n n", "n d l n n", "d d n d l", "r r r n n"]
    never = NEVER
    assert noted.tolist() == [
        [6, 5, 6, never, never],
        [never, 4, 5, never, never],
        [4, 3, never, 1, 2],
        [3, 2, 1, never, never],
    ]
    path = [(0, 0), (0, 1), (1, 1), (2, 1), (3, 1), (3, 2)]
    assert [earliest[cell] for cell in path] == [6, 7, 8, 9, 10, 11]
    assert [latest[cell] for cell in path] == [10, 12, 15, 17, 20, 22]
    assert (earliest < never).sum() == (latest < never).sum() == 6
    assert [NOTES[last_note[cell]] for cell in path] == [
        f"{move} on the path" for move in ("right", "down", "down", "down", "right", "right")
    ]
    assert (last_note != note).sum() == 6


@pytest.mark.parametrize("size", ["8x8", "6x11", "30x30"])
def test_following_the_arrows_draws_the_published_path(size: str) -> None:
    task = get_task(f"maze-{size}")
    made = task.make(6, 3)
    shape = made.questions.shape
    told = task.hints(task.encode(made.questions))
    note, last_note, noted, earliest, latest = (part.reshape(shape) for part in told)
    for i, (question, answer) in enumerate(zip(made.questions, made.answers, strict=True)):
        assert set(note[i].flat) <= set(range(5)) and set(last_note[i].flat) <= set(range(len(task.notes)))
        assert (noted[i][question == WALL] == NEVER).all() and noted[i][question == GOAL] == NEVER
        [cell], place, drawn = np.argwhere(question == START), 0, question.copy()
        far = int(noted[i][tuple(cell)])
        assert far == made.ratings[i] - 1, "steps from S to G"
        while True:
            cell = cell + MOVES[int(note[i][tuple(cell)])]
            at, place = tuple(cell), place + 1
            if question[at] == GOAL:
                break
            assert noted[i][at] == far - place
            assert (earliest[i][at], latest[i][at]) == (far + place, far + int(PACE * place) + SLACK)
            drawn[at] = 4
        assert np.array_equal(drawn, answer)
        marked = (answer != question) | (question == START)
        assert ((earliest[i] < NEVER) == marked).all()
        assert np.array_equal(last_note[i], note[i] + 4 * marked)


def test_compiled_and_interpreted_are_alike() -> None:
    made = get_task("maze-8x8").make(4, 1)
    told = [
        Searcher(8, 8, compiled=compiled).tell(date, made.questions, len(Hints._fields)) for compiled in (False, True)
    ]
    for one, other in zip(*told, strict=True):
        assert one.dtype == np.int16 and np.array_equal(one, other)


def test_a_maze_without_a_way_has_no_path_to_hint_at() -> None:
    task = get_task("maze-4x4")
    told = task.hints(task.encode(task.parse("S## ##  #  G    ")[None]))
    assert told.noted[0, 0] == NEVER and (told.earliest == NEVER).all() and not told.last_note[0, 0]


def test_a_task_without_hints_says_so() -> None:
    task = get_task("sudoku-4x4")
    with pytest.raises(DataError, match="sudoku-4x4: has no hints to train with"):
        task.hints(np.zeros((1, 16), np.int16))


def test_half_of_the_mazes_become_easier() -> None:
    """S moves to a free cell nearer to G, the path is searched anew, and nothing else changes."""
    task = get_task("maze-30x30")
    made = task.make(4, 5)
    inputs, labels = (np.repeat(task.encode(grids), 20, axis=0) for grids in (made.questions, made.answers))
    eased, answers = task.ease(inputs, labels, np.random.default_rng(0))
    moved = (eased != inputs).any(1)
    assert 0.3 < moved.mean() < 0.6
    assert np.array_equal(answers[~moved], labels[~moved])
    before, after = (task.decode(tokens) for tokens in (inputs, eased))
    assert ((before != after).sum((1, 2)) == 2 * moved).all(), "where S was, and where it is"
    assert task.check_many(after, task.decode(answers)).all()
    near = (answers != eased).sum(1)[moved]
    assert near.min() < 5 and near.max() > 60 and (near < 110).all()
