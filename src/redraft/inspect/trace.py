"""The trace of a puzzle through a model, step by step, by the contract of `Model` alone: for any kind of model.

After each supervision step the answer y is read as the answer head reads it, and so is the latent z where it has y's
shape. With `recursions` the same is done after every evaluation of the model's networks.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from redraft.core.carry import Carry
from redraft.inspect.attention import AttentionMaps
from redraft.models import Model, StepOutput
from redraft.models.base import Update

Probability = Literal["stablemax", "softmax"]  # how logits become probabilities: as in the loss of the training


@dataclass(frozen=True, kw_only=True)
class StateReading:
    """A state as the answer head reads it: `tokens` (L,) int16 and the `probabilities` (L, V) float32 of all."""

    tokens: NDArray[np.int16]
    probabilities: NDArray[np.float32]

    @property
    def confidence(self) -> NDArray[np.float32]:
        """The probability of each token read (L,)."""
        return np.take_along_axis(self.probabilities, self.tokens[:, None].astype(np.intp), 1)[:, 0]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """One evaluation of a model's networks.

    Attributes:
        renews: the state it updates, `y` or `z`.
        reading: the updated state, None where the answer head cannot read it.
        moved: its distance from the state before, relative to that; NaN where the shapes differ.
    """

    renews: Update
    reading: StateReading | None
    moved: float


@dataclass(frozen=True, kw_only=True)
class TracedStep:
    """A puzzle after one supervision step.

    Attributes:
        y, z: answer and latent, read; z is None where the answer head cannot read it.
        halt_logit: of the model's probability that y is right.
        halts: whether the model would stop here.
        y_moved, z_moved: ||new - old|| / ||old|| of the step; NaN for a model without a latent.
        residual: the same of y and z together, for one more step from here; 0 at a fixed point.
        evaluations: of the networks, in order; empty unless requested.
        attention: (layers, heads, L, L) float32, the attention of each cell to each in the step's last evaluation;
            None for a model without attention, or where maps of that size are not kept.
    """

    y: StateReading
    z: StateReading | None
    halt_logit: float
    halts: bool
    y_moved: float
    z_moved: float
    residual: float
    evaluations: tuple[Evaluation, ...] = ()
    attention: NDArray[np.float32] | None = None

    @property
    def halt_probability(self) -> float:
        return float(1 / (1 + np.exp(-np.float64(self.halt_logit))))


@dataclass(frozen=True, kw_only=True)
class Trace:
    """All steps of a puzzle, and how its logits became probabilities."""

    steps: tuple[TracedStep, ...]
    probability: Probability


def trace(
    model: Model,
    tokens: NDArray[np.integer],
    *,
    puzzle_id: int = 0,
    steps: int = 16,
    recursions: bool = False,
    attention: bool = False,
    probability: Probability = "stablemax",
) -> Trace:
    """Runs one puzzle, tokens (L,), for `steps` steps, and one more for the residual of the last.

    The model is left as it was.
    """
    outputs: list[StepOutput] = []
    states: list[list[Tensor]] = []
    carry = model.initial_carry(1)
    carries = [carry]
    networks = model.networks() if recursions else ()
    with _recorded(networks) as recorded, closing(AttentionMaps(model, steps, wanted=attention)) as maps:
        for output in walk(model, tokens[None], np.array([puzzle_id]), steps + 1):
            outputs.append(output)
            carries.append(output.carry)
            states.append(list(recorded))
            recorded.clear()
            maps.end_step()
    moved = [_relative_change(before, after) for before, after in pairwise(carries)]
    return Trace(
        steps=tuple(
            TracedStep(
                y=_read(outputs[i].logits, probability),
                z=_read_state(model, carries[i + 1].z, carries[0].y, probability),
                halt_logit=float(outputs[i].halt_logit[0]),
                halts=bool(outputs[i].halts[0]),
                y_moved=moved[i][0],
                z_moved=moved[i][1],
                residual=moved[i + 1][2],
                evaluations=_evaluations(model, carries[i], states[i], probability),
                attention=maps.kept[i],
            )
            for i in range(steps)
        ),
        probability=probability,
    )


def walk(
    model: Model, tokens: NDArray[np.integer], puzzle_ids: NDArray[np.integer], steps: int
) -> Iterator[StepOutput]:
    """The output of each supervision step for tokens (B, L) and puzzle_ids (B,), in inference and evaluation mode."""
    device = next(model.parameters()).device
    question = torch.from_numpy(np.ascontiguousarray(tokens)).to(device, torch.int64)
    ids = torch.from_numpy(np.ascontiguousarray(puzzle_ids)).to(device, torch.int64)
    was_training = model.training
    model.eval()
    try:
        carry = model.initial_carry(len(question))
        for _ in range(steps):
            with torch.inference_mode():
                output: StepOutput = model(question, ids, carry)
            carry = output.carry
            yield output
    finally:
        model.train(was_training)


@contextmanager
def _recorded(networks: tuple[nn.Module, ...]) -> Iterator[list[Tensor]]:
    """Within it, every evaluation of the networks appends its result to the list."""
    states: list[Tensor] = []
    hooks = [network.register_forward_hook(lambda *call: states.append(call[-1])) for network in networks]
    try:
        yield states
    finally:
        for hook in hooks:
            hook.remove()


def probabilities(logits: Tensor, kind: Probability) -> Tensor:
    """Probabilities over the last axis: soft-max, or stable-max (Prieto et al. 2025), the paper's.

    Stable-max divides `s(a) = a + 1` for a >= 0, `1 / (1 - a)` below, by its sum.
    """
    if kind == "softmax":
        return logits.softmax(-1)
    s = torch.where(logits >= 0, logits + 1, 1 / (1 + logits.abs()))
    return s / s.sum(-1, keepdim=True)


def _read(logits: Tensor, kind: Probability) -> StateReading:
    """The reading of the first row of logits (B, L, V)."""
    return StateReading(
        tokens=logits[0].argmax(-1).to("cpu", torch.int16).numpy(),
        probabilities=probabilities(logits[0].float(), kind).cpu().numpy(),
    )


def _read_state(model: Model, state: Tensor, like: Tensor, kind: Probability) -> StateReading | None:
    """A state as the answer head reads it, None where it has another shape than `like`, an answer."""
    if state.shape != like.shape:
        return None
    with torch.inference_mode():
        return _read(model.read(state), kind)


def _relative_change(before: Carry, after: Carry) -> tuple[float, float, float]:
    """||after - before|| / ||before|| of y, of z, and of both together; NaN for an empty state."""
    moved = [(float((new.float() - old.float()).norm()), float(old.float().norm()))
             for old, new in zip(before, after, strict=True)]  # fmt: skip
    both = (float(np.hypot(moved[0][0], moved[1][0])), float(np.hypot(moved[0][1], moved[1][1])))
    y, z, together = (way / length if length else float("nan") for way, length in (*moved, both))
    return y, z, together


def _evaluations(model: Model, carry: Carry, states: list[Tensor], kind: Probability) -> tuple[Evaluation, ...]:
    """The evaluations of a step that began from `carry` and returned `states`, in order."""
    latest: dict[Update, Tensor] = {"y": carry.y, "z": carry.z}
    found = []
    for state, renews in zip(states, model.schedule(), strict=False):
        old = latest[renews]
        moved = _relative_change(Carry(old, old), Carry(state, state))[0] if old.shape == state.shape else float("nan")
        found.append(Evaluation(renews=renews, reading=_read_state(model, state, carry.y, kind), moved=moved))
        latest[renews] = state
    return tuple(found)
