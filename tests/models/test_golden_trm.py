"""TRM computes what the published TRM computes: four evaluation steps, three training steps, every gradient.

Every step starts from the recorded state of the step before. `trm_mlp` has random weights that amplify a rounding
error about fortyfold a step (the published code run on another CPU differs from its own record as much), so a run
of several steps would measure the CPU, not the model. If `trm_mlp` alone fails by a small factor on an unusual CPU,
that amplification is the first suspect. The comparisons themselves are in conftest.py, shared with HRM.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from redraft.models import TRM
from redraft.train.halting import BINARY

if TYPE_CHECKING:
    from conftest import Golden

pytestmark = pytest.mark.parametrize("golden", ["trm_att", "trm_mlp", "trm_att_learned_pos"], indirect=True)


def test_evaluation_steps(golden: Golden) -> None:
    assert isinstance(golden.model, TRM)
    for step in range(1, 5):
        assert golden.check_evaluation_step(step).continue_logit is None


def test_training_steps(golden: Golden) -> None:
    slots = golden.slots()
    for step in range(1, 4):
        _, loss = golden.check_training_step(slots, step, BINARY)
        golden.assert_close(loss.halt, golden.arrays[f"train/step{step}/metrics/q_halt_loss"], "halting loss")
    golden.check_puzzle_update()


def test_reset_slots_start_from_the_initial_state(golden: Golden) -> None:
    slots = golden.slots()
    slots.carry = golden.carry(torch.full((4,), 2))
    slots.halted = torch.tensor([True, False, True, False])
    slots.refill(golden.tokens, golden.labels, golden.ids)
    for got, want in zip(slots.carry, golden.carry(torch.tensor([0, 2, 0, 2])), strict=True):
        assert torch.equal(got, want)
