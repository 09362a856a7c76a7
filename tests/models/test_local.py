"""The local network: neighbours alone decide, the same weights fit any grid, and its configuration is checked."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from redraft.errors import ConfigError
from redraft.models import LocalConfig, build_model
from redraft.models.base import Model
from redraft.models.check import check_model

pytestmark = pytest.mark.arithmetic

TINY = LocalConfig(vocab_size=6, seq_len=35, grid_width=7, hidden_size=4, question_size=3, n=1, notes=5)


def model_of(config: LocalConfig) -> Model:
    """A random model whose halting head is not zero, as it is at first."""
    model = build_model(config, seed=1)
    model.get_parameter("halt_head.weight").data.normal_(generator=torch.Generator().manual_seed(2))
    return model.eval()


def logits(model: Model, tokens: Tensor, steps: int) -> Tensor:
    """Those of the last of some steps (B, L, V)."""
    carry, ids = model.initial_carry(len(tokens)), torch.zeros(len(tokens), dtype=torch.int64)
    with torch.no_grad():
        for _ in range(steps):
            output = model(tokens, ids, carry)
            carry = output.carry
    return output.logits


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("notes", [0, 5])
def test_keeps_the_contract(notes: int, dtype: str) -> None:
    check_model(build_model(replace(TINY, notes=notes, n=3, dtype=dtype)))


def test_what_a_cell_knows_comes_from_its_neighbourhood() -> None:
    """Two cells further with every iteration, and one for the question: a change beyond that changes nothing."""
    model = model_of(TINY)
    tokens = torch.ones(1, 35, dtype=torch.int64)
    other = tokens.clone()
    other[0, 0] = 2  # the corner
    changed = (logits(model, tokens, 1) != logits(model, other, 1)).any(-1).view(5, 7)
    near = torch.zeros(5, 7, dtype=torch.bool)
    near[:2, :2] = True  # the state is empty at first, so that the first iteration reads the question alone
    assert torch.equal(changed, near)
    further = (logits(model, tokens, 2) != logits(model, other, 2)).any(-1).view(5, 7)
    near[:4, :4] = True
    assert torch.equal(further, near)


def test_the_same_weights_fit_a_grid_of_another_size() -> None:
    """Far from every edge a larger grid is as good as a smaller one."""
    small = model_of(TINY)
    large = build_model(TINY.resized(9, 11))
    large.load_state_dict(small.state_dict())
    assert (large.config.seq_len, large.eval().config) == (99, TINY.resized(9, 11))
    tokens = torch.randint(1, 6, (2, 9, 11), generator=torch.Generator().manual_seed(3))
    inside = tokens[:, 2:7, 2:9]
    got = logits(large, tokens.flatten(1), 1).view(2, 9, 11, 6)[:, 3:6, 3:8]
    want = logits(small, inside.flatten(1), 1).view(2, 5, 7, 6)[:, 1:4, 1:6]
    torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-6)


def test_the_course_of_a_step_is_there_for_a_gradient_alone() -> None:
    model = model_of(replace(TINY, n=3))
    tokens, ids = torch.ones(2, 35, dtype=torch.int64), torch.zeros(2, dtype=torch.int64)
    output = model(tokens, ids, model.initial_carry(2))
    assert output.course is not None and output.course.notes is not None
    assert output.course.logits.shape == (3, 2, 35, 6) and output.course.notes.shape == (3, 2, 35, 5)
    assert torch.equal(output.course.logits[-1], output.logits)
    assert output.detach().course is None, "it would keep the graph"
    with torch.no_grad():
        assert model(tokens, ids, model.initial_carry(2)).course is None


def test_one_cell_that_knows_halts_the_puzzle() -> None:
    model = model_of(TINY)
    tokens, ids = torch.ones(1, 35, dtype=torch.int64), torch.zeros(1, dtype=torch.int64)
    with torch.no_grad():
        output = model(tokens, ids, model.initial_carry(1))
        each = output.carry.y @ model.get_parameter("halt_head.weight")[0] + model.get_parameter("halt_head.bias")
    torch.testing.assert_close(output.halt_logit, each.amax(1))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"grid_width": 8}, "model.grid_width: expected a divisor of 35 cells, got 8"),
        ({"n": 0}, "model.n"),
        ({"notes": -1}, "model.notes"),
        ({"puzzle_positions": 1}, "model.puzzle_positions: a local network has none"),
    ],
)
def test_a_bad_configuration_says_what_is_wrong(changes: dict[str, int], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        replace(TINY, **changes)
