"""A deep equilibrium model: TRM's network, whose answer y and latent z are driven to a fixed point of one round.

A round is TRM's latent recursion with n = 1, `z = net(x + y + z); y = net(y + z)`. Where TRM goes through a given
number of evaluations and back-propagates the last n + 1, this solves for the pair that a round leaves as it is, and
its gradient knows that pair alone. docs/equilibrium.md tells how the two compare.
"""

from __future__ import annotations

import torch
from torch import Tensor

from redraft.core.carry import Carry
from redraft.core.fixed_point import Solution, Solver, implicit, one_step
from redraft.core.recursion import Network, latent_recursion
from redraft.models.base import StepOutput, Update, recursions
from redraft.models.config import EquilibriumConfig
from redraft.models.network import RecursiveModel


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
