"""Guesses: what to take for given in a puzzle that stays unsolved, so that it falls one way or the other.

A draft that is stuck tends to be another answer that nearly keeps the rules, and all of it hangs together. Filling one
doubtful cell by hand, mostly with what the draft does not say, sets it going again; the rules tell whether it got home.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CHOICES = 2  # symbols of a cell that are worth a try

# A cell and the token to fill it with.
Guess = tuple[int, int]


def guesses(inputs: NDArray[np.integer], logits: NDArray[np.float32], *, open_token: int) -> list[Guess]:
    """All guesses for a puzzle, the best first: inputs (L,) of its question, logits (L, V) of its draft.

    The least sure of the open cells comes first (by the gap between its two best logits), with its second-best symbol,
    then its best. Padding, which is token 0, and the open cell's own token are no symbols.
    """
    scores = logits.astype(np.float32, copy=True)
    scores[:, [0, open_token]] = -np.inf
    best = np.argsort(-scores, axis=-1, kind="stable")[:, :CHOICES]
    gap = np.take_along_axis(scores, best, -1)
    order = np.argsort(gap[:, 0] - gap[:, 1], kind="stable")
    return [
        (int(cell), int(token))
        for cell in order
        if inputs[cell] == open_token
        for token in best[cell, ::-1]
        if scores[cell, token] > -np.inf
    ]
