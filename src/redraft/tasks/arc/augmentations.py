"""Augmentations of ARC tasks: symmetries of the square, orders of colours and places on the canvas, never as grids."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import isqrt
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from redraft.arrays import Arrays, unpack
from redraft.errors import DataError
from redraft.files import write_bytes
from redraft.tasks import canvas
from redraft.tasks.arc.files import COLOURS, SIDE, ArcTask
from redraft.tasks.base import IGNORE, Tokens

Colours = NDArray[np.uint8]  # (..., 10), the new colour of each
Hashes = NDArray[np.uint64]
_T = TypeVar("_T", bound=np.integer)

# The symmetries of the square by their published numbers (0 none, 1-3 quarter turns to the left, 4 left to right,
# 5 upside down, 6 transpose, 7 the other diagonal) as those of `tasks.canvas`.
SYMMETRIES = np.array([0, 6, 3, 5, 1, 2, 4, 7])
UNDOES = (0, 3, 2, 1, 4, 5, 6, 7)  # which takes each back

# Share of pairs that are not moved: published sets leave one pair per augmentation in place, where all questions stand
# in use.
STAYS = 0.25

BLANK, MARK = "<blank>", "|||"  # of published identifiers: no puzzle, and the sign between name and transform
TRIES = 5  # draws per augmentation
DRAWS = 1024  # at a time
_ARRAYS: Arrays = {
    "tasks": (np.str_, 1),
    "starts": (np.signedinteger, 1),
    "symmetries": (np.unsignedinteger, 1),
    "colours": (np.unsignedinteger, 2),
}


# one change of many pairs
def turn(grid: NDArray[_T], symmetry: int) -> NDArray[_T]:
    """A grid (h, w) under one of the eight symmetries of the square, by its published number."""
    return canvas.turn(grid, int(SYMMETRIES[symmetry]))


def draw(rng: np.random.Generator, count: int) -> tuple[NDArray[np.uint8], Colours]:
    """`count` random symmetries (count,) and orders of the colours (count, 10) in which 0 stays."""
    symmetries = rng.integers(8, size=count, dtype=np.uint8)
    colours = np.tile(np.arange(COLOURS, dtype=np.uint8), (count, 1))
    colours[:, 1:] = rng.permuted(colours[:, 1:], axis=1)
    return symmetries, colours


def transform(
    inputs: Tokens,
    labels: Tokens,
    symmetries: NDArray[np.uint8],
    colours: Colours,
    rng: np.random.Generator | None = None,
) -> tuple[Tokens, Tokens]:
    """Pairs of grids (B, L) in the top left corner of a canvas, L = S x S, each under a symmetry (B,)
    and colours (B, 10).

    With `rng`, each pair is moved to a random place where both grids lie on the canvas, or stays, one in four.
    """
    names = np.zeros((len(inputs), COLOURS + canvas.FIRST), inputs.dtype)  # for each token
    names[:, canvas.END], names[:, canvas.FIRST :] = canvas.END, colours + canvas.FIRST
    side, moves = isqrt(inputs.shape[1]), SYMMETRIES[symmetries]
    boards = [np.asarray(tokens).reshape(-1, side, side) for tokens in (inputs, labels)]
    sizes = [canvas.sizes(board, moves, canvas.FIRST) for board in boards]
    corners = np.zeros((len(inputs), 2), np.int64)
    if rng is not None:
        corners = rng.integers(side + 1 - np.maximum(*sizes))
        corners[rng.random(len(corners)) < STAYS] = 0
    question, answer = (
        canvas.rename(canvas.move(board, moves, size, corners, pad), names).reshape(-1, side * side)
        for board, size, pad in zip(boards, sizes, (0, IGNORE), strict=True)
    )
    return question, answer


# a list of changes of tasks
@dataclass(frozen=True, kw_only=True)
class Views:
    """V augmentations of T tasks; augmentation v has puzzle id v + 1, because id 0 stands for no puzzle.

    Attributes:
        tasks: names of the tasks, T.
        starts: (T + 1,) int64; those of task t are starts[t] to starts[t + 1] - 1, the first of them the task as it is.
        symmetries: (V,) uint8, one of the eight symmetries of the square.
        colours: (V, 10) uint8, the new colour of each.
    """

    tasks: tuple[str, ...]
    starts: NDArray[np.int64]
    symmetries: NDArray[np.uint8]
    colours: Colours

    @classmethod
    def make(cls, tasks: Sequence[ArcTask], *, count: int = 1000, seed: int = 0) -> Views:
        """Each task as it is and with up to `count` random augmentations: a symmetry and an order of colours 1-9.

        Two that show the same pairs count once, so a task with few colours may have fewer: no more than 5 * count are
        drawn. Those of a task depend on (seed, its name, its pairs) alone, and fewer of them are the first of more.
        Raises DataError for tasks of the same name.
        """
        names = tuple(task.name for task in tasks)
        _require_names(names)
        found = [_distinct(task, count, seed) for task in tasks]
        return cls(
            tasks=names,
            starts=np.cumsum([0, *(len(symmetries) for symmetries, _ in found)], dtype=np.int64),
            symmetries=np.concatenate([np.zeros(0, np.uint8), *(symmetries for symmetries, _ in found)]),
            colours=np.concatenate([np.zeros((0, COLOURS), np.uint8), *(colours for _, colours in found)]),
        )

    def __len__(self) -> int:
        return len(self.symmetries)

    def counts(self, ids: NDArray[np.integer]) -> NDArray[np.int64]:
        """The number of augmentations (B,) of the tasks with these puzzle ids (B,)."""
        task = self.places(ids)
        return self.starts[task + 1] - self.starts[task]

    def places(self, ids: NDArray[np.integer]) -> NDArray[np.int64]:
        """The places in `tasks` (B,) of the tasks with these puzzle ids (B,)."""
        return np.searchsorted(self.starts, np.asarray(ids) - 1, side="right") - 1

    def locate(self, id: int) -> tuple[int, int]:
        """The task's place in `tasks` and the number of its augmentation, 0 for the task as it is; else ValueError."""
        if not 1 <= id <= len(self):
            raise ValueError(f"expected a puzzle id from 1 to {len(self)}, got {id}")
        task = int(self.places(np.array(id)))
        return task, int(id - 1 - self.starts[task])

    def ids(self, task: str) -> range:
        """The puzzle ids of a task, the task as it is first; ValueError for a name that is not in `tasks`."""
        t = self.tasks.index(task)
        return range(int(self.starts[t]) + 1, int(self.starts[t + 1]) + 1)

    def fingerprint(self) -> str:
        """A digest of 16 characters, equal where the same puzzle ids stand for the same augmentations."""
        digest = hashlib.blake2b("\n".join(self.tasks).encode(), digest_size=8)
        for array in (self.starts, self.symmetries, self.colours):
            digest.update(array.tobytes())
        return digest.hexdigest()

    # grids
    def show(
        self, inputs: Tokens, labels: Tokens, ids: NDArray[np.integer], rng: np.random.Generator | None
    ) -> tuple[Tokens, Tokens]:
        """Inputs and labels (B, L) of tasks as they are, under the augmentations with these puzzle ids (B,).

        With `rng`, most pairs are also moved to a random place where both grids lie on the canvas; else they stay in
        the top left corner. Ignored labels stay so. Raises ValueError for an unknown id.
        """
        v = np.asarray(ids) - 1
        if len(v) and not 0 <= v.min() <= v.max() < len(self):
            raise ValueError(f"expected puzzle ids from 1 to {len(self)}, got {v.min() + 1} to {v.max() + 1}")
        return transform(inputs, labels, self.symmetries[v], self.colours[v], rng)

    def view(self, grid: NDArray[np.integer], id: int) -> NDArray[np.uint8]:
        """A grid (h, w) of the task under the augmentation with this puzzle id."""
        self.locate(id)
        return turn(self.colours[id - 1][grid], int(self.symmetries[id - 1]))

    def undo(self, grid: NDArray[np.integer], id: int) -> NDArray[np.uint8]:
        """A grid (h, w) under the augmentation with this puzzle id, back in the task's own colours and orientation."""
        self.locate(id)
        own = np.argsort(self.colours[id - 1]).astype(np.uint8)
        return own[turn(grid, UNDOES[self.symmetries[id - 1]])]

    # names and files
    def identifiers(self) -> list[str]:
        """The name of every puzzle id as published: `<blank>`, then `NAME` or `NAME|||t3|||0123456789`."""
        colours = (self.colours + ord("0")).astype(np.uint8).tobytes().decode()
        names = [BLANK]
        for task, start, stop in zip(self.tasks, self.starts[:-1].tolist(), self.starts[1:].tolist(), strict=True):
            names.append(task)
            for v in range(start + 1, stop):
                names.append(f"{task}{MARK}t{self.symmetries[v]}{MARK}{colours[COLOURS * v : COLOURS * (v + 1)]}")
        return names

    @classmethod
    def from_identifiers(cls, names: Sequence[str]) -> Views:
        """The augmentations that `identifiers`, or a published `identifiers.json`, names; raises DataError."""
        if not names or names[0] != BLANK:
            raise DataError(f"identifier 0: expected {BLANK!r}, got {names[0] if names else 'none'!r}")
        tasks: list[str] = []
        starts, symmetries, colours = [], [0] * (len(names) - 1), ["0123456789"] * (len(names) - 1)
        for i, name in enumerate(names[1:], 1):
            task, *transform = name.split(MARK)
            if not transform:
                tasks.append(task)
                starts.append(i - 1)
                continue
            good = len(transform) == 2 and transform[0] in {f"t{k}" for k in range(8)}
            if not (good and transform[1][:1] == "0" and sorted(transform[1]) == list("0123456789")):
                raise DataError(f"identifier {i}, {name!r}: expected a task, or as in 'task|||t3|||0123456789'")
            if not tasks or tasks[-1] != task:
                raise DataError(f"identifier {i}, {name!r}: expected its task's own name before its augmentations")
            symmetries[i - 1], colours[i - 1] = int(transform[0][1]), transform[1]
        _require_names(tasks)
        return cls(
            tasks=tuple(tasks),
            starts=np.array([*starts, len(names) - 1], np.int64),
            symmetries=np.array(symmetries, np.uint8),
            colours=np.frombuffer("".join(colours).encode(), np.uint8).reshape(-1, COLOURS) - np.uint8(ord("0")),
        )

    def save(self, file: Path) -> None:
        """Writes the augmentations to an .npz file, whole or not at all."""
        content = io.BytesIO()
        tasks = np.array(self.tasks, dtype=np.str_)
        np.savez(content, tasks=tasks, starts=self.starts, symmetries=self.symmetries, colours=self.colours)
        write_bytes(file, content.getvalue())

    @classmethod
    def open(cls, file: Path) -> Views:
        """The augmentations that `save` wrote; raises DataError where the file is damaged."""
        try:
            content = file.read_bytes()
        except OSError as error:
            raise DataError(f"{file}: {error.strerror or error}; expected the augmentations of a store") from error
        try:
            found = unpack(content, _ARRAYS)
        except ValueError as error:
            raise DataError(f"{file}: damaged or not the augmentations of a store ({error})") from error
        tasks = tuple(found.pop("tasks").tolist())
        views = cls(tasks=tasks, **found)
        if problem := views._problem():
            raise DataError(f"{file}: {problem}; damaged")
        return views

    def _problem(self) -> str:
        """A contradiction among the arrays, in words; empty where there is none."""
        bounds = self.starts
        if self.colours.shape != (len(self), COLOURS) or len(bounds) != len(self.tasks) + 1:
            return "the arrays differ in length"
        if bounds[0] != 0 or bounds[-1] != len(self) or not (np.diff(bounds) > 0).all():
            return "starts do not divide the augmentations among the tasks"
        if len(set(self.tasks)) < len(self.tasks):
            return "two tasks have the same name"
        own = np.arange(COLOURS)
        if (self.symmetries >= 8).any() or (np.sort(self.colours, axis=1) != own).any() or self.colours[:, 0].any():
            return "an augmentation is no symmetry with an order of colours 1-9"
        first = bounds[:-1]
        return (
            ""
            if (self.symmetries[first] == 0).all() and (self.colours[first] == own).all()
            else "a task does not come first as it is"
        )


def _require_names(names: Sequence[str]) -> None:
    """Raises DataError for task names that cannot identify augmentations."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise DataError(f"task {name!r} comes twice; every task needs a name of its own")
        if MARK in name or name == BLANK:
            raise DataError(f"task {name!r}: a name may not hold {MARK!r} or be {BLANK!r}; rename the task")
        seen.add(name)


# distinct augmentations, compared by hashes: no grid is built
def _distinct(task: ArcTask, count: int, seed: int) -> tuple[NDArray[np.uint8], Colours]:
    """The task as it is and up to `count` augmentations that show other pairs than it and one another."""
    key = int.from_bytes(hashlib.sha256(task.name.encode()).digest()[:8], "little")
    rng = np.random.default_rng((seed, key))
    cells, frames = _tables(task)
    symmetries = np.zeros(1, np.uint8)
    colours = np.arange(COLOURS, dtype=np.uint8)[None]
    hashes = _hashes(cells, frames, symmetries, colours)
    left = TRIES * count
    while left > 0 and len(hashes) <= count:
        drawn = [each[:left] for each in draw(rng, DRAWS)]
        left -= len(drawn[0])
        symmetries, colours = np.concatenate([symmetries, drawn[0]]), np.concatenate([colours, drawn[1]])
        hashes = np.concatenate([hashes, _hashes(cells, frames, *drawn)])
        first = np.sort(np.unique(hashes, return_index=True)[1])[: count + 1]
        symmetries, colours, hashes = symmetries[first], colours[first], hashes[first]
    return symmetries, colours


def _tables(task: ArcTask) -> tuple[Hashes, Hashes]:
    """Sums of position hashes (8, pairs, 10) for each symmetry, pair and colour; hashes (8, pairs) of the shapes.

    A pair's hash under a symmetry g and colours p is the sum over c of cells[g, pair, c] * value[p[c]], so that one
    table serves all orders of colours.
    """
    positions, shapes, _ = _randoms()
    pairs = (*task.train, *task.test)
    cells, frames = np.zeros((8, len(pairs), COLOURS), np.uint64), np.zeros((8, len(pairs)), np.uint64)
    for p, pair in enumerate(pairs):
        for side, grid in enumerate(pair):
            if grid is None:
                continue
            for symmetry in range(8):
                turned = turn(grid, symmetry)
                height, width = turned.shape
                np.add.at(cells[symmetry, p], turned, positions[side, :height, :width])
                frames[symmetry, p : p + 1] += shapes[side, height, width]  # an array, for a scalar warns when it wraps
    return cells, frames


def _hashes(cells: Hashes, frames: Hashes, symmetries: NDArray[np.uint8], colours: Colours) -> Hashes:
    """The hash (B,) of the pairs, in whatever order, that a task shows under symmetries (B,) and colours (B, 10)."""
    value = _randoms()[2][colours]
    pairs = (cells[symmetries] * value[:, None, :]).sum(2) + frames[symmetries]
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):  # so that sums of pairs differ
        pairs = (pairs ^ (pairs >> np.uint64(shift))) * np.uint64(factor)
    return (pairs ^ (pairs >> np.uint64(31))).sum(1)


@cache
def _randoms() -> tuple[Hashes, Hashes, Hashes]:
    """Random numbers for a cell of either grid (2, 30, 30), a grid's shape (2, 31, 31), and a colour (10,)."""
    rng = np.random.default_rng(0)
    shapes = ((2, SIDE, SIDE), (2, SIDE + 1, SIDE + 1), (COLOURS,))
    first, second, third = (rng.integers(1 << 64, size=shape, dtype=np.uint64) for shape in shapes)
    return first, second, third
