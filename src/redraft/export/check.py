"""Whether an exported graph does what its model does: part by part from the same states, or as many puzzles solved.

Two programs round differently, and an untrained model makes of the last digits another answer within a few steps. So a
graph in float32 is given the model's own state before every part of a step, and what comes of it must be equal but for
rounding. Eight bits round by so much that only the puzzles solved in the end show whether that does any harm.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
# How far apart graph and model may lie after a part of a step, relative to the model's numbers. Measured: at most 3e-6,
# with the bundled weights and with random ones of all kinds, mixers that amplify any difference among them.
BOUND = 1e-3
MOST_LOSS = 0.005  # share of the puzzles that a graph may solve less than its model
MUCH = 1e11  # multiplications of one step of all puzzles tried unasked: a few seconds
FEWEST, MOST = 8, 64  # puzzles tried unasked

Tell = Callable[[str], None]


def silent(what: str) -> None:
    """A `Tell` that shows nothing."""


@dataclass(frozen=True, kw_only=True)
class Drafts:
    """The last answers to N puzzles: tokens (N, L), and the share solved, None where that is not known."""

    tokens: Tokens
    solved: float | None


@dataclass(frozen=True, kw_only=True)
class Trial:
    """Puzzles to compare steppers on.

    Attributes:
        inputs: (N, L) tokens of the questions.
        puzzle_ids: (N,).
        labels: (N, L) tokens of the answers, where they are known.
        source: what the puzzles are, such as `new puzzles`.
        judged: whether it shows what is solved, by the task's rules or by the labels.
        most: steps of one puzzle that all of them may take together, beyond two for each.
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
        """`count` new puzzles of the task, if it has such; else random tokens."""
        ids = np.zeros(count, np.int64)
        questions = _questions(task, count, seed)
        if questions is None:
            random = np.random.default_rng(seed).integers(0, vocab_size, (count, task.seq_len), np.int16)
            return Trial(task=task, inputs=random, puzzle_ids=ids, source="random inputs", judged=False, most=most)
        inputs = task.encode(questions)
        return Trial(task=task, inputs=inputs, puzzle_ids=ids, source="new puzzles", judged=True, most=most)

    def __len__(self) -> int:
        return len(self.inputs)

    def run(self, stepper: Stepper, tell: Tell = silent) -> Drafts:
        """Puzzles are worked on until they are solved, for at most `STEPS`."""

        def step(state: State) -> tuple[State, Sequence[Tokens]]:
            state, draft = stepper.step(state)
            return state, [draft.tokens]

        return self._walk(stepper, step, lambda what: tell(f"solving with the graph: {what}"))[0]

    def follow(self, model: TorchStepper, graph: OnnxStepper, tell: Tell = silent) -> tuple[Drafts, Agreement]:
        """The model's drafts, and how the graph compares that takes every part of a step from the model's state."""
        beside = _Beside(model, graph)
        wanted, found = self._walk(model, beside.step, lambda what: tell(f"comparing graph and model: {what}"))
        agreement = Agreement.of(found, wanted, source=self.source, apart=beside.apart, tokens=beside.alike)
        return wanted, agreement

    def _walk(
        self, stepper: Stepper, step: Callable[[State], tuple[State, Sequence[Tokens]]], tell: Tell
    ) -> list[Drafts]:
        """Drafts of each whose tokens `step` gives; a puzzle leaves once the first of them solves it."""
        rows = np.arange(len(self))
        state = stepper.start(self.inputs, self.puzzle_ids)
        last: list[Tokens] = []
        spent = 0
        for number in range(STEPS):
            if not len(rows) or (number >= 2 and spent + len(rows) > self.most):
                break
            tell(f"step {number + 1} of at most {STEPS}, {len(rows)} of {len(self)} {self.source} left")
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
        """Which of the puzzles the tokens (n, L) solve (n,); none where that is not known."""
        if self.judged and self.task.judges:
            return self.task.check_many(self.task.decode(self.inputs[rows]), self.task.decode(tokens))
        if self.judged and self.labels is not None:
            wanted = self.labels[rows]
            return np.asarray(((tokens == wanted) | (wanted == IGNORE)).all(1))
        return np.zeros(len(rows), bool)


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How a graph compares with its model.

    Attributes:
        puzzles, source: how many they were compared on, and what these are.
        tokens: share of those drafted that are the same.
        solved, model_solved: shares that graph and model solve; None where that is not known.
        apart: greatest difference of states, logits and halting logits, relative to their size, after a part of a step
            from the same state; None where each went its own way.
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
        """That of what both made of the same puzzles; `tokens` where more of them were compared than the last."""
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
        """Whether the graph does what its model does; never where anything is not a number."""
        return self.apart <= BOUND if self.apart is not None else self.loss <= MOST_LOSS

    @property
    def loss(self) -> float:
        """How much less the graph solves, as a share of the puzzles; where that shows little, of tokens that differ:
        where it is not known, or the model solves less than half."""
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
    compared: list[float] = field(default_factory=list)  # shares of tokens alike after each step

    @property
    def alike(self) -> float:
        return float(np.mean(self.compared))

    def __post_init__(self) -> None:
        assert self.model.recursions == self.graph.recursions

    @np.errstate(all="ignore")  # what is not a number is what this looks for
    def step(self, state: Any) -> tuple[Any, Sequence[Tokens]]:
        for _ in range(self.model.recursions):
            theirs, found = self.graph.step(_as_onnx(state), 1)
            state, wanted = self.model.step(state, 1)
            mine = _as_onnx(state)
            logits = self.model.logits(state)
            size = np.sqrt(np.square(logits, dtype=np.float64).mean((1, 2)))
            self._note(theirs.y, mine.y)
            self._note(theirs.z, mine.z)
            self._note(theirs.logits, logits)
            self._note_scalars(found.halt_logit, wanted.halt_logit, size)
            if wanted.continue_logit is not None and found.continue_logit is not None:
                self._note_scalars(found.continue_logit, wanted.continue_logit, size)
        self.compared.append(float((found.tokens == wanted.tokens).mean()))
        return state, [wanted.tokens, found.tokens]

    def _note(self, found: NDArray[np.float32], wanted: NDArray[np.float32]) -> None:
        """Of rows (B, ...): the length of the difference, as a share of that of the row."""
        mine, theirs = (each.reshape(len(each), -1).astype(np.float64) for each in (wanted, found))
        off, size = np.linalg.norm(theirs - mine, axis=1), np.linalg.norm(mine, axis=1)
        self._raise(off / np.maximum(size, 1e-6))

    def _note_scalars(
        self, found: NDArray[np.float32], wanted: NDArray[np.float32], size: NDArray[np.floating]
    ) -> None:
        """Of numbers (B,): the difference as a share of the number, or of the logits (B,) it may be made of."""
        self._raise(np.abs(found - wanted) / np.maximum(np.maximum(np.abs(wanted), size), 1))

    def _raise(self, differences: NDArray[np.floating]) -> None:
        self.apart = float(np.maximum(self.apart, differences.max(initial=0)))  # NaN stays


def _as_onnx(state: Any) -> OnnxState:
    """A state of a torch stepper as one of a graph's."""
    tokens, ids, y, z = (each.cpu().numpy() for each in (state.tokens, state.puzzle_ids, *state.carry))
    return OnnxState(tokens, ids, y, z, np.empty((0, 0, 0), np.float32))


def count_for(model: Model) -> int:
    """How many puzzles are tried unasked: as many as do not take long."""
    return int(np.clip(MUCH / work(model), FEWEST, MOST))


def most_for(model: Model, count: int) -> float:
    """`Trial.most` for so many puzzles: what solving them takes may come to four times as much as one step of them."""
    return max(4.0 * count, 4 * MUCH / work(model))


def _questions(task: Task, count: int, seed: int) -> NDArray[np.int8] | None:
    if not task.judges:
        return None
    try:
        return task.make(count, seed).questions
    except RedraftError:  # of one's own, without a generator
        return None
