"""A network of neighbourhoods: one gated cell for every place of a grid, iterated as a convolutional GRU.

Nothing is known about a grid's size: what a cell can know spreads one or two cells per iteration, so that a larger grid
takes more iterations and no other weights. That suits answers that follow from rules among neighbours, such as a
maze's. Kaiser and Sutskever 2016, "Neural GPUs learn algorithms", has such a cell; its question, unlike theirs, is read
at every iteration, so that the state may forget it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from redraft.core.carry import Carry
from redraft.core.layers import Linear, truncated_normal_
from redraft.models.base import DTYPES, Course, Model, StepOutput, Update
from redraft.models.config import LocalConfig
from redraft.models.trm import halting_head


class Local(Model):
    """A local network; see `LocalConfig`. The state is y (B, L, D), float32 in any dtype; z stays zero."""

    config: LocalConfig

    def __init__(self, config: LocalConfig) -> None:
        super().__init__()
        self.config = config
        width, read = config.hidden_size, config.question_size
        self.tokens = nn.Parameter(truncated_normal_(torch.empty(config.vocab_size, read), 1.0))
        self.around_question = Around(config, read, 3 * width, bias=True)
        self.net = GatedCell(config)
        self.answer_head = Linear(width, config.vocab_size)
        self.note_head = Linear(width, config.notes) if config.notes else None
        self.halt_head = halting_head(width)

    def initial_carry(self, batch: int) -> Carry:
        nothing = torch.zeros((), device=self.tokens.device)
        state = nothing.expand(batch, self.config.seq_len, self.config.hidden_size)
        return Carry(state, state)

    def question(self, tokens: Tensor, puzzle_ids: Tensor) -> Tensor:
        """What the question adds to the cell's reset gate, update gate and candidate, (B, L, 3 D)."""
        found: Tensor = self.around_question(F.embedding(tokens, self.tokens))
        return found

    def recur(self, x: Tensor, carry: Carry, recursions: int | None = None) -> StepOutput:
        states = [carry.y]
        for _ in range(self.config.n):
            states.append(self.net(states[-1], x))
        y, course = states[-1], None
        answer = self.read(y)
        if torch.is_grad_enabled():
            logits = [*(self.read(state) for state in states[1:-1]), answer]
            notes = None if self.note_head is None else torch.stack([self.note_head(state) for state in states[1:]])
            course = Course(torch.stack(logits), notes)
        # one cell that knows is enough, in a grid of any size; the state learns nothing from the head, which, while
        # answers are wrong here and there, could only guess
        halt_logit = self.halt_head(y.detach()).amax(1).squeeze(-1)
        return StepOutput(Carry(y, carry.z), answer, halt_logit, course=course)

    def read(self, state: Tensor) -> Tensor:
        logits: Tensor = self.answer_head(state)
        return logits

    def networks(self) -> tuple[nn.Module, ...]:
        return (self.net,)

    def schedule(self) -> tuple[Update, ...]:
        updates: tuple[Update] = ("y",)
        return updates * self.config.n


class Around(nn.Module):
    """A linear map of each cell's 3x3 neighbourhood, zeros beyond the edge: (B, L, D) to (B, L, D') float32."""

    def __init__(self, config: LocalConfig, features: int, outputs: int, *, bias: bool = False) -> None:
        super().__init__()
        self.shape, self.dtype = (config.seq_len // config.grid_width, config.grid_width), DTYPES[config.dtype]
        std = (9 * features) ** -0.5
        self.weight = nn.Parameter(truncated_normal_(torch.empty(outputs, features, 3, 3), std))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None

    def forward(self, cells: Tensor) -> Tensor:
        # laid out cell by cell, which convolutions take without moving anything
        grid = cells.to(self.dtype).contiguous().unflatten(1, self.shape).permute(0, 3, 1, 2)
        bias = None if self.bias is None else self.bias.to(self.dtype)
        found = F.conv2d(grid, self.weight.to(self.dtype), bias, padding=1)
        return found.float().permute(0, 2, 3, 1).flatten(1, 2)


class GatedCell(nn.Module):
    """A gated recurrent unit whose matrices are maps of the 3x3 neighbourhood; states (B, L, D) are float32."""

    def __init__(self, config: LocalConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.gates, self.candidate = Around(config, width, 2 * width), Around(config, width, width)

    def forward(self, h: Tensor, x: Tensor) -> Tensor:
        """`x` (B, L, 3 D): what the question adds to reset gate, update gate and candidate."""
        for_reset, for_keep, for_candidate = x.chunk(3, dim=-1)
        reset, keep = self.gates(h).chunk(2, dim=-1)
        candidate = self.candidate(torch.sigmoid(reset + for_reset) * h)
        return torch.lerp(torch.tanh(candidate + for_candidate), h, torch.sigmoid(keep + for_keep))
