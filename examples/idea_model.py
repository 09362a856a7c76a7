"""A model of one's own, in one file: a TRM whose latent is updated only in part.

redraft train idea_model:recipe      # in this folder; --tiny to see whether it runs
redraft ablate idea_model:suite      # against the plain TRM, three seeds each

`tests/examples/test_ideas.py` runs `check_model` over it, as you should over yours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from redraft.ablate.suite import Row, Suite
from redraft.core.carry import Carry
from redraft.models import TRM, StepOutput, TRMConfig
from redraft.recipes import get_recipe, shrunk
from redraft.train.config import RunConfig


@dataclass(frozen=True, kw_only=True)
class LeakyConfig(TRMConfig):
    """A TRM, and how much of the latent an update keeps."""

    keep: float = 0.5

    def build(self) -> Leaky:
        return Leaky(self)


class Leaky(TRM):
    """The paper's loop but for one line."""

    config: LeakyConfig

    def recur(self, x: Tensor, carry: Carry, recursions: int | None = None) -> StepOutput:
        config, (y, z), T = self.config, carry, recursions or self.config.T
        learning = torch.is_grad_enabled()
        for recursion in range(T):
            with torch.set_grad_enabled(learning and recursion == T - 1):
                for _ in range(config.n):
                    z = config.keep * z + (1 - config.keep) * self.net(x + y + z)  # the idea
                y = self.net(y + z)
        return StepOutput(Carry(y, z), self.read(y), self.halt_head(y[:, 0]).squeeze(-1).float())


def recipe(*, tiny: bool = False) -> RunConfig:
    """The recipe `sudoku-6x6` with this model."""
    base = get_recipe("sudoku-6x6")
    shape = {name: getattr(base.model, name) for name in TRMConfig.__dataclass_fields__}
    run = replace(base, recipe="leaky", model=LeakyConfig(**shape))
    return shrunk(run) if tiny else run


def suite() -> Suite:
    """How much to keep."""
    return Suite(
        name="leaky",
        title="A latent that is updated in part",
        what="Does it help to keep part of the latent at each update?",
        base={"small": "sudoku-6x6-lab", "full": "sudoku-extreme-mlp"},
        rows={
            "TRM": Row(),
            "keep a quarter": Row(change={"model.kind": "idea_model:LeakyConfig", "model.keep": 0.25}),
            "keep half": Row(change={"model.kind": "idea_model:LeakyConfig", "model.keep": 0.5}),
        },
    )
