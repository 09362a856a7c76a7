"""Principal components of the trajectories of many puzzles through the states of a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from redraft.inspect.trace import walk
from redraft.models import Model

BATCH = 32


@dataclass(frozen=True, kw_only=True)
class Components:
    """Axes of greatest variance.

    Attributes:
        mean: (F,) of the points.
        axes: (K, F), orthonormal, the greatest first; the largest entry of each is positive, so that signs are fixed.
        explained: (K,) share of the variance along each.
    """

    mean: NDArray[np.float64]
    axes: NDArray[np.float64]
    explained: NDArray[np.float64]

    def project(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Points (..., F) to coordinates (..., K)."""
        return (points - self.mean) @ self.axes.T


def components(points: NDArray[np.floating], count: int = 2) -> Components:
    """The first principal components of points (N, F), F >= count; axes without variance are zero."""
    mean = points.mean(0, dtype=np.float64)
    centred = points.astype(np.float64) - mean
    values, vectors = np.linalg.eigh(centred.T @ centred)  # much faster than a singular value decomposition
    values, axes = np.maximum(values[::-1][:count], 0), vectors.T[::-1][:count]
    total = float(np.square(centred).sum())
    axes = np.where((values > 1e-12 * total)[:, None], axes, 0)
    axes *= np.where(np.take_along_axis(axes, np.abs(axes).argmax(1)[:, None], 1) < 0, -1, 1)
    return Components(mean=mean, axes=axes, explained=values / total if total else values * 0)


@dataclass(frozen=True, kw_only=True)
class Trajectories:
    """The states of N puzzles after each of S steps, averaged over positions, since these differ between puzzles.

    Attributes:
        y, z: (N, S, D) float32; z is None for a model without a latent.
        tokens: (N, L) int16, the last drafts.
    """

    y: NDArray[np.float32]
    z: NDArray[np.float32] | None
    tokens: NDArray[np.int16]


def trajectories(
    model: Model,
    tokens: NDArray[np.integer],
    puzzle_ids: NDArray[np.integer],
    *,
    steps: int = 16,
    progress: Callable[[int], None] = lambda done: None,
) -> Trajectories:
    """Runs puzzles, tokens (N, L) and puzzle_ids (N,), and keeps the mean of every state.

    `progress` is called after every step with the number of puzzles that are done, steps counted as shares.
    """
    y, z, last = [], [], []
    for start in range(0, len(tokens), BATCH):
        batch = tokens[start : start + BATCH]
        means = []
        for step, output in enumerate(walk(model, batch, puzzle_ids[start : start + BATCH], steps), 1):
            means.append([_mean(state) for state in output.carry])
            progress(start + len(batch) * step // steps)
        y.append(np.stack([mean for mean, _ in means], 1))
        z.append(np.stack([mean for _, mean in means], 1))
        last.append(output.logits.argmax(-1).cpu().numpy().astype(np.int16))
    latent = np.concatenate(z)
    finite = bool(np.isfinite(latent).all())
    return Trajectories(y=np.concatenate(y), z=latent if finite else None, tokens=np.concatenate(last))


def _mean(state: Tensor) -> NDArray[np.float32]:
    """A state (B, ..., D) averaged to (B, D); NaN (B, 1) where it is empty."""
    if not state.numel():
        return np.full((len(state), 1), np.nan, np.float32)
    return state.float().reshape(len(state), -1, state.shape[-1]).mean(1).cpu().numpy()


@dataclass(frozen=True, kw_only=True)
class Projection:
    """Trajectories along the two axes of greatest variance.

    Attributes:
        points: (N, S, 2) of many puzzles.
        own: (S, 2) of the inspected puzzle.
        explained: (2,) share of the variance along each axis.
    """

    points: NDArray[np.float64]
    own: NDArray[np.float64]
    explained: NDArray[np.float64]


def projection(points: NDArray[np.float32], own: NDArray[np.float32]) -> Projection:
    """Projects trajectories (N, S, F) and one more (S, F) on the principal components of the many."""
    found = components(points.reshape(-1, points.shape[-1]))
    return Projection(points=found.project(points), own=found.project(own), explained=found.explained)
