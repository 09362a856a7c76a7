"""Principal components of the ways that many puzzles take through the states of a model."""

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
    """The first principal components of points (N, F); axes of no variance are zero."""
    mean = points.mean(0, dtype=np.float64)
    centred = points.astype(np.float64) - mean
    # the smaller of the two products has the same eigenvalues, and is much faster than a whole decomposition
    wide = centred.shape[0] < centred.shape[1]
    values, vectors = np.linalg.eigh(centred @ centred.T if wide else centred.T @ centred)
    best = np.argsort(values)[::-1][:count]
    values, axes = np.maximum(values[best], 0), vectors[:, best].T
    total = float(np.square(centred).sum())
    if wide:
        axes = axes @ centred
    lengths = np.linalg.norm(axes, axis=1, keepdims=True)
    axes = np.where((values > 1e-12 * total)[:, None], axes / np.where(lengths > 0, lengths, 1), 0)
    axes *= np.where(np.take_along_axis(axes, np.abs(axes).argmax(1)[:, None], 1) < 0, -1, 1)
    axes, values = _padded(axes, count), _padded(values, count)
    return Components(mean=mean, axes=axes, explained=values / total if total else values * 0)


@dataclass(frozen=True, kw_only=True)
class Ways:
    """The states of N puzzles after each of S steps, averaged over their positions.

    What stands in which cell differs from puzzle to puzzle; the mean is what they can be compared by.

    Attributes:
        y, z: (N, S, D) float32; z is None for a model without a latent.
        tokens: (N, L) int16, the last drafts.
    """

    y: NDArray[np.float32]
    z: NDArray[np.float32] | None
    tokens: NDArray[np.int16]


def ways(
    model: Model,
    tokens: NDArray[np.integer],
    puzzle_ids: NDArray[np.integer],
    *,
    steps: int = 16,
    progress: Callable[[int], None] | None = None,
) -> Ways:
    """Runs puzzles, tokens (N, L) and puzzle_ids (N,), and keeps the mean of every state.

    `progress` is called after every step with the number of puzzles that comes to.
    """
    y: list[NDArray[np.float32]] = []
    z: list[NDArray[np.float32]] = []
    last = []
    for start in range(0, len(tokens), BATCH):
        rows = slice(start, min(start + BATCH, len(tokens)))
        means = []
        for step, output in enumerate(walk(model, tokens[rows], puzzle_ids[rows], steps), 1):
            means.append((_mean(output.carry.y), _mean(output.carry.z)))
            if progress is not None:
                progress(start + (rows.stop - start) * step // steps)
        for found, each in zip((y, z), zip(*means, strict=True), strict=True):
            found.append(np.stack(each, 1))
        last.append(output.logits.argmax(-1).cpu().numpy().astype(np.int16))
    latent = np.concatenate(z)
    return Ways(y=np.concatenate(y), z=latent if np.isfinite(latent).all() else None, tokens=np.concatenate(last))


def _mean(state: Tensor) -> NDArray[np.float32]:
    """A state (B, ..., D) averaged to (B, D); NaN (B, 1) where it is empty."""
    if not state.numel():
        return np.full((len(state), 1), np.nan, np.float32)
    return state.float().reshape(len(state), -1, state.shape[-1]).mean(1).cpu().numpy()


def _padded(values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Rows of zeros after the last, up to `count`: two points have no second axis."""
    return np.concatenate([values, np.zeros((count - len(values), *values.shape[1:]))])


@dataclass(frozen=True, kw_only=True)
class Projection:
    """Ways seen along the two axes of greatest variance.

    Attributes:
        points: (N, S, 2) of many puzzles.
        own: (S, 2) of the puzzle looked at.
        explained: (2,) share of the variance along each axis.
    """

    points: NDArray[np.float64]
    own: NDArray[np.float64]
    explained: NDArray[np.float64]


def projection(points: NDArray[np.float32], own: NDArray[np.float32]) -> Projection:
    """Projects ways (N, S, F) and one more (S, F) on the principal components of the many."""
    found = components(points.reshape(-1, points.shape[-1]))
    return Projection(points=found.project(points), own=found.project(own), explained=found.explained)
