"""Variants of a TRM: as they stand they are the TRM; each choice undone does what a loop written out does."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from redraft.core.carry import Carry
from redraft.core.general_recursion import general_recursion
from redraft.errors import ConfigError
from redraft.models import Model, StepOutput, TRMConfig, Variant, VariantConfig, build_model, model_kind
from redraft.weights.io import load_weights, save_weights

pytestmark = pytest.mark.arithmetic

SHAPE: dict[str, Any] = {
    "vocab_size": 6, "seq_len": 9, "hidden_size": 32, "num_heads": 4, "width_multiple": 16, "n": 3, "T": 2,
    "mixer": "attention", "puzzle_positions": 2, "num_puzzles": 3, "puzzle_dim": 32,
}  # fmt: skip
PLAIN = VariantConfig(**SHAPE)
WHOLE = PLAIN.evaluations
CHOICES = {
    "separate": replace(PLAIN, separate=True),
    "single": replace(PLAIN, latents=0),
    "three": replace(PLAIN, latents=3),
    "one-step": replace(PLAIN, gradient=2),
    "whole": replace(PLAIN, gradient=WHOLE),
    "question-once": replace(PLAIN, reinject=False, gradient=WHOLE),
    "q": replace(PLAIN, continue_head=True),
    "tables": replace(PLAIN, grid_width=3, tables=("rows", "blocks-1x3", "around")),
    "gated": replace(PLAIN, gated=True),
    "feedback": replace(PLAIN, feedback=True),
    "all": replace(
        PLAIN, separate=True, latents=0, gradient=WHOLE, reinject=False, continue_head=True,
        grid_width=3, tables=("columns",), gated=True, feedback=True,
    ),
}  # fmt: skip
TOKENS = torch.randint(6, (4, 9), generator=torch.Generator().manual_seed(0))
IDS = torch.tensor([0, 2, 1, 2])


def step(model: Model, steps: int = 1) -> StepOutput:
    """The last of several supervision steps, each from the detached state of the one before."""
    carry = model.initial_carry(len(TOKENS))
    for _ in range(steps):
        output = model(TOKENS, IDS, carry)
        carry = output.carry.detach()
    return output


def gradients(model: Model) -> dict[str, Tensor]:
    output = step(model)
    (output.logits.square().mean() + output.halt_logit.mean()).backward()
    return {name: p.grad.to_dense() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("change", [{}, {"mixer": "mlp", "positions": "none"}, {"T": 3, "n": 1}, {"dtype": "bfloat16"}])
def test_as_it_stands_it_is_the_trm(change: dict[str, Any]) -> None:
    trm, variant = (
        build_model(TRMConfig(**SHAPE | change), seed=3),
        build_model(VariantConfig(**SHAPE | change), seed=3),
    )
    ours, theirs = variant.state_dict(), trm.state_dict()
    assert list(ours) == list(theirs) and all(torch.equal(ours[name], theirs[name]) for name in ours), "same seed"
    want, got = step(trm, 2), step(variant, 2)
    assert got.continue_logit is None and torch.equal(got.halt_logit, want.halt_logit)
    assert torch.equal(got.logits, want.logits)
    assert all(torch.equal(one, other) for one, other in zip(got.carry, want.carry, strict=True))
    found, expected = gradients(variant), gradients(trm)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in found)
    assert variant.schedule() == trm.schedule() and variant.config.effective_depth == trm.config.effective_depth


def net_of(model: Model) -> Callable[[Tensor], Tensor]:
    assert isinstance(model, Variant)
    return model.net


@torch.no_grad()
def test_a_single_state() -> None:
    """n times `z = net(z + x)`, once `z = net(z)`, and the answer read from z."""
    model = build_model(CHOICES["single"])
    carry, x, net = model.initial_carry(4), model.embed(TOKENS, IDS, torch.float32), net_of(model)
    assert carry.z.shape == (4, 0, 32)
    z = carry.y
    for _ in range(2):
        for _ in range(3):
            z = net(z + x)
        z = net(z)
    output = step(model)
    torch.testing.assert_close(output.carry.y, z)
    torch.testing.assert_close(output.logits, model.read(z))
    assert model.schedule() == ("y",) * 8


@torch.no_grad()
def test_several_latents() -> None:
    """The latents are renewed in turn, each by the sum of all."""
    model = build_model(replace(CHOICES["three"], n=4, T=1))
    carry, x, net = model.initial_carry(4), model.embed(TOKENS, IDS, torch.float32), net_of(model)
    assert carry.z.shape == (4, 3 * 11, 32)
    y, (a, b, c) = carry.y, carry.z.split(11, dim=1)
    assert not torch.equal(a, b), "each starts from its own vector"
    a = net(a + b + c + y + x)
    b = net(a + b + c + y + x)
    c = net(a + b + c + y + x)
    a = net(a + b + c + y + x)  # the fourth is the first's turn again
    y = net(y + a + b + c)
    output = step(model)
    torch.testing.assert_close(output.carry.y, y)
    torch.testing.assert_close(output.carry.z, torch.cat((a, b, c), dim=1))


@torch.no_grad()
def test_two_networks() -> None:
    model = build_model(replace(CHOICES["separate"], T=1))
    carry, x = model.initial_carry(4), model.embed(TOKENS, IDS, torch.float32)
    y, z = carry
    for _ in range(3):
        z = model.net(z + y + x)
    y = model.answer_net(y + z)
    output = step(model)
    torch.testing.assert_close(output.carry.y, y)
    torch.testing.assert_close(output.carry.z, z)
    assert model.networks() == (model.net, model.answer_net)


@torch.no_grad()
def test_the_question_is_seen_once() -> None:
    model = build_model(CHOICES["question-once"])
    carry, x, net = model.initial_carry(4), model.embed(TOKENS, IDS, torch.float32), net_of(model)
    y, z = carry
    for recursion in range(2):
        for update in range(3):
            z = net(z + y + x) if recursion == update == 0 else net(z + y)
        y = net(y + z)
    torch.testing.assert_close(step(model).carry.y, y)


@torch.no_grad()
def test_tables_of_scopes() -> None:
    """Each cell adds the vectors of its scopes; the reserved positions do not."""
    model = build_model(CHOICES["tables"])
    assert isinstance(model, Variant)
    rows, boxes, around = (table.vectors for table in model.tables)
    assert (len(rows), len(boxes), len(around)) == (3, 3, 9), "each neighbourhood is its own"
    plain = model.embed(TOKENS, IDS, torch.float32)
    assert torch.equal(model.question(TOKENS, IDS), plain), "at first they add nothing"
    for vectors in (rows, boxes, around):
        vectors.copy_(torch.randn(vectors.shape, generator=torch.Generator().manual_seed(len(vectors))))
    of_cells = rows.repeat_interleave(3, dim=0) + boxes.repeat_interleave(3, dim=0) + around
    got = model.question(TOKENS, IDS)
    assert torch.equal(got[:, :2], plain[:, :2])
    torch.testing.assert_close(got[:, 2:], plain[:, 2:] + 32**0.5 * of_cells)


@torch.no_grad()
def test_gated_updates() -> None:
    """An update moves a latent, and y, only part of the way, by a share for each channel, at first half."""
    model = build_model(replace(CHOICES["gated"], T=1))
    assert isinstance(model, Variant) and model.keep is not None
    assert not model.keep.any()
    model.keep.copy_(torch.linspace(-3, 3, 64).view(2, 32))
    (y, z), x, net = model.initial_carry(4), model.embed(TOKENS, IDS, torch.float32), net_of(model)
    of_latent, of_y = model.keep.sigmoid()
    for _ in range(3):
        z = of_latent * z + (1 - of_latent) * net(z + y + x)
    y = of_y * y + (1 - of_y) * net(y + z)
    output = step(model)
    torch.testing.assert_close(output.carry.y, y)
    torch.testing.assert_close(output.carry.z, z)


def test_drafts_fed_back() -> None:
    """The draft of the state before is part of the question, as probabilities, which get no gradient."""
    model = build_model(CHOICES["feedback"], seed=1)
    plain = build_model(PLAIN, seed=1)
    assert isinstance(model, Variant) and model.draft is not None
    assert torch.equal(step(model, 3).logits, step(plain, 3).logits), "at first it adds nothing"
    with torch.no_grad():
        model.draft.copy_(torch.randn(6, 32, generator=torch.Generator().manual_seed(2)))
    carry = Carry(*(state.clone().requires_grad_() for state in model.initial_carry(4)))
    x = model.embed(TOKENS, IDS, torch.float32).detach()
    said = torch.cat((torch.zeros(4, 2, 32), 32**0.5 * model.read(carry.y.detach()).softmax(-1) @ model.draft), dim=1)
    want = plain.recur(x + said, Carry(*(state.detach() for state in carry)))
    torch.testing.assert_close(model.recur(x, carry).logits, want.logits)


@pytest.mark.parametrize("gradient", [1, 2, 3, 4, 5, 8])
def test_how_far_back_the_gradient_reaches(gradient: int) -> None:
    """Of a step's evaluations, each scaled by a factor of its own, only the factors of the last ones get a gradient."""
    factors = [torch.ones((), requires_grad=True) for _ in range(8)]
    turn = iter(factors)
    state = torch.ones(1, 1, 2)

    def net(h: Tensor) -> Tensor:
        return h * next(turn)

    y, _ = general_recursion(net, net, state, state, [state], n=3, T=2, gradient=gradient)
    y.sum().backward()
    assert [factor.grad is not None for factor in factors] == [False] * (8 - gradient) + [True] * gradient


def test_no_gradient_where_none_is_wanted() -> None:
    model = build_model(CHOICES["whole"])
    with torch.inference_mode():
        assert not step(model).logits.requires_grad


def test_a_second_halting_output() -> None:
    model = build_model(CHOICES["q"])
    with torch.no_grad():
        model.halt_head.bias.copy_(torch.tensor([1.0, 2.0]))
    output = step(model)
    assert output.continue_logit is not None
    torch.testing.assert_close(output.halt_logit, torch.full((4,), 1.0))
    torch.testing.assert_close(output.continue_logit, torch.full((4,), 2.0))
    assert not output.halts.any(), "going on is worth more"


@pytest.mark.parametrize("name", CHOICES)
def test_weights_come_back(name: str, tmp_path: Path) -> None:
    model = build_model(CHOICES[name], seed=5).eval()
    assert model_kind(model.config) == "trm-variant"
    save_weights(tmp_path, model, task="sudoku-4x4", card={})
    opened = load_weights(tmp_path).model
    assert opened.config == model.config
    assert torch.equal(step(opened).logits, step(model).logits)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"latents": -1}, r"model\.latents: .*0.*-1"),
        ({"latents": 4}, r"model\.latents: .*n = 3.* 4"),
        ({"gradient": 1}, r"model\.gradient: .*2 .*T x \(n \+ 1\) = 8.* 1"),
        ({"gradient": 9}, r"model\.gradient: .*2 .*T x \(n \+ 1\) = 8.* 9"),
        ({"reinject": False}, r"model\.reinject: .*model\.gradient = T x \(n \+ 1\) = 8.* 4"),
        ({"reinject": False, "gradient": 7}, r"model\.reinject: .*= 8.* 7"),
        ({"n": 0}, r"model\.n: .*1.*0"),
        ({"tables": ("rows",)}, r"model\.grid_width: .*9 cells.*None"),
        ({"tables": ("rows", "boxes"), "grid_width": 3}, r"boxes.*rows, columns"),
    ],
)
def test_choices_that_cannot_be(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        VariantConfig(**SHAPE | change)
    assert VariantConfig(**SHAPE | {"T": 1, "reinject": False}).back_propagated == 4, "one recursion is all of a step"
