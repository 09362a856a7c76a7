"""Scores and submissions from votes on ARC tasks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from redraft.arc.votes import Candidate, Colours, Votes
from redraft.tasks.arc.files import ArcTask

KS = (1, 2, 5, 10, 100, 1000)  # candidates within which the right one is looked for, as published


@dataclass(frozen=True, kw_only=True)
class Score:
    """Results of all tasks with a known output.

    `ranks` holds, by task, the rank from 1 of the right candidate for each test input of known output, None for none.
    """

    ranks: Mapping[str, tuple[int | None, ...]]
    ks: tuple[int, ...] = KS

    def solved(self, task: str, k: int) -> int:
        """Number of test inputs that the first `k` candidates solve."""
        return sum(rank is not None and rank <= k for rank in self.ranks[task])

    def pass_at(self, k: int) -> float:
        """pass@k as published: the mean over tasks of the share of their test inputs that k candidates solve."""
        return sum(self.solved(task, k) / len(ranks) for task, ranks in self.ranks.items()) / len(self.ranks)

    def pairs_at(self, k: int) -> float:
        """The share of all test inputs that k candidates solve, so that tasks of several tests weigh more."""
        return sum(self.solved(task, k) for task in self.ranks) / self.tests

    @property
    def tests(self) -> int:
        """Number of test inputs of known output."""
        return sum(map(len, self.ranks.values()))

    def figures(self) -> dict[str, Any]:
        """All figures as plain values for JSON."""
        return {
            "tasks": len(self.ranks),
            "tests": self.tests,
            "pass_at": {str(k): self.pass_at(k) for k in self.ks},
            "pairs_at": {str(k): self.pairs_at(k) for k in self.ks},
            "ranks": {task: list(ranks) for task, ranks in self.ranks.items()},
        }


def score(votes: Votes, tasks: Iterable[ArcTask], ks: Sequence[int] = KS) -> Score | None:
    """The score of votes on tasks; None if no output is known.

    A test input without votes counts as not solved, one of unknown output does not count.
    """
    ranks = {
        task.name: tuple(
            _rank(votes.ranked(task.name, test), pair.output)
            for test, pair in enumerate(task.test)
            if pair.output is not None
        )
        for task in tasks
    }
    known = {task: found for task, found in ranks.items() if found}
    return Score(ranks=known, ks=tuple(ks)) if known else None


def baselines(tasks: Iterable[ArcTask]) -> dict[str, float]:
    """pass@1 of answers without a model: `copy` repeats the input, `majority` the commonest output of the
    demonstrations, the first of several. Empty if no output is known.
    """
    right: dict[str, list[float]] = {"copy": [], "majority": []}
    for task in tasks:
        known = [(pair.input, pair.output) for pair in task.test if pair.output is not None]
        outputs = [pair.output.tolist() for pair in task.train if pair.output is not None]
        commonest = max(outputs, key=outputs.count, default=None)
        if known:
            right["copy"].append(sum(np.array_equal(question, output) for question, output in known) / len(known))
            right["majority"].append(sum(output.tolist() == commonest for _, output in known) / len(known))
    return {name: sum(shares) / len(shares) for name, shares in right.items() if shares}


def submission(votes: Votes, tasks: Iterable[ArcTask], *, attempts: int = 2) -> dict[str, list[dict[str, Any]]]:
    """The best candidates in the form of Kaggle's ARC Prize, `{task: [{"attempt_1": grid, ...}, ...]}`.

    There is an entry for every test input, in order. If there are too few candidates the best one is repeated;
    without any it is `[[0]]`. The published code leaves such inputs out, and so shifts those after them.
    """
    return {
        task.name: [
            {f"attempt_{i + 1}": grid for i, grid in enumerate(_attempts(votes.ranked(task.name, test), attempts))}
            for test in range(len(task.test))
        ]
        for task in tasks
    }


def _rank(candidates: list[Candidate], output: Colours) -> int | None:
    return next((i for i, each in enumerate(candidates, 1) if np.array_equal(each.grid, output)), None)


def _attempts(candidates: list[Candidate], count: int) -> list[list[list[int]]]:
    """`count` grids as lists, without grids of no cells, which come of drafts that begin with no colour."""
    grids = [each.grid.tolist() for each in candidates if each.grid.size][:count] or [[[0]]]
    return grids + grids[:1] * (count - len(grids))
