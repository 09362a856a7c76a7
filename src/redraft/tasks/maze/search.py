"""Searches in mazes: shortest paths by the published rule, judgement of paths, and new mazes with a long way to go.

The kernels take flat sequences of integers, so they run interpreted on Python lists (a few mazes: no compiler, no
waiting) and compiled by Numba on arrays (many), with identical results.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from redraft.jit import compile_kernel

Number = TypeVar("Number", np.int8, np.int16)

WALL, FREE, START, GOAL, PATH = range(5)
BROKEN, VALID, OPTIMAL = range(3)

# Loading Numba takes about a second from its cache and several to compile, so a `Searcher` starts interpreted and
# changes over after PATIENCE seconds of search in all, or at once for MANY cells.
PATIENCE, MANY = 0.4, 1 << 19
DENSITY = 0.3, 0.5  # least and most probability of a wall
BLOCK = 64  # walls drawn at once while a maze is made; another number would make other mazes
TRIES = 1 << 20  # walls drawn for one maze until it is given up


def _answer(cells: Any, count: int, size: int, moves: Any, parent: Any, queue: Any, lengths: Any) -> None:
    """Draws the published shortest path into each of `count` mazes of `size` cells, border included.

    First-in-first-out breadth-first search from S, neighbours in the order of `moves`, walked back from G by first
    discoverers. `lengths` gets the cells on the path, S and G included, or 0 where no path joins them.
    """
    for row in range(count):
        base = row * size
        start, goal = 0, 0
        for cell in range(size):
            parent[cell] = 0  # cell 0 lies in the border, so it is nobody's parent
            if cells[base + cell] == START:
                start = cell
            elif cells[base + cell] == GOAL:
                goal = cell
        lengths[row] = 0
        if start == 0 or goal == 0:
            continue
        parent[start] = start
        queue[0] = start
        head, tail = 0, 1
        while head < tail and parent[goal] == 0:
            cell = queue[head]
            head += 1
            for k in range(4):
                near = cell + moves[k]
                if cells[base + near] != WALL and parent[near] == 0:
                    parent[near] = cell
                    queue[tail] = near
                    tail += 1
        if parent[goal] == 0:
            continue
        length = 2
        cell = parent[goal]
        while cell != start:
            cells[base + cell] = PATH
            length += 1
            cell = parent[cell]
        lengths[row] = length


def _measure(questions: Any, answers: Any, count: int, size: int, moves: Any, lengths: Any) -> None:
    """Writes the cells on the path (S and G included) of each of `count` answers, 0 where its path is broken."""
    for row in range(count):
        base = row * size
        lengths[row] = 0
        start, goal, marked = 0, 0, 0
        sound = True
        for cell in range(size):
            before, after = questions[base + cell], answers[base + cell]
            if before == PATH or (before != after and not (before == FREE and after == PATH)):
                sound = False
                break
            if after == START:
                start = cell
            elif after == GOAL:
                goal = cell
            if after >= START:
                marked += 1
                near = 0
                for k in range(4):
                    if answers[base + cell + moves[k]] >= START:
                        near += 1
                if near != (2 if after == PATH else 1):
                    sound = False
                    break
        if not sound or start == 0 or goal == 0:
            continue
        cell, previous, length = start, 0, 1  # every marked cell has its two neighbours: walk from S along them
        while cell != goal and length <= marked:
            for k in range(4):
                near = cell + moves[k]
                if near != previous and answers[base + near] >= START:
                    previous, cell = cell, near
                    break
            length += 1
        if length == marked:  # else a ring of path cells lies apart
            lengths[row] = length


def _deal(
    free: Any, count: int, size: int, moves: Any, centred: Any, least: int, chances: Any, picks: Any, most: float,
    fresh: Any, queue: Any, steps: Any, ends: Any, sources: Any, ways: Any, found: Any,
) -> int:  # fmt: skip
    """The first of `count` walls that is accepted, with its S and G in `found`; -1 where none is.

    A pair of different free cells is far when its shortest path has at least `least` cells. Walls are accepted when
    `chances` (uniform in 0..1) is below (far pairs / all pairs) / `most`; S and G are then any far pair. That is the
    distribution of drawing walls, S and G until they are far, provided that no share exceeds `most`.

    Counting the far pairs takes a search from every cell, so most walls are refused by a bound: a pair is no farther
    apart than its way through the middle of its region.
    """
    need = least - 1  # steps from S to G
    for row in range(count):
        base = row * size
        room = 0
        for cell in range(size):
            room += free[base + cell]
        enough = chances[row] * most * room * (room - 1)  # far pairs that walls must exceed
        fresh[:] = free[base : base + size]
        left, at, bound, kept = room, 0, 0, 0
        turn, middle = 0, 0  # searches in this region so far: from a central cell, from its farthest, from between
        k, total, pick = -1, 0, -1  # k: the source whose far cells are counted; -1 while regions are surveyed
        while True:
            if k >= 0:
                if k == kept:
                    if total <= enough:
                        break
                    pick, k = int(picks[row] * total), 0
                    while pick >= ways[k]:
                        pick -= ways[k]
                        k += 1
                source = sources[k]
                fresh[:] = free[base : base + size]
            elif turn > 0:
                source = middle
            else:
                while left >= least and fresh[centred[at]] == 0:
                    at += 1
                if left < least:  # no region that is left is large enough
                    if bound <= enough:
                        break
                    k = 0
                    continue
                source = centred[at]

            fresh[source] = 0
            queue[0] = source
            head, tail, depth = 0, 1, 0
            ends[0] = 0
            while head < tail:  # level by level: the cells `depth` steps away are queue[ends[depth] : ends[depth + 1]]
                level = tail
                while head < level:
                    cell = queue[head]
                    head += 1
                    steps[cell] = depth
                    for j in range(4):  # without a branch, which no processor could foresee
                        near = cell + moves[j]
                        queue[tail] = near
                        tail += fresh[near]
                        fresh[near] = 0
                depth += 1
                ends[depth] = level
            farthest = depth - 1

            if pick >= 0:
                found[0], found[1] = source, queue[ends[need] + pick]
                return row
            if k >= 0:
                ways[k] = tail - ends[need] if farthest >= need else 0
                total += ways[k]
                k += 1
                continue
            pairs = 0  # of this region whose way through `source` is long enough
            if tail >= least and 2 * farthest >= need:
                for i in range(max(need - farthest, 0), depth):
                    pairs += (ends[i + 1] - ends[i]) * (tail - ends[max(need - i, 0)])
            if turn < 2 and pairs > 0 and bound + pairs > enough:  # a source more in the middle may refuse it yet
                turn += 1
                middle = queue[tail - 1]
                for i in range(farthest // 2 if turn == 2 else 0):
                    for j in range(4):
                        near = middle + moves[j]
                        if free[base + near] != 0 and steps[near] == farthest - 1 - i:
                            middle = near
                            break
                for i in range(tail):
                    fresh[queue[i]] = 1
                continue
            if pairs > 0:
                bound += pairs
                for i in range(ends[max(need - farthest, 0)], tail):
                    sources[kept] = queue[i]
                    kept += 1
            turn = 0
            left -= tail
    return -1


def greatest_share(least: int, side: int) -> float:
    """More than the share of far pairs that random walls of sides up to `side` have, for `_deal`.

    Measured on millions of walls of 4x4 to 30x30 cells: hardly a shortest path is longer than 5 sides, and the greatest
    share was at most 0.9 of this (for Maze-Hard 0.074 of 0.098). Walls that exceed it are a little too rare.
    """
    return 1.0 if least <= side else max(1 - least / (5 * side + 10), 0.1) ** 2


@dataclass(frozen=True, kw_only=True)
class Graded:
    """Grades (N,) int8 and, where the path is valid, its cells and those of a shortest one (N,), else 0."""

    grades: NDArray[np.int8]
    lengths: NDArray[np.int64]
    shortest: NDArray[np.int64]


class Searcher:
    """The kernels for one size of maze; `compiled` None starts interpreted and loads Numba when that pays."""

    def __init__(self, height: int, width: int, *, compiled: bool | None = None) -> None:
        self.height, self.width, self.stride = height, width, width + 2
        self.size = (height + 2) * self.stride
        self.moves = np.array([self.stride, -1, 1, -self.stride])  # down, left, right, up
        self._compiled, self._spent = compiled, 0.0
        r, c = np.divmod(np.arange(height * width), width)
        off = (2 * r - height + 1) ** 2 + (2 * c - width + 1) ** 2
        order = np.argsort(off, kind="stable")
        self._centred = ((r + 1) * self.stride + c + 1)[order]
        self._inside = self._bordered(np.ones((1, height, width), np.int8)).astype(bool)

    def answer(self, questions: NDArray[np.int8]) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
        """Questions (N, H, W) with the published shortest path drawn in, and the cells on it (N,), S and G included.

        A maze without a path stays as it is, with 0 cells.
        """
        cells, lengths = self._bordered(questions), np.zeros(len(questions), np.int64)
        self._run(_answer, cells, len(questions), self.size, self.moves, self._scratch(), self._scratch(), lengths)
        return self._inner(cells), lengths

    def grade(self, questions: NDArray[np.int8], answers: NDArray[np.int8]) -> Graded:
        """Grades of answers to questions, both (N, H, W)."""
        lengths, shortest = np.zeros((2, len(questions)), np.int64)
        cells = self._bordered(questions), self._bordered(answers)
        self._run(_measure, *cells, len(questions), self.size, self.moves, lengths)
        valid = lengths > 0
        if valid.any():
            shortest[valid] = self.answer(questions[valid])[1]
        grades = np.where(valid, np.where(lengths == shortest, OPTIMAL, VALID), BROKEN).astype(np.int8)
        return Graded(grades=grades, lengths=lengths, shortest=shortest)

    def tell(self, kernel: Callable[..., Any], questions: NDArray[np.int8], parts: int) -> list[NDArray[np.int16]]:
        """What another kernel writes about each cell of questions (N, H, W): `parts` numbers, (N, H, W) each."""
        cells = self._bordered(questions)
        told = [np.zeros(len(cells), np.int16) for _ in range(parts)]
        self._run(kernel, cells, len(questions), self.size, self.moves, self._scratch(), *told)
        return [self._inner(part) for part in told]

    def make(self, seed: int, index: int, least: int, tries: int = TRIES) -> NDArray[np.int8] | None:
        """Maze `index` of `seed` (H, W), its shortest path of `least` cells or more; None where no wall of `tries` fit.

        Drawn as in Maze-Hard: each cell is a wall with probability p, p itself uniform in `DENSITY` for each maze; S
        and G are any two free cells; all is drawn again until they are far enough apart.
        """
        rng = np.random.Generator(np.random.SFC64([seed, index]))
        most = greatest_share(least, max(self.height, self.width))
        scratch = [np.zeros(self.size, np.int8), *(np.zeros(self.size + 4, np.int64) for _ in range(5))]
        found = np.zeros(2, np.int64)
        low, high = (int(65536 * p) for p in DENSITY)
        for _ in range(0, tries, BLOCK):
            noise = np.asarray(rng.bit_generator.random_raw(BLOCK * self.size // 4), "<u8").view("<u2")
            walls = rng.integers(low, high, (BLOCK, 1), dtype=np.uint16)
            free = ((noise.reshape(BLOCK, self.size) >= walls) & self._inside).view(np.int8)
            chances, picks = rng.random((2, BLOCK))
            row = self._run(
                _deal, free.reshape(-1), BLOCK, self.size, self.moves, self._centred, least, chances, picks, most,
                *scratch, found,
            )  # fmt: skip
            if row >= 0:
                maze = free[row].copy()
                maze[found] = START, GOAL
                return self._inner(maze)[0]
        return None

    def _run(self, kernel: Callable[..., Any], *arguments: Any) -> Any:
        """Calls a kernel, compiled or on lists whose changes are copied back."""
        if self._compiled is None and (self._spent > PATIENCE or len(arguments[0]) > MANY):
            self._compiled = True
        fast = compile_kernel(kernel) if self._compiled else None
        if fast is not None:
            return fast(*arguments)
        started = perf_counter()
        lists = [each.tolist() if isinstance(each, np.ndarray) else each for each in arguments]
        result = kernel(*lists)
        for array, values in zip(arguments, lists, strict=True):
            if isinstance(array, np.ndarray):
                array[:] = values
        self._spent += perf_counter() - started
        return result

    def _scratch(self) -> NDArray[np.int64]:
        return np.zeros(self.size, np.int64)

    def _bordered(self, grids: NDArray[np.int8]) -> NDArray[np.int8]:
        """Grids (N, H, W) with a border of walls, flat."""
        cells = np.zeros((len(grids), self.height + 2, self.stride), np.int8)
        cells[:, 1:-1, 1:-1] = grids
        return cells.reshape(-1)

    def _inner(self, cells: NDArray[Number]) -> NDArray[Number]:
        return cells.reshape(-1, self.height + 2, self.stride)[:, 1:-1, 1:-1].copy()
