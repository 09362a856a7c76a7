"""Puzzles run one latent recursion at a time: what stands after each is all that policies of stopping need to know."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from redraft.backends.protocol import Draft
from redraft.backends.torch import TorchState, TorchStepper
from redraft.core.carry import Carry
from redraft.data.store import Store
from redraft.errors import ConfigError
from redraft.models import HRM, TRM, Equivariant, EquivariantConfig, HRMConfig, Model, TRMConfig
from redraft.tasks import Task
from redraft.tasks.base import IGNORE

NEVER = int(np.iinfo(np.int32).max)  # stands for the recursion at which a puzzle that stays unsolved is solved

Looping = TRMConfig | HRMConfig | EquivariantConfig
Start = Callable[[NDArray[np.integer]], Carry]  # the states that some rows of the data begin from
Stops = Callable[[NDArray[np.float32], NDArray[np.bool_]], NDArray[np.bool_]]  # margin and solved (B,) -> which stop


@dataclass(frozen=True, kw_only=True)
class Record:
    """N puzzles after each of R latent recursions.

    Attributes:
        solved: (N, R) whether the answer is right: by the rules, or by the labels where a task has no rules.
        margin: (N, R) float32, the halting logit, less that of going on where the model has one: it halts above 0.
        changed: (N, R) whether the answer differs from the one before; the first always does.
        moved: (N, R) float32, how far y and z went in the recursion, over the length they have after it.
    """

    solved: NDArray[np.bool_]
    margin: NDArray[np.float32]
    changed: NDArray[np.bool_]
    moved: NDArray[np.float32]


def looping(model: Model) -> Looping:
    """The configuration of a model whose steps are `T` equal recursions; raises ConfigError for another kind."""
    config = model.config
    if type(model) in (TRM, HRM, Equivariant) and isinstance(config, Looping):
        return config
    raise ConfigError(
        "bench effort: needs a model whose steps are equal recursions (TRM, HRM, Equivariant), "
        f"not {type(config).__name__.removesuffix('Config')}"
    )


def one_recursion(model: Model, *, n: int | None = None) -> Model:
    """The same model, weights shared, whose step is a single latent recursion (of `n` updates, if given)."""
    config = looping(model)
    single = copy.copy(model)
    single.config = replace(config, T=1, n=config.n if n is None else n)
    return single


class Runs:
    """Puzzles of a store, to be run by a model one recursion at a time; `rows` (K,) are numbers of puzzles in it."""

    def __init__(self, model: Model, task: Task, store: Store, *, batch_size: int) -> None:
        self.model, self.device = model, next(model.parameters()).device
        self.stepper = TorchStepper(one_recursion(model), device=self.device)
        self.task, self.store, self.batch_size = task, store, batch_size
        self.questions = task.decode(store.inputs)

    def record(self, recursions: int, progress: Callable[[int], None]) -> Record:
        """All puzzles through all recursions; `progress` is called with the number of puzzles done."""
        parts = []
        for rows in self._batches(np.arange(len(self.store))):
            parts.append(self._record(rows, recursions))
            progress(int(rows[-1]) + 1)
        names = ("solved", "margin", "changed", "moved")
        return Record(**{name: np.concatenate([part[name] for part in parts]) for name in names})

    def first_solved(
        self, rows: NDArray[np.integer], recursions: int, *, start: Start | None = None, n: int | None = None
    ) -> NDArray[np.int64]:
        """The recursion (from 1) that solves each of these puzzles first, or NEVER.

        `start` gives other states to begin from than the model's own, `n` another number of latent updates.
        """
        at, solved = self.until(rows, recursions, lambda margin, solved: solved, start=start, n=n)
        found: NDArray[np.int64] = np.where(solved, at, NEVER)
        return found

    def until(
        self,
        rows: NDArray[np.integer],
        recursions: int,
        stops: Stops,
        *,
        every: int = 1,
        start: Start | None = None,
        n: int | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The recursion (from 1) at which each of these puzzles stops and leaves the batch, and whether it is solved.

        `stops` is called after each `every` recursions; all stop after the last.
        """
        stepper = self.stepper if n is None else TorchStepper(one_recursion(self.model, n=n), device=self.device)
        at, right = np.full(len(rows), recursions, np.int64), np.zeros(len(rows), np.bool_)
        for places in self._batches(np.arange(len(rows))):
            state = self._start(stepper, rows[places], start)
            for recursion in range(1, recursions + 1):
                state, draft = stepper.step(state)
                if recursion % every and recursion < recursions:
                    continue
                solved = self._solved(rows[places], draft.tokens)
                done = stops(_margin(draft), solved) | (recursion == recursions)
                at[places[done]], right[places[done]] = recursion, solved[done]
                places = places[~done]
                if not len(places):
                    break
                if done.any():
                    state = stepper.select(state, np.flatnonzero(~done))
        return at, right

    def final_states(self, rows: NDArray[np.integer], recursions: int) -> tuple[Carry, NDArray[np.bool_]]:
        """Where these puzzles, one batch, stand after all recursions, and which are solved."""
        state = self._start(self.stepper, rows, None)
        for _ in range(recursions):
            state, draft = self.stepper.step(state)
        return state.carry, self._solved(rows, draft.tokens)

    def _batches(self, rows: NDArray[np.integer]) -> Iterator[NDArray[np.integer]]:
        for start in range(0, len(rows), self.batch_size):
            yield rows[start : start + self.batch_size]

    def _start(self, stepper: TorchStepper, rows: NDArray[np.integer], start: Start | None) -> TorchState:
        state = stepper.start(self.store.inputs[rows], self.store.puzzle_ids[rows])
        return state if start is None else state._replace(carry=start(rows))

    def _solved(self, rows: NDArray[np.integer], tokens: NDArray[np.int16]) -> NDArray[np.bool_]:
        if self.task.judges:
            return self.task.check_many(self.questions[rows], self.task.decode(tokens))
        labels = self.store.labels[rows]
        right: NDArray[np.bool_] = ((tokens == labels) | (labels == IGNORE)).all(1)
        return right

    def _record(self, rows: NDArray[np.integer], recursions: int) -> dict[str, NDArray[np.generic]]:
        state = self._start(self.stepper, rows, None)
        solved, margin, changed, moved = [], [], [], []
        answer = np.full_like(self.store.inputs[rows], -1)
        for _ in range(recursions):
            before = state.carry
            state, draft = self.stepper.step(state)
            solved.append(self._solved(rows, draft.tokens))
            margin.append(_margin(draft))
            changed.append((draft.tokens != answer).any(1))
            moved.append(_moved(before, state.carry))
            answer = draft.tokens
        return {
            "solved": np.stack(solved, 1),
            "margin": np.stack(margin, 1),
            "changed": np.stack(changed, 1),
            "moved": np.stack(moved, 1),
        }


def _margin(draft: Draft) -> NDArray[np.float32]:
    return draft.halt_logit if draft.continue_logit is None else draft.halt_logit - draft.continue_logit


@torch.inference_mode()
def _moved(before: Carry, after: Carry) -> NDArray[np.float32]:
    """|after - before| / |after| of y and z together, a row (B,)."""
    way = sum((new - old).float().flatten(1).square().sum(1) for old, new in zip(before, after, strict=True))
    length = sum(state.float().flatten(1).square().sum(1) for state in after)
    assert isinstance(way, torch.Tensor) and isinstance(length, torch.Tensor)
    found: NDArray[np.float32] = (way / length).sqrt().cpu().numpy()
    return found
