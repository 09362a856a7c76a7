"""Fixed points s = f(s) of a map on tensors (B, ...): solvers that treat each row on its own, and two gradients.

Picard iteration applies the map again and again. Anderson acceleration also looks at the last few applications and
goes to the combination of them that would move least, were the map linear (Anderson 1965, "Iterative procedures for
nonlinear integral equations"; Walker and Ni 2011, "Anderson acceleration for fixed-point iterations", section 2).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

Map = Callable[[Tensor], Tensor]  # (B, ...) to the same shape and dtype, each row on its own

# How far below the least move so far another must lie to count as less. On a cycle moves are equal but for rounding,
# which must not decide which point of it a row gets, or the row would depend on its company.
_CLEARLY = 0.99


class Solution(NamedTuple):
    """Where a solver came to, each row on its own.

    `point` (B, ...) is where the row converged, or else of all points that the map was applied to the one it moved
    least, `|f(s) - s|`. `residual` (B,) float32 is that move as a share of `|f(s)|`: at most the tolerance where the
    row converged, infinite where nothing was finite. `iterations` (B,) int64: how often the map was applied to it.
    """

    point: Tensor
    residual: Tensor
    iterations: Tensor


@dataclass(frozen=True, kw_only=True)
class Solver:
    """How a fixed point is sought.

    A row that has converged stays as it is while others go on, so its result does not depend on its company.

    Attributes:
        iterations: most applications of the map.
        tolerance: relative residual at which a row has converged.
        history: earlier applications that Anderson acceleration looks back on; 0 is Picard iteration.
        mixing: share of the way to the map's image that is gone; less than 1 damps.
        regularisation: ridge of the least squares over normalised columns; above 0.
    """

    iterations: int
    tolerance: float
    history: int = 0
    mixing: float = 1.0
    regularisation: float = 1e-4

    @torch.no_grad()
    def solve(self, f: Map, start: Tensor) -> Solution:
        """Seeks the fixed point of `f` from `start` (B, ...); whether it was found is told by the residual."""
        rows = len(start)
        state = point = start
        residual = least = torch.full((rows,), torch.inf, device=start.device)
        iterations = torch.full((rows,), self.iterations, device=start.device)
        searching = torch.ones(rows, dtype=torch.bool, device=start.device)
        updates = _Updates(self, start)
        for count in range(1, self.iterations + 1):
            image = f(state)
            here, there = _flat(state), _flat(image)
            move = there - here
            far = move.norm(dim=-1)
            share = (far / there.norm(dim=-1).clamp_min(torch.finfo(far.dtype).tiny)).float()
            converged = searching & (share <= self.tolerance)
            better = converged | (searching & (far < _CLEARLY * least))  # never where it is not a number
            point = torch.where(better.view(-1, *[1] * (start.ndim - 1)), state, point)
            residual, least = torch.where(better, share, residual), torch.where(better, far, least)
            iterations = torch.where(converged, count, iterations)
            searching = searching & ~converged
            if count == self.iterations or not searching.any():
                break
            state = updates.next(here, move).to(start.dtype).view_as(start)
        return Solution(point, residual, iterations)


class _Updates:
    """Where to apply the map next, from where it was applied before and how far it moved what it was given.

    Sums of products rather than matrix products, which would round a row differently in batches of different sizes:
    a map that is far from a contraction makes much of a last digit.
    """

    def __init__(self, solver: Solver, start: Tensor) -> None:
        self.solver = solver
        self.count = 0
        self.last: tuple[Tensor, Tensor] | None = None
        flat, history = _flat(start), solver.history
        # rings of the last differences; a column of zeros has no weight
        self.steps, self.moves = (flat.new_zeros(len(flat), history, flat.shape[-1]) for _ in range(2))
        self.products = flat.new_zeros(len(flat), history, history)  # of the moves among themselves

    def next(self, here: Tensor, move: Tensor) -> Tensor:
        """The next point, given the present one and how far the map moves it, (B, N) each."""
        mixing = self.solver.mixing
        if self.solver.history == 0:
            return here + mixing * move
        if self.last is not None:
            self._remember(here - self.last[0], move - self.last[1])
        self.last = here, move
        weights = self._weights(move)
        back = (weights * self.steps).sum(1)
        return here - back + mixing * (move - (weights * self.moves).sum(1))

    def _remember(self, step: Tensor, move: Tensor) -> None:
        column = self.count % self.solver.history
        self.count += 1
        self.steps[:, column], self.moves[:, column] = step, move
        products = (self.moves * move.unsqueeze(1)).sum(-1)
        self.products[:, column], self.products[:, :, column] = products, products

    def _weights(self, move: Tensor) -> Tensor:
        """The combination (B, history, 1) of the differences of moves that comes nearest to this move."""
        size = self.products.diagonal(dim1=1, dim2=2).sqrt().clamp_min(torch.finfo(move.dtype).tiny)  # (B, history)
        cosines = self.products / size.unsqueeze(1) / size.unsqueeze(2)
        ridge = self.solver.regularisation * torch.eye(self.solver.history, dtype=move.dtype, device=move.device)
        target = (self.moves * move.unsqueeze(1)).sum(-1) / size
        # never an error: what is not finite in one row must not stop the others
        found, _ = torch.linalg.solve_ex(cosines + ridge, target)
        return (found / size).unsqueeze(-1)


def one_step(f: Map, point: Tensor) -> Tensor:
    """`f(point)` whose gradient takes the point for a constant: that of the last application alone.

    The approximation of HRM (Sapient Intelligence 2025, section 2) and of Jacobian-free back-propagation (Fung et al.
    2022): the first term of the series that `implicit` sums.
    """
    return f(point.detach())


def implicit(f: Map, point: Tensor, solver: Solver) -> Tensor:
    """`f(point)` whose gradient is that of the fixed point itself, if `point` is one.

    By the implicit function theorem a gradient v of the fixed point reaches what `f` depends on as `u = v + J^T u`
    does, with J the Jacobian of `f` at the point (Bai et al. 2019, "Deep Equilibrium Models"). `solver` seeks this u,
    a fixed point too, in the backward pass, at the cost of one back-propagation through `f` an iteration. Where it
    does not converge, each row takes the u it has seen that is nearest to one, v (`one_step`) if none came nearer.
    """
    if not torch.is_grad_enabled():
        return f(point)
    point = point.detach().requires_grad_()
    image = f(point)
    result = image.view_as(image)  # the hook is on a view, so that back-propagation from the image does not call it

    def adjoint(gradient: Tensor | None) -> Tensor | None:
        if gradient is None:  # nothing that is differentiated depends on the result
            return None

        def through(u: Tensor) -> Tensor:
            return gradient + torch.autograd.grad(image, point, u, retain_graph=True)[0]

        return solver.solve(through, gradient).point

    result.register_hook(adjoint)
    return result


def _flat(tensor: Tensor) -> Tensor:
    """Rows as vectors (B, N) of at least single precision."""
    return tensor.flatten(1).to(torch.promote_types(tensor.dtype, torch.float32))
