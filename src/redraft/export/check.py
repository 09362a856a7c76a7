"""Whether an exported graph does what its model does: the same drafts, and as many puzzles solved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from redraft.errors import RedraftError
from redraft.solve.stepper import Stepper
from redraft.tasks import Task

STEPS = 16


@dataclass(frozen=True, kw_only=True)
class Drafts:
    """What a stepper makes of N puzzles: logits (N, L, V) after one step, tokens (N, L) and share solved after `STEPS`.

    The share is None where nobody can tell.
    """

    logits: NDArray[np.float32]
    tokens: NDArray[np.int16]
    solved: float | None


@dataclass(frozen=True, kw_only=True)
class Trial:
    """Puzzles to compare steppers on; random tokens, without `questions`, of a task that cannot make and judge any."""

    task: Task
    inputs: NDArray[np.integer]
    questions: NDArray[np.int8] | None

    @staticmethod
    def of(task: Task, *, vocab_size: int, count: int, seed: int) -> Trial:
        """`count` new puzzles of the task, if it has such."""
        questions = _questions(task, count, seed)
        if questions is None:
            random = np.random.default_rng(seed).integers(0, vocab_size, (count, task.seq_len), np.int16)
        inputs = random if questions is None else task.encode(questions)
        return Trial(task=task, inputs=inputs, questions=questions)

    def run(self, stepper: Stepper) -> Drafts:
        state, draft = stepper.step(stepper.start(self.inputs, np.zeros(len(self.inputs), np.int64)))
        logits = stepper.logits(state)
        for _ in range(STEPS - 1):
            state, draft = stepper.step(state)
        solved = None
        if self.questions is not None:
            solved = float(self.task.check_many(self.questions, self.task.decode(draft.tokens)).mean())
        return Drafts(logits=logits, tokens=draft.tokens, solved=solved)


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How a graph compares with its model.

    Attributes:
        puzzles: how many they were compared on.
        logits: greatest difference after one step.
        tokens: share of those after `STEPS` steps that are the same.
        solved, model_solved: shares that graph and model solve by then; None where nobody can tell.
    """

    puzzles: int
    logits: float
    tokens: float
    solved: float | None
    model_solved: float | None

    @staticmethod
    def of(graph: Drafts, model: Drafts) -> Agreement:
        """That of what both made of the same puzzles."""
        return Agreement(
            puzzles=len(graph.tokens),
            logits=float(np.abs(graph.logits - model.logits).max()),
            tokens=float((graph.tokens == model.tokens).mean()),
            solved=graph.solved,
            model_solved=model.solved,
        )

    @property
    def loss(self) -> float:
        """How much less the graph solves, as a share of the puzzles; where that tells little, of tokens that differ:
        where nobody knows, or the model solves less than half."""
        if self.solved is None or self.model_solved is None or self.model_solved < 0.5:
            return 1 - self.tokens
        return self.model_solved - self.solved

    def __str__(self) -> str:
        drafts = f"{self.tokens:.2%} of the tokens alike, logits within {self.logits:.1e} after one step"
        if self.solved is None:
            return f"{drafts}, on {self.puzzles} random inputs"
        return f"solves {self.solved:.1%} of {self.puzzles} new puzzles, the model {self.model_solved:.1%}; {drafts}"


def _questions(task: Task, count: int, seed: int) -> NDArray[np.int8] | None:
    if not task.judges:
        return None
    try:
        return task.make(count, seed).questions
    except RedraftError:  # of one's own, without a generator
        return None
