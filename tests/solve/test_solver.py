"""The solver's bookkeeping, on a scripted stepper: halting one by one, refilling, order, verdicts."""

from collections.abc import Callable, Iterator
from typing import Any, get_args

import numpy as np
import pytest

from redraft.backends.protocol import Draft
from redraft.errors import ConfigError, PuzzleError
from redraft.solve.answer import TraceStep
from redraft.solve.job import SolveJob
from redraft.solve.solver import Answer, HaltRule, Solver
from redraft.tasks import Examples, Task, get_task

TASK = get_task("sudoku-4x4")
MADE = TASK.make(12, 0)
RIGHT = TASK.encode(MADE.answers)
WRONG = np.roll(RIGHT, 1, axis=0)  # answers of other puzzles
KEYS = {row.tobytes(): number for number, row in enumerate(TASK.encode(MADE.questions))}


class Scripted:
    """Puzzle k is answered rightly from step `right_from[k]` on, and its halting head fires from `sure_from[k]` on.

    A state is a list of (puzzle, steps done), so that a slot mixed up with another shows in the drafts. Where a step
    has `parts`, its numbers count them. `tries` are those of all puzzles that were begun, in order.
    """

    def __init__(self, right_from: list[int], sure_from: list[int] | None = None, *, parts: int = 1) -> None:
        self.right_from, self.sure_from, self.recursions = right_from, sure_from or [10**6] * len(right_from), parts
        self.widths: list[int] = []
        self.tries: list[tuple[int, int]] = []

    def start(self, inputs: np.ndarray, puzzle_ids: np.ndarray, tries: np.ndarray) -> list[tuple[int, int]]:
        assert inputs.shape == (len(puzzle_ids), 16)
        numbers = [KEYS[row.tobytes()] for row in inputs]
        self.tries += zip(numbers, tries.tolist(), strict=True)
        return [(number, 0) for number in numbers]

    def step(self, state: list[tuple[int, int]], recursions: int | None = None) -> tuple[list[tuple[int, int]], Draft]:
        self.widths.append(len(state))
        state = [(number, steps + 1) for number, steps in state]
        tokens = [(RIGHT if steps >= self.right_from[number] else WRONG)[number] for number, steps in state]
        logits = [2.0 if steps >= self.sure_from[number] else -2.0 for number, steps in state]
        return state, Draft(np.stack(tokens), np.array(logits, np.float32))

    def select(self, state: list[tuple[int, int]], rows: np.ndarray) -> list[tuple[int, int]]:
        return [state[row] for row in rows]

    def join(self, first: list[tuple[int, int]], second: list[tuple[int, int]]) -> list[tuple[int, int]]:
        return first + second


NEEDED = [3, 1, 2, 5, 1, 4, 2, 1]


def solve(stepper: Scripted, **options: object) -> list[Answer]:
    return Solver(stepper, TASK, **options).solve_many(MADE.questions[: len(stepper.right_from)])  # type: ignore[arg-type]


@pytest.mark.parametrize("batch_size", [1, 2, 3, 8, 100])
def test_each_puzzle_halts_on_its_own_and_answers_keep_the_order(batch_size: int) -> None:
    answers = solve(Scripted(NEEDED), batch_size=batch_size)
    assert [answer.steps for answer in answers] == NEEDED
    for number, answer in enumerate(answers):
        assert answer.solved and answer.verdict.reason == ""
        np.testing.assert_array_equal(answer.question, MADE.questions[number])
        np.testing.assert_array_equal(answer.grid, MADE.answers[number])


def test_slots_refill_at_once_and_never_beyond_the_batch() -> None:
    stepper = Scripted(NEEDED)
    solve(stepper, batch_size=3)
    # 19 steps of work in all; the last puzzles leave slots empty, nothing else does
    assert stepper.widths == [3, 3, 3, 3, 3, 3, 1]
    assert sum(stepper.widths) == sum(NEEDED)


def test_answers_come_as_they_are_found() -> None:
    stream = Solver(Scripted(NEEDED), TASK, batch_size=3).stream(MADE.questions[:8])
    assert [number for number, _ in stream] == [1, 2, 0, 4, 6, 3, 7, 5]


def test_questions_are_read_only_as_slots_free_up() -> None:
    read: list[int] = []

    def questions() -> Iterator[np.ndarray]:
        for number in range(8):
            read.append(number)
            yield MADE.questions[number]

    stream = Solver(Scripted(NEEDED), TASK, batch_size=3).stream(questions())
    assert read == []
    next(stream)
    assert read == [0, 1, 2]
    next(stream)
    assert read == [0, 1, 2, 3]
    assert len(list(stream)) == 6 and read == list(range(8))


def test_no_questions() -> None:
    assert solve(Scripted([])) == []


def test_rule_head_stops_right_or_wrong() -> None:
    answers = solve(Scripted([2, 2, 9], sure_from=[3, 1, 4]), halt="head")
    assert [(answer.steps, answer.solved) for answer in answers] == [(3, True), (1, False), (4, False)]
    assert answers[0].halt_probability == pytest.approx(1 / (1 + np.exp(-2)))


def test_rule_head_stops_only_where_it_is_sure_enough() -> None:
    logit_of_the_script = 2.0  # a probability of 0.881
    for sure, steps in ((0.5, 1), (0.88, 1), (0.89, 6)):
        answers = solve(Scripted([9], sure_from=[1]), halt="head", sure=sure, max_steps=6)
        assert [answer.steps for answer in answers] == [steps], f"a logit of {logit_of_the_script} at sure={sure}"


@pytest.mark.parametrize("options", [{"sure": 0.0}, {"sure": 1.0}, {"restart": -1}, {"max_steps": 0}])
def test_options_that_cannot_be_meant(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        Solver(Scripted([]), TASK, **options)


def test_rule_rules_ignores_the_head() -> None:
    answers = solve(Scripted([2, 3], sure_from=[1, 1]), halt="rules")
    assert [(answer.steps, answer.solved) for answer in answers] == [(2, True), (3, True)]


def test_rules_are_asked_after_every_part_of_a_step() -> None:
    answers = solve(Scripted([1, 3, 4, 99], parts=2), max_steps=3, batch_size=2)
    assert [(answer.steps, answer.solved) for answer in answers] == [(1, True), (2, True), (2, True), (3, False)]
    # drafts are kept at the ends of steps, and where a puzzle stops
    assert [len(answer.trace) for answer in answers] == [1, 2, 2, 3]
    np.testing.assert_array_equal(answers[1].trace[-1].grid, MADE.answers[1])


@pytest.mark.parametrize("halt", ["head", "never"])
def test_other_rules_leave_steps_whole(halt: HaltRule) -> None:
    solver = Solver(Scripted([1], parts=2), TASK, halt=halt, restart=1)  # type: ignore[arg-type]
    assert (solver.recursions, solver.restart) == (1, 0)


def test_a_puzzle_is_begun_again_until_all_steps_are_spent() -> None:
    stepper = Scripted([2, 99, 1])
    answers = solve(stepper, restart=2, max_steps=5, batch_size=2)
    assert [(a.steps, a.tries, a.solved) for a in answers] == [(2, 1, True), (5, 3, False), (1, 1, True)]
    assert stepper.tries == [(0, 0), (1, 0), (1, 1), (2, 0), (1, 2)]
    attempts = [[step.attempt for step in answer.trace] for answer in answers]
    assert attempts == [[1, 1], [1, 1, 2, 2, 3], [1]]


def test_a_restart_waits_for_whole_steps() -> None:
    answers = solve(Scripted([99], parts=3), restart=2, max_steps=4)
    assert [(answer.steps, answer.tries) for answer in answers] == [(4, 2)]


def test_puzzles_begun_again_keep_their_place_in_the_batch() -> None:
    stepper = Scripted([99] * 6)
    solve(stepper, restart=1, max_steps=3, batch_size=4)
    assert max(stepper.widths) == 4 and sum(stepper.widths) == 18


class InOneView:
    """Answers the example of a task once it is shown in one view, and repeats the question in all others."""

    recursions = 1

    def __init__(self, task: Task, made: Examples, view: int) -> None:
        order = task.views[view]
        self.asked, self.right = task.encode(made.questions)[0][order], task.encode(made.answers)[0][order]
        self.tries: list[int] = []

    def start(self, inputs: np.ndarray, puzzle_ids: np.ndarray, tries: np.ndarray) -> np.ndarray:
        self.tries += tries.tolist()
        return inputs

    def step(self, state: np.ndarray) -> tuple[np.ndarray, Draft]:
        tokens = np.where((state == self.asked).all(1, keepdims=True), self.right, state)
        return state, Draft(tokens, np.zeros(len(state), np.float32))

    def logits(self, state: np.ndarray) -> np.ndarray:
        return np.eye(6, dtype=np.float32)[self.step(state)[1].tokens]

    def select(self, state: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return state[rows]


@pytest.mark.parametrize(("name", "view"), [*(("maze-6x6", view) for view in range(8)), ("maze-5x8", 3)])
def test_a_restart_shows_the_puzzle_in_the_next_view(name: str, view: int) -> None:
    task = get_task(name)
    made = task.make(1, 3)
    stepper = InOneView(task, made, view)
    heard = []

    def listen(step: TraceStep, logits: Callable[[], np.ndarray]) -> None:
        heard.append((step.grid, logits().argmax(-1)))

    job = SolveJob(question=made.questions[0], on_draft=listen)
    [(_, answer)] = Solver(stepper, task, restart=1, max_steps=8).stream([job])  # type: ignore[arg-type]
    assert (answer.solved, answer.tries) == (True, view + 1)
    np.testing.assert_array_equal(answer.grid, made.answers[0], "turned back")
    for grid, chosen in heard:
        np.testing.assert_array_equal(task.encode(grid), chosen, "the logits belong to the cells of the draft")
    assert stepper.tries == [0] * (view + 1), "all of them from the model's own start"


def test_after_the_last_view_a_restart_begins_from_another_state() -> None:
    task = get_task("maze-5x8")
    made = task.make(1, 3)
    stepper = InOneView(task, made, 0)
    stepper.right = stepper.asked
    Solver(stepper, task, restart=1, max_steps=10).solve_many(made.questions)  # type: ignore[arg-type]
    assert stepper.tries == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2]


def test_rule_never_goes_to_the_last_step() -> None:
    answers = solve(Scripted([1, 7], sure_from=[1, 1]), halt="never", max_steps=4)
    assert [(answer.steps, answer.solved) for answer in answers] == [(4, True), (4, False)]


@pytest.mark.parametrize("halt", get_args(HaltRule))
@pytest.mark.parametrize("max_steps", [1, 5])
def test_a_wrong_answer_is_never_called_solved(halt: str, max_steps: int) -> None:
    answers = solve(Scripted([99] * 6, sure_from=[1, 2, 3, 4, 5, 6]), halt=halt, max_steps=max_steps, batch_size=4)
    for answer in answers:
        assert not answer.solved and answer.verdict.reason and answer.steps <= max_steps


def test_max_steps_is_a_limit_for_each_puzzle() -> None:
    answers = solve(Scripted(NEEDED), max_steps=3, batch_size=2)
    assert [answer.steps for answer in answers] == [min(needed, 3) for needed in NEEDED]
    assert [answer.solved for answer in answers] == [needed <= 3 for needed in NEEDED]


def test_trace_holds_every_draft() -> None:
    for answer, needed in zip(solve(Scripted(NEEDED), batch_size=3), NEEDED, strict=True):
        assert len(answer.trace) == needed
        np.testing.assert_array_equal(answer.trace[-1].grid, answer.grid)
        solved = [TASK.check(answer.question, step.grid).solved for step in answer.trace]
        assert solved == [False] * (needed - 1) + [True]
        assert answer.trace[-1].halt_probability == answer.halt_probability
    assert all(answer.trace == () for answer in solve(Scripted(NEEDED), trace=False))


def test_solve_one_written_out_or_as_a_grid() -> None:
    solver = Solver(Scripted(NEEDED), TASK)
    question = MADE.questions[2]
    for puzzle in (TASK.format(question), question, question.astype(np.float64), question.tolist()):
        np.testing.assert_array_equal(solver.solve(puzzle).grid, MADE.answers[2])


@pytest.mark.parametrize(
    ("puzzle", "message"),
    [
        ("12", "16 characters.* 2"),
        ("1" * 16, "row 1"),
        ("." * 16, "solution"),
        (np.zeros((6, 6)), r"\(6, 6\)"),
        ([[0, 1], [2]], "16 characters.* 3"),
        (np.full((4, 4), 256), "numbers"),  # would be 0 in int8
        (np.full((4, 4), np.nan), "solution"),  # blanks, as tables have them
        (None, "None"),
    ],
)
def test_unsound_puzzles(puzzle: object, message: str) -> None:
    with pytest.raises(PuzzleError, match=message):
        Solver(Scripted(NEEDED), TASK).solve(puzzle)  # type: ignore[arg-type]


@pytest.mark.parametrize("options", [{"max_steps": 0}, {"batch_size": 0}, {"halt": "sometimes"}])
def test_options_out_of_range(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        Solver(Scripted(NEEDED), TASK, **options)  # type: ignore[arg-type]


def test_a_given_that_the_model_changed_is_put_right_before_the_rules_judge() -> None:
    """The model's draft is right but for a given, which is known: that makes an answer, and no draft before it."""

    class Forgetful(Scripted):
        def step(self, state: Any) -> tuple[Any, Draft]:
            state, draft = super().step(state)
            tokens = draft.tokens.copy()
            given = TASK.encode(MADE.questions[0]) != 1
            tokens[:, np.flatnonzero(given)[0]] = 1 + (tokens[:, np.flatnonzero(given)[0]] % 4) + 1
            return state, draft._replace(tokens=tokens)

    (answer,) = Solver(Forgetful([1]), TASK).solve_many([MADE.questions[0]])
    assert answer.solved and np.array_equal(answer.grid, MADE.answers[0])
    assert np.array_equal(answer.trace[-1].grid, answer.grid)


def test_boards_and_texts_may_be_mixed_and_a_bad_one_is_named() -> None:
    question = MADE.questions[2]
    found = Solver(Scripted(NEEDED), TASK).solve_many([TASK.format(question), question.tolist(), question])
    assert all(np.array_equal(answer.grid, MADE.answers[2]) for answer in found)
    with pytest.raises(PuzzleError, match=r"puzzle 2: .*16 characters.* 3"):
        Solver(Scripted(NEEDED), TASK).solve_many([TASK.format(question), "123"])
