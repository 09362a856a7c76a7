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

ALONE = 17  # tries with one guess before larger sets take turns with them (docs/effort.md)
LARGER = 4  # places in the order of sets that each guess after the second costs


class GuessTree:
    """Says which node to try next, of a question (H, W) of a task that has cells to fill.

    A try that fails gives its node children by the logits of its last draft: the node with one more guess, in the order
    of `guesses`. Single guesses come in their order; after the first ALONE they take turns with larger sets, the
    cheapest first. A set costs the sum of its guesses' places in those orders, and LARGER for each after the second. No
    set is tried twice, in whatever order it came about, and none that breaks a rule: every search ends.
    """

    def __init__(self, task: Task, question: Grid) -> None:
        assert task.open_token is not None
        self._task, self._open, self._inputs = task, task.open_token, task.encode(question)
        self._node: Node = ()
        self._cost = 0  # of the node
        self._tried: set[frozenset[Guess]] = set()
        self._tries = self._place = 0  # the nodes so far, and those of one guess
        self._single: Iterator[Guess] = iter(())  # guesses that remain for nodes of one
        # by the cost of its next child and by age: a node that failed, and the guesses that remain for children
        self._failed: list[tuple[int, int, Node, Iterator[Guess]]] = []

    def next(self, logits: Floats) -> Node:
        """The node to try after the last one (at first, the question) failed with logits (L, V); () if none is left."""
        children = guesses(fill(self._inputs, self._node), logits, open_token=self._open)
        if not self._node:
            self._single = children
        else:
            cost = self._cost + (LARGER if len(self._node) > 1 else 0)
            heapq.heappush(self._failed, (cost, self._tries, self._node, children))
        self._tries += 1
        ways = [self._next_single, self._next_set]
        if self._tries > ALONE and (self._tries - ALONE) % 2:
            ways.reverse()
        self._node = ways[0]() or ways[1]()
        return self._node

    def _next_single(self) -> Node:
        for guess in self._single:
            if self._may_be((guess,)):
                self._cost = self._place = self._place + 1
                return (guess,)
        return ()

    def _next_set(self) -> Node:
        while self._failed:
            cost, age, parent, children = self._failed[0]
            for guess in children:
                node = (*parent, guess)
                if self._may_be(node):
                    heapq.heapreplace(self._failed, (cost + 1, age, parent, children))
                    self._cost = cost
                    return node
            heapq.heappop(self._failed)
        return ()

    def _may_be(self, node: Node) -> bool:
        return self._is_new(node) and self._keeps_the_rules(node)

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
