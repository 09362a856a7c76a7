"""Statistics of contenders on the same rows: Wilson and bootstrap intervals, McNemar's test, Holm's correction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000
LEVEL = 0.95
_CELLS = 1 << 22  # counts drawn at a time: 32 MB


@dataclass(frozen=True, kw_only=True)
class Paired:
    """The first contender against the second, over the rows that both answered.

    Attributes:
        rows: their number.
        both, wins, losses, neither: rows solved by both, by the first alone, by the second alone, by none.
        difference: share solved by the first minus share solved by the second.
        interval: of the difference, by `bootstrap`.
        p, mid_p: of McNemar's test, see `mcnemar`.
        holm: `p` corrected for all comparisons made together, see `holm`.
    """

    rows: int
    both: int
    wins: int
    losses: int
    neither: int
    difference: float
    interval: tuple[float, float]
    p: float
    mid_p: float
    holm: float


def all_pairs(
    right: Sequence[NDArray[np.bool_]],
    answered: Sequence[NDArray[np.bool_]],
    *,
    groups: NDArray[np.integer] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[tuple[int, int], Paired]:
    """Every contender against each after it, by their indices; pairs that share no answered row are left out.

    Args:
        right: for each contender, which rows (N,) it solved.
        answered: for each contender, which rows (N,) it answered.
        groups: (N,) equal for rows that stand or fall together; None where each stands alone.
    """
    found: dict[tuple[int, int], Paired] = {}
    for first, second in combinations(range(len(right)), 2):
        shared = answered[first] & answered[second]
        if not shared.any():
            continue
        a, b = right[first][shared], right[second][shared]
        wins, losses = int((a & ~b).sum()), int((b & ~a).sum())
        p, mid_p = mcnemar(wins, losses)
        found[first, second] = Paired(
            rows=len(a),
            both=int((a & b).sum()),
            wins=wins,
            losses=losses,
            neither=int((~a & ~b).sum()),
            difference=(wins - losses) / len(a),
            interval=bootstrap(
                a.astype(np.int64) - b, None if groups is None else groups[shared], resamples=resamples, seed=seed
            ),
            p=p,
            mid_p=mid_p,
            holm=p,
        )
    corrected = holm([pair.p for pair in found.values()])
    return {places: replace(pair, holm=p) for (places, pair), p in zip(found.items(), corrected, strict=True)}


def bootstrap(
    differences: NDArray[np.integer],
    groups: NDArray[np.integer] | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = LEVEL,
) -> tuple[float, float]:
    """Percentile interval of the mean of `differences` (N,) between paired results (Efron 1979).

    Rows are drawn with replacement, whole groups of them where `groups` (N,) says which belong together. The number
    of times that each kind of row is drawn is multinomial, so counts are drawn: the same distribution, without
    N x resamples numbers.
    """
    names = np.arange(len(differences)) if groups is None else np.unique(groups, return_inverse=True)[1]
    sizes = np.bincount(names)
    sums = np.bincount(names, weights=differences)
    kinds, counts = np.unique(np.stack([sums, sizes], 1), axis=0, return_counts=True)
    rng = np.random.default_rng(seed)
    means = []
    at_once = max(1, _CELLS // len(kinds))
    for start in range(0, resamples, at_once):
        drawn = rng.multinomial(len(sizes), counts / counts.sum(), size=min(at_once, resamples - start))
        totals = drawn @ kinds
        means.append(totals[:, 0] / totals[:, 1])
    low, high = np.quantile(np.concatenate(means), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def wilson(hits: int, count: int, *, z: float = 1.96) -> tuple[float, float]:
    """95 % confidence interval of a share (Wilson 1927), sound near 0 and 1."""
    share = hits / count
    middle = share + z * z / (2 * count)
    spread = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def mcnemar(wins: int, losses: int) -> tuple[float, float]:
    """Exact two-sided p-value of McNemar's test (1947), and its mid-p (Fagerland, Lydersen and Laake 2013).

    If neither contender were better, each row that only one of them solved would be either's with probability 1/2. p is
    the probability of a count at least as uneven. It is never too small, and somewhat too large; mid-p counts the
    outcome found by half, and comes closer on average.
    """
    few, count = min(wins, losses), wins + losses
    k = np.arange(1, few + 1)
    log_choose = np.concatenate([[0.0], np.cumsum(np.log((count - k + 1) / k))])  # of 0 … few out of count
    probabilities = np.exp(log_choose - count * np.log(2))
    tail, last = float(probabilities.sum()), float(probabilities[-1])
    if wins == losses:
        return 1.0, 1.0 - last / 2 if count else 1.0
    return 2 * tail, 2 * tail - last


def holm(ps: Sequence[float]) -> list[float]:
    """p-values corrected for multiple comparisons (Holm 1979), in the order given.

    Where those below a level count as differences, the probability of any false one is at most that level.
    """
    corrected = [0.0] * len(ps)
    least = 0.0
    for rank, place in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        least = max(least, min(1.0, (len(ps) - rank) * ps[place]))
        corrected[place] = least
    return corrected
