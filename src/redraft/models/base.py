"""The contract of a model: a pure step `(tokens, puzzle_ids, carry) -> StepOutput`."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import signature
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from redraft.core.carry import Carry
from redraft.errors import ConfigError
from redraft.models.config import DType, ModelConfig

DTYPES: dict[DType, torch.dtype] = {"float32": torch.float32, "bfloat16": torch.bfloat16}

Update = Literal["z", "y"]  # the state that an evaluation of the network updates: the latent or the answer


def recursions(n: int, T: int) -> tuple[Update, ...]:
    """The updates of T recursions, each n of the latent and then one of the answer."""
    recursion: list[Update] = ["z"] * n
    return (*recursion, "y") * T


class Course(NamedTuple):
    """What a model says at each of the I iterations of a step, for a loss on the way (`train.hints`).

    `logits` (I, B, L, V) float32; `notes` (I, B, L, K) float32, the logits of a task's notes, where it has such a head.
    """

    logits: Tensor
    notes: Tensor | None = None


class StepOutput(NamedTuple):
    """Result of one supervision step.

    `carry` is still on the graph (detach it before the next step); `logits` (B, L, V) float32;
    `halt_logit` (B,) float32, positive when the model takes its answer to be right. `continue_logit` (B,) float32, of
    models with Q-learning (HRM), is the value of continuing: they halt once halting has a higher one. `course`, of
    models that show their iterations (`Local`), is there while a gradient is taken; it does not outlive the step.
    """

    carry: Carry
    logits: Tensor
    halt_logit: Tensor
    continue_logit: Tensor | None = None
    course: Course | None = None

    @property
    def halts(self) -> Tensor:
        """Whether the model would stop here (B,)."""
        return self.halt_logit > (0 if self.continue_logit is None else self.continue_logit)

    def detach(self) -> StepOutput:
        """The same output without its course, cut off from the graph that computed it."""
        continue_logit = None if self.continue_logit is None else self.continue_logit.detach()
        return StepOutput(self.carry.detach(), self.logits.detach(), self.halt_logit.detach(), continue_logit)

    @staticmethod
    def cat(parts: Sequence[StepOutput]) -> StepOutput:
        """The rows of all parts, one after the other, without their courses."""
        if len(parts) == 1:
            return parts[0]
        carry, logits, halt_logits, continue_logits, _ = zip(*parts, strict=True)
        together = None if continue_logits[0] is None else torch.cat(continue_logits)
        return StepOutput(Carry.cat(carry), torch.cat(logits), torch.cat(halt_logits), together)


class Rollout(NamedTuple):
    """S steps of a model on B puzzles.

    `drafts` (S, B, L) int64, the most likely token of each cell; `halt_probabilities` (S, B) float32, that the draft is
    right; `y` and `z` (S, B, P, D), the states after each step if kept, P = L + `puzzle_positions` in a TRM.
    """

    drafts: Tensor
    halt_probabilities: Tensor
    y: Tensor | None = None
    z: Tensor | None = None


class Model(nn.Module):
    """Base of all models; trainer, solver and exporter use only these methods.

    A subclass is built from its own frozen configuration, sets `config`, and implements `initial_carry`, `forward`,
    `networks` and `read`. It holds no data, loss, device logic or step counter. In place of `forward` it may have its
    two halves, `question` and `recur`: tables are looked up in the first, and the second compiles as one graph.
    """

    config: ModelConfig

    def initial_carry(self, batch: int) -> Carry:
        """The state before the first supervision step, for `batch` slots."""
        raise NotImplementedError

    def forward(self, tokens: Tensor, puzzle_ids: Tensor, carry: Carry, recursions: int | None = None) -> StepOutput:
        """One supervision step: tokens (B, L) int, puzzle_ids (B,) int, and the carry of `initial_carry`'s shape.

        `recursions`: how many to make of a step of several equal ones; models in one piece need not take it.
        """
        x = self.question(tokens, puzzle_ids)
        return self.recur(x, carry) if recursions is None else self.recur(x, carry, recursions)

    @torch.no_grad()
    def run(self, tokens: object, *, steps: int = 16, puzzle_ids: object = None, hidden: bool = False) -> Rollout:
        """N supervision steps on questions, without halting.

        `tokens` (B, L) or (L,): integers of any kind, as `task.encode` gives them. `puzzle_ids` (B,): rows of the
        puzzle table, 0 if not given. `hidden` keeps the states. Raises ConfigError for other shapes.
        """
        device = next(self.parameters()).device
        question = torch.as_tensor(tokens, device=device).long()
        question = question[None] if question.ndim == 1 else question
        if question.ndim != 2 or question.shape[1] != self.config.seq_len or steps < 1:
            wanted = f"tokens (B, {self.config.seq_len}) and at least 1 step"
            raise ConfigError(f"run: expected {wanted}, got tokens {tuple(question.shape)} and {steps} steps")
        ids = torch.zeros(len(question)) if puzzle_ids is None else torch.as_tensor(puzzle_ids)
        ids, carry = ids.to(device).long(), self.initial_carry(len(question))
        drafts, halts, ys, zs = [], [], [], []
        for _ in range(steps):
            carry, logits, halt_logit, *_ = self(question, ids, carry)
            drafts.append(logits.argmax(-1))
            halts.append(halt_logit.sigmoid())
            if hidden:
                ys.append(carry.y.clone())
                zs.append(carry.z.clone())
        return Rollout(torch.stack(drafts), torch.stack(halts), *((torch.stack(ys), torch.stack(zs)) if hidden else ()))

    def question(self, tokens: Tensor, puzzle_ids: Tensor) -> Tensor:
        """The embedded question, of tokens (B, L) and puzzle_ids (B,)."""
        raise NotImplementedError

    def recur(self, x: Tensor, carry: Carry, recursions: int | None = None) -> StepOutput:
        """The step on an embedded question, all of it dense; `recursions` as in `forward`."""
        raise NotImplementedError

    @property
    def in_halves(self) -> bool:
        """Whether `forward` is `question` and then `recur`."""
        return type(self).forward is Model.forward

    @property
    def recursions(self) -> int:
        """Equal recursions of a step: `T` where `forward`, or `recur`, takes their number, else 1."""
        step = self.recur if self.in_halves else self.forward
        return getattr(self.config, "T", 1) if "recursions" in signature(step).parameters else 1

    def networks(self) -> tuple[nn.Module, ...]:
        """The parts that a step evaluates again and again; each returns the state it updates."""
        raise NotImplementedError

    def schedule(self) -> tuple[Update, ...]:
        """The update of each evaluation of `networks` in a supervision step, in order (at most, where that varies)."""
        raise NotImplementedError

    def read(self, state: Tensor) -> Tensor:
        """Logits (B, L, V) float32 of the answer head for a state of the shape of `carry.y`."""
        raise NotImplementedError

    def sparse_parameters(self) -> dict[str, nn.Parameter]:
        """Tables of which only the rows in the batch are updated (puzzle embeddings), by name."""
        return {}

    def dense_parameters(self) -> dict[str, nn.Parameter]:
        """All other parameters, by name: those of the optimiser and the moving average."""
        sparse = self.sparse_parameters()
        return {name: p for name, p in self.named_parameters() if name not in sparse}
