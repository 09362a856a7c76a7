"""Mazes of any size, Maze-Hard's among them: reads, makes, checks and augments them.

Grids hold 0 for a wall `#`, 1 for a free cell, 2 for `S`, 3 for `G`, 4 for a path cell `o`; tokens are padding 0 and
symbol + 1, as published. The task is to draw a shortest path from S to G. A maze may have millions of them; the
published answer is the one that first-in-first-out breadth-first search from S finds when it looks down, left, right
and up in turn.
"""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray

from redraft.errors import ConfigError, PuzzleError
from redraft.tasks.base import NEVER, Examples, Grid, Hints, Tokens, Verdict
from redraft.tasks.maze import hints
from redraft.tasks.maze.search import FREE, GOAL, OPTIMAL, PATH, START, TRIES, VALID, WALL, Searcher
from redraft.tasks.maze.text import COMMENT, FREE_TOO, SIDES, SYMBOLS, MazeText
from redraft.tasks.written import Answered, WrittenTask, place_of

NAMES = {WALL: "a wall", FREE: "a free cell", START: "S", GOAL: "G", PATH: "a path cell"}
FILLS = {WALL: "#2d333b", FREE: "#f6f4ee", START: "#2da44e", GOAL: "#d1242f", PATH: "#f2a83b"}


class Maze(WrittenTask):
    """Mazes of height x width cells, each from 4 to 64.

    An answer is `valid` where the path cells with S and G form one path: S and G have one neighbour on it, every path
    cell has two, and no path cell lies apart. So a path that touches itself, which a shortest one never does, is
    `broken`. An answer is `optimal`, and solved, where no path is shorter.
    """

    vocab_size = len(SYMBOLS) + 1
    grades = ("broken", "valid", "optimal")
    notes = hints.NOTES
    notation: MazeText
    comment = COMMENT
    characters = SYMBOLS
    blank = FREE
    expected = f"a symbol (0-{len(SYMBOLS) - 1})"

    def __init__(self, height: int, width: int) -> None:
        low, high = SIDES
        if not (low <= height <= high and low <= width <= high):
            raise ConfigError(f"mazes have {low} to {high} rows and columns; got {height}x{width}")
        self.height, self.width = height, width
        self.name = f"maze-{height}x{width}"
        self.scopes = ("around", "all")
        self._searcher = Searcher(height, width)
        self.aliases = {FREE_TOO: FREE}
        self.notation = MazeText((height, width))

    def search(self, questions: NDArray[np.int8]) -> Answered:
        """The published shortest path of each question; its rating is the number of cells on it."""
        answers, lengths = self._searcher.answer(questions)
        ends = [(questions == end).sum((1, 2)) == 1 for end in (START, GOAL)]
        return Answered(answers, lengths, (lengths > 0) & ends[0] & ends[1] & ~(questions == PATH).any((1, 2)))

    # rules
    def validate(self, question: Grid) -> None:
        """Raises PuzzleError unless there is one S, one G, a way between them, and no path drawn yet."""
        if problem := self.not_a_grid(question):
            raise PuzzleError(problem)
        for end in (START, GOAL):
            if (count := np.count_nonzero(question == end)) != 1:
                raise PuzzleError(f"the maze has {count or 'no'} {SYMBOLS[end]}; expected exactly one")
        if (drawn := np.argwhere(question == PATH)).size:
            raise PuzzleError(f"a path cell at {place_of(drawn[0])}; expected a maze without its path")
        if not self._searcher.answer(question[None])[1][0]:
            raise PuzzleError("no way from S to G; expected one at least")

    def check(self, question: Grid, answer: Grid) -> Verdict:
        reason = self.not_a_grid(answer) or self._changed(question, answer)
        if (question == PATH).any():
            reason = "the question has a path drawn already"
        if not reason:
            graded = self._searcher.grade(question[None], answer[None])
            if graded.grades[0] == OPTIMAL:
                return Verdict(solved=True)
            if graded.grades[0] == VALID:
                reason = f"the path has {graded.lengths[0] - 1} steps, the shortest {graded.shortest[0] - 1}"
            else:
                reason = _broken(answer)
        return Verdict(solved=False, reason=reason)

    def check_many(self, questions: NDArray[np.int8], answers: NDArray[np.int8]) -> NDArray[np.bool_]:
        return self.grade_many(questions, answers) == OPTIMAL

    def grade_many(self, questions: NDArray[np.int8], answers: NDArray[np.int8]) -> NDArray[np.int8]:
        return self._searcher.grade(questions, answers).grades

    def wrong_cells(self, question: Grid, grid: Grid) -> NDArray[np.bool_]:
        """Cells (H, W) of the maze that were changed, and path cells that end, branch or lie apart."""
        changed: NDArray[np.bool_] = (question != grid) & ~((question == FREE) & (grid == PATH))
        near = _path_neighbours(grid)
        return changed | ((grid == PATH) & ((near != 2) | ~_joined(grid)))

    def _changed(self, question: Grid, answer: Grid) -> str:
        changed = np.argwhere((question != answer) & ~((question == FREE) & (answer == PATH)))
        if not len(changed):
            return ""
        before, after = (int(grid[tuple(changed[0])]) for grid in (question, answer))
        return f"changes {NAMES[before]} at {place_of(changed[0])} to {NAMES[after]}"

    # data
    @property
    def least(self) -> int:
        """The default least number of cells on a shortest path of `make`: 110 for 30x30, as in Maze-Hard.

        For n x n it is 110 * (n / 30) ** 2, the same share of the cells, and at most 4 n: longer ones are rare.
        """
        side = prod((self.height, self.width)) ** 0.5
        return max(3, round(min(110 * (side / 30) ** 2, 4 * side)))

    def make(self, count: int, seed: int, least: int | None = None) -> Examples:
        """`count` mazes drawn as Maze-Hard was, with shortest paths of at least `least` cells, S and G included.

        Each cell is a wall with a probability drawn for the maze from 0.3 to 0.5; there is no border; S and G are any
        two free cells that far apart. Ratings are the cells on the shortest path. Maze i depends on (seed, i) alone, so
        a longer run begins with the shorter one. Raises ConfigError where such mazes are too rare to be found.
        """
        least = self.least if least is None else least
        if not 3 <= least <= self.seq_len:
            raise ConfigError(f"{self.name}: least must lie in 3-{self.seq_len}, got {least}")
        questions = np.empty((count, self.height, self.width), np.int8)
        for i in range(count):
            maze = self._searcher.make(seed, i, least)
            if maze is None:
                found = f"none of {TRIES:,} random mazes has a shortest path of {least} cells"
                raise ConfigError(f"{self.name}: {found}; ask for fewer (least is {self.least} if not given)")
            questions[i] = maze
        answers, lengths = self._searcher.answer(questions)
        return Examples(questions=questions, answers=answers, ratings=lengths.astype(np.float32))

    @property
    def views(self) -> NDArray[np.intp]:
        """The symmetries of the square that keep the shape; a shortest path stays one."""
        cells = np.arange(self.seq_len).reshape(self.height, self.width)
        flips = [cells[::down, ::right].ravel() for right in (1, -1) for down in (1, -1)]
        turns = [cells[::down, ::right].T.ravel() for right in (1, -1) for down in (1, -1)]
        return np.stack(flips + turns if self.height == self.width else flips)

    def augment(self, inputs: Tokens, labels: Tokens, rng: np.random.Generator) -> tuple[Tokens, Tokens]:
        """A random one of the views for each row of inputs (B, L).

        The labels are searched again, not moved: the published path of a mirrored maze is mostly not the mirrored path.
        """
        views = self.views
        chosen = views[rng.integers(len(views), size=len(inputs))]
        moved = np.take_along_axis(inputs, chosen, axis=1)
        return moved, self.encode(self._searcher.answer(self.decode(moved))[0])

    def hints(self, inputs: Tokens) -> Hints:
        """When each cell can know where to go, and the path be drawn; see `tasks.maze.hints`."""
        parts = self._searcher.tell(hints.date, self.decode(inputs), len(Hints._fields))
        return Hints(*(part.reshape(inputs.shape) for part in parts))

    def ease(self, inputs: Tokens, labels: Tokens, rng: np.random.Generator) -> tuple[Tokens, Tokens]:
        """In half of the mazes S moves nearer to G, to any of the cells at a distance that is log-uniform from 2 on."""
        distances, grids = self.hints(inputs).noted, self.decode(inputs).reshape(inputs.shape)
        chosen, shares, picks = rng.random((3, len(grids)))
        for i in np.flatnonzero(chosen < 0.5):
            [start] = np.flatnonzero(grids[i] == START)
            far = float(distances[i, start])
            there = np.flatnonzero(distances[i] == int(2 * (far / 2) ** shares[i]))
            if far < NEVER and len(there):
                grids[i, start] = FREE
                grids[i, there[int(picks[i] * len(there))]] = START
        moved = grids.reshape(-1, self.height, self.width)
        return self.encode(moved), self.encode(self._searcher.answer(moved)[0])

    # pictures
    def fills(self, grid: Grid) -> list[list[str]]:
        """Walls dark, free cells light, S green, G red, the path amber."""
        return [[FILLS[symbol] for symbol in row] for row in np.asarray(grid).tolist()]


def _path_neighbours(grid: Grid) -> NDArray[np.int8]:
    """How many of the four neighbours of each cell (H, W) are S, G or path."""
    marked = np.pad(grid >= START, 1).astype(np.int8)
    return marked[2:, 1:-1] + marked[:-2, 1:-1] + marked[1:-1, 2:] + marked[1:-1, :-2]


def _joined(grid: Grid) -> NDArray[np.bool_]:
    """Cells (H, W) of the path that hang together with S or G, both included."""
    reached = np.pad((grid == START) | (grid == GOAL), 1)
    marked = np.pad(grid >= START, 1)
    while True:
        near = reached.copy()
        for axis in (0, 1):
            near |= np.roll(reached, 1, axis) | np.roll(reached, -1, axis)
        near &= marked
        if np.array_equal(near, reached):
            return reached[1:-1, 1:-1]
        reached = near


def _broken(answer: Grid) -> str:
    """The reason why the marked cells of an unchanged maze form no path."""
    if not (answer == PATH).any():
        return "no path is drawn"
    near = _path_neighbours(answer)
    for end in (START, GOAL):
        counts = near[answer == end].tolist()
        if counts != [1]:
            got = f"{counts[0] or 'none'} beside it" if len(counts) == 1 else f"{len(counts) or 'no'} {SYMBOLS[end]}"
            return f"expected one {SYMBOLS[end]} and one cell of the path beside it, got {got}"
    what = {0: "a stray path cell", 1: "the path breaks off", 3: "the path branches", 4: "the path crosses itself"}
    for cell in np.argwhere((answer == PATH) & (near != 2)):
        return f"{what[int(near[tuple(cell)])]} at {place_of(cell)}"
    return f"path cells lie apart from the path, as at {place_of(np.argwhere((answer == PATH) & ~_joined(answer))[0])}"
