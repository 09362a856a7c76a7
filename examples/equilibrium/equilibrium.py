"""A deep equilibrium model: TRM's network, whose answer y and latent z are driven to a fixed point of one round.

redraft ablate equilibrium:suite     # in this folder; against the plain TRM, three seeds each

A round is TRM's latent recursion with n = 1, `z = net(x + y + z); y = net(y + z)`. Where TRM goes through a given
number of evaluations and back-propagates the last n + 1, this solves for the pair that a round leaves as it is, and
its gradient knows that pair alone. docs/equilibrium.md tells how the two compare.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Literal

import torch
from fixed_point import Solution, Solver, implicit, one_step
from torch import Tensor

from redraft.ablate.suite import Row, Suite
from redraft.core.carry import Carry
from redraft.core.recursion import Network, latent_recursion
from redraft.errors import ConfigError
from redraft.models.base import StepOutput, Update, recursions
from redraft.models.config import NetworkConfig
from redraft.models.trm import RecursiveModel


@dataclass(frozen=True, kw_only=True)
class EquilibriumConfig(NetworkConfig):
    """Size and shape of the one network, and how its fixed point is sought and differentiated.

    Attributes:
        solver: `picard` (rounds, one after the other) or `anderson` (each combined with those before).
        gradient: `one_step` (of the last round alone) or `implicit` (of the fixed point, solved for going back).
        iterations: most rounds of a supervision step; the last is the one that is differentiated.
        tolerance: of the pair's relative change in a round; a row that changes by less is there.
        history, regularisation: of `anderson`, see `fixed_point.Solver`.
        mixing: share of the way to a round's result that is gone; less than 1 damps.
    """

    solver: Literal["picard", "anderson"] = "anderson"
    gradient: Literal["one_step", "implicit"] = "one_step"
    iterations: int = 12
    tolerance: float = 1e-3
    history: int = 5
    mixing: float = 1.0
    regularisation: float = 1e-4

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require(iterations=2, history=1)
        if not 0 < self.tolerance < 1:
            raise ConfigError(f"model.tolerance: expected more than 0 and less than 1, got {self.tolerance}")
        if not 0 < self.mixing <= 1:
            raise ConfigError(f"model.mixing: expected more than 0 and at most 1, got {self.mixing}")
        if not 0 < self.regularisation < float("inf"):
            raise ConfigError(f"model.regularisation: expected a number above 0, got {self.regularisation}")

    @property
    def effective_depth(self) -> int:
        """At most: a batch whose rows have all converged passes through fewer layers."""
        return 2 * self.iterations * self.num_layers

    def build(self) -> Equilibrium:
        return Equilibrium(self)


class Equilibrium(RecursiveModel):
    """A deep equilibrium model; see `EquilibriumConfig`. Its parameters have the names and shapes of a TRM's."""

    config: EquilibriumConfig

    def __init__(self, config: EquilibriumConfig) -> None:
        super().__init__(config)
        self.solver = Solver(
            iterations=config.iterations - 1,  # one is left for the gradient
            tolerance=config.tolerance,
            history=config.history if config.solver == "anderson" else 0,
            mixing=config.mixing,
            regularisation=config.regularisation,
        )

    def forward(  # type: ignore[override]  # in one piece
        self, tokens: Tensor, puzzle_ids: Tensor, carry: Carry
    ) -> StepOutput:
        x = self.question(tokens, puzzle_ids)
        solution = self.equilibrium(x, carry)
        y, z = self._differentiable(x, solution.point).unbind(1)
        halt_logit = self.halt_head(y[:, 0]).squeeze(-1)
        return StepOutput(Carry(y, z), self.read(y), halt_logit.float())

    def equilibrium(self, x: Tensor, carry: Carry) -> Solution:
        """The pairs (B, 2, S, D) of y and z that a round on the question x leaves as they are, sought from the carry.

        Without gradient, and without the last round of a step.
        """
        return self.solver.solve(lambda pair: one_round(self.net, x, pair), torch.stack((carry.y, carry.z), 1))

    def _differentiable(self, x: Tensor, point: Tensor) -> Tensor:
        """One more round, on the fixed point, with the configured gradient."""
        if self.config.gradient == "one_step":
            return one_step(lambda pair: one_round(self.net, x, pair), point)
        # `forward` is never compiled: a compiled network may give away what going back once more would need
        return implicit(lambda pair: one_round(self.net.forward, x, pair), point, self.solver)

    def schedule(self) -> tuple[Update, ...]:
        return recursions(1, self.config.iterations)


def one_round(net: Network, x: Tensor, pair: Tensor) -> Tensor:
    """The pair (B, 2, S, D) of y and z after TRM's latent recursion with n = 1."""
    y, z = latent_recursion(net, x, *pair.unbind(1), n=1)
    return torch.stack((y, z), 1)


def suite() -> Suite:
    """Solvers and gradients, against TRM."""
    rows = {
        f"{solver}, {name}": Row(
            change={"model.kind": "equilibrium:EquilibriumConfig", "model.solver": solver, "model.gradient": gradient}
        )
        for solver, (name, gradient) in product(
            ("picard", "anderson"), (("one step", "one_step"), ("implicit", "implicit"))
        )
    }
    return Suite(
        name="equilibrium",
        title="Fixed points in place of recursion",
        what="TRM against a deep equilibrium model of the same network, by solver and by gradient.",
        base={"small": "sudoku-6x6-lab", "full": "sudoku-extreme-mlp"},
        rows={"TRM": Row(), **rows},
    )
