"""A puzzle's way through a model, step by step, seen through the contract of `Model` alone: any kind of model will do.

After each supervision step the answer y is read as the answer head reads it, and so is the latent z where it has y's
shape. With `recursions` the same is done after every evaluation of the model's networks.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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
        renews: `y` or `z`.
        reading: the state it returned, None where the answer head cannot read it.
        moved: its distance from the state it renews, relative to that; NaN where there is none of the same shape.
    """

    renews: Update
    reading: StateReading | None
    moved: float


@dataclass(frozen=True, kw_only=True)
class TracedStep:
    """What one supervision step made of a puzzle.

    Attributes:
        y, z: answer and latent, read; z is None where the answer head cannot read it.
        halt_logit: of the model's probability that y is right.
        halts: whether the model would stop here.
        y_moved, z_moved: ||new - old|| / ||old|| of the step; NaN for a model without a latent.
        residual: the same of y and z together, for one step more from here; 0 at a fixed point.
        evaluations: of the networks, in order; empty unless asked for.
        attention: (layers, heads, L, L) float32, what each cell takes from each in the step's last evaluation; None
            for a model without attention, or where maps of that size are not kept.
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
    """A puzzle's way through a model: every step, and how its logits were turned into probabilities."""

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
    """Runs one puzzle, tokens (L,), for so many steps and one more, which only the last step's residual is taken from.

    The model is left as it was.
    """
    outputs: list[StepOutput] = []
    heard: list[list[Tensor]] = []
    carry = model.initial_carry(1)
    carries = [carry]
    networks = model.networks() if recursions else ()
    with listening(networks) as states, AttentionMaps(model, steps, wanted=attention) as maps:
        for output in walk(model, tokens[None], np.array([puzzle_id]), steps + 1):
            outputs.append(output)
            carries.append(output.carry)
            heard.append(list(states))
            states.clear()
            maps.end_step()
    moved = [relative_change(before, after) for before, after in pairwise(carries)]
    return Trace(
        steps=tuple(
            TracedStep(
                y=read(outputs[i].logits, probability),
                z=_read_state(model, carries[i + 1].z, carries[0].y, probability),
                halt_logit=float(outputs[i].halt_logit[0]),
                halts=bool(outputs[i].halts[0]),
                y_moved=moved[i][0],
                z_moved=moved[i][1],
                residual=moved[i + 1][2],
                evaluations=_evaluations(model, carries[i], heard[i], probability),
                attention=maps.of_step(i),
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
def listening(networks: tuple[nn.Module, ...]) -> Iterator[list[Tensor]]:
    """Within it, what each evaluation of the networks returns is appended to the list."""
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


def read(logits: Tensor, kind: Probability) -> StateReading:
    """The reading of the first row of logits (B, L, V)."""
    return StateReading(
        tokens=logits[0].argmax(-1).to("cpu", torch.int16).numpy(),
        probabilities=probabilities(logits[0].float(), kind).cpu().numpy(),
    )


def relative_change(before: Carry, after: Carry) -> tuple[float, float, float]:
    """||after - before|| / ||before|| of y, of z, and of both together; NaN of what is empty."""
    moved = [(float((new.float() - old.float()).norm()), float(old.float().norm()))
             for old, new in zip(before, after, strict=True)]  # fmt: skip
    both = (float(np.hypot(moved[0][0], moved[1][0])), float(np.hypot(moved[0][1], moved[1][1])))
    y, z, together = (way / length if length else float("nan") for way, length in (*moved, both))
    return y, z, together


def _read_state(model: Model, state: Tensor, like: Tensor, kind: Probability) -> StateReading | None:
    """A state as the answer head reads it, None where it has another shape than `like`, an answer."""
    if state.shape != like.shape:
        return None
    with torch.inference_mode():
        return read(model.read(state), kind)


def _evaluations(model: Model, carry: Carry, states: list[Tensor], kind: Probability) -> tuple[Evaluation, ...]:
    """What each evaluation of a step that began from `carry` made: `states`, in order."""
    latest: dict[Update, Tensor] = {"y": carry.y, "z": carry.z}
    found = []
    for state, renews in zip(states, model.schedule(), strict=False):
        old = latest[renews]
        moved = relative_change(Carry(old, old), Carry(state, state))[0] if old.shape == state.shape else float("nan")
        found.append(Evaluation(renews=renews, reading=_read_state(model, state, carry.y, kind), moved=moved))
        latest[renews] = state
    return tuple(found)
