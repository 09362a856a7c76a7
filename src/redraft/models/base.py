"""The contract every model keeps: a pure step `(tokens, puzzle_ids, carry) -> StepOutput`, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from redraft.core.carry import Carry

DType = Literal["float32", "bfloat16"]
DTYPES: dict[DType, torch.dtype] = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class StepOutput(NamedTuple):
    """Result of one supervision step.

    `carry` still hangs on the graph (detach it before the next step); `logits` (B, L, V) float32;
    `halt_logit` (B,) float32, positive when the model takes its answer to be right.
    """

    carry: Carry
    logits: Tensor
    halt_logit: Tensor

    def detach(self) -> StepOutput:
        """The same output, cut off from the graph that computed it."""
        return StepOutput(self.carry.detach(), self.logits.detach(), self.halt_logit.detach())

    @staticmethod
    def cat(parts: Sequence[StepOutput]) -> StepOutput:
        """The rows of all parts, one after the other."""
        if len(parts) == 1:
            return parts[0]
        return StepOutput(
            Carry.cat([part.carry for part in parts]),
            torch.cat([part.logits for part in parts]),
            torch.cat([part.halt_logit for part in parts]),
        )


class Model(nn.Module):
    """Base of all models; trainer, solver and exporter see only these methods.

    A subclass is built from its own frozen configuration, sets `config`, and implements `initial_carry` and
    `forward`. It holds no data, loss, device logic or step counter.
    """

    config: Any

    def initial_carry(self, batch: int) -> Carry:
        """The state before the first supervision step, for `batch` slots."""
        raise NotImplementedError

    def forward(self, tokens: Tensor, puzzle_ids: Tensor, carry: Carry) -> StepOutput:
        """One supervision step: tokens (B, L) int, puzzle_ids (B,) int, carry (B, S, D)."""
        raise NotImplementedError

    def sparse_parameters(self) -> dict[str, nn.Parameter]:
        """Tables of which only the rows in the batch are updated (puzzle embeddings), by name."""
        return {}

    def dense_parameters(self) -> dict[str, nn.Parameter]:
        """All other parameters, by name: what the optimiser and the moving average see."""
        sparse = self.sparse_parameters()
        return {name: p for name, p in self.named_parameters() if name not in sparse}

    def compile_network(self) -> None:
        """Compiles, in place, the part that is evaluated again and again; weights keep their names."""
        raise NotImplementedError
