"""A compiled network trains as the plain one does."""

import shutil
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from redraft.train.config import RunConfig
from redraft.train.loop import Trainer


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
@pytest.mark.filterwarnings("ignore")  # what a compiler of another project warns about is not ours to mend
def test_compiled_training_equals_plain_training(trainer: Callable[..., Trainer], tiny: RunConfig) -> None:
    plain = trainer("plain")
    compiled = trainer("compiled", config=replace(tiny, compile=True))
    for _ in range(4):
        plain.train_step()
        compiled.train_step()
    torch.testing.assert_close(compiled.learner.flat.values, plain.learner.flat.values, rtol=1e-4, atol=1e-5)
    assert torch.equal(compiled.slots.halted, plain.slots.halted)
    assert compiled.learner.model.state_dict().keys() == plain.learner.model.state_dict().keys()
