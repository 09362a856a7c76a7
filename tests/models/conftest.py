"""The recorded models of tests/golden, opened as ours, and the comparisons that TRM and HRM share."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from redraft.core import fused, products
from redraft.core.carry import Carry
from redraft.models import StepOutput
from redraft.models.published import Shape, convert, rename
from redraft.train.halting import BINARY, HaltingRule
from redraft.train.losses import StepLoss, step_loss
from redraft.train.optim import SignSGD
from redraft.train.slots import Slots

GOLDEN = Path(__file__).parents[1] / "golden"


class Golden:
    """One recorded model: its configuration, arrays, and the same weights in our model."""

    def __init__(self, name: str, *, tolerance: float = 1e-5) -> None:
        """`tolerance`: greatest relative error of a whole tensor, in the Euclidean norm."""
        self.tolerance = tolerance
        self.config = json.loads((GOLDEN / f"{name}.json").read_text())["config"]
        with np.load(GOLDEN / f"{name}.npz") as arrays:
            self.arrays = {key: torch.from_numpy(arrays[key]) for key in arrays.files}
        self.model = convert(
            self.under("state_dict/"),
            vocab_size=self.config["vocab_size"],
            seq_len=self.config["seq_len"],
            shape=Shape(
                T=self.config["H_cycles"],
                n=self.config["L_cycles"],
                num_heads=self.config["num_heads"],
                puzzle_positions=self.config.get("puzzle_emb_len"),
            ),
        )
        batch = self.under("batch/")
        self.tokens, self.labels = batch["inputs"].long(), batch["labels"].long()
        self.ids = batch["puzzle_identifiers"].long()
        # The recorded state_dict holds the puzzle table as it was after the sign-SGD update; see golden/README.md.
        with np.load(GOLDEN / "puzzle_tables.npz") as tables:
            self.table = self.model.sparse_parameters()["embed.puzzle.table"]
            self.table.data.copy_(torch.from_numpy(tables[name]))

    def under(self, prefix: str) -> dict[str, torch.Tensor]:
        """The recorded arrays whose names begin with `prefix`, without it."""
        return {key.removeprefix(prefix): value for key, value in self.arrays.items() if key.startswith(prefix)}

    def carry(self, steps: torch.Tensor) -> Carry:
        """The recorded state (B, S, D) after `steps` (B,) steps of evaluation; 0 is the initial state."""
        states = [self.model.initial_carry(4)]
        states += [Carry(*(self.arrays[f"eval/step{k}/{part}"] for part in ("z_H", "z_L"))) for k in range(1, 5)]
        picked = [states[int(k)].rows(torch.tensor([row])) for row, k in enumerate(steps)]
        return Carry(torch.cat([state.y for state in picked]), torch.cat([state.z for state in picked]))

    def slots(self) -> Slots:
        """The four slots of the recorded training, empty."""
        return Slots(self.model, 4, seq_len=16, device=torch.device("cpu"))

    @torch.no_grad()
    def check_evaluation_step(self, step: int) -> StepOutput:
        """One step from the recorded state before it gives what was recorded."""
        output = self.model.eval()(self.tokens, self.ids, self.carry(torch.full((4,), step - 1)))
        want = self.under(f"eval/step{step}/")
        self.assert_close(output.logits, want["logits"], "logits")
        self.assert_close(output.halt_logit, want["q_halt_logits"], "halting logit")
        self.assert_close(output.carry.y, want["z_H"], "y")
        self.assert_close(output.carry.z, want["z_L"], "z")
        assert torch.equal(output.logits.argmax(-1), want["preds"])
        self.assert_close(step_loss(output, self.labels).total, want["loss"], "loss")
        return output

    def check_training_step(self, slots: Slots, step: int, halting: HaltingRule) -> tuple[StepOutput, StepLoss]:
        """One step of the slots from the recorded state: loss, metrics, halting decisions and every gradient."""
        want = self.under(f"train/step{step}/")
        model = self.model.train()
        slots.refill(self.tokens, self.labels, self.ids)
        slots.carry = self.carry(slots.steps)
        output = model(slots.tokens, slots.puzzle_ids, slots.carry)
        ahead = None
        if halting.looks_ahead:
            with torch.no_grad():
                ahead = model(slots.tokens, slots.puzzle_ids, output.carry.detach())
        loss = step_loss(output, slots.labels, halting=halting, ahead=ahead, last=slots.steps + 1 >= 16)
        model.zero_grad()
        (loss.total / 4).backward()
        stops = halting.stops(output, loss.exact)
        slots.advance(output.detach(), stops=stops, max_steps=16, min_steps=torch.zeros(4, dtype=torch.int64))

        self.assert_close(loss.total, want["loss"], "loss")
        self.assert_close(loss.answer, want["metrics/lm_loss"], "answer loss")
        self.assert_close(BINARY.loss(output, loss.exact, None, None), want["metrics/q_halt_loss"], "halting loss")
        assert torch.equal(slots.halted, want["halted"])
        assert torch.equal(slots.steps, want["steps"].long())
        counted = slots.halted & (slots.labels != -100).any(-1)
        right = (output.halt_logit >= 0) == loss.exact
        assert counted.sum() == want["metrics/count"]
        assert (loss.exact & counted).sum() == want["metrics/exact_accuracy"]
        assert (right & counted).sum() == want["metrics/q_halt_accuracy"]
        assert slots.steps[counted].sum() == want["metrics/steps"]
        self.assert_close(loss.right_cells[counted].sum(), want["metrics/accuracy"], "cell accuracy")

        self.check_gradients(f"train/step{step}/grad/")
        expected = torch.zeros(self.table.shape).index_add_(0, slots.puzzle_ids, want["grad_puzzle_emb_rows"])
        assert self.table.grad is not None
        self.assert_close(self.table.grad.to_dense(), expected, "gradient of the puzzle table")
        return output, loss

    def check_gradients(self, prefix: str) -> None:
        """Every recorded gradient equals ours, and every dense parameter of ours has a recorded gradient."""
        grads = {rename(name): want for name, want in self.under(prefix).items()}
        parameters = self.model.dense_parameters()
        assert set(grads) == set(parameters)
        for name, p in parameters.items():
            want = grads[name]
            if name.startswith("halt_head") and len(p) == 1:  # published Q(continue), which TRM never trains
                assert not want[1:].any()
                want = want[:1]
            assert p.grad is not None, name
            self.assert_close(p.grad, want, f"gradient of {name}")

    def check_puzzle_update(self) -> None:
        """The sign-SGD update with the gradient of the last training step gives the recorded table."""
        update = self.under("signsgd/")
        SignSGD([self.table], lr=float(update["lr"]), weight_decay=float(update["weight_decay"])).step()
        self.assert_close(self.table.detach(), update["weights_after"], "puzzle table after its update")

    def assert_close(self, got: torch.Tensor, want: torch.Tensor, what: str) -> None:
        assert got.shape == want.shape, f"{what}: shape {tuple(got.shape)}, expected {tuple(want.shape)}"
        error = (got.double() - want.double()).norm() / want.double().norm().clamp_min(1e-6)
        assert error <= self.tolerance, f"{what}: relative error {error:.1e}, expected at most {self.tolerance:.0e}"


@pytest.fixture(params=["layers", "kernels"])
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How the blocks of a network are computed: layer by layer, as published, or by the kernels for a CPU."""
    if request.param == "layers":
        monkeypatch.setattr(fused, "applies", lambda h: False)
        monkeypatch.setattr(products, "by_onednn", lambda a: False)
    return request.param


@pytest.fixture
def golden(request: pytest.FixtureRequest, path: str) -> Golden:
    """The recorded model of that name, by `parametrize(..., indirect=True)`.

    Kernels round at fewer places than layers do. Where weights amplify rounding (`trm_mlp`, see test_golden_trm.py),
    so do they amplify that difference, and most where numbers cancel out, as in the gradient of the halting bias.
    """
    amplified = path == "kernels" and request.param == "trm_mlp"
    return Golden(request.param, tolerance=1e-3 if amplified else 1e-5)
