"""Figures that papers report, shown beside measurements and never mixed with them."""

from __future__ import annotations

from typing import NamedTuple

from redraft.tasks import Task
from redraft.tasks.arc.task import Arc

PAPER = "Jolicoeur-Martineau 2025, Less is More: Recursive Reasoning with Tiny Networks"
SUDOKU, MAZE, ARC1, ARC2 = "Sudoku-Extreme", "Maze-Hard", "ARC-AGI-1 (2 tries)", "ARC-AGI-2 (2 tries)"
SETS = {"sudoku-9x9": (SUDOKU,), "maze-30x30": (MAZE,)}  # of a task's name; every ARC task has both of ARC's


class Reported(NamedTuple):
    """The `share` of `data` that a `model` solves by a `source`; its rows are not known, so nothing can be tested."""

    model: str
    data: str
    share: float
    source: str = PAPER


def _row(model: str, **percent: float) -> list[Reported]:
    """The figures of a model."""
    names = {"sudoku": SUDOKU, "maze": MAZE, "arc1": ARC1, "arc2": ARC2}
    return [Reported(model, names[key], round(value / 100, 4)) for key, value in percent.items()]


REPORTED: tuple[Reported, ...] = (
    *_row("TRM, attention", sudoku=74.7, maze=85.3, arc1=44.6, arc2=7.8),
    *_row("TRM, MLP", sudoku=87.4, maze=0.0, arc1=29.6, arc2=2.4),
    *_row("HRM", sudoku=55.0, maze=74.5, arc1=40.3, arc2=5.0),
    *_row("direct prediction, 27 M", sudoku=0.0, maze=0.0, arc1=21.0, arc2=0.0),
    *_row("DeepSeek-R1", sudoku=0.0, maze=0.0, arc1=15.8, arc2=1.3),
    *_row("Claude 3.7 16K", sudoku=0.0, maze=0.0, arc1=28.6, arc2=0.7),
    *_row("o3-mini-high", sudoku=0.0, maze=0.0, arc1=34.5, arc2=3.0),
    *_row("Gemini 2.5 Pro", arc1=37.0, arc2=4.9),
    *_row("Grok-4-thinking", arc1=66.7, arc2=16.0),
)


def reported_for(task: Task) -> list[Reported]:
    """The figures on the public sets of a task; empty for tasks without any."""
    sets = (ARC1, ARC2) if isinstance(task, Arc) else SETS.get(task.name, ())
    return [each for each in REPORTED if each.data in sets]
