"""The recursion with the paper's choices left open: how many latents and networks, and how far back the gradient goes.

`core/recursion.py` is the paper's own. This one serves ablations and the Hierarchical Reasoning Model. With one latent,
one network and a gradient through the last recursion both compute the same, to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

import torch
from torch import Tensor

from redraft.core.recursion import Network


def general_recursion(
    think: Network,
    answer: Network,
    x: Tensor,
    y: Tensor,
    latents: Sequence[Tensor],
    *,
    n: int,
    T: int,
    gradient: int,
    reinject: bool = True,
    kept: Tensor | None = None,
) -> tuple[Tensor, list[Tensor]]:
    """T recursions, of n evaluations of `think`, which reads everything, and one of `answer`, which reads all but x.

    `think` updates the latents in turn, from the first one on in every recursion; without latents it updates y itself,
    a single state that is latent and answer at once. `answer` updates y. Only the last `gradient` of these T (n+1)
    evaluations are back-propagated. Without `reinject`, only the very first one sees the question x. `kept` (2, D): the
    share of each channel that an update leaves as it was, of a latent and of y.

    Tensors are (B, S, D). Returns y and the latents.
    """
    latents = list(latents)
    keep_latent, keep_y = (None, None) if kept is None else kept
    evaluations = T * (n + 1)
    for number in range(evaluations):
        place = number % (n + 1)
        with nullcontext() if number >= evaluations - gradient else torch.no_grad():
            if place == n:
                y = _moved(y, answer(sum(latents, y)), keep_y)
                continue
            context = x + y if reinject or number == 0 else y
            thought = think(sum(latents, context))
            if latents:
                latent = place % len(latents)
                latents[latent] = _moved(latents[latent], thought, keep_latent)
            else:
                y = _moved(y, thought, keep_latent)
    return y, latents


def _moved(old: Tensor, new: Tensor, kept: Tensor | None) -> Tensor:
    return new if kept is None else torch.lerp(new, old, kept)
