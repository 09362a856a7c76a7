"""The equivariant model in NumPy: the same drafts as PyTorch's, and what it leaves to torch."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from redraft.backends.numpy.equivariant import NumpyEquivariant, runs
from redraft.backends.numpy.stepper import read_model
from redraft.errors import WeightsError
from redraft.models import build_model
from redraft.models.equivariant import Equivariant
from redraft.recipes.alike import equivariant
from redraft.solve.load import open_stepper
from redraft.tasks import get_task
from redraft.weights.format import describe
from redraft.weights.io import save_weights

pytestmark = pytest.mark.arithmetic

TASKS = {
    "rows, columns, boxes": "sudoku-6x6",
    "square boxes": "sudoku-9x9",
    "pairs, without symbols": "futoshiki-4x4",
    "neighbours, without symbols": "sokoban-4x4",
}


def model_of(task: str, **shape: Any) -> Equivariant:
    """A random model whose halting head is not zero, as it is at first."""
    model = build_model(equivariant(get_task(task), hidden_size=16, n=2, T=2, **shape), seed=2)
    with torch.no_grad():
        model.get_parameter("halt_head.weight").normal_(generator=torch.Generator().manual_seed(0))
    assert isinstance(model, Equivariant)
    return model.eval()


def in_numpy(model: Equivariant) -> NumpyEquivariant:
    tensors = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    return NumpyEquivariant(model.config, tensors)


def assert_alike(got: np.ndarray, want: np.ndarray) -> None:
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4 * np.abs(want).max())


@pytest.mark.parametrize("halting", ["margin", "pooled"])
@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_logits_and_states_as_from_torch(task: str, halting: str) -> None:
    model = model_of(task, halting=halting)
    tokens, ids = get_task(task).encode(get_task(task).make(3, 0).questions), np.zeros(3, np.int64)
    ours = in_numpy(model)
    x, (y, z) = ours.embed(tokens, ids), ours.initial_carry(3)
    carry = model.initial_carry(3)
    for _ in range(3):
        got = ours.step(x, y, z)
        with torch.inference_mode():
            want = model(torch.from_numpy(tokens).long(), torch.from_numpy(ids), carry)
        for one, other in (
            *((got.logits, want.logits), (got.halt_logit, want.halt_logit)),
            *((got.y, want.carry.y), (got.z, want.carry.z)),
        ):
            assert one.dtype == np.float32
            assert_alike(one, other.numpy())
        carry = want.carry
        y, z = carry.y.numpy(), carry.z.numpy()


@pytest.mark.parametrize("name", ["sudoku-6x6-eq", "futoshiki-4x4"])
def test_what_ships_drafts_alike_second_tries_included(name: str) -> None:
    task = get_task(name.removesuffix("-eq"))
    inputs, ids = task.encode(task.make(4, 5).questions), np.zeros(4, np.int32)
    drafts = []
    for backend in ("numpy", "torch"):
        stepper = open_stepper(name, backend=backend, dtype="float32").stepper
        state = stepper.start(inputs, ids, np.array([0, 1, 0, 3]))
        for _ in range(4):
            state, draft = stepper.step(state)
        drafts.append(draft)
    np.testing.assert_array_equal(drafts[0].tokens, drafts[1].tokens)
    assert_alike(drafts[0].halt_logit, drafts[1].halt_logit)


def test_other_mixers_are_left_to_torch(tmp_path: Path) -> None:
    config = model_of("sudoku-6x6").config
    for change in ({}, {"scopes": ("rows", "around")}, {"symbols": 0, "first_symbol": 0}):
        assert runs(replace(config, **change))  # type: ignore[arg-type]
    assert not runs(replace(config, mixer="mlp"))
    model = build_model(equivariant(get_task("sudoku-6x6"), hidden_size=16, mixer="mlp"))
    save_weights(tmp_path, model, task="sudoku-6x6", card={})
    with pytest.raises(WeightsError, match=r"backend numpy .*mixer mlp"):
        read_model(tmp_path, describe(tmp_path))
    assert type(open_stepper(tmp_path).stepper).__name__ == "TorchStepper"
