"""Sokoban with one box: a plan of fewest pushes from the box to the goal.

Grids hold 0 for a wall `#`, 1 for a floor cell `-`, 2 for the goal `.`, 3 for the box `$`, 4 for the player `@`, and in
answers 5 to 8 for arrows `v<>^`; tokens are padding 0 and symbol + 1. Beyond the board are walls. The player walks on
anything but walls and the box, and pushes the box one cell ahead, where that is free.

An answer has an arrow on every cell that the box is pushed from, and is the question elsewhere. Any plan of fewest
pushes is right. The one that `search` finds goes down, left, right or up, whichever first is on such a plan.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from redraft.errors import ConfigError, PuzzleError
from redraft.tasks.base import Examples, Grid, Tokens, Verdict
from redraft.tasks.canvas import turn
from redraft.tasks.lettered import LetteredTask
from redraft.tasks.written import Answered, place_of

WALL, FLOOR, GOAL, BOX, PLAYER, ARROW = range(6)
NAMES = {WALL: "wall", FLOOR: "floor cell", GOAL: "goal", BOX: "box", PLAYER: "player"}
MANY = {GOAL: "goals", BOX: "boxes", PLAYER: "players"}
STEPS = ((1, 0), (0, -1), (0, 1), (-1, 0))  # rows and columns that each arrow goes on
BOARDS = (4, 10)  # rows and columns
LEAST = 3  # pushes of a made puzzle
FAR = 1 << 12  # more pushes than any plan has
BATCH = 128  # boards worked on at once
FILLS = {WALL: "#2d333b", GOAL: "#9fd8a8"}

Ints = NDArray[np.int16]
Cells = NDArray[np.intp]
Bools = NDArray[np.bool_]


class Plans(NamedTuple):
    """The pushes of N boards of L cells, for a box on any of them.

    Attributes:
        sides: region that the player pushes from in direction d (N, L, 4): those of a cell that are equal are joined by
            a walk; -1 where the player cannot stand.
        pushes: fewest to the goal if the next one is in direction d (N, L, 4); FAR where it cannot be made, or leads
            nowhere.
        box, region: the cell of the box (N,), and the region that the player is in (N,).
    """

    sides: Ints
    pushes: Ints
    box: Cells
    region: Ints


class Walk(NamedTuple):
    """Plans of N boards of L cells that were followed as far as they go.

    Attributes:
        arrows: direction of the push from each cell (N, L), -1 where there was none.
        box: the cell where the box is in the end (N,).
        home: whether that is the goal (N,).
        crossed: whether the box would have been pushed from a cell twice (N,).
        fewest: pushes of the best plan (N,), FAR where there is none.
    """

    arrows: Ints
    box: Cells
    home: Bools
    crossed: Bools
    fewest: Ints


class Sokoban(LetteredTask):
    """One box on `size` x `size` cells.

    An answer is `valid` where its arrows take the box to the goal, by pushes that can be made. It is `optimal`, and
    solved, where no plan has fewer. A box that has to cross its own way has no answer, because a cell has one arrow.
    """

    characters = "#-.$@v<>^"
    blank = FLOOR
    expected = "a wall (#), a floor cell (-), the goal (.), the box ($), the player (@) or an arrow (v < > ^)"
    grades = ("broken", "valid", "optimal")
    scopes = ("around", "all")

    def __init__(self, size: int = 6) -> None:
        if not BOARDS[0] <= size <= BOARDS[1]:
            raise ConfigError(f"Sokoban boards have {BOARDS[0]} to {BOARDS[1]} rows and columns; got {size}")
        super().__init__(f"sokoban-{size}x{size}", size, size)
        padded = np.arange((size + 2) ** 2).reshape(size + 2, size + 2)  # with a wall around the board
        self._inner = padded[1:-1, 1:-1].ravel()
        self._offsets = [row * (size + 2) + column for row, column in STEPS]
        cell = np.zeros(padded.size, np.intp)
        cell[self._inner] = np.arange(size * size)
        self._next = np.stack([cell[self._inner + offset] for offset in self._offsets], 1)  # (L, 4), 0 beyond the board

    # plans
    def plans(self, questions: NDArray[np.int8]) -> Plans:
        """The pushes of questions (N, H, W) with one goal, one box and one player each."""
        count, cells = len(questions), self.seq_len
        free = np.zeros((count, (self.width + 2) ** 2), bool)
        flat = questions.reshape(count, cells)
        free[:, self._inner] = flat != WALL
        box, goal, player = ((flat == symbol).argmax(1) for symbol in (BOX, GOAL, PLAYER))
        # the regions that a box on each cell leaves: every cell takes the highest number that it can reach
        walked = np.repeat(free[:, None], cells, axis=1)
        walked[:, np.arange(cells), self._inner] = False
        region = np.where(walked, np.arange(free.shape[1], dtype=np.int16), np.int16(-1))  # (N, L, cells with walls)
        while True:
            grown = region
            for offset in self._offsets:
                grown = np.maximum(grown, np.roll(region, offset, axis=2))
            grown = np.where(walked, grown, np.int16(-1))
            if np.array_equal(grown, region):
                break
            region = grown
        at = np.arange(cells)
        sides = np.stack([region[:, at, self._inner - offset] for offset in self._offsets], 2)
        can = (sides >= 0) & np.stack([free[:, self._inner + offset] for offset in self._offsets], 2)
        joined = (sides[..., None] == sides[..., None, :]) & (sides[..., None, :] >= 0)
        rows = np.arange(count)
        pushes = np.full(sides.shape, FAR, np.int16)
        while True:
            after = np.where(joined, pushes[:, :, None], np.int16(FAR)).min(3)  # from each side of the box on
            after[rows, goal] = 0
            found = np.where(can, np.minimum(after[:, self._next, np.arange(4)] + 1, FAR), FAR).astype(np.int16)
            if np.array_equal(found, pushes):
                return Plans(sides, pushes, box, region[rows, box, self._inner[player]])
            pushes = found

    def walk(self, questions: NDArray[np.int8], arrows: Ints | None = None) -> Walk:
        """Follows the arrows (N, L) of answers to questions (N, H, W), or those of the best plan, push by push.

        Directions are 0 to 3, negative where there is no arrow. It ends at a push that cannot be made or leads nowhere.
        """
        plans, rows = self.plans(questions), np.arange(len(questions))
        goal = (questions.reshape(len(rows), self.seq_len) == GOAL).argmax(1)
        box, region = plans.box, plans.region
        taken, crossed = np.full((len(rows), self.seq_len), -1, np.int16), np.zeros(len(rows), bool)
        fewest = None
        while True:
            left = np.where(plans.sides[rows, box] == region[:, None], plans.pushes[rows, box], FAR)  # (N, 4)
            fewest = left.min(1) if fewest is None else fewest
            way = left.argmin(1) if arrows is None else arrows[rows, box]
            goes = (box != goal) & (way >= 0) & (left[rows, way] < FAR)
            crossed |= goes & (taken[rows, box] >= 0)
            goes &= ~crossed
            if not goes.any():
                return Walk(taken, box, box == goal, crossed, fewest)
            taken[rows[goes], box[goes]] = way[goes]
            box = np.where(goes, self._next[box, way], box)
            region = np.where(goes, plans.sides[rows, box, way], region)

    def search(self, questions: NDArray[np.int8]) -> Answered:
        """The best plan of each question; its rating is the number of pushes."""
        answers, ratings = questions.copy(), np.full(len(questions), np.nan, np.float32)
        sound = np.all([(questions == symbol).sum((1, 2)) == 1 for symbol in (GOAL, BOX, PLAYER)], axis=0)
        sound &= (questions < ARROW).all((1, 2))
        for rows in _parts(np.flatnonzero(sound)):
            walk = self.walk(questions[rows])
            arrows = walk.arrows.reshape(len(rows), self.height, self.width)
            answers[rows] = np.where(arrows >= 0, arrows + ARROW, questions[rows])
            ratings[rows] = walk.fewest
            sound[rows] = walk.home
        return Answered(answers, ratings, sound)

    # rules
    def validate(self, question: Grid) -> None:
        """Raises PuzzleError unless there is one goal, one box, one player, a plan, and no arrow yet."""
        if problem := self.not_a_grid(question):
            raise PuzzleError(problem)
        for symbol in (GOAL, BOX, PLAYER):
            if (count := np.count_nonzero(question == symbol)) != 1:
                found = f"{count} {MANY[symbol]}" if count else f"no {NAMES[symbol]}"
                raise PuzzleError(f"the board has {found}; expected exactly one")
        if len(arrows := np.argwhere(question >= ARROW)):
            raise PuzzleError(f"an arrow at {place_of(arrows[0])}; expected a board without a plan")
        walk = self.walk(question[None])
        if walk.fewest[0] >= FAR:
            raise PuzzleError("no way to push the box to the goal; expected one at least")
        if walk.crossed[0]:
            raise PuzzleError("the box has to cross its own way; expected a plan with one push from a cell")

    def check(self, question: Grid, answer: Grid) -> Verdict:
        reason = self.not_a_grid(answer)
        if not reason and len(changed := np.argwhere(_changed(question, answer))):
            name = NAMES.get(int(question[tuple(changed[0])]), "cell")
            reason = f"changes the {name} at {place_of(changed[0])}"
        if not reason:
            walk = self.walk(question[None], _arrows(answer[None]))
            end = np.array(divmod(int(walk.box[0]), self.width))
            stray = np.argwhere((answer >= ARROW) & (walk.arrows[0].reshape(answer.shape) < 0))
            made = np.count_nonzero(walk.arrows >= 0)
            if walk.crossed[0]:
                reason = f"the box comes back to {place_of(end)}"
            elif not walk.home[0]:
                pointed = answer[tuple(end)] >= ARROW
                reason = f"the box {'cannot be pushed on as the arrow says' if pointed else 'stays'} at {place_of(end)}"
            elif len(stray):
                reason = f"an arrow off the plan at {place_of(stray[0])}"
            elif made > walk.fewest[0]:
                reason = f"the plan has {made} pushes, the shortest {walk.fewest[0]}"
        return Verdict(solved=not reason, reason=reason)

    def check_many(self, questions: NDArray[np.int8], answers: NDArray[np.int8]) -> Bools:
        return self.grade_many(questions, answers) == len(self.grades) - 1

    def grade_many(self, questions: NDArray[np.int8], answers: NDArray[np.int8]) -> NDArray[np.int8]:
        grades = np.zeros(len(questions), np.int8)
        kept = ~_changed(questions, answers).any((1, 2)) & (answers < len(self.characters)).all((1, 2))
        for rows in _parts(np.flatnonzero(kept)):
            arrows = _arrows(answers[rows])
            walk = self.walk(questions[rows], arrows)
            valid = walk.home & (walk.arrows == arrows).all(1)
            grades[rows] = valid * (1 + ((arrows >= 0).sum(1) == walk.fewest))
        return grades

    def wrong_cells(self, question: Grid, grid: Grid) -> Bools:
        """Cells (H, W) that were changed to anything but an arrow, and arrows by which the box is not pushed."""
        arrows = _arrows(grid[None])
        walk = self.walk(question[None], arrows)
        wrong: Bools = _changed(question, grid) | (walk.arrows != arrows).reshape(grid.shape)
        return wrong

    # data
    def make(self, count: int, seed: int) -> Examples:
        """`count` random boards whose shortest plan has at least LEAST pushes, and does not cross itself.

        A cell is a wall with a probability drawn for the board from 0.1 to 0.3. Ratings are the pushes. Puzzle i
        depends on (seed, i) alone, so a longer run begins with the shorter one.
        """
        rngs = [np.random.default_rng((seed, i)) for i in range(count)]
        questions = np.full((count, self.height, self.width), WALL, np.int8)
        answers, ratings = questions.copy(), np.zeros(count, np.float32)
        waiting = np.arange(count)
        while len(waiting):
            questions[waiting] = [self._random(rngs[i]) for i in waiting]
            answers[waiting], ratings[waiting], sound = self.search(questions[waiting])
            waiting = waiting[~(sound & (ratings[waiting] >= LEAST))]
        return Examples(questions=questions, answers=answers, ratings=ratings)

    def _random(self, rng: np.random.Generator) -> Grid:
        """A random board, with a plan or without."""
        board = np.where(rng.random(self.seq_len) < rng.uniform(0.1, 0.3), WALL, FLOOR).astype(np.int8)
        board[rng.permutation(self.seq_len)[:3]] = GOAL, BOX, PLAYER
        return board.reshape(self.height, self.width)

    def augment(self, inputs: Tokens, labels: Tokens, rng: np.random.Generator) -> tuple[Tokens, Tokens]:
        """A random symmetry of the square for each row of inputs (B, L), for which plans are searched again.

        The first of equal plans of a mirrored board is mostly not the mirrored one.
        """
        chosen = rng.integers(8, size=len(inputs))
        grids = self.decode(inputs)
        moved = np.array([turn(grid, symmetry) for grid, symmetry in zip(grids, chosen.tolist(), strict=True)])
        moved = moved.reshape(grids.shape)
        return self.encode(moved), self.encode(self.search(moved).answers)

    # pictures
    def fills(self, grid: Grid) -> list[list[str]]:
        """Walls dark, the goal green."""
        return [[FILLS.get(symbol, "") for symbol in row] for row in np.asarray(grid).tolist()]


def _arrows(answers: NDArray[np.int8]) -> Ints:
    """Directions (N, L) of the arrows of answers (N, H, W), -1 elsewhere."""
    flat = answers.reshape(len(answers), -1).astype(np.int16) - ARROW
    return np.where((flat >= 0) & (flat < len(STEPS)), flat, np.int16(-1))


def _changed(questions: NDArray[np.int8], answers: NDArray[np.int8]) -> Bools:
    """Cells that an answer changes, but not to an arrow on what a box may be pushed over."""
    over = (questions == FLOOR) | (questions == BOX) | (questions == PLAYER)
    changed: Bools = (questions != answers) & ~(over & (answers >= ARROW))
    return changed


def _parts(rows: Cells) -> list[Cells]:
    """The rows, BATCH at a time."""
    return [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
