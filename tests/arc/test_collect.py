"""Collecting votes with a scripted stepper: views undone, work shared out and gone on with, which draft votes."""

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from redraft.arc.collect import collect, questions_of, share
from redraft.arc.score import score
from redraft.arc.votes import Votes
from redraft.backends.protocol import Draft
from redraft.data.arc import arc_stores
from redraft.errors import ConfigError, DataError
from redraft.tasks.arc.augmentations import Views
from redraft.tasks.arc.files import ArcTask, Pair
from redraft.tasks.arc.task import Arc, canvas

ARC = Arc()


def grid(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 10, size=rng.integers(2, 7, size=2)).astype(np.uint8)


TASKS = [  # of two tests, of one, of three
    ArcTask(
        name=name,
        train=(Pair(grid(50 + i), grid(60 + i)),),
        test=tuple(Pair(grid(10 * i + j), grid(100 + 10 * i + j)) for j in range(tests)),
    )
    for i, (name, tests) in enumerate((("turn", 2), ("fall", 1), ("fill", 3)))
]
OTHER = ArcTask(name="other", train=(Pair(grid(7), grid(8)),), test=(Pair(grid(9), grid(11)),))
VIEWS = Views.make([OTHER, *TASKS], count=9)  # with a task that is not in the store, so that ids do not begin at 1
PAIRS = [(task, pair) for task in TASKS for pair in task.test]


def seen(grid: np.ndarray | None, puzzle_id: int) -> np.ndarray:
    """Tokens of a grid under a view."""
    assert grid is not None
    return ARC.encode(canvas(VIEWS.view(grid, puzzle_id)))


STORE = arc_stores([], TASKS, views=VIEWS)["test"]
JOBS = 6 * 10
RIGHT = {  # the answer to a question under a view
    (puzzle_id, seen(pair.input, puzzle_id).tobytes()): seen(pair.output, puzzle_id)
    for task, pair in PAIRS
    for puzzle_id in VIEWS.ids(task.name)
}


class State(NamedTuple):
    inputs: np.ndarray
    ids: np.ndarray
    step: int


class Scripted:
    """From its step `id % 3 + 2` on, and of every fifth view never, the answer is right, and the head halts at it.

    What it gets wrong is the question, and that of the first view a board of end markers.
    """

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def start(self, inputs: np.ndarray, puzzle_ids: np.ndarray) -> State:
        return State(inputs, puzzle_ids, 0)

    def step(self, state: State) -> tuple[State, Draft]:
        self.sizes.append(len(state.ids))
        step = state.step + 1
        drafts = [self.answer(row, int(i), step) for row, i in zip(state.inputs, state.ids, strict=True)]
        tokens, logits = zip(*drafts, strict=True)
        return state._replace(step=step), Draft(np.stack(tokens), np.array(logits, np.float32))

    def select(self, state: State, rows: np.ndarray) -> State:
        return State(state.inputs[rows], state.ids[rows], state.step)

    def join(self, first: State, second: State) -> State:
        raise NotImplementedError

    def answer(self, tokens: np.ndarray, puzzle_id: int, step: int) -> tuple[np.ndarray, float]:
        _, view = VIEWS.locate(puzzle_id)
        if view == 0:
            return np.ones(900, np.int16), -4.0
        if view % 5 == 0 or step < puzzle_id % 3 + 2:
            return tokens, -1.0 - step / 8
        return RIGHT[puzzle_id, tokens.tobytes()], 1.0 + puzzle_id % 3


def votes_of(stepper: Scripted | None = None, **settings: Any) -> Votes:
    return collect(stepper or Scripted(), ARC, settings.pop("store", STORE), **{"batch_size": 7, **settings})


def table(votes: Votes) -> dict[Any, list[tuple[Any, int, float]]]:
    return {
        question: [(each.grid.tolist(), each.count, each.probability) for each in votes.ranked(*question)]
        for question in sorted(votes)
    }


# votes
def test_views_are_undone_and_answers_counted() -> None:
    stepper = Scripted()
    votes = votes_of(stepper)
    assert len(votes) == JOBS and votes.missing() == []
    assert stepper.sizes == [7] * 16 * 8 + [4] * 16, "batches span rows and tasks, 16 steps each"
    for task in TASKS:
        for test, pair in enumerate(task.test):
            assert pair.output is not None
            right, question, nothing = votes.ranked(task.name, test)
            assert (right.grid.tolist(), right.count) == (pair.output.tolist(), 8)
            assert (question.grid.tolist(), question.count) == (pair.input.tolist(), 1), "the fifth view"
            assert question.probability == pytest.approx(1 / (1 + np.exp(3)))
            assert (nothing.grid.shape, nothing.count) == ((0, 0), 1)
            halting = [1.0 + i % 3 for k, i in enumerate(VIEWS.ids(task.name)) if k % 5]
            assert right.probability == pytest.approx(np.mean(1 / (1 + np.exp(-np.array(halting)))))
    made = score(votes, TASKS)
    assert made is not None and made.pass_at(1) == 1


def test_fewer_views_are_the_first_ones() -> None:
    assert [len(votes_of(views=count, steps=1)) for count in (1, 3, 10, 99)] == [6, 18, 60, 60]
    assert {grid.grid.shape for grid in votes_of(views=1).ranked("turn", 0)} == {(0, 0)}


def test_the_draft_of_the_last_step_or_that_at_which_it_halts() -> None:
    early = votes_of(steps=2)  # only ids divisible by three are right by then
    for task in TASKS:
        right = sum(i % 3 == 0 for k, i in enumerate(VIEWS.ids(task.name)) if k % 5)
        assert early.ranked(task.name, 0)[0].count == 9 - right and early.ranked(task.name, 0)[1].count == right
    stepper = Scripted()
    halted = votes_of(stepper, at="halt", batch_size=60)
    assert table(halted) == table(votes_of())
    assert stepper.sizes[:5] == [60, 60, stepper.sizes[2], stepper.sizes[3], 12], "those that halt leave"
    assert stepper.sizes[2] > stepper.sizes[3] > 12 and stepper.sizes[4:] == [12] * 12

    class Sure(Scripted):
        def answer(self, tokens: np.ndarray, puzzle_id: int, step: int) -> tuple[np.ndarray, float]:
            return tokens, 500.0 if step > 1 else -500.0

    stepper = Sure()
    (only,) = votes_of(stepper, at="halt", views=1).ranked("turn", 0)
    assert only.probability == 1 and stepper.sizes == [6, 6], "no step after all have halted"


# shards
@pytest.mark.parametrize("shards", [2, 3, 7])
def test_merged_shards_are_the_votes_of_one_process(shards: int, tmp_path: Path) -> None:
    parts = []
    for i in range(1, shards + 1):
        votes_of(shard=(i, shards), batch_size=i + 3).save(tmp_path / f"{i}.npz")
        parts.append(Votes.open(tmp_path / f"{i}.npz"))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1, "even shares"
    whole = votes_of()
    for first, *others in (parts, parts[::-1]):
        merged = first.merge(*others)
        assert table(merged) == table(whole) and merged.missing() == []
        assert score(merged, TASKS) == score(whole, TASKS)


def test_more_shards_than_work() -> None:
    parts = [votes_of(shard=(i, 8), views=1) for i in range(1, 9)]
    assert [len(part) for part in parts] == [1] * 6 + [0] * 2
    assert table(parts[0].merge(*parts[1:])) == table(votes_of(views=1))


def test_an_interrupted_run_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "votes.npz"
    told: list[int] = []

    def interrupt(votes: Votes) -> None:
        told.append(votes.shards[0].done)
        votes.save(file)
        if len(told) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        votes_of(shard=(1, 2), progress=interrupt)
    begun = Votes.open(file)
    assert begun.missing() == ["1/2 (14 of 30 votes)", "2/2"]
    whole = votes_of(shard=(1, 2), votes=begun, batch_size=5, progress=lambda votes: told.append(votes.shards[0].done))
    assert told == [7, 14, 19, 24, 29, 30]
    assert table(whole) == table(votes_of(shard=(1, 2))) and whole.shards == votes_of(shard=(1, 2)).shards
    stepper = Scripted()
    assert votes_of(stepper, shard=(1, 2), votes=whole) is whole and stepper.sizes == []
    for other in ({"shard": (2, 2)}, {"shard": (1, 2), "views": 9}, {}):
        with pytest.raises(DataError, match=r"\b1/2\b.* 30 .*\bshard [12]/[12] "):
            votes_of(votes=whole, **other)
    with pytest.raises(DataError, match=r"votes.* shard.* shard 1/1 "):
        votes_of(votes=Votes())


# questions
def test_rows_are_tests_of_their_task() -> None:
    assert questions_of(STORE) == [("turn", 0), ("turn", 1), ("fall", 0), ("fill", 0), ("fill", 1), ("fill", 2)]
    jobs = share(STORE, views=2)
    assert jobs.rows.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    starts = [VIEWS.ids(name).start for name in ("turn", "turn", "fall", "fill", "fill", "fill")]
    assert jobs.ids.tolist() == [start + view for start in starts for view in (0, 1)]


def test_the_fingerprint_of_views() -> None:
    others = (
        Views.make([OTHER, *TASKS], count=8),
        Views.make([OTHER, *TASKS], count=9, seed=1),
        Views.make([*TASKS, OTHER], count=9),
        replace(VIEWS, tasks=("another", *VIEWS.tasks[1:])),
    )
    assert Views.make([OTHER, *TASKS], count=9).fingerprint() == VIEWS.fingerprint()
    assert len({each.fingerprint() for each in (VIEWS, *others)}) == 5


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"views": 0}, ConfigError, "views: .*1.*0"),
        ({"shard": (5, 4)}, ConfigError, "shard 5/4: .*1 .*4"),
        ({"shard": (0, 4)}, ConfigError, "shard 0/4: .*1 .*4"),
        ({"shard": (1, 0)}, ConfigError, "shard 1/0: "),
        ({"steps": 0}, ConfigError, "steps: .*1.* 0"),
        ({"batch_size": 0}, ConfigError, "batch_size: .*1.* 0"),
        ({"at": "first"}, ConfigError, "at: .*last, halt.*'first'"),
        ({"store": replace(STORE, views=None, source="maze")}, DataError, "maze: .*ARC"),
    ],
)
def test_mistakes(settings: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        votes_of(**settings)
