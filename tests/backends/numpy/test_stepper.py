"""The NumPy stepper: the same drafts as PyTorch's, on random models of every kind and on the bundled weights."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from threadpoolctl import ThreadpoolController

from redraft.backends.numpy.model import NumpyTRM
from redraft.backends.numpy.stepper import NumpyStepper, read_model
from redraft.backends.protocol import Stepper
from redraft.backends.torch import TorchStepper
from redraft.models import TRM, TRMConfig, build_model
from redraft.solve.load import find_weights, open_weights
from redraft.solve.solver import Solver
from redraft.tasks import get_task
from redraft.weights.format import describe
from redraft.weights.io import save_weights

pytestmark = pytest.mark.arithmetic

SMALL: dict[str, Any] = {
    "vocab_size": 7, "seq_len": 12, "hidden_size": 32, "num_heads": 4, "width_multiple": 16, "n": 2, "T": 2,
    "puzzle_positions": 0, "num_puzzles": 5, "puzzle_dim": 40,
}  # fmt: skip
KINDS: dict[str, dict[str, Any]] = {
    "mlp": {"mixer": "mlp", "positions": "none"},
    "mlp, learned positions": {"mixer": "mlp", "positions": "learned"},
    "conv": {"mixer": "conv", "positions": "none", "grid_width": 4},
    "attention, rotary": {"mixer": "attention", "positions": "rope"},
    "attention, rows and columns": {"mixer": "attention", "positions": "grid", "grid_width": 4, "puzzle_positions": 3},
    "attention, normed": {"mixer": "attention", "positions": "rope", "qk_norm": True},
    "attention, learned": {"mixer": "attention", "positions": "learned"},
    "attention, none": {"mixer": "attention", "positions": "none"},
    "mlp, puzzles": {"mixer": "mlp", "positions": "none", "puzzle_positions": 2},
    "attention, puzzles": {"mixer": "attention", "positions": "rope", "puzzle_positions": 3},
    "attention, learned, puzzles": {"mixer": "attention", "positions": "learned", "puzzle_positions": 2},
}


def model_of(kind: str) -> TRM:
    """A random model whose puzzles and halting head are not zero, as they are at first."""
    model = build_model(TRMConfig(**SMALL | KINDS[kind]), seed=2)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in (*model.sparse_parameters().values(), model.get_parameter("halt_head.weight")):
            parameter.normal_(generator=generator)
    assert isinstance(model, TRM)
    return model.eval()


def in_numpy(model: TRM) -> NumpyTRM:
    tensors = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    return NumpyTRM(model.config, tensors)


def assert_alike(got: np.ndarray, want: np.ndarray) -> None:
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4 * np.abs(want).max())


@pytest.mark.parametrize("kind", KINDS)
def test_logits_and_states_as_from_torch(kind: str) -> None:
    model = model_of(kind)
    rng = np.random.default_rng(0)
    tokens, ids = rng.integers(0, 7, (3, 12)), np.array([4, 0, 2])
    ours = in_numpy(model)
    x, (y, z) = ours.embed(tokens, ids), ours.initial_carry(3)
    carry = model.initial_carry(3)
    for _ in range(3):
        got = ours.step(x, y, z)
        with torch.inference_mode():
            want = model(torch.from_numpy(tokens), torch.from_numpy(ids), carry)
        for one, other in (
            *((got.logits, want.logits), (got.halt_logit, want.halt_logit)),
            *((got.y, want.carry.y), (got.z, want.carry.z)),
        ):
            assert one.dtype == np.float32
            assert_alike(one, other.numpy())
        carry = want.carry  # both go on from the same state, for random models magnify what rounding leaves
        y, z = carry.y.numpy(), carry.z.numpy()


@pytest.mark.parametrize("name", ["sudoku-6x6", "maze-8x8"])
def test_sixteen_steps_of_what_ships(name: str) -> None:
    folder = find_weights(name)
    opened = open_weights(name)
    assert isinstance(opened.task, str)
    made = get_task(opened.task).make(6, 5)
    inputs, ids = get_task(opened.task).encode(made.questions), np.zeros(6, np.int32)
    steppers: tuple[Stepper, Stepper] = (
        NumpyStepper(read_model(folder, describe(folder))),
        TorchStepper(opened.model),
    )
    ours, theirs = (stepper.start(inputs, ids) for stepper in steppers)
    for _ in range(16):
        (ours, got), (theirs, want) = steppers[0].step(ours), steppers[1].step(theirs)
        np.testing.assert_array_equal(got.tokens, want.tokens)
        assert got.tokens.dtype == want.tokens.dtype and got.halt_logit.dtype == want.halt_logit.dtype
        assert_alike(got.halt_logit, want.halt_logit)


@pytest.mark.parametrize("kind", ["mlp, puzzles", "conv", "attention, rotary"])
def test_weights_on_disk(kind: str, tmp_path: Path) -> None:
    """What `save_weights` writes is read to the bit, in every dtype it is stored as, and so are packed tables."""
    model = model_of(kind)
    with torch.no_grad():
        for table in model.sparse_parameters().values():
            table[1:] = 0  # few rows are learnt: the table is packed
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        save_weights(tmp_path, model, task="sudoku-4x4", card={}, dtype=dtype)
        read, kept = read_model(tmp_path, describe(tmp_path)), open_weights(tmp_path).model
        tokens, ids = np.zeros((1, 12), np.int64), np.zeros(1, np.int64)
        want = kept.embed(torch.from_numpy(tokens), torch.from_numpy(ids), torch.float32)  # type: ignore[operator]
        assert_alike(read.embed(tokens, ids), want.detach().numpy())


def test_a_table_of_which_nothing_is_learnt(tmp_path: Path) -> None:
    model = build_model(TRMConfig(**SMALL | KINDS["mlp, puzzles"]))
    save_weights(tmp_path, model, task="sudoku-4x4", card={})
    read = read_model(tmp_path, describe(tmp_path))
    assert not read.embed(np.zeros((1, 12), np.int64), np.zeros(1, np.int64))[:, :2].any()


def test_large_batches_are_worked_on_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    stepper = NumpyStepper(in_numpy(model_of("attention, rotary")))
    inputs, ids = np.random.default_rng(0).integers(0, 7, (7, 12)), np.zeros(7, np.int64)
    _, whole = stepper.step(stepper.start(inputs, ids))
    monkeypatch.setattr(stepper, "rows", 3)
    _, parts = stepper.step(stepper.start(inputs, ids))
    np.testing.assert_array_equal(parts.tokens, whole.tokens)
    assert_alike(parts.halt_logit, whole.halt_logit)


def test_select_and_join() -> None:
    """Two batches, one a step ahead, thinned and joined, go on as each would have alone."""
    stepper = NumpyStepper(in_numpy(model_of("mlp")))
    inputs, ids = np.random.default_rng(0).integers(0, 7, (4, 12)), np.zeros(4, np.int64)
    old, _ = stepper.step(stepper.start(inputs[:3], ids[:3]))
    _, ahead = stepper.step(old)
    new = stepper.start(inputs[3:], ids[3:])
    _, fresh = stepper.step(new)
    _, draft = stepper.step(stepper.join(stepper.select(old, np.array([2, 0])), new))
    np.testing.assert_array_equal(draft.tokens, np.concatenate([ahead.tokens[[2, 0]], fresh.tokens]))
    assert_alike(draft.halt_logit, np.concatenate([ahead.halt_logit[[2, 0]], fresh.halt_logit]))


def test_the_same_answers_as_with_torch() -> None:
    """Through the solver, halting and refill included."""
    opened, folder = open_weights("sudoku-6x6"), find_weights("sudoku-6x6")
    task = get_task("sudoku-6x6")
    questions = list(task.make(9, 3).questions)
    steppers = NumpyStepper(read_model(folder, describe(folder))), TorchStepper(opened.model)
    ours, theirs = (Solver(stepper, task, batch_size=4).solve_many(questions) for stepper in steppers)
    assert [(each.steps, each.grid.tobytes()) for each in ours] == [
        (each.steps, each.grid.tobytes()) for each in theirs
    ]
    assert all(each.solved for each in ours)


def test_matmuls_stay_on_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step limits NumPy's library, and puts the setting back."""
    seen: list[int] = []
    stepper = NumpyStepper(in_numpy(model_of("mlp")))
    library = ThreadpoolController().select(user_api="blas")
    whole = stepper.model.step

    def step(*states: Any, **options: Any) -> Any:
        seen.extend(each["num_threads"] for each in library.info())
        return whole(*states, **options)

    monkeypatch.setattr(stepper.model, "step", step)
    before = [each["num_threads"] for each in library.info()]
    state = stepper.start(np.ones((1, 12), np.int16), np.zeros(1, np.int32))
    stepper.step(state)
    assert set(seen) <= {1}
    assert [each["num_threads"] for each in library.info()] == before
