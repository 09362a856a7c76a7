"""HRM computes what the published HRM computes: both Q values, the bootstrapped target, every gradient.

As for TRM every step starts from the recorded state of the step before; besides, HRM's weights amplify rounding so
little that four steps on end stay within the same tolerance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from redraft.models import HRM
from redraft.train.halting import BINARY, get_halting

if TYPE_CHECKING:
    from conftest import Golden

pytestmark = pytest.mark.parametrize("golden", ["hrm"], indirect=True)


def test_evaluation_steps(golden: Golden) -> None:
    assert isinstance(golden.model, HRM)
    for step in range(1, 5):
        output = golden.check_evaluation_step(step)
        want = golden.arrays[f"eval/step{step}/q_continue_logits"]
        assert output.continue_logit is not None
        golden.assert_close(output.continue_logit, want, "what going on is worth")


@torch.no_grad()
def test_four_steps_on_end(golden: Golden) -> None:
    carry = golden.model.initial_carry(4)
    for step in range(1, 5):
        carry, logits, halt_logit, continue_logit = golden.model(golden.tokens, golden.ids, carry)
        want = golden.under(f"eval/step{step}/")
        golden.assert_close(logits, want["logits"], "logits")
        golden.assert_close(halt_logit, want["q_halt_logits"], "halting logit")
        golden.assert_close(continue_logit, want["q_continue_logits"], "what going on is worth")


def test_training_steps(golden: Golden) -> None:
    slots = golden.slots()
    for step in range(1, 4):
        output, loss = golden.check_training_step(slots, step, get_halting("q"))
        going_on = loss.halt - BINARY.loss(output, loss.exact, None, None)
        want = golden.arrays[f"train/step{step}/metrics/q_continue_loss"]
        golden.assert_close(going_on, want, "loss of what going on is worth")
    golden.check_puzzle_update()
