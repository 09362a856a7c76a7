"""Leaks of ARC: evaluation tasks whose test pairs are in the training data, under whatever name.

Pairs are compared by content, those of other tasks also up to the augmentations of training: the eight symmetries and
any order of the colours 1 to 9.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from redraft.errors import DataError
from redraft.tasks.arc.augmentations import turn
from redraft.tasks.arc.files import ArcTask, Pair

SHOWN = 5  # tasks that a message names

# ARC-AGI-1's own leaks, which published scores count: 070dd51e copies the training task 40853293; the test pair of
# 50a16a69 is, in other colours, a demonstration of the training task caa06a1f, also in ARC-AGI-2's training set.
OWN_LEAKS = ("070dd51e", "50a16a69")

# Changes of colour (`_changes`) needed to recognise a pair that is turned or recoloured, or a question without answer.
# Simpler ones look alike by chance: in ARC-AGI-1 a dozen inputs of 3x3, in tasks of other rules.
TELLING = 16


class LeakPlace(NamedTuple):
    """A pair in the training data: pair `number` (from 1) of the `part` (train or test) of the task of that name."""

    task: str
    part: str
    number: int


class Leak(NamedTuple):
    """An evaluation task of which `pairs` test pairs are in the training task `training`; `whole` if all its pairs are.

    `test` is the number, from 1, of the first such test pair, found at `place`. A task may leak into itself.
    """

    task: str
    training: str
    pairs: int
    whole: bool
    test: int
    place: LeakPlace

    def __str__(self) -> str:
        part = "demonstration" if self.place.part == "train" else "test pair"
        return f"test pair {self.test} of {self.task} is {part} {self.place.number} " + (
            "of its own" if self.training == self.task else f"of {self.training}"
        )


def trained_on(training: Sequence[ArcTask], evaluation: Sequence[ArcTask]) -> Iterator[tuple[Pair, LeakPlace]]:
    """All pairs of training tasks and the demonstrations of evaluation tasks that have outputs."""
    parts = [
        (task.name, part, pairs) for task in training for part, pairs in (("train", task.train), ("test", task.test))
    ]
    parts += [(task.name, "train", task.train) for task in evaluation]
    for name, part, pairs in parts:
        for number, pair in enumerate(pairs, 1):
            if pair.output is not None:
                yield pair, LeakPlace(name, part, number)


def leaks(training: Sequence[ArcTask], evaluation: Sequence[ArcTask]) -> list[Leak]:
    """The evaluation tasks with test pairs in the training data, once for each task that holds some.

    A test pair of unknown output is found by its input, if that is complex enough (TELLING) or its whole task leaks.
    """
    known = _Known(trained_on(training, evaluation))
    found = []
    for task in evaluation:
        tests = [known.places(pair, task.name) for pair in task.test]
        names = sorted(set(chain.from_iterable(tests)))
        shown = [known.places(pair, task.name) for pair in task.train] if names else []
        sure = {
            name
            for pair, places in zip(task.test, tests, strict=True)
            if pair.output is not None or _changes(*pair) >= TELLING
            for name in places
        }
        for name in names:
            held = [number for number, places in enumerate(tests, 1) if name in places]
            whole = name != task.name and all(name in places for places in (*tests, *shown))
            if whole or name in sure:
                found.append(Leak(task.name, name, len(held), whole, held[0], tests[held[0] - 1][name]))
    return found


def refuse_leaks(training: Sequence[ArcTask], evaluation: Sequence[ArcTask], allow: Collection[str] = ()) -> list[str]:
    """The leaking evaluation tasks, all of which `allow` must name ("all" for all); raises DataError for others."""
    allowed = {allow} if isinstance(allow, str) else set(allow)
    found = leaks(training, evaluation)
    names = list(dict.fromkeys(leak.task for leak in found))
    if wrong := [leak for leak in found if leak.task not in allowed and "all" not in allowed]:
        tasks = list(dict.fromkeys(leak.task for leak in wrong))
        whole = len({leak.task for leak in wrong if leak.whole})
        raise DataError(
            f"{len(tasks)} of {len(evaluation)} evaluation tasks have test pairs in the training data"
            + (f", {whole} of them as a whole" if whole else "")
            + f": {some(tasks)}; {wrong[0]}; a score on these means nothing: "
            f"take them out, or allow them by name (--allow-leaks {' '.join(tasks[:SHOWN])})"
        )
    return names


def some(names: Sequence[str]) -> str:
    """The first few names, for a message."""
    return ", ".join(names[:SHOWN]) + (" and more" if len(names) > SHOWN else "")


class _Known:
    """Pairs in the training data, to be found as they are, or turned or recoloured."""

    def __init__(self, pairs: Iterator[tuple[Pair, LeakPlace]]) -> None:
        self.same: dict[bytes, list[LeakPlace]] = {}
        self.alike: dict[tuple[int, ...], list[tuple[Pair, LeakPlace]]] = {}
        for pair, place in pairs:
            for each in (pair, Pair(pair.input, None)):  # the question alone, to find those of unknown answer
                self.same.setdefault(_content(each), []).append(place)
                if _changes(*each) >= TELLING:
                    self.alike.setdefault(_outline(each), []).append((each, place))

    def places(self, pair: Pair, task: str) -> dict[str, LeakPlace]:
        """The first place of a pair of the evaluation task `task` in each task of the training data."""
        found: dict[str, LeakPlace] = {}
        for place in self.same.get(_content(pair), ()):
            found.setdefault(place.task, place)
        for each, place in self.alike.get(_outline(pair), ()):
            # a task may show its rule by turning or recolouring its own pairs, which is no leak
            if place.task not in (task, *found) and _canonical(each) == _canonical(pair):
                found[place.task] = place
        return found


def _content(pair: Pair) -> bytes:
    return b"".join(_written(pair, 0))


def _outline(pair: Pair) -> tuple[int, ...]:
    """Properties that no augmentation changes: cells, black cells and changes of colour of each grid."""
    grids = [grid for grid in pair if grid is not None]
    return tuple(number for grid in grids for number in (grid.size, int((grid == 0).sum()), _changes(grid)))


def _canonical(pair: Pair) -> bytes:
    """Equal for pairs that some augmentation makes equal, and for no others."""
    return min(_recoloured(*_written(pair, symmetry)) for symmetry in range(8))


def _changes(*grids: NDArray[np.uint8] | None) -> int:
    """Number of changes of colour from one cell to the next, along rows and columns, in all grids."""
    edges = (each for grid in grids if grid is not None for each in (np.diff(grid, axis=0), np.diff(grid, axis=1)))
    return sum(map(np.count_nonzero, edges))


def _written(pair: Pair, symmetry: int) -> tuple[bytes, bytes]:
    """The shapes of both grids under a symmetry, and their cells."""
    grids = [np.zeros((0, 0), np.uint8) if grid is None else turn(grid, symmetry) for grid in pair]
    return bytes(side for grid in grids for side in grid.shape), b"".join(grid.tobytes() for grid in grids)


def _recoloured(shapes: bytes, cells: bytes) -> bytes:
    """The same with colours 1 to 9 numbered in the order in which they occur; no augmentation changes colour 0."""
    names = bytearray(256)
    for number, colour in enumerate((each for each in dict.fromkeys(cells) if each), 1):
        names[colour] = number
    return shapes + cells.translate(names)
