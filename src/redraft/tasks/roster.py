"""Shift rosters: who works which shift on which day, where some shifts and days off are settled already.

A row for each person, a column for each day. Grids hold 0 for an open cell `.`, 1 for an early shift `E`, 2 for a late
one `L`, 3 for a night `N`, 4 for a day off `-`; tokens are padding 0 and symbol + 1. The rules:

- every day has one early shift, one late shift and one night; the others are off;
- rest: after a late shift comes no early one, after a night only another night or a day off;
- nobody works three nights in a row.

A question may have several answers, each as right as the others. Those that `make` makes have one.
"""

from __future__ import annotations

from functools import cached_property
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from redraft.errors import ConfigError
from redraft.tasks.base import Examples, Tokens
from redraft.tasks.filled import OPEN, FilledTask

EARLY, LATE, NIGHT, OFF = range(1, 5)
REST = ((LATE, EARLY), (NIGHT, EARLY), (NIGHT, LATE))  # shifts on two days with too little rest between them
PEOPLE, DAYS = (4, 6), (3, 7)  # from and to; counts of more would not be exact
BATCH = 32  # puzzles worked on at once: more do not stay in the cache

Bools = NDArray[np.bool_]
Counts = NDArray[np.floating]


class Roster(FilledTask):
    """A roster of `people` over `days`.

    There are as many ways to work a day as to choose people for its shifts, so few that rosters are counted exactly,
    from the last day to the first, and nothing is searched. Counts are float32, which is exact where one is left; the
    draws of `make` come from counts in float64, so that they are the same on every machine.
    """

    characters = ".ELN-"
    expected = "an open cell (.), a shift (E, L or N) or a day off (-)"
    scopes = ("rows", "columns")
    unique = False

    def __init__(self, people: int = 5, days: int = 7) -> None:
        for what, value, (low, high) in (("people", people, PEOPLE), ("days", days, DAYS)):
            if not low <= value <= high:
                raise ConfigError(f"rosters have {low} to {high} {what}; got {value}")
        super().__init__(f"roster-{people}x{days}", people, days)

    # rules
    def faults(self, grids: NDArray[np.int8]) -> dict[str, Bools]:
        many, short, thrice = (np.zeros(grids.shape, bool) for _ in range(3))
        for symbol, most in ((EARLY, 1), (LATE, 1), (NIGHT, 1), (OFF, self.height - 3)):
            here = grids == symbol
            many |= here & (here.sum(1, keepdims=True) > most)
        for before, after in REST:
            short[:, :, 1:] |= (grids[:, :, :-1] == before) & (grids[:, :, 1:] == after)
        night = grids == NIGHT
        thrice[:, :, 2:] = night[:, :, 2:] & night[:, :, 1:-1] & night[:, :, :-2]
        return {
            "a shift or a day off that too many have on that day": many,
            "too little rest before the shift": short,
            "a third night in a row": thrice,
        }

    def answered(self, questions: NDArray[np.int8]) -> tuple[Counts, NDArray[np.int8]]:
        counts, answers = np.zeros(len(questions), np.float32), questions.copy()
        for start in range(0, len(questions), BATCH):
            part = slice(start, start + BATCH)
            ahead = self._ahead(questions[part])
            counts[part] = _total(ahead)
            some = np.flatnonzero(counts[part])
            answers[start + some] = self._drawn(ahead, some, np.zeros((len(some), self.width)))
        return counts, answers

    # data
    def make(self, count: int, seed: int) -> Examples:
        """`count` rosters, each as likely as any other, opened cell by cell as long as one answer is left.

        So no cell given can be spared. Puzzle i depends on (seed, i) alone, so a longer run begins with the shorter.
        """
        rngs = [np.random.default_rng((seed, i)) for i in range(count)]
        draws = np.array([rng.random(self.width) for rng in rngs]).reshape(count, self.width)
        orders = np.array([rng.permutation(self.seq_len) for rng in rngs]).reshape(count, self.seq_len)
        blank = np.full((1, self.height, self.width), OPEN, np.int8)
        answers = self._drawn(self._ahead(blank, np.float64), np.zeros(count, np.int64), draws)
        questions = answers.reshape(count, self.seq_len).copy()
        for start in range(0, count, BATCH):
            part = questions[start : start + BATCH]
            rows = np.arange(len(part))
            for cells in orders[start : start + BATCH].T:
                tried = part.copy()
                tried[rows, cells] = OPEN
                single = _total(self._ahead(tried.reshape(-1, self.height, self.width))) == 1
                part[single] = tried[single]
        ratings = np.full(count, np.nan, np.float32)
        return Examples(questions=questions.reshape(answers.shape), answers=answers, ratings=ratings)

    def augment(self, inputs: Tokens, labels: Tokens, rng: np.random.Generator) -> tuple[Tokens, Tokens]:
        """The people of each row of inputs and labels (B, L) in another order."""
        order = rng.permuted(np.tile(np.arange(self.height), (len(inputs), 1)), axis=1)  # (B, people)
        source = (order[:, :, None] * self.width + np.arange(self.width)).reshape(len(inputs), self.seq_len)
        return np.take_along_axis(inputs, source, axis=1), np.take_along_axis(labels, source, axis=1)

    # counting
    @cached_property
    def _ways(self) -> NDArray[np.int8]:
        """All ways (W, people) to work a day."""
        shifts = (EARLY, LATE, NIGHT, *[OFF] * (self.height - 3))
        return np.array(sorted(set(permutations(shifts))), np.int8)

    @cached_property
    def _allowed(self) -> tuple[Counts, Counts]:
        """1.0 where way b may follow way a, at (a, b), and where b and then c may follow a, at (b, a, c); else 0.0."""
        ways = self._ways
        pairs = np.ones((len(ways), len(ways)), bool)
        for first, second in REST:
            pairs &= ~((ways[:, None] == first) & (ways[None] == second)).any(2)
        night = ways == NIGHT
        thrice = (night[:, None, None] & night[None, :, None] & night[None, None]).any(3)  # (a, b, c)
        triples = pairs[:, :, None] & pairs[None] & ~thrice
        return pairs.astype(np.float32), np.ascontiguousarray(triples.swapaxes(0, 1), np.float32)

    def _ahead(self, questions: NDArray[np.int8], dtype: type[np.floating] = np.float32) -> list[Counts]:
        """For each day but the last, at (a, b, n): how many rosters answer question n from that day on, if way a is
        worked on it and b on the next. Questions (N, people, days)."""
        days = questions.transpose(2, 0, 1)[:, None]  # (days, 1, N, people)
        fits = ((days == OPEN) | (days == self._ways[:, None])).all(3).astype(dtype)  # (days, W, N)
        pairs, triples = self._allowed
        found = [pairs[:, :, None] * fits[-2][:, None] * fits[-1]]
        for fit in fits[-3::-1]:
            found.append((triples @ found[-1]).swapaxes(0, 1) * fit[:, None])
        return found[::-1]

    def _drawn(self, ahead: list[Counts], rows: NDArray[np.integer], draws: NDArray[np.floating]) -> NDArray[np.int8]:
        """Rosters (M, people, days), an answer of each question of `rows` (M,) among those counted.

        `draws` (M, days) in [0, 1) choose among all, each as likely as any other; zeros choose the first.
        """
        chosen = [_pick(ahead[0].sum(1)[:, rows].T, draws[:, 0])]
        chosen.append(_pick(ahead[0][chosen[0], :, rows], draws[:, 1]))
        for day in range(1, self.width - 1):
            before, last = chosen[-2:]
            weights = ahead[day][last, :, rows] * self._allowed[1][last, before]
            chosen.append(_pick(weights, draws[:, day + 1]))
        return self._ways[np.stack(chosen, 1)].swapaxes(1, 2)


def _total(ahead: list[Counts]) -> Counts:
    """How many rosters (N,) there are in all."""
    return ahead[0].sum((0, 1))


def _pick(weights: Counts, draws: NDArray[np.floating]) -> NDArray[np.intp]:
    """For each row of weights (M, W) a place of positive weight, as likely as it weighs, by a number in [0, 1)."""
    until = weights.cumsum(1)
    return (until > draws[:, None] * until[:, -1:]).argmax(1)
