"""The PyTorch stepper: a puzzle's drafts do not depend on its company; select and join are what they say."""

import numpy as np
import pytest
import torch

from redraft.backends.protocol import Draft
from redraft.backends.torch import TorchState, TorchStepper
from redraft.models import DirectConfig, TRMConfig, build_model
from redraft.solve.solver import Solver
from redraft.tasks import get_task

pytestmark = pytest.mark.arithmetic

TASK = get_task("sudoku-4x4")
MADE = TASK.make(7, 0)
INPUTS, IDS = TASK.encode(MADE.questions), np.zeros(7, np.int32)


def stepper_of(mixer: str) -> TorchStepper:
    """One of random weights, which amplify what rounding leaves."""
    config = TRMConfig(
        vocab_size=6, seq_len=16, hidden_size=32, num_heads=4, width_multiple=16, n=2, T=2, mixer=mixer,
        positions="none" if mixer == "mlp" else "rope", puzzle_positions=2, puzzle_dim=32,
    )  # fmt: skip
    model = build_model(config, seed=5)
    with torch.no_grad():  # a head that halts some puzzles and not others
        model.get_parameter("halt_head.bias").zero_()
        model.get_parameter("halt_head.weight").normal_(generator=torch.Generator().manual_seed(0))
    return TorchStepper(model)


@pytest.fixture(params=["mlp", "attention"])
def stepper(request: pytest.FixtureRequest, float64: None) -> TorchStepper:
    """One that rounding does not keep from giving a puzzle the same drafts in batches of any size."""
    return stepper_of(request.param)


def run(stepper: TorchStepper, state: TorchState, steps: int) -> list[Draft]:
    drafts = []
    for _ in range(steps):
        state, draft = stepper.step(state)
        drafts.append(draft)
    return drafts


def assert_same(got: list[Draft], want: list[Draft], rows: list[int]) -> None:
    for one, other in zip(got, want, strict=True):
        np.testing.assert_array_equal(one.tokens, other.tokens[rows])
        np.testing.assert_allclose(one.halt_logit, other.halt_logit[rows], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("mixer", ["mlp", "attention"])
def test_a_draft(mixer: str) -> None:
    stepper = stepper_of(mixer)
    (draft,) = run(stepper, stepper.start(INPUTS, IDS), 1)
    assert draft.tokens.shape == (7, 16) and draft.tokens.dtype == np.int16
    assert draft.halt_logit.shape == (7,) and draft.halt_logit.dtype == np.float32
    assert len(np.unique(draft.halt_logit)) == 7, "the puzzles must be told apart for these tests to mean anything"


def test_alone_as_in_a_batch(stepper: TorchStepper) -> None:
    together = run(stepper, stepper.start(INPUTS, IDS), 3)
    for row in range(7):
        assert_same(run(stepper, stepper.start(INPUTS[row : row + 1], IDS[:1]), 3), together, [row])


def test_a_permuted_batch(stepper: TorchStepper) -> None:
    order = [3, 0, 6, 5, 1, 2, 4]
    assert_same(run(stepper, stepper.start(INPUTS[order], IDS), 3), run(stepper, stepper.start(INPUTS, IDS), 3), order)


def test_select_and_join(stepper: TorchStepper) -> None:
    """Two batches, one a step ahead, thinned and joined, go on as each would have alone."""
    old, new = stepper.start(INPUTS[:4], IDS[:4]), stepper.start(INPUTS[4:], IDS[4:])
    old, _ = stepper.step(old)
    joined = stepper.join(stepper.select(old, np.array([3, 1])), new)
    got = run(stepper, joined, 2)
    ahead = run(stepper, stepper.start(INPUTS[:4], IDS[:4]), 3)[1:]
    fresh = run(stepper, stepper.start(INPUTS[4:], IDS[4:]), 2)
    for draft, first, second in zip(got, ahead, fresh, strict=True):
        np.testing.assert_array_equal(draft.tokens, np.concatenate([first.tokens[[3, 1]], second.tokens]))
        want = np.concatenate([first.halt_logit[[3, 1]], second.halt_logit])
        np.testing.assert_allclose(draft.halt_logit, want, rtol=1e-9, atol=1e-9)


def test_answers_do_not_depend_on_the_batch(stepper: TorchStepper) -> None:
    def answers(batch_size: int, order: list[int]) -> list[tuple[int, bytes]]:
        solver = Solver(stepper, TASK, max_steps=5, halt="head", batch_size=batch_size)
        found = solver.solve_many([MADE.questions[row] for row in order])
        return [(answer.steps, b"".join(step.grid.tobytes() for step in answer.trace)) for answer in found]

    alone = answers(1, list(range(7)))
    assert len({steps for steps, _ in alone}) > 1, "some must halt before others for this test to mean anything"
    for batch_size in (3, 7):
        assert answers(batch_size, list(range(7))) == alone
    order = [3, 0, 6, 5, 1, 2, 4]
    assert answers(3, order) == [alone[row] for row in order]


def test_the_model_is_left_without_gradients(stepper: TorchStepper) -> None:
    stepper.model.train()
    again = TorchStepper(stepper.model)
    assert not again.model.training
    state, _ = again.step(again.start(INPUTS, IDS))
    assert not state.carry.y.requires_grad and not state.carry.z.requires_grad


def test_a_model_without_a_latent_is_restarted_too() -> None:
    direct = DirectConfig(
        vocab_size=6, seq_len=16, hidden_size=16, num_heads=2, width_multiple=16, num_layers=1, puzzle_positions=0
    )
    stepper = TorchStepper(build_model(direct))
    state = stepper.start(INPUTS, IDS, np.arange(7))
    assert state.carry.z.shape == (7, 0) and stepper.step(state)[1].tokens.shape == (7, 16)
