"""The local network in NumPy: the same states and logits as PyTorch's, second tries included."""

import numpy as np
import pytest
import torch

from redraft.backends.choose import Here, choose_backend, numpy_work
from redraft.backends.numpy.local import NumpyLocal
from redraft.backends.numpy.stepper import NumpyStepper
from redraft.backends.torch import TorchStepper
from redraft.config import to_dict
from redraft.models import LocalConfig, build_model

pytestmark = pytest.mark.arithmetic

CONFIG = LocalConfig(vocab_size=6, seq_len=30, grid_width=5, hidden_size=8, question_size=4, n=4, notes=5)
AS_WRITTEN = {"kind": "local", **to_dict(CONFIG)}


@pytest.mark.parametrize("tries", [None, np.array([0, 1, 5])], ids=["first", "again"])
def test_states_and_logits_as_from_torch(tries: np.ndarray | None) -> None:
    model = build_model(CONFIG, seed=2)
    model.get_parameter("halt_head.weight").data.normal_(generator=torch.Generator().manual_seed(0))
    tensors = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    by_torch, by_numpy = TorchStepper(model), NumpyStepper(NumpyLocal(CONFIG, tensors))
    assert by_torch.recursions == by_numpy.recursions == 1
    inputs, ids = np.random.default_rng(0).integers(1, 6, (3, 30)), np.zeros(3, np.int32)
    one, other = by_torch.start(inputs, ids, tries), by_numpy.start(inputs, ids, tries)
    for _ in range(3):
        (one, want), (other, got) = by_torch.step(one), by_numpy.step(other)
        np.testing.assert_allclose(other.y, one.carry.y.numpy(), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(by_numpy.logits(other), by_torch.logits(one), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(got.halt_logit, want.halt_logit, rtol=1e-4, atol=1e-5)
        assert np.array_equal(got.tokens, want.tokens)


def test_few_small_grids_are_for_numpy_and_many_for_torch() -> None:
    assert numpy_work(AS_WRITTEN) == 30 * 27 * 8 * (4 * 8 + 4)
    here = Here(torch=True, gpu=False)
    assert choose_backend(AS_WRITTEN, puzzles=1, here=here) == "numpy"
    assert choose_backend(AS_WRITTEN, puzzles=1_000_000, here=here) == "torch"
