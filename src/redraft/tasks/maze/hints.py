"""What a local model of mazes can know by when: a wave runs out from G, then the path runs back from S.

A cell `d` steps away from G learns by iteration `d` where to go: to the first of its neighbours, in the published order
of moves, that is nearer to G. S knows after `d(S)` iterations, and from then on the path can be drawn, one cell after
the other. That is the published path, so that all of it follows from neighbourhoods. A cell on the path notes that
together with its move: the next one is on it because one neighbour is on the path and leads to it. A neighbour on the
path that leads elsewhere, and another that leads to it but is not on the path, do not put it there.
"""

from __future__ import annotations

from typing import Any

from redraft.tasks.base import NEVER
from redraft.tasks.maze.search import GOAL, START, WALL

MOVES = ("down", "left", "right", "up")  # as those of `Searcher`
NOTES = ("nothing yet", *MOVES, *(f"{move} on the path" for move in MOVES))
PACE = 2.5  # iterations after which a further cell of the path is due
SLACK = 4  # iterations before the first is


def date(
    cells: Any,
    count: int,
    size: int,
    moves: Any,
    queue: Any,
    note: Any,
    last: Any,
    noted: Any,
    earliest: Any,
    latest: Any,
) -> None:
    """A kernel of `Searcher.tell`: fills the hints of `count` mazes of `size` cells, border included.

    A cell that G cannot be reached from has nothing to note; nor has G.
    """
    for row in range(count):
        base = row * size
        start, goal = 0, 0
        for cell in range(size):
            note[base + cell] = last[base + cell] = 0
            noted[base + cell] = earliest[base + cell] = latest[base + cell] = NEVER
            if cells[base + cell] == START:
                start = cell
            elif cells[base + cell] == GOAL:
                goal = cell
        if start == 0 or goal == 0:
            continue
        noted[base + goal] = 0
        queue[0] = goal
        head, tail = 0, 1
        while head < tail:
            cell = queue[head]
            head += 1
            for k in range(4):
                near = cell + moves[k]
                if cells[base + near] != WALL and noted[base + near] == NEVER:
                    noted[base + near] = noted[base + cell] + 1
                    queue[tail] = near
                    tail += 1
        for i in range(1, tail):
            cell = queue[i]
            for k in range(4):
                if noted[base + cell + moves[k]] == noted[base + cell] - 1:
                    note[base + cell] = last[base + cell] = k + 1
                    break
        far = noted[base + start]
        if far < NEVER:
            cell = start
            for place in range(far):
                earliest[base + cell] = far + place
                latest[base + cell] = far + int(PACE * place) + SLACK
                last[base + cell] = note[base + cell] + 4
                cell += moves[note[base + cell] - 1]
        noted[base + goal] = NEVER
