"""Compares an exported graph with its model: part by part from the same states, or by the number of solved puzzles.

Two programs round differently, and an untrained model turns the last digits into another answer within a few steps. So
a graph in float32 gets the model's own state before every part of a step, and its result must be equal but for
rounding. In 8 bits, where rounding is coarse, only the puzzles solved in the end show whether it does harm.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from redraft.backends.onnx import OnnxState, OnnxStepper
from redraft.backends.protocol import State, Stepper
from redraft.backends.torch import TorchStepper
from redraft.errors import RedraftError
from redraft.models import Model
from redraft.models.execution import work
from redraft.tasks import Task
from redraft.tasks.base import IGNORE, Tokens

STEPS = 16
# Largest difference of graph and model after a part of a step, relative to the model's numbers. Measured: at most 3e-6,
# with the bundled weights and with random ones of all kinds, mixers that amplify any difference among them.
BOUND = 1e-3
MOST_LOSS = 0.005  # share of the puzzles that a graph may solve fewer than its model
MUCH = 1e11  # multiplications of one step of all puzzles tried by default: a few seconds
FEWEST, MOST = 8, 64  # puzzles tried by default

Report = Callable[[str], None]  # called with each stage of the work


def silent(stage: str) -> None:
    """A `Report` that shows nothing."""


@dataclass(frozen=True, kw_only=True)
class Drafts:
    """The last answers to N puzzles: tokens (N, L), and the share solved, None where it is unknown."""

    tokens: Tokens
    solved: float | None


@dataclass(frozen=True, kw_only=True)
class Trial:
    """Puzzles to compare steppers on.

    Attributes:
        inputs: (N, L) tokens of the questions.
        puzzle_ids: (N,).
        labels: (N, L) tokens of the answers, where they are known.
        source: of the puzzles, in words, such as `new puzzles`.
        judged: whether solved puzzles can be told, by the task's rules or by the labels.
        most: steps of one puzzle that all of them may take together, beyond two each.
    """

    task: Task
    inputs: NDArray[np.integer]
    puzzle_ids: NDArray[np.integer]
    labels: NDArray[np.integer] | None = None
    source: str
    judged: bool
    most: float = float("inf")

    @staticmethod
    def of(task: Task, *, vocab_size: int, count: int, seed: int, most: float = float("inf")) -> Trial:
        """`count` new puzzles of the task, or random tokens if it makes none."""
        ids = np.zeros(count, np.int64)
        if task.judges:
            with suppress(RedraftError):  # of one's own, without a generator
                inputs = task.encode(task.make(count, seed).questions)
                return Trial(task=task, inputs=inputs, puzzle_ids=ids, source="new puzzles", judged=True, most=most)
        random = np.random.default_rng(seed).integers(0, vocab_size, (count, task.seq_len), np.int16)
        return Trial(task=task, inputs=random, puzzle_ids=ids, source="random inputs", judged=False, most=most)

    def __len__(self) -> int:
        return len(self.inputs)

    def run(self, stepper: Stepper, report: Report = silent) -> Drafts:
        """Works on puzzles until they are solved, for at most `STEPS`."""

        def step(state: State) -> tuple[State, Sequence[Tokens]]:
            state, draft = stepper.step(state)
            return state, [draft.tokens]

        return self._walk(stepper, step, lambda stage: report(f"solving with the graph: {stage}"))[0]

    def follow(self, model: TorchStepper, graph: OnnxStepper, report: Report = silent) -> tuple[Drafts, Agreement]:
        """The model's drafts, and how the graph compares that takes every part of a step from the model's state."""
        beside = _Beside(model, graph)
        wanted, found = self._walk(model, beside.step, lambda stage: report(f"comparing graph and model: {stage}"))
        agreement = Agreement.of(found, wanted, source=self.source, apart=beside.apart, tokens=beside.alike)
        return wanted, agreement

    def _walk(
        self, stepper: Stepper, step: Callable[[State], tuple[State, Sequence[Tokens]]], report: Report
    ) -> list[Drafts]:
        """Drafts of each side whose tokens `step` returns; a puzzle leaves once the first side solves it."""
        rows = np.arange(len(self))
        state = stepper.start(self.inputs, self.puzzle_ids)
        last: list[Tokens] = []
        spent = 0
        for number in range(STEPS):
            if not len(rows) or (number >= 2 and spent + len(rows) > self.most):
                break
            report(f"step {number + 1} of at most {STEPS}, {len(rows)} of {len(self)} {self.source} left")
            state, tokens = step(state)
            spent += len(rows)
            last = last or [np.zeros((len(self), each.shape[1]), np.int16) for each in tokens]
            for kept, each in zip(last, tokens, strict=True):
                kept[rows] = each
            left = np.flatnonzero(~self._solved(rows, tokens[0]))
            state = stepper.select(state, left) if 0 < len(left) < len(rows) else state
            rows = rows[left]
        everything = np.arange(len(self))
        shares = [float(self._solved(everything, tokens).mean()) if self.judged else None for tokens in last]
        return [Drafts(tokens=tokens, solved=share) for tokens, share in zip(last, shares, strict=True)]

    def _solved(self, rows: NDArray[np.integer], tokens: Tokens) -> NDArray[np.bool_]:
        """The puzzles that the tokens (n, L) solve (n,); none where that is unknown."""
        if self.judged and self.task.judges:
            return self.task.check_many(self.task.decode(self.inputs[rows]), self.task.decode(tokens))
        if self.judged and self.labels is not None:
            wanted = self.labels[rows]
            return np.asarray(((tokens == wanted) | (wanted == IGNORE)).all(1))
        return np.zeros(len(rows), bool)


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """The comparison of a graph with its model.

    Attributes:
        puzzles, source: their number, and what they are.
        tokens: share of drafted tokens that are the same.
        solved, model_solved: shares that graph and model solve; None where that is unknown.
        apart: greatest difference of states, logits and halting logits, relative to their size, after a part of a step
            from the same state; None where each continued from its own states.
    """

    puzzles: int
    source: str
    tokens: float
    solved: float | None
    model_solved: float | None
    apart: float | None = None

    @staticmethod
    def of(
        graph: Drafts, model: Drafts, *, source: str, apart: float | None = None, tokens: float | None = None
    ) -> Agreement:
        """The comparison of two drafts of the same puzzles; `tokens` where more than the last were compared."""
        return Agreement(
            puzzles=len(graph.tokens),
            source=source,
            tokens=float((graph.tokens == model.tokens).mean()) if tokens is None else tokens,
            solved=graph.solved,
            model_solved=model.solved,
            apart=apart,
        )

    @property
    def holds(self) -> bool:
        """Whether the graph equals its model; never with NaN."""
        return self.apart <= BOUND if self.apart is not None else self.loss <= MOST_LOSS

    @property
    def loss(self) -> float:
        """How much less the graph solves, as a share of the puzzles; the share of differing tokens where that is
        unknown, or the model solves less than half."""
        if self.solved is None or self.model_solved is None or self.model_solved < 0.5:
            return 1 - self.tokens
        return self.model_solved - self.solved

    def __str__(self) -> str:
        drafts = f"{self.tokens:.2%} of the tokens alike"
        if self.apart is not None and not np.isfinite(self.apart):
            drafts += ", with numbers that are not finite"
        elif self.apart is not None:
            drafts += f", numbers within {self.apart:.1e} of the model's from the same states"
        if self.solved is None:
            return f"{drafts}, on {self.puzzles} {self.source}"
        return f"solves {self.solved:.1%} of {self.puzzles} {self.source}, the model {self.model_solved:.1%}; {drafts}"


@dataclass
class _Beside:
    """Takes a model's steps, and has a graph take each part of them from the same state.

    `apart` is the greatest relative difference so far, NaN once anything was not a number.
    """

    model: TorchStepper
    graph: OnnxStepper
    apart: float = 0.0
    compared: list[float] = field(default_factory=list)  # shares of equal tokens after each step

    @property
    def alike(self) -> float:
        return float(np.mean(self.compared))

    @np.errstate(all="ignore")  # numbers that are not finite are what this looks for
    def step(self, state: Any) -> tuple[Any, Sequence[Tokens]]:
        for _ in range(self.model.recursions):
            theirs, found = self.graph.step(_as_onnx(state), 1)
            state, wanted = self.model.step(state, 1)
            mine, logits = _as_onnx(state), self.model.logits(state)
            size = np.sqrt(np.square(logits, dtype=np.float64).mean((1, 2)))
            differences = [_rows_apart(theirs.y, mine.y), _rows_apart(theirs.z, mine.z)]
            differences += [_rows_apart(theirs.logits, logits)]
            differences += [_numbers_apart(found.halt_logit, wanted.halt_logit, size)]
            if wanted.continue_logit is not None and found.continue_logit is not None:
                differences += [_numbers_apart(found.continue_logit, wanted.continue_logit, size)]
            self.apart = float(np.max([self.apart, *(each.max(initial=0) for each in differences)]))  # NaN stays
        self.compared.append(float((found.tokens == wanted.tokens).mean()))
        return state, [wanted.tokens, found.tokens]


def _rows_apart(found: NDArray[np.float32], wanted: NDArray[np.float32]) -> NDArray[np.floating]:
    """Per row (B, ...) the length of the difference, as a share of that of the row."""
    mine, theirs = (each.reshape(len(each), -1).astype(np.float64) for each in (wanted, found))
    off, size = np.linalg.norm(theirs - mine, axis=1), np.linalg.norm(mine, axis=1)
    return np.asarray(off / np.maximum(size, 1e-6))


def _numbers_apart(
    found: NDArray[np.float32], wanted: NDArray[np.float32], size: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Per number (B,) the difference as a share of the number, or of the size (B,) of the logits."""
    return np.asarray(np.abs(found - wanted) / np.maximum(np.maximum(np.abs(wanted), size), 1))


def _as_onnx(state: Any) -> OnnxState:
    """A state of a torch stepper as one of a graph's."""
    tokens, ids, y, z = (each.cpu().numpy() for each in (state.tokens, state.puzzle_ids, *state.carry))
    return OnnxState(tokens, ids, y, z, np.empty((0, 0, 0), np.float32))


def count_for(model: Model) -> int:
    """The number of puzzles tried by default: as many as do not take long."""
    return int(np.clip(MUCH / work(model), FEWEST, MOST))


def most_for(model: Model, count: int) -> float:
    """`Trial.most` for `count` puzzles: solving them may take four times as long as one step of them."""
    return max(4.0 * count, 4 * MUCH / work(model))
