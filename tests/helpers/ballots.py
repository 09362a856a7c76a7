"""Votes on ARC tasks, made by hand."""

from typing import Any

import numpy as np

from redraft.arc.votes import Votes
from redraft.tasks.arc.files import ArcTask, Pair

A, B, C = (np.array(rows, np.uint8) for rows in ([[1, 2]], [[1], [2]], [[3, 4], [5, 6]]))
EMPTY = np.zeros((0, 0), np.uint8)


def task(name: str, *outputs: np.ndarray | None) -> ArcTask:
    """A task with a test input for each output."""
    tests = tuple(Pair(np.full((1, i + 1), i, np.uint8), output) for i, output in enumerate(outputs))
    return ArcTask(name=name, train=(Pair(A, B),), test=tests)


def cast(*ballots: tuple[str, int, np.ndarray, float], **settings: Any) -> Votes:
    """Votes of task, test, grid and probability."""
    votes = Votes(**settings)
    for name, test, grid, probability in ballots:
        votes.add(name, test, grid, probability)
    return votes
