"""Leaks of ARC: evaluation tasks whose test pairs stand in what is trained on, whatever they are called there.

Pairs are compared by content, those of other tasks also under all the views that tasks are trained under
(`tasks.views`): the eight symmetries and any order of the colours 1 to 9.
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

# ARC-AGI-1's own leaks, which published scores count: 070dd51e is the training task 40853293 again; the test pair of
# 50a16a69 is, in other colours, a demonstration of the training task caa06a1f, and is so in ARC-AGI-2's training too.
OWN_LEAKS = ("070dd51e", "50a16a69")

# Changes of colour (`_changes`) from which on a pair is known again when it is turned or recoloured, and a question
# without its answer. Smaller ones look alike by chance: in ARC-AGI-1 a dozen inputs of 3x3, in tasks of other rules.
TELLING = 16


class LeakPlace(NamedTuple):
    """Where a pair is trained on: pair `number` (from 1) of the `part` (train or test) of a task, by its name."""

    task: str
    part: str
    number: int


class Leak(NamedTuple):
    """An evaluation task of which `pairs` test pairs are trained on in the task `training`, `whole` if all its pairs.

    `test` is the number, from 1, of the first of them, and `place` where it stands. A task may leak into itself.
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
    """What is trained on: all pairs of training tasks and the demonstrations of evaluation tasks that have outputs."""
    parts = (
        *(
            (task.name, part, pairs)
            for task in training
            for part, pairs in (("train", task.train), ("test", task.test))
        ),
        *((task.name, "train", task.train) for task in evaluation),
    )
    for name, part, pairs in parts:
        for number, pair in enumerate(pairs, 1):
            if pair.output is not None:
                yield pair, LeakPlace(name, part, number)


def leaks(training: Sequence[ArcTask], evaluation: Sequence[ArcTask]) -> list[Leak]:
    """The evaluation tasks with test pairs that are trained on, once for each task that these stand in.

    A test pair whose output is not known is looked for by its input, if that is telling or its whole task stands there.
    """
    known = _Known(trained_on(training, evaluation))
    found = []
    for task in evaluation:
        tests = [known.places(pair, task.name) for pair in task.test]
        names = sorted(set(chain.from_iterable(tests)))
        shown = [known.places(pair, task.name) for pair in task.train] if names else []
        sure = {name for pair, places in zip(task.test, tests, strict=True) if not _faint(pair) for name in places}
        for name in names:
            held = [number for number, places in enumerate(tests, 1) if name in places]
            whole = name != task.name and all(name in places for places in (*tests, *shown))
            if whole or name in sure:
                found.append(Leak(task.name, name, len(held), whole, held[0], tests[held[0] - 1][name]))
    return found


def refuse_leaks(training: Sequence[ArcTask], evaluation: Sequence[ArcTask], allow: Collection[str] = ()) -> list[str]:
    """The leaking evaluation tasks that `allow` names ("all" for all); raises DataError where others leak."""
    allowed = {allow} if isinstance(allow, str) else set(allow)
    found = leaks(training, evaluation)
    names = list(dict.fromkeys(leak.task for leak in found))
    if wrong := [leak for leak in found if leak.task not in allowed and "all" not in allowed]:
        tasks = list(dict.fromkeys(leak.task for leak in wrong))
        whole = len({leak.task for leak in wrong if leak.whole})
        raise DataError(
            f"{len(tasks)} of {len(evaluation)} evaluation tasks have test pairs in what is trained on"
            + (f", {whole} of them are there as a whole" if whole else "")
            + f": {some(tasks)}; {wrong[0]}; a score on these means nothing: "
            f"take them out, or allow them by name (--allow-leaks {' '.join(tasks[:SHOWN])})"
        )
    return names


def some(names: Sequence[str]) -> str:
    """The first few names, for a message."""
    return ", ".join(names[:SHOWN]) + (" and more" if len(names) > SHOWN else "")


class _Known:
    """Pairs that are trained on, to be found again as they are, and turned or recoloured."""

    def __init__(self, pairs: Iterator[tuple[Pair, LeakPlace]]) -> None:
        self.same: dict[bytes, list[LeakPlace]] = {}
        self.alike: dict[Outline, list[tuple[Pair, LeakPlace]]] = {}
        for pair, place in pairs:
            for each in (pair, Pair(pair.input, None)):  # the question alone is for those whose answer is not known
                self.same.setdefault(_content(each), []).append(place)
                if _changes(each) >= TELLING:
                    self.alike.setdefault(_outline(each), []).append((each, place))

    def places(self, pair: Pair, task: str) -> dict[str, LeakPlace]:
        """The first place of a pair of an evaluation task in each task that is trained on."""
        found: dict[str, LeakPlace] = {}
        for place in self.same.get(_content(pair), ()):
            found.setdefault(place.task, place)
        # a task may show its rule by turning or recolouring its own pairs, which is no leak
        others = [each for each in self.alike.get(_outline(pair), ()) if each[1].task not in (task, *found)]
        if others:
            key = _under_any_view(pair)
            for each, place in others:
                if _under_any_view(each) == key:
                    found.setdefault(place.task, place)
        return found


def _faint(pair: Pair) -> bool:
    """Whether the pair is a question without answer that many others are like."""
    return pair.output is None and _changes(pair) < TELLING


# what a pair is known by
Outline = tuple[int, ...]


def _content(pair: Pair) -> bytes:
    return b"".join(_written(pair, 0))


def _outline(pair: Pair) -> Outline:
    """What no view changes: of both grids the cells, the black ones, and the changes of colour."""
    return tuple(
        number
        for grid in pair
        for number in ((grid.size, int((grid == 0).sum()), _borders(grid)) if grid is not None else ())
    )


def _under_any_view(pair: Pair) -> bytes:
    """The same for all pairs that some view makes equal, and for no others."""
    return min(_recoloured(*_written(pair, symmetry)) for symmetry in range(8))


def _changes(pair: Pair) -> int:
    """How often the colour changes from one cell to the next, along rows and columns, in both grids."""
    return sum(_borders(grid) for grid in pair if grid is not None)


def _borders(grid: NDArray[np.uint8]) -> int:
    return int(np.count_nonzero(grid[:, 1:] != grid[:, :-1]) + np.count_nonzero(grid[1:] != grid[:-1]))


def _written(pair: Pair, symmetry: int) -> tuple[bytes, bytes]:
    """The shapes of both grids under a symmetry, and their cells."""
    grids = [np.zeros((0, 0), np.uint8) if grid is None else turn(grid, symmetry) for grid in pair]
    return bytes(side for grid in grids for side in grid.shape), b"".join(grid.tobytes() for grid in grids)


def _recoloured(shapes: bytes, cells: bytes) -> bytes:
    """The same with the colours 1 to 9 numbered in the order in which they occur, for no view changes colour 0."""
    names = bytearray(256)
    for number, colour in enumerate((each for each in dict.fromkeys(cells) if each), 1):
        names[colour] = number
    return shapes + cells.translate(names)
