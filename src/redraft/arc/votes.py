"""Votes for ARC: what a model answered under many views of a task, counted, ranked, merged and kept in a file."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from redraft.arrays import unpack
from redraft.contents import parse_json
from redraft.errors import DataError
from redraft.files import write_bytes
from redraft.tasks.arc.files import ArcTask

Colours = NDArray[np.uint8]  # (h, w), a grid of colours 0 to 9

FORMAT = 1
KS = (1, 2, 5, 10, 100, 1000)  # candidates within which the right one is looked for, as published
# Probabilities are summed as whole numbers of this unit: a sum must not depend on the order of adding, or votes that
# several processes collected could rank otherwise than those of one.
_UNIT = 2.0**-44
_ARRAYS: dict[str, type] = {  # of a file: a row for each candidate, and the cells of all of them in a row
    "questions": np.int32,
    "heights": np.uint8,
    "widths": np.uint8,
    "cells": np.uint8,
    "counts": np.int64,
    "sums": np.int64,
    "firsts": np.int64,
}


class Question(NamedTuple):
    """A test input of a task, the tests numbered from 0."""

    task: str
    test: int


@dataclass(frozen=True)
class Candidate:
    """A grid (h, w) uint8 that was voted for, how often, and with what mean halting probability."""

    grid: Colours
    count: int
    probability: float


class Shard(NamedTuple):
    """Share `number` (from 1) of the work of `of` processes: how many of its votes are `done`, and how many it has."""

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

    def add(self, other: _Tally) -> None:
        self.count += other.count
        self.sum += other.sum
        self.first = min(self.first, other.first)


class Votes:
    """For each test input of each task, the grids that were voted for.

    Attributes:
        origin: what voted, on what, and how, as plain values by name; votes of another origin are not merged.
        shards: the shares of the work that these votes are, where it was shared out.
        place: where they were read from, for messages.
    """

    def __init__(self, origin: Mapping[str, Any] | None = None, *, shards: Iterable[Shard] = ()) -> None:
        self.origin = dict(origin or {})
        self.shards = tuple(shards)
        self.place = ""
        self._tables: dict[Question, dict[bytes, _Tally]] = {}
        self._length = 0

    def __len__(self) -> int:
        """How many votes were cast."""
        return self._length

    def __iter__(self) -> Iterator[Question]:
        """The test inputs that have votes."""
        return iter(self._tables)

    def add(self, task: str, test: int, grid: NDArray[np.integer], probability: float, *, order: int = -1) -> None:
        """A vote for `grid` (h, w) of colours 0 to 9, with a halting probability of 0 to 1.

        Of candidates with equally many votes and equal probability the one with the least `order` comes first; by
        default that is the order of adding.
        """
        order = self._length if order < 0 else order
        self._add(Question(task, test), _key(grid), _Tally(1, round(probability / _UNIT), order))

    def ranked(self, task: str, test: int) -> list[Candidate]:
        """Candidates, best first: by votes, then by mean halting probability, then by who came first."""
        table = self._tables.get(Question(task, test), {})
        best = sorted(table.items(), key=lambda item: (-item[1].count, -item[1].sum, item[1].first))
        return [Candidate(_grid(key), tally.count, tally.sum / tally.count * _UNIT) for key, tally in best]

    def merge(self, *others: Votes, force: bool = False) -> Votes:
        """The votes of all; exactly what one process would have collected where each had its shard of the work.

        Raises DataError where they differ in origin, or hold the same work twice. With `force` they may: to let
        several models vote together, for example. What they differ in is then left out of the origin.
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
        """The shards that have votes outstanding, in words; empty where the work is done or was never shared out."""
        found = {(shard.number, shard.of): shard for shard in self.shards}
        return [
            f"{number}/{of}" + (f" ({shard.done} of {shard.votes} votes)" if shard else "")
            for of in sorted({shard.of for shard in self.shards})
            for number in range(1, of + 1)
            if (shard := found.get((number, of))) is None or shard.done < shard.votes
        ]

    def save(self, file: Path) -> None:
        """Writes the votes to an .npz file, whole or not at all; raises RedraftError where it cannot."""
        questions = sorted(self._tables)
        rows = [
            (number, key, tally)
            for number, question in enumerate(questions)
            for key, tally in sorted(self._tables[question].items(), key=lambda item: item[1].first)
        ]
        columns = (
            [number for number, _, _ in rows],
            [key[0] for _, key, _ in rows],
            [key[1] for _, key, _ in rows],
            np.frombuffer(b"".join(key[2:] for _, key, _ in rows), np.uint8),
            [tally.count for _, _, tally in rows],
            [tally.sum for _, _, tally in rows],
            [tally.first for _, _, tally in rows],
        )
        arrays: dict[str, Any] = {
            name: np.asarray(column, dtype) for (name, dtype), column in zip(_ARRAYS.items(), columns, strict=True)
        }
        meta = {"format": FORMAT, "origin": self.origin, "shards": self.shards, "questions": questions}
        content = io.BytesIO()
        np.savez_compressed(content, meta=np.frombuffer(json.dumps(meta).encode(), np.uint8), **arrays)
        write_bytes(file, content.getvalue())

    @classmethod
    def open(cls, file: Path) -> Votes:
        """The votes that `save` wrote; raises DataError where there are none, or the file is damaged."""
        try:
            arrays = unpack(file.read_bytes(), ("meta", *_ARRAYS))
            meta = parse_json(arrays["meta"].tobytes())
        except FileNotFoundError:
            raise DataError(f"{file}: no such file; expected votes that redraft arc eval wrote") from None
        except (OSError, ValueError) as error:
            raise DataError(f"{file}: damaged, or not votes that redraft arc eval wrote ({error})") from error
        if not isinstance(meta, dict) or meta.get("format") != FORMAT:
            raise DataError(f"{file}: not votes of format {FORMAT}; collect them anew")
        try:
            votes = cls(dict(meta["origin"]), shards=[Shard(*map(int, shard)) for shard in meta["shards"]])
            votes._fill([Question(str(task), int(test)) for task, test in meta["questions"]], arrays)
        except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
            raise DataError(f"{file}: damaged votes ({error})") from error
        votes.place = str(file)
        return votes

    def _add(self, question: Question, key: bytes, tally: _Tally) -> None:
        self._tables.setdefault(question, {}).setdefault(key, _Tally()).add(tally)
        self._length += tally.count

    def _fill(self, questions: list[Question], arrays: dict[str, NDArray[Any]]) -> None:
        """Takes the candidates from the arrays of a file; raises ValueError or IndexError where they do not fit."""
        for name, dtype in _ARRAYS.items():
            if arrays[name].dtype != dtype or arrays[name].ndim != 1:
                raise ValueError(f"{name}: {arrays[name].dtype} with {arrays[name].ndim} axes")
        rows = len(arrays["questions"])
        sizes = arrays["heights"].astype(np.int64) * arrays["widths"]
        if any(len(arrays[name]) != rows for name in _ARRAYS if name != "cells") or sizes.sum() != len(arrays["cells"]):
            raise ValueError("arrays differ in length")
        if rows and (arrays["questions"].min() < 0 or arrays["counts"].min() < 1):
            raise ValueError("a candidate without question or votes")
        ends = np.cumsum(sizes)
        cells = arrays["cells"].tobytes()
        columns = (arrays[name].tolist() for name in ("questions", "heights", "widths", "counts", "sums", "firsts"))
        for row, (question, height, width, count, total, first) in enumerate(zip(*columns, strict=True)):
            key = bytes((height, width)) + cells[int(ends[row] - sizes[row]) : int(ends[row])]
            self._add(questions[question], key, _Tally(count, total, first))


@dataclass(frozen=True, kw_only=True)
class TaskScore:
    """How a task fared: for each test input of known output, the rank from 1 of the right candidate, None for none."""

    name: str
    ranks: tuple[int | None, ...]

    def solved(self, k: int) -> int:
        """How many test inputs the first `k` candidates solve."""
        return sum(rank is not None and rank <= k for rank in self.ranks)


@dataclass(frozen=True, kw_only=True)
class Score:
    """How all tasks fared of which an output is known."""

    tasks: tuple[TaskScore, ...]
    ks: tuple[int, ...] = KS

    def pass_at(self, k: int) -> float:
        """pass@k as published: the mean over tasks of the share of their test inputs that k candidates solve."""
        return sum(task.solved(k) / len(task.ranks) for task in self.tasks) / len(self.tasks)

    def pairs_at(self, k: int) -> float:
        """The share of all test inputs that k candidates solve, so that tasks of several tests weigh more."""
        return sum(task.solved(k) for task in self.tasks) / sum(len(task.ranks) for task in self.tasks)

    def figures(self) -> dict[str, Any]:
        """All figures as plain values for JSON."""
        return {
            "tasks": len(self.tasks),
            "tests": sum(len(task.ranks) for task in self.tasks),
            "pass_at": {str(k): self.pass_at(k) for k in self.ks},
            "pairs_at": {str(k): self.pairs_at(k) for k in self.ks},
            "ranks": {task.name: list(task.ranks) for task in self.tasks},
        }


def score(votes: Votes, tasks: Iterable[ArcTask], ks: Sequence[int] = KS) -> Score | None:
    """How the votes fare on tasks of which outputs are known; None where none is.

    A test input without votes counts as not solved, one of unknown output does not count.
    """
    scores = (
        TaskScore(
            name=task.name,
            ranks=tuple(
                _rank(votes.ranked(task.name, test), pair.output)
                for test, pair in enumerate(task.test)
                if pair.output is not None
            ),
        )
        for task in tasks
    )
    known = tuple(score for score in scores if score.ranks)
    return Score(tasks=known, ks=tuple(ks)) if known else None


def submission(votes: Votes, tasks: Iterable[ArcTask], *, attempts: int = 2) -> dict[str, list[dict[str, Any]]]:
    """The best candidates as Kaggle's ARC Prize wants them, `{task: [{"attempt_1": grid, ...}, ...]}`.

    There is an entry for every test input, in order. Where there are too few candidates the best one is repeated;
    where there is none it is `[[0]]`. The published code leaves such inputs out, and so shifts those after them.
    """
    return {
        task.name: [
            {f"attempt_{i + 1}": grid for i, grid in enumerate(_attempts(votes.ranked(task.name, test), attempts))}
            for test in range(len(task.test))
        ]
        for task in tasks
    }


def data_fingerprint(tasks: Iterable[ArcTask]) -> str:
    """What is asked in these tasks, in 16 characters: equal where names and test inputs are, whatever their order."""
    asked = sorted((task.name, [_key(pair.input) for pair in task.test]) for task in tasks)
    return hashlib.blake2b(repr(asked).encode(), digest_size=8).hexdigest()


def _rank(candidates: list[Candidate], output: Colours) -> int | None:
    return next((i + 1 for i, each in enumerate(candidates) if np.array_equal(each.grid, output)), None)


def _attempts(candidates: list[Candidate], count: int) -> list[list[list[int]]]:
    """`count` grids as lists; a grid without cells, of a draft that begins with no colour, is none to hand in."""
    grids = [each.grid.tolist() for each in candidates if each.grid.size][:count] or [[[0]]]
    return grids + grids[:1] * (count - len(grids))


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
                    f"{where}shard {shard.number}/{shard.of} cannot be told apart from {known.number}/{known.of}; "
                    "share the work out in equally many"
                )
            if shard.number == known.number:
                raise DataError(f"{where}shard {shard.number}/{shard.of} is there twice")
