"""Second tries: other starts, the same for every puzzle, on every backend."""

from typing import Any

import numpy as np
import pytest
import torch

from redraft.backends.protocol import Stepper, starting_vectors
from redraft.backends.torch import TorchStepper
from redraft.models import TRMConfig, build_model
from redraft.models.config import VariantConfig
from redraft.recipes.alike import equivariant
from redraft.solve.load import open_stepper
from redraft.tasks import get_task

pytestmark = pytest.mark.arithmetic

TASK = get_task("sudoku-6x6")
INPUTS = TASK.encode(TASK.make(3, 0).questions)
IDS = np.zeros(3, np.int32)


@pytest.fixture(params=["torch", "numpy"])
def stepper(request: pytest.FixtureRequest) -> Stepper:
    return open_stepper("sudoku-6x6", backend=request.param).stepper


def test_a_try_begins_like_itself_in_any_company() -> None:
    both = starting_vectors(np.array([2, 1, 2]), 8)
    assert both.shape == (2, 3, 8) and both.dtype == np.float32
    np.testing.assert_array_equal(both[:, 0], both[:, 2])
    np.testing.assert_array_equal(both[:, 1], starting_vectors(np.array([1]), 8)[:, 0])
    assert not np.allclose(both[:, 0], both[:, 1])
    assert not np.allclose(both[0, 0], both[1, 0]), "y and z begin alike"


def test_the_first_try_is_the_models_own(stepper: Stepper) -> None:
    _, plain = stepper.step(stepper.start(INPUTS, IDS))
    _, first = stepper.step(stepper.start(INPUTS, IDS, np.zeros(3, int)))
    np.testing.assert_array_equal(plain.halt_logit, first.halt_logit)
    _, mixed = stepper.step(stepper.start(INPUTS, IDS, np.array([0, 1, 2])))
    assert mixed.halt_logit[0] == pytest.approx(plain.halt_logit[0], rel=1e-3)
    assert not np.isclose(mixed.halt_logit[1:], plain.halt_logit[1:], rtol=1e-3).any()


def test_numpy_begins_again_where_torch_does() -> None:
    tries = np.array([0, 1, 5])
    drafts = []
    for backend in ("torch", "numpy"):
        stepper = open_stepper("sudoku-6x6", backend=backend).stepper
        drafts.append(stepper.step(stepper.start(INPUTS, IDS, tries))[1])
    np.testing.assert_allclose(drafts[0].halt_logit, drafts[1].halt_logit, rtol=1e-3)
    np.testing.assert_array_equal(drafts[0].tokens, drafts[1].tokens)


def test_recursions_make_a_step(stepper: Stepper) -> None:
    assert stepper.recursions == 2
    state = stepper.start(INPUTS, IDS)
    _, whole = stepper.step(state)
    for _ in range(stepper.recursions):
        state, draft = stepper.step(state, 1)
    np.testing.assert_array_equal(whole.tokens, draft.tokens)
    np.testing.assert_allclose(whole.halt_logit, draft.halt_logit, rtol=1e-5)


@torch.no_grad()
def test_any_state_can_be_begun_again() -> None:
    stepper = TorchStepper(build_model(equivariant(TASK, hidden_size=16, num_heads=2, n=1), seed=0))
    state = stepper.start(INPUTS, IDS, np.array([0, 3, 0]))
    assert torch.equal(state.carry.y[0], state.carry.y[2])
    vectors = torch.from_numpy(starting_vectors(np.array([3]), 16))
    assert torch.equal(state.carry.y[1], vectors[0].view(1, 1, 16).expand(36, 6, 16))


def test_a_model_whose_recursions_are_not_alike_is_not_cut() -> None:
    shape: dict[str, Any] = {
        "vocab_size": 8,
        "seq_len": 36,
        "hidden_size": 16,
        "num_heads": 2,
        "puzzle_positions": 0,
        "T": 3,
    }
    for config, recursions in ((TRMConfig(**shape), 3), (VariantConfig(**shape, reinject=False, gradient=21), 1)):
        assert TorchStepper(build_model(config)).recursions == recursions
