"""`check_model` over every model and its options, and that it finds what it is there to find."""

from dataclasses import replace

import pytest
import torch
from helpers.rounding import in_float64
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from redraft.core.carry import Carry
from redraft.models import (
    TRM,
    DirectConfig,
    HRMConfig,
    Model,
    ModelConfig,
    StepOutput,
    TRMConfig,
    VariantConfig,
    build_model,
)
from redraft.models.check import check_model

pytestmark = pytest.mark.arithmetic

TINY = TRMConfig(
    vocab_size=6, seq_len=9, hidden_size=32, num_heads=4, width_multiple=16, n=2, T=2, mixer="mlp", positions="none",
    puzzle_positions=0, num_puzzles=3, puzzle_dim=32,
)  # fmt: skip
SHAPE = {name: getattr(TINY, name) for name in TINY.__dataclass_fields__}
VARIANT = VariantConfig(**SHAPE)
HRM = HRMConfig(**SHAPE)
DIRECT = DirectConfig(**{name: value for name, value in SHAPE.items() if name not in ("n", "T")})
CONFIGS: dict[str, ModelConfig] = {
    "mlp": TINY,
    "mlp-puzzles": replace(TINY, puzzle_positions=2),
    "mlp-padded-puzzles": replace(TINY, puzzle_positions=2, puzzle_dim=40),
    "attention-rope": replace(TINY, mixer="attention", positions="rope"),
    "attention-rope-puzzles": replace(TINY, mixer="attention", positions="rope", puzzle_positions=2),
    "attention-grid-puzzles": replace(TINY, mixer="attention", positions="grid", grid_width=3, puzzle_positions=2),
    "attention-learned": replace(TINY, mixer="attention", positions="learned"),
    "attention-learned-puzzles": replace(TINY, mixer="attention", positions="learned", puzzle_positions=2),
    "attention-nowhere": replace(TINY, mixer="attention", positions="none"),
    "conv": replace(TINY, mixer="conv", grid_width=3),
    "one-recursion": replace(TINY, T=1, n=1, num_layers=1),
    "variant": VARIANT,
    "variant-separate": replace(VARIANT, separate=True),
    "variant-single-state": replace(VARIANT, latents=0),
    "variant-two-latents": replace(VARIANT, latents=2, puzzle_positions=2),
    "variant-one-step": replace(VARIANT, gradient=2, separate=True),
    "variant-whole-gradient": replace(VARIANT, gradient=6),
    "variant-question-once": replace(VARIANT, gradient=6, reinject=False),
    "variant-q": replace(VARIANT, continue_head=True),
    "variant-all": replace(VARIANT, separate=True, latents=0, gradient=6, reinject=False, continue_head=True),
    "hrm": HRM,
    "hrm-puzzles": replace(HRM, mixer="attention", positions="rope", puzzle_positions=1),
    "hrm-conv": replace(HRM, mixer="conv", grid_width=3),
    "direct": DIRECT,
    "direct-puzzles": replace(DIRECT, mixer="attention", positions="learned", puzzle_positions=2),
}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", CONFIGS)
def test_models_keep_the_contract(name: str, dtype: str) -> None:
    check_model(build_model(replace(CONFIGS[name], dtype=dtype)))


@settings(max_examples=15, deadline=None)
@given(order=st.permutations(range(4)), seed=st.integers(0, 100), name=st.sampled_from(sorted(CONFIGS)))
def test_a_permuted_batch_gives_permuted_results(order: list[int], seed: int, name: str) -> None:
    with in_float64(kernels=True):
        _check_permuted(build_model(CONFIGS[name], seed=seed).eval(), order, seed)


def _check_permuted(model: Model, order: list[int], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(6, (4, 9), generator=generator)
    ids = torch.randint(3, (4,), generator=generator)
    with torch.no_grad():
        want = model(tokens, ids, model.initial_carry(4))
        got = model(tokens[order], ids[order], model.initial_carry(4))
    torch.testing.assert_close(got.logits, want.logits[order], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(got.carry.y, want.carry.y[order], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(got.carry.z, want.carry.z[order], rtol=1e-9, atol=1e-9)


class Mixing(TRM):
    """Looks at its neighbours in the batch."""

    def recur(self, x: Tensor, carry: Carry) -> StepOutput:
        return super().recur(x + x.roll(1, 0), carry)


class Placed(TRM):
    """Counts the rows of the batch."""

    def recur(self, x: Tensor, carry: Carry) -> StepOutput:
        return super().recur(x + torch.arange(len(x)).view(-1, 1, 1) / 10, carry)


class Random(TRM):
    """Rolls dice."""

    def recur(self, x: Tensor, carry: Carry) -> StepOutput:
        return super().recur(x + torch.rand(1), carry)


class Half(TRM):
    """Leaves its logits in half precision."""

    def recur(self, x: Tensor, carry: Carry) -> StepOutput:
        output = super().recur(x, carry)
        return output._replace(logits=output.logits.bfloat16())


class Deaf(TRM):
    """Hides its halting head from the gradient."""

    def recur(self, x: Tensor, carry: Carry) -> StepOutput:
        output = super().recur(x, carry)
        return output._replace(halt_logit=output.halt_logit.detach())


class Counting(TRM):
    """Keeps a count of steps in its weights."""

    def recur(self, x: Tensor, carry: Carry) -> StepOutput:
        self.z_init += 1
        return super().recur(x, Carry(carry.y, torch.zeros_like(carry.z)))


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (Mixing, r"\brow 0\b"),
        (Placed, "permute"),
        (Random, "same input"),
        (Half, r"logits: .*torch\.bfloat16.*torch\.float32"),
        (Deaf, r"halt_head\.weight: .*gradient"),
        (Counting, "forward: .*z_init"),
    ],
)
def test_finds_what_is_wrong(kind: type[TRM], message: str) -> None:
    torch.manual_seed(0)
    with pytest.raises(AssertionError, match=message):
        check_model(kind(CONFIGS["mlp-puzzles"]))


def test_finds_other_rows_in_half_precision() -> None:
    """Where rounding may leave nothing alike in batches of different sizes."""
    with pytest.raises(AssertionError, match=r"\brow \d"):
        check_model(Mixing(replace(CONFIGS["mlp"], dtype="bfloat16")))  # type: ignore[arg-type]


def test_finds_a_dense_gradient_of_a_table() -> None:
    class Dense(TRM):
        def forward(self, tokens: Tensor, puzzle_ids: Tensor, carry: Carry) -> StepOutput:
            assert self.embed.puzzle is not None
            output = super().forward(tokens, puzzle_ids, carry)
            return output._replace(logits=output.logits + self.embed.puzzle.table.sum())

    with pytest.raises(AssertionError, match="sparse"):
        check_model(Dense(CONFIGS["mlp-puzzles"]))
