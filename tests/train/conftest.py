"""A training run small enough to repeat many times in a test."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from redraft.data.build import open_source
from redraft.data.store import Store
from redraft.recipes import get_recipe
from redraft.tasks import get_task
from redraft.train.config import RunConfig
from redraft.train.loop import Trainer


@pytest.fixture(autouse=True)
def same_threads() -> Iterator[None]:
    """Torch has as many threads after a test as before: runs set them, and two on a busy core are slow."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny() -> RunConfig:
    """Eight steps of a tiny MLP-mixer TRM with a puzzle embedding, so that sparse rows are trained too."""
    run = get_recipe("sudoku-4x4", tiny=True)
    model = replace(run.model, hidden_size=16, puzzle_positions=1, puzzle_dim=16, T=2, n=1)
    return replace(run, model=model, steps=8, max_steps=3, exploration=0.5, checkpoint_every=3, eval_every=4)


@pytest.fixture(scope="session")
def data(tiny: RunConfig) -> Store:
    return open_source(get_task(tiny.task), tiny.data.train)


@pytest.fixture
def trainer(tiny: RunConfig, data: Store, tmp_path: Path) -> Callable[..., Trainer]:
    """Makes trainers: `trainer("folder", resume=True, config=...)`."""

    def make(name: str, *, resume: bool = False, config: RunConfig = tiny) -> Trainer:
        cpu = torch.device("cpu")
        return Trainer(config, tmp_path / name, task=get_task(config.task), data=data, device=cpu, resume=resume)

    return make
