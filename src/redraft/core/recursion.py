"""The algorithm: a latent z is refined n times, then the answer y once; T rounds of that make a supervision step.

Follows "Less is More: Recursive Reasoning with Tiny Networks" (Jolicoeur-Martineau 2025, section 4 and figure 3).
One network plays both parts: the presence of the question x tells it whether to reason (update z) or to answer
(update y). Everything is `(B, S, D)`: batch, positions (puzzle embedding, then cells), width.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Network = Callable[[Tensor], Tensor]


def latent_recursion(net: Network, x: Tensor, y: Tensor, z: Tensor, *, n: int) -> tuple[Tensor, Tensor]:
    """Refines the latent z n times given question x and answer y, then the answer once given z."""
    context = x + y
    for _ in range(n):
        z = net(context + z)
    y = net(y + z)
    return y, z


def deep_recursion(net: Network, x: Tensor, y: Tensor, z: Tensor, *, n: int, T: int) -> tuple[Tensor, Tensor]:
    """T latent recursions: T-1 without gradient, then one back-propagated through all its n+1 evaluations."""
    with torch.no_grad():
        for _ in range(T - 1):
            y, z = latent_recursion(net, x, y, z, n=n)
    return latent_recursion(net, x, y, z, n=n)
