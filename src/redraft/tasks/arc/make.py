"""Made-up ARC tasks, each a few pairs of one hidden rule, to try things without any data."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from redraft.tasks.arc.augmentations import turn
from redraft.tasks.arc.files import COLOURS, ArcTask, Pair

Grid = NDArray[np.uint8]  # (h, w), colours 0-9
Rule = Callable[[Grid], Grid]
DEMONSTRATIONS = 3  # pairs of a task besides the one to be answered
SIDES = (3, 10)  # of a question, at least and less than


def make_tasks(count: int, seed: int) -> list[ArcTask]:
    """`count` tasks of three demonstrations and one test pair; task i depends on (seed, i) alone."""
    return [_task(seed, i) for i in range(count)]


def _task(seed: int, index: int) -> ArcTask:
    rng = np.random.default_rng((seed, index))
    kinds = list(KINDS)
    kind = kinds[rng.integers(len(kinds))]
    rule = KINDS[kind](rng)
    questions = [_question(rng) for _ in range(DEMONSTRATIONS + 1)]
    pairs = [Pair(question, np.ascontiguousarray(rule(question))) for question in questions]
    return ArcTask(name=f"{kind}-{seed}-{index}", train=tuple(pairs[:-1]), test=(pairs[-1],))


def _question(rng: np.random.Generator) -> Grid:
    """A black grid with a few rectangles of other colours, which may lie on one another."""
    height, width = rng.integers(*SIDES, size=2)
    grid = np.zeros((height, width), np.uint8)
    for _ in range(rng.integers(2, 5)):
        top, left = rng.integers(height), rng.integers(width)
        tall, wide = rng.integers(1, 5, size=2)
        grid[top : top + tall, left : left + wide] = rng.integers(1, COLOURS)
    return grid


# rules: each kind draws its parameters and returns a function of a question
def _symmetry(rng: np.random.Generator) -> Rule:
    symmetry = int(rng.integers(1, 8))
    return lambda grid: turn(grid, symmetry)


def _recolour(rng: np.random.Generator) -> Rule:
    becomes = np.concatenate([[0], rng.permutation(np.arange(1, COLOURS))]).astype(np.uint8)
    return lambda grid: becomes[grid]


def _gravity(rng: np.random.Generator) -> Rule:
    """All coloured cells fall to one side."""
    symmetry = int(rng.integers(4))  # of the quarter turns, which bring that side to the bottom and back

    def fall(grid: Grid) -> Grid:
        turned = turn(grid, symmetry)
        order = np.argsort(turned != 0, axis=0, kind="stable")
        return turn(np.take_along_axis(turned, order, axis=0), (4 - symmetry) % 4)

    return fall


def _border(rng: np.random.Generator) -> Rule:
    colour, outside = rng.integers(1, COLOURS), bool(rng.integers(2))

    def draw(grid: Grid) -> Grid:
        inner = grid if outside else grid[1:-1, 1:-1]
        return np.pad(inner, 1, constant_values=colour)

    return draw


def _double(rng: np.random.Generator) -> Rule:
    """The grid beside, or above, its mirror image."""
    axis = int(rng.integers(2))
    return lambda grid: np.concatenate([grid, np.flip(grid, axis)], axis=axis)


def _scale(rng: np.random.Generator) -> Rule:
    factor = int(rng.integers(2, 4))
    return lambda grid: grid.repeat(factor, axis=0).repeat(factor, axis=1)


def _largest(rng: np.random.Generator) -> Rule:
    """Only the largest object stays, the first of several; objects are cells of one colour that touch."""
    crop = bool(rng.integers(2))

    def keep(grid: Grid) -> Grid:
        objects = _objects(grid)
        sizes = np.bincount(objects.ravel(), minlength=2)
        sizes[0] = 0
        inside = objects == sizes.argmax()
        if not crop:
            return np.where(inside, grid, 0).astype(np.uint8)
        rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
        return np.where(inside, grid, 0).astype(np.uint8)[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]

    return keep


def _objects(grid: Grid) -> NDArray[np.int64]:
    """The number (h, w) of the object each coloured cell belongs to, from 1; 0 for a black cell."""
    numbers = np.where(grid != 0, np.arange(1, grid.size + 1).reshape(grid.shape), 0)
    while True:  # the least number spreads over its object
        before = numbers.copy()
        for old, new in ((np.s_[1:], np.s_[:-1]), (np.s_[:-1], np.s_[1:])):
            for axis in (0, 1):
                here, there = np.moveaxis(numbers, axis, 0)[old], np.moveaxis(numbers, axis, 0)[new]
                same = np.moveaxis(grid, axis, 0)[old] == np.moveaxis(grid, axis, 0)[new]
                np.copyto(here, np.minimum(here, there), where=same)
        if np.array_equal(before, numbers):
            return numbers


KINDS: dict[str, Callable[[np.random.Generator], Rule]] = {
    "symmetry": _symmetry,
    "recolour": _recolour,
    "gravity": _gravity,
    "border": _border,
    "double": _double,
    "scale": _scale,
    "largest": _largest,
}
