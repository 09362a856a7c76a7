"""A check of the contract of a task, for its tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from redraft.errors import PuzzleError
from redraft.tasks.base import IGNORE, Examples, Task


def check_task(task: Task, *, count: int = 16, seed: int = 0, examples: Examples | None = None) -> None:
    """Checks that a task keeps the contract of `Task`; raises AssertionError naming the clause it breaks.

    Meant for your own tasks too: call it from a test. It looks at `count` puzzles that the task makes with `seed`, or
    at the first `count` of `examples` where the task cannot make any.
    """
    made = task.make(count, seed) if examples is None else examples[:count]
    count = count if examples is None else len(made)
    shape = (count, task.height, task.width)
    assert made.questions.shape == shape, f"make: questions have shape {made.questions.shape}, expected {shape}"
    assert made.questions.dtype == np.int8 and made.answers.dtype == np.int8, "make: grids must be int8"
    again = task.make(count, seed) if examples is None else made
    assert np.array_equal(made.questions, again.questions), "make: the same seed gave other puzzles"
    assert np.array_equal(made.answers, again.answers), "make: the same seed gave other answers"

    inputs, labels = task.encode(made.questions), task.encode_labels(made.answers)
    whole = task.encode(made.answers)
    assert ((labels == whole) | (labels == IGNORE)).all(), "encode_labels: expected encode's tokens or IGNORE"
    for what, tokens, grids in (("question", inputs, made.questions), ("answer", whole, made.answers)):
        assert tokens.shape == (count, task.seq_len), f"encode: {what} tokens have shape {tokens.shape}"
        assert tokens.min() >= 0 and tokens.max() < task.vocab_size, f"encode: {what} tokens leave the vocabulary"
        assert np.array_equal(task.decode(tokens), grids), f"decode: does not undo encode on a {what}"

    rng = np.random.default_rng(seed)
    moved_inputs, moved_labels = task.augment(inputs, labels, rng)
    assert moved_inputs.shape == inputs.shape and moved_labels.shape == labels.shape, "augment: changed a shape"
    alike = task.interchangeable
    assert not alike or 0 < alike.start < alike.stop <= task.vocab_size, "interchangeable: leaves the vocabulary"
    names = np.arange(task.vocab_size, dtype=np.int16)  # another name for each token
    names[alike.start : alike.stop] = rng.permutation(names[alike.start : alike.stop])
    pairs = [
        ("make", made.questions, made.answers),
        ("augment", task.decode(moved_inputs), task.decode(moved_labels)),
        ("renaming interchangeable tokens", task.decode(names[inputs]), task.decode(names[whole])),
    ]
    usual = np.arange(task.seq_len)
    assert np.array_equal(task.views[0], usual), "views: expected the usual order of the cells first"
    for order in task.views[1:]:
        assert np.array_equal(np.sort(order), usual), "views: an order leaves out a cell"
        pairs.append(("a view", task.decode(inputs[:, order]), task.decode(whole[:, order])))
    for source, questions, answers in pairs:
        if task.judges:
            _check_judgements(task, source, questions, answers)
        for question in questions:
            assert np.array_equal(task.parse(task.format(question)), question), "parse: does not undo format"
            for what, drawn in (("symbols", task.symbols(question)), ("fills", task.fills(question))):
                right = len(drawn) == task.height and {len(row) for row in drawn} == {task.width}
                assert right, f"{what}: wrong shape"


def _check_judgements(task: Task, source: str, questions: NDArray[np.int8], answers: NDArray[np.int8]) -> None:
    """The part of `check_task` about the rules: questions with their right answers (N, H, W) from `source`."""
    for question, answer in zip(questions, answers, strict=True):
        try:
            task.validate(question)
        except PuzzleError as error:
            raise AssertionError(f"{source}: own question rejected: {error}") from error
        verdict = task.check(question, answer)
        assert verdict.solved and not verdict.reason, f"{source}: own answer rejected: {verdict.reason}"
        verdict = task.check(question, question)
        assert not verdict.solved and verdict.reason, f"check: accepts an unanswered question after {source}"
        wrong = task.wrong_cells(question, answer)
        assert wrong.shape == question.shape and wrong.dtype == bool, "wrong_cells: expected a bool for each cell"
        assert not wrong.any(), f"wrong_cells: marks cells of a right answer after {source}"
    for what, tried in (("answers", answers), ("questions", questions), ("others' answers", np.roll(answers, 1, 0))):
        each = [task.check(*pair).solved for pair in zip(questions, tried, strict=True)]
        solved = task.check_many(questions, tried)
        assert solved.shape == (len(questions),) and solved.dtype == bool, "check_many: expected a bool for each answer"
        assert solved.tolist() == each, f"check_many: differs from check on {what} after {source}"
        grade = task.grade_many(questions, tried)
        assert grade.shape == (len(questions),) and grade.dtype == np.int8, "grade_many: expected an int8 for each"
        assert ((grade >= 0) & (grade < len(task.grades))).all(), "grade_many: a grade that has no name"
        best = len(task.grades) - 1
        assert ((grade == best) == solved).all(), f"grade_many: differs from check_many on {what} after {source}"
