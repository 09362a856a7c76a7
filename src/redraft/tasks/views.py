"""Views of ARC tasks: each task under many symmetries and colourings, as a list of transforms and never as grids."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from redraft.tasks.base import Tokens


@dataclass(frozen=True, kw_only=True)
class Views:
    """The views of T tasks, V in all; view v has puzzle id v + 1, for id 0 stands for no puzzle.

    Attributes:
        tasks: names of the tasks, T.
        starts: (T + 1,) int64; the views of task t are starts[t] to starts[t + 1] - 1, the first of them the task as
            it is.
        symmetries: (V,) uint8, one of the eight symmetries of the square.
        colours: (V, 10) uint8, what each colour becomes.
    """

    tasks: tuple[str, ...]
    starts: NDArray[np.int64]
    symmetries: NDArray[np.uint8]
    colours: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.symmetries)

    def counts(self, ids: NDArray[np.integer]) -> NDArray[np.int64]:
        """How many views (B,) the tasks have whose puzzle ids (B,) these are."""
        task = np.searchsorted(self.starts, np.asarray(ids) - 1, side="right") - 1
        return self.starts[task + 1] - self.starts[task]

    def show(
        self, inputs: Tokens, labels: Tokens, ids: NDArray[np.integer], rng: np.random.Generator | None
    ) -> tuple[Tokens, Tokens]:
        """Inputs and labels (B, 900) of tasks as they are, seen under the views with these puzzle ids (B,).

        With `rng`, each pair is also moved to a random place on the canvas.
        """
        raise NotImplementedError

    def save(self, file: Path) -> None:
        """Writes the views to an .npz file."""
        raise NotImplementedError

    @classmethod
    def open(cls, file: Path) -> Views:
        """The views that `save` wrote; raises DataError where the file is damaged."""
        raise NotImplementedError
