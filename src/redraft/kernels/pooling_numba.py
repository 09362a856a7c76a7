"""Pooling on a CPU: kernels for the messages of scopes to cells, each in one pass over memory; see `cpu_numba`.

A state is rows of `width` channels, `places` of them per puzzle. Each place is in one group of each pool: `homes`
(pools, places) int32 is its number within the pool, whose groups are those from `firsts[pool]` up to
`firsts[pool + 1]`. Values of groups are rows, too: pool by pool, then puzzle by puzzle.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from redraft.kernels.cpu_numba import ONE, array, elementwise, load, store, summing


@njit(inline="always")
def _groups(homes, firsts, pools, places):
    """`homes` and `firsts` as arrays, and the number of all groups."""
    firsts = array(firsts, pools + 1, np.int32(0))
    return array(homes, pools * places, np.int32(0)), firsts, firsts[pools]


@njit(inline="always")
def _row_of_group(firsts, pool, home, puzzle, batch):
    """The row of a puzzle's group."""
    return firsts[pool] * batch + puzzle * (firsts[pool + 1] - firsts[pool]) + home


@elementwise
def pool(h, pooled, homes, firsts, batch, places, pools, width, like, zero):
    """Mean and maximum over each group, one after the other in a row of 2 x width."""
    homes, firsts, groups = _groups(homes, firsts, pools, places)
    h, pooled = array(h, batch * places * width, like), array(pooled, batch * groups * 2 * width, like)
    sums, peaks = np.full((groups, width), zero), np.full((groups, width), zero)
    for puzzle in range(batch):
        sums[:] = zero
        peaks[:] = -np.inf
        for place in range(places):
            start = (puzzle * places + place) * width
            row = h[start : start + width]
            for pool in range(pools):
                group = firsts[pool] + homes[pool * places + place]
                total, peak = sums[group], peaks[group]
                for i in range(width):
                    value = load(row[i])
                    total[i] += value
                    peak[i] = max(peak[i], value)
        for pool in range(pools):
            count = firsts[pool + 1] - firsts[pool]
            part = (zero + np.float32(count)) / np.float32(places)  # in the precision of the sums
            for home in range(count):
                start = _row_of_group(firsts, pool, home, puzzle, batch) * 2 * width
                mean, peak = pooled[start : start + width], pooled[start + width : start + 2 * width]
                total, greatest = sums[firsts[pool] + home], peaks[firsts[pool] + home]
                for i in range(width):
                    mean[i] = store(total[i] * part, like)
                    peak[i] = store(greatest[i], like)


@summing
def norm_messages(h, messages, result, scale, homes, firsts, batch, places, pools, width, eps, like, zero):
    """result = (h + messages of its groups) x scale, so that each row has mean square 1."""
    homes, firsts, groups = _groups(homes, firsts, pools, places)
    rows = batch * places
    h, result, scale = array(h, rows * width, like), array(result, rows * width, like), array(scale, rows, zero)
    messages = array(messages, batch * groups * width, like)
    total = np.full(width, zero)
    for row in range(rows):
        puzzle, place = row // places, row % places
        old, new = h[row * width : (row + 1) * width], result[row * width : (row + 1) * width]
        for i in range(width):
            total[i] = load(old[i])
        for pool in range(pools):
            start = _row_of_group(firsts, pool, homes[pool * places + place], puzzle, batch) * width
            message = messages[start : start + width]
            for i in range(width):
                total[i] += load(message[i])
        square = zero
        for i in range(width):
            square += total[i] * total[i]
        factor = ONE / np.sqrt(square / np.float32(width) + eps)
        scale[row] = factor
        for i in range(width):
            new[i] = store(total[i] * factor, like)


@elementwise
def sum_groups(d_total, d_messages, homes, firsts, batch, places, pools, width, like, zero):
    """Gradient of messages: the sum over all places that get them."""
    homes, firsts, groups = _groups(homes, firsts, pools, places)
    d_total, d_messages = array(d_total, batch * places * width, like), array(d_messages, batch * groups * width, like)
    sums = np.full((groups, width), zero)
    for puzzle in range(batch):
        sums[:] = zero
        for place in range(places):
            start = (puzzle * places + place) * width
            row = d_total[start : start + width]
            for pool in range(pools):
                total = sums[firsts[pool] + homes[pool * places + place]]
                for i in range(width):
                    total[i] += load(row[i])
        for pool in range(pools):
            for home in range(firsts[pool + 1] - firsts[pool]):
                start = _row_of_group(firsts, pool, home, puzzle, batch) * width
                into, total = d_messages[start : start + width], sums[firsts[pool] + home]
                for i in range(width):
                    into[i] = store(total[i], like)


@elementwise
def pool_gradient(h, pooled, d_pooled, d_h, homes, firsts, batch, places, pools, width, like, zero):
    """Adds to `d_h` the gradient of `pool`: that of a mean goes to all places, that of a maximum in equal shares to
    the places equal to it."""
    homes, firsts, groups = _groups(homes, firsts, pools, places)
    h, d_h = array(h, batch * places * width, like), array(d_h, batch * places * width, like)
    pooled = array(pooled, batch * groups * 2 * width, like)
    d_pooled = array(d_pooled, batch * groups * 2 * width, like)
    equal, total = np.full((groups, width), zero), np.full(width, zero)
    for puzzle in range(batch):
        equal[:] = zero
        for place in range(places):
            start = (puzzle * places + place) * width
            row = h[start : start + width]
            for pool in range(pools):
                home = homes[pool * places + place]
                start = (_row_of_group(firsts, pool, home, puzzle, batch) * 2 + 1) * width
                peak, count = pooled[start : start + width], equal[firsts[pool] + home]
                for i in range(width):
                    count[i] += ONE if load(row[i]) == load(peak[i]) else zero
        for place in range(places):
            start = (puzzle * places + place) * width
            row, into = h[start : start + width], d_h[start : start + width]
            for i in range(width):
                total[i] = load(into[i])
            for pool in range(pools):
                home = homes[pool * places + place]
                part = (zero + np.float32(firsts[pool + 1] - firsts[pool])) / np.float32(places)
                start = _row_of_group(firsts, pool, home, puzzle, batch) * 2 * width
                peak, count = pooled[start + width : start + 2 * width], equal[firsts[pool] + home]
                d_mean, d_peak = d_pooled[start : start + width], d_pooled[start + width : start + 2 * width]
                for i in range(width):
                    share = load(d_peak[i]) / max(count[i], ONE)
                    total[i] += load(d_mean[i]) * part + (share if load(row[i]) == load(peak[i]) else zero)
            for i in range(width):
                into[i] = store(total[i], like)
