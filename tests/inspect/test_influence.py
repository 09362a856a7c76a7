"""What blanking givens changes, in a model one can see through."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from redraft.core.carry import Carry
from redraft.inspect.influence import asked, blank_of, givens, occlusion
from redraft.models import Model, ModelConfig, StepOutput
from redraft.tasks import get_task
from redraft.tasks.arc.task import Arc

TASK = get_task("sudoku-4x4")


class Copying(Model):
    """Each cell's answer is the token of the cell before it; the first cell's is its own."""

    def __init__(self) -> None:
        super().__init__()
        self.config = ModelConfig(vocab_size=6, seq_len=4)
        self.none = nn.Parameter(torch.zeros(1))

    def initial_carry(self, batch: int) -> Carry:
        return Carry(torch.zeros(batch, 4, 6), torch.zeros(batch, 0))

    def forward(self, tokens: Tensor, puzzle_ids: Tensor, carry: Carry) -> StepOutput:
        y = 1e4 * torch.nn.functional.one_hot(torch.cat((tokens[:, :1], tokens[:, :-1]), 1), 6).float()
        return StepOutput(Carry(y, carry.z), y, torch.zeros(len(tokens)))


def test_a_cell_depends_on_what_it_copies() -> None:
    told: list[int] = []
    tokens, cells = np.array([3, 1, 4, 5]), np.array([0, 2, 3])
    found = occlusion(Copying(), tokens, cells=cells, blank=1, steps=2, probability="softmax", progress=told.append)
    assert found.cells is cells and found.change.shape == (2, 3, 4) and told == [1, 3]
    for step in found.change:
        assert step.tolist() == [[1, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]]


def test_many_givens_in_several_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens, cells = np.array([3, 2, 4, 5]), np.arange(4)
    whole = occlusion(Copying(), tokens, cells=cells, blank=1, steps=1)
    monkeypatch.setattr("redraft.inspect.influence.BATCH", 3)
    assert np.array_equal(occlusion(Copying(), tokens, cells=cells, blank=1, steps=1).change, whole.change)


def test_blank_cells() -> None:
    question = TASK.make(1, 0).questions[0]
    assert blank_of(TASK, question) == 1
    assert np.array_equal(asked(TASK, question), (question == 0).ravel())
    assert np.array_equal(givens(TASK, question), np.flatnonzero(question))
    maze = get_task("maze-4x5")
    question = maze.parse("S.#..\n..#..\n.##..\n....G")
    assert maze.decode(np.full(20, blank_of(maze, question)))[0, 0] == 1, "a free cell"
    assert asked(maze, question).sum() == 14
    arc = Arc(30)
    question = arc.parse("[[0, 0, 3], [0, 0, 0]]")
    assert blank_of(arc, question) == arc.encode(question)[0], "the most frequent colour, as there is no blank"
    assert asked(arc, question).all()
    assert givens(arc, question).tolist() == [2], "the one cell of another colour; nothing outside the grid"
