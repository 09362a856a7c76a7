"""TRM computes what the published TRM computes: four evaluation steps, three training steps, every gradient.

Every step starts from the recorded state of the step before. `trm_mlp` has random weights that amplify a rounding
error about fortyfold a step (the published code run on another CPU differs from its own record as much), so a run
of several steps would measure the CPU, not the model. If `trm_mlp` alone fails by a small factor on an unusual CPU,
that amplification is the first suspect.
"""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from redraft.core.carry import Carry
from redraft.models.published import Shape, convert, rename
from redraft.train.losses import step_loss
from redraft.train.optim import SignSGD
from redraft.train.slots import Slots

GOLDEN = Path(__file__).parents[1] / "golden"
NAMES = ["trm_att", "trm_mlp", "trm_att_learned_pos"]


def assert_close(got: torch.Tensor, want: torch.Tensor, what: str, *, tolerance: float = 1e-5) -> None:
    """Relative error of the whole tensor, in the Euclidean norm."""
    assert got.shape == want.shape, f"{what}: shape {tuple(got.shape)}, expected {tuple(want.shape)}"
    error = (got.double() - want.double()).norm() / want.double().norm().clamp_min(1e-6)
    assert error <= tolerance, f"{what}: relative error {error:.1e}, expected at most {tolerance:.0e}"


class Golden:
    """One recorded model: its configuration, arrays, and the same weights in our model."""

    def __init__(self, name: str) -> None:
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
                puzzle_positions=self.config["puzzle_emb_len"],
            ),
        )
        batch = self.under("batch/")
        self.tokens, self.labels = batch["inputs"].long(), batch["labels"].long()
        self.ids = batch["puzzle_identifiers"].long()
        # The recorded state_dict holds the puzzle table as it was after the sign-SGD update; see golden/README.md.
        with np.load(GOLDEN / "puzzle_tables.npz") as tables:
            self.model.embed.puzzle.table.data.copy_(torch.from_numpy(tables[name]))

    def carry(self, steps: torch.Tensor) -> Carry:
        """The recorded state (B, S, D) after `steps` (B,) steps of evaluation; 0 is the initial state."""
        states = [self.model.initial_carry(4)]
        states += [Carry(*(self.arrays[f"eval/step{k}/{part}"] for part in ("z_H", "z_L"))) for k in range(1, 5)]
        picked = [states[int(k)].rows(torch.tensor([row])) for row, k in enumerate(steps)]
        return Carry(torch.cat([state.y for state in picked]), torch.cat([state.z for state in picked]))

    def under(self, prefix: str) -> dict[str, torch.Tensor]:
        return {key.removeprefix(prefix): value for key, value in self.arrays.items() if key.startswith(prefix)}


@pytest.fixture(params=NAMES)
def golden(request: pytest.FixtureRequest) -> Golden:
    return Golden(request.param)


def test_evaluation_steps(golden: Golden) -> None:
    model = golden.model.eval()
    with torch.no_grad():
        for step in range(1, 5):
            output = model(golden.tokens, golden.ids, golden.carry(torch.full((4,), step - 1)))
            want = golden.under(f"eval/step{step}/")
            assert_close(output.logits, want["logits"], "logits")
            assert_close(output.halt_logit, want["q_halt_logits"], "halting logit")
            assert_close(output.carry.y, want["z_H"], "y")
            assert_close(output.carry.z, want["z_L"], "z")
            assert torch.equal(output.logits.argmax(-1), want["preds"])
            loss = step_loss(output, golden.labels).total
            assert_close(loss, want["loss"], "loss")


def test_training_steps(golden: Golden) -> None:
    model = golden.model.train()
    table = model.sparse_parameters()["embed.puzzle.table"]
    slots = Slots(model, 4, seq_len=16, device=torch.device("cpu"))
    for step in range(1, 4):
        want = golden.under(f"train/step{step}/")
        slots.refill(golden.tokens, golden.labels, golden.ids)
        slots.carry = golden.carry(slots.steps)
        output = model(slots.tokens, slots.puzzle_ids, slots.carry)
        loss = step_loss(output, slots.labels)
        model.zero_grad()
        (loss.total / 4).backward()
        slots.advance(output.detach(), stops=output.halts, max_steps=16, min_steps=torch.zeros(4, dtype=torch.int64))

        assert_close(loss.total, want["loss"], "loss")
        assert_close(loss.answer, want["metrics/lm_loss"], "answer loss")
        assert_close(loss.halt, want["metrics/q_halt_loss"], "halting loss")
        assert torch.equal(slots.halted, want["halted"])
        assert torch.equal(slots.steps, want["steps"].long())
        counted = slots.halted & (slots.labels != -100).any(-1)
        right = (output.halt_logit >= 0) == loss.exact
        assert counted.sum() == want["metrics/count"]
        assert (loss.exact & counted).sum() == want["metrics/exact_accuracy"]
        assert (right & counted).sum() == want["metrics/q_halt_accuracy"]
        assert slots.steps[counted].sum() == want["metrics/steps"]
        assert_close(loss.right_cells[counted].sum(), want["metrics/accuracy"], "cell accuracy")

        compare_gradients(golden, f"train/step{step}/grad/")
        expected = torch.zeros(table.shape).index_add_(0, slots.puzzle_ids, want["grad_puzzle_emb_rows"])
        assert table.grad is not None
        assert_close(table.grad.to_dense(), expected, "gradient of the puzzle table")

    update = golden.under("signsgd/")
    SignSGD([table], lr=float(update["lr"]), weight_decay=float(update["weight_decay"])).step()
    assert_close(table.detach(), update["weights_after"], "puzzle table after its update")


def test_reset_slots_start_from_the_initial_state(golden: Golden) -> None:
    slots = Slots(golden.model, 4, seq_len=16, device=torch.device("cpu"))
    slots.carry = golden.carry(torch.full((4,), 2))
    slots.halted = torch.tensor([True, False, True, False])
    slots.refill(golden.tokens, golden.labels, golden.ids)
    for got, want in zip(slots.carry, golden.carry(torch.tensor([0, 2, 0, 2])), strict=True):
        assert torch.equal(got, want)


def compare_gradients(golden: Golden, prefix: str) -> None:
    """Every recorded gradient equals ours, and every dense parameter of ours has a recorded gradient."""
    grads = {rename(name): want for name, want in golden.under(prefix).items()}
    parameters = golden.model.dense_parameters()
    assert set(grads) == set(parameters)
    for name, p in parameters.items():
        want = grads[name]
        if name.startswith("halt_head"):  # the second row is the published Q(continue), which TRM never trains
            assert not want[1:].any()
            want = want[:1]
        assert p.grad is not None, name
        assert_close(p.grad, want, f"gradient of {name}")
