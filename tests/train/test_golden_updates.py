"""AdamAtan2 and both losses agree with the published ones."""

from pathlib import Path

import numpy as np
import pytest
import torch

from redraft.train.losses import LOSSES
from redraft.train.optim import AdamAtan2

pytestmark = pytest.mark.arithmetic

GOLDEN = Path(__file__).parents[1] / "golden"


def test_adam_atan2() -> None:
    golden = np.load(GOLDEN / "adam_atan2.npz")
    params = [torch.nn.Parameter(torch.from_numpy(golden[f"param{i}/init"])) for i in (0, 1)]
    optimiser = AdamAtan2(
        params,
        lr=float(golden["lr"]),
        betas=(float(golden["beta1"]), float(golden["beta2"])),
        weight_decay=float(golden["weight_decay"]),
    )
    for step in range(1, 6):
        for i, p in enumerate(params):
            p.grad = torch.from_numpy(golden[f"param{i}/grad{step}"])
        optimiser.step()
        for i, p in enumerate(params):
            want = torch.from_numpy(golden[f"param{i}/after{step}"])
            torch.testing.assert_close(p.detach().double(), want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["stablemax", "softmax"])
def test_losses(kind: str) -> None:
    golden = np.load(GOLDEN / "losses.npz")
    got = LOSSES[kind](torch.from_numpy(golden["logits"]), torch.from_numpy(golden["labels"]))
    torch.testing.assert_close(got.double(), torch.from_numpy(golden[kind]).double(), rtol=1e-5, atol=1e-7)
