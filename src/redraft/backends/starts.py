"""Where second tries begin: states that differ from try to try, and not from puzzle to puzzle or machine to machine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Key that keeps these random streams apart from others.
_TRIES = 4


def starting_vectors(tries: NDArray[np.integer], width: int) -> NDArray[np.float32]:
    """What y and z begin with in each of these tries (B,), counted from 0: standard normal vectors (2, B, width).

    The model's own start, that of try 0, is such a vector too, the same at every position.
    """
    drawn = {
        number: np.random.default_rng((_TRIES, number)).standard_normal((2, width), np.float32)
        for number in np.unique(tries).tolist()
    }
    return np.stack([drawn[number] for number in np.asarray(tries).tolist()], axis=1)
