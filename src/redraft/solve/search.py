"""The search for a puzzle that is stuck: a tree of guesses, each node the question with some more cells filled in."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from redraft.backends.protocol import Floats
from redraft.tasks import Grid, Task

Guess = tuple[int, int]  # a cell, from 0 and row by row, and the token that fills it
Node = tuple[Guess, ...]  # in the order in which they were made; the question itself has none

# Places in the order of guesses by which a node's first child comes after the node itself: a pair, and a larger set.
PAIR, LARGER = 16, 4  # docs/effort.md


class GuessTree:
    """Says which node to try next, of a question (H, W) of a task that has cells to fill.

    A try that fails gives its node children by the logits of its last draft: the node with one more guess, in the order
    of `guesses`. A node's cost is the sum, over its guesses, of their places in that order, and of PAIR for the second
    and LARGER for each after it. The cheapest comes next, so that sets mix with single guesses of later places. No set
    is tried twice, in whatever order it came about, and none that breaks a rule: every search ends.
    """

    def __init__(self, task: Task, question: Grid) -> None:
        assert task.open_token is not None
        self._task, self._open, self._inputs = task, task.open_token, task.encode(question)
        self._node: Node = ()
        self._first = 0  # the cost of the first child of the node
        self._tried: set[frozenset[Guess]] = set()
        # by the cost of its next child and by age: a node that failed, and the guesses that remain for children
        self._failed: list[tuple[int, int, Node, Iterator[Guess]]] = []
        self._age = 0

    def next(self, logits: Floats) -> Node:
        """The node to try after the last one (at first, the question) failed with logits (L, V); () if none is left."""
        children = guesses(fill(self._inputs, self._node), logits, open_token=self._open)
        self._age += 1
        heapq.heappush(self._failed, (self._first, self._age, self._node, children))
        while self._failed:
            cost, age, parent, children = self._failed[0]
            for guess in children:
                node = (*parent, guess)
                if self._is_new(node) and self._keeps_the_rules(node):
                    heapq.heapreplace(self._failed, (cost + 1, age, parent, children))
                    self._node, self._first = node, cost + (PAIR if len(node) == 1 else LARGER)
                    return node
            heapq.heappop(self._failed)
        self._node = ()
        return ()

    def _is_new(self, node: Node) -> bool:
        """Whether its guesses have not been made before; true once for each set."""
        before = len(self._tried)
        self._tried.add(frozenset(node))
        return len(self._tried) > before

    def _keeps_the_rules(self, node: Node) -> bool:
        question = self._task.decode(fill(self._inputs, node))
        return not self._task.wrong_cells(question, question).any()


def fill(inputs: NDArray[np.integer], node: Node) -> NDArray[np.integer]:
    """A question's inputs (L,) with the guesses of a node filled in."""
    filled = inputs.copy()
    for cell, token in node:
        filled[cell] = token
    return filled


def guesses(inputs: NDArray[np.integer], logits: Floats, *, open_token: int) -> Iterator[Guess]:
    """All guesses for an unsolved puzzle, best first, from its inputs (L,) and the logits (L, V) of its draft.

    The least sure of the open cells comes first (by the gap between its two best logits), with its second-best symbol,
    then its best; after the last cell come the third-best symbols, and so on. Padding, which is token 0, and the open
    cell's own token are no symbols.

    A draft that is stuck tends to be another answer that nearly keeps the rules, consistent in itself. Filling one
    doubtful cell, mostly with a symbol other than the draft's, makes it move again; the rules judge where it ends.
    """
    scores = logits.astype(np.float32, copy=True)
    scores[:, [0, open_token]] = -np.inf
    best = np.argsort(-scores, axis=-1, kind="stable").astype(np.int16)
    top = np.take_along_axis(scores, best[:, :2], -1)
    cells = np.argsort(top[:, 0] - top[:, 1], kind="stable")
    cells = cells[inputs[cells] == open_token]
    possible = scores > -np.inf
    for ranks in ((1, 0), *((rank,) for rank in range(2, best.shape[1]))):
        for cell in cells:
            for token in best[cell, list(ranks)]:
                if possible[cell, token]:
                    yield int(cell), int(token)
