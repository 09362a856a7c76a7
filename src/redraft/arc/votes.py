"""Votes for ARC: answers of a model under many augmentations of a task, counted, ranked, merged and kept in a file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from redraft.arrays import Arrays, pack, unpack_with_meta
from redraft.errors import DataError
from redraft.files import write_bytes
from redraft.tasks.arc.files import ArcTask

Colours = NDArray[np.uint8]  # (h, w), a grid of colours 0 to 9

FORMAT = 1
# Probabilities are summed as whole numbers of this unit: a sum must not depend on the order of adding, or votes that
# several processes collected could rank otherwise than those of one.
_UNIT = 2.0**-44
_ARRAYS: Arrays = {  # of a file: a row for each candidate, and the cells of all of them in a row
    "questions": (np.int32, 1),
    "heights": (np.uint8, 1),
    "widths": (np.uint8, 1),
    "cells": (np.uint8, 1),
    "counts": (np.int64, 1),
    "sums": (np.int64, 1),
    "firsts": (np.int64, 1),
}


class Question(NamedTuple):
    """A test input of a task, the tests numbered from 0."""

    task: str
    test: int


@dataclass(frozen=True)
class Candidate:
    """A grid (h, w) uint8 that was voted for, its number of votes and their mean halting probability."""

    grid: Colours
    count: int
    probability: float


class Shard(NamedTuple):
    """Share `number` (from 1) of the work of `of` processes, with `done` of its `votes`."""

    number: int
    of: int
    done: int
    votes: int


@dataclass(slots=True)
class _Tally:
    """Votes for one candidate: how many, their probabilities in units, and the order of the first of them."""

    count: int = 0
    sum: int = 0
    first: int = 2**62


class Votes:
    """The grids voted for, for each test input of each task.

    Attributes:
        origin: what voted, on what, and how, as plain values by name; votes of another origin are not merged.
        shards: the shares of the work that these votes are, if it was divided.
        place: the file they were read from, for messages.
    """

    def __init__(self, origin: Mapping[str, Any] | None = None, *, shards: Iterable[Shard] = ()) -> None:
        self.origin = dict(origin or {})
        self.shards = tuple(shards)
        self.place = ""
        self._tables: dict[Question, dict[bytes, _Tally]] = {}
        self._length = 0

    def __len__(self) -> int:
        """Number of votes cast."""
        return self._length

    def __iter__(self) -> Iterator[Question]:
        """The test inputs that have votes."""
        return iter(self._tables)

    def add(self, task: str, test: int, grid: NDArray[np.integer], probability: float, *, order: int = -1) -> None:
        """A vote for `grid` (h, w) of colours 0 to 9, with a halting probability of 0 to 1.

        Of candidates with equal votes and probability the one with the least `order` comes first; by default that is
        the order of adding.
        """
        order = self._length if order < 0 else order
        self._add(Question(task, test), _key(grid), _Tally(1, round(probability / _UNIT), order))

    def ranked(self, task: str, test: int) -> list[Candidate]:
        """Candidates, best first: by votes, then by mean halting probability, then by who came first."""
        table = self._tables.get(Question(task, test), {})
        best = sorted(table.items(), key=lambda item: (-item[1].count, -item[1].sum, item[1].first))
        return [Candidate(_grid(key), tally.count, tally.sum / tally.count * _UNIT) for key, tally in best]

    def merge(self, *others: Votes, force: bool = False) -> Votes:
        """The votes of all; exactly those of one process if each had its shard of the work.

        Raises DataError if they differ in origin, or hold the same work twice. `force` permits both, to let several
        models vote together for example; differing values are then left out of the origin.
        """
        merged = Votes(self.origin, shards=self.shards)
        merged.place = self.place
        for other in others:
            if not force:
                _require_mergeable(merged, other)
            merged.origin = {key: value for key, value in merged.origin.items() if other.origin.get(key) == value}
            merged.shards += other.shards
        for each in (self, *others):
            for question, table in each._tables.items():
                for key, tally in table.items():
                    merged._add(question, key, tally)
        return merged

    def missing(self) -> list[str]:
        """The shards with votes outstanding, for messages; empty if the work is done or was never divided."""
        found = {(shard.number, shard.of): shard for shard in self.shards}
        return [
            f"{number}/{of}" + (f" ({shard.done} of {shard.votes} votes)" if shard else "")
            for of in sorted({shard.of for shard in self.shards})
            for number in range(1, of + 1)
            if (shard := found.get((number, of))) is None or shard.done < shard.votes
        ]

    def save(self, file: Path) -> None:
        """Writes the votes to an .npz file, whole or not at all; raises RedraftError."""
        questions = sorted(self._tables)
        rows = [
            (number, *key[:2], tally.count, tally.sum, tally.first, key[2:])
            for number, question in enumerate(questions)
            for key, tally in sorted(self._tables[question].items(), key=lambda item: item[1].first)
        ]
        names = ("questions", "heights", "widths", "counts", "sums", "firsts")
        columns: dict[str, Any] = {name: [row[place] for row in rows] for place, name in enumerate(names)}
        columns["cells"] = np.frombuffer(b"".join(row[-1] for row in rows), np.uint8)
        arrays = {name: np.asarray(columns[name], dtype) for name, (dtype, _) in _ARRAYS.items()}
        meta = {"format": FORMAT, "origin": self.origin, "shards": self.shards, "questions": questions}
        write_bytes(file, pack(meta, arrays))

    @classmethod
    def open(cls, file: Path) -> Votes:
        """The votes that `save` wrote; raises DataError."""
        try:
            meta, arrays = unpack_with_meta(file.read_bytes(), _ARRAYS)
        except FileNotFoundError:
            raise DataError(f"{file}: no such file; expected votes that redraft arc eval wrote") from None
        except (OSError, ValueError) as error:
            raise DataError(f"{file}: damaged, or not votes that redraft arc eval wrote ({error})") from error
        if not isinstance(meta, dict) or meta.get("format") != FORMAT:
            raise DataError(f"{file}: not votes of format {FORMAT}; collect them again")
        try:
            votes = cls(dict(meta["origin"]), shards=[Shard(*map(int, shard)) for shard in meta["shards"]])
            votes._fill([Question(str(task), int(test)) for task, test in meta["questions"]], arrays)
        except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
            raise DataError(f"{file}: damaged votes ({error})") from error
        votes.place = str(file)
        return votes

    def _add(self, question: Question, key: bytes, more: _Tally) -> None:
        tally = self._tables.setdefault(question, {}).setdefault(key, _Tally())
        tally.count += more.count
        tally.sum += more.sum
        tally.first = min(tally.first, more.first)
        self._length += more.count

    def _fill(self, questions: list[Question], arrays: dict[str, NDArray[Any]]) -> None:
        """Adds the candidates in the arrays of a file; raises ValueError or IndexError for contradictions."""
        sizes = arrays["heights"].astype(np.int64) * arrays["widths"]
        lengths = {len(array) for name, array in arrays.items() if name != "cells"}
        if len(lengths) > 1 or sizes.sum() != len(arrays["cells"]):
            raise ValueError("arrays differ in length")
        if (arrays["questions"] < 0).any() or (arrays["counts"] < 1).any():
            raise ValueError("a candidate without question or votes")
        ends = np.cumsum(sizes)
        cells = arrays["cells"].tobytes()
        columns = (arrays[name].tolist() for name in ("questions", "heights", "widths", "counts", "sums", "firsts"))
        for row, (question, height, width, *tally) in enumerate(zip(*columns, strict=True)):
            key = bytes((height, width)) + cells[int(ends[row] - sizes[row]) : int(ends[row])]
            self._add(questions[question], key, _Tally(*tally))


def data_fingerprint(tasks: Iterable[ArcTask]) -> str:
    """A fingerprint of the questions in these tasks, 16 characters: of names and test inputs, in whatever order."""
    asked = sorted((task.name, [_key(pair.input) for pair in task.test]) for task in tasks)
    return hashlib.blake2b(repr(asked).encode(), digest_size=8).hexdigest()


def _key(grid: NDArray[np.integer]) -> bytes:
    """A grid as bytes: height, width, then its cells; equal for equal grids alone."""
    height, width = grid.shape
    return bytes((height, width)) + grid.astype(np.uint8).tobytes()


def _grid(key: bytes) -> Colours:
    return np.frombuffer(key[2:], np.uint8).reshape(key[0], key[1])


def _require_mergeable(votes: Votes, other: Votes) -> None:
    where = f"{other.place}: " if other.place else ""
    for key in dict.fromkeys((*votes.origin, *other.origin)):
        ours, theirs = votes.origin.get(key), other.origin.get(key)
        if ours != theirs:
            raise DataError(f"{where}votes of other {key} ({theirs}) than those before ({ours}); merge them with force")
    for shard in other.shards:
        for known in votes.shards:
            if shard.of != known.of:
                raise DataError(
                    f"{where}shard {shard.number}/{shard.of} does not go with {known.number}/{known.of}; "
                    "divide the work into the same number of shards"
                )
            if shard.number == known.number:
                raise DataError(f"{where}shard {shard.number}/{shard.of} is there twice")
