"""Checks that a model keeps the contract of `Model`; call it from a test of your own models, too."""

from __future__ import annotations

from contextlib import ExitStack

import torch
from torch import Tensor

from redraft.core.carry import Carry
from redraft.models.base import Model, StepOutput
from redraft.models.build import build_model

_BATCH = 5  # rows of a check
# Tolerance of a float32 result where a library sums in another order for another batch size, which a step amplifies:
# usually to a hundred times the 6e-8 of one operation, never to ten thousand times. A model that depends on a row's
# place is off by more.
_ROUNDING = 1e-3


def check_model(model: Model, *, seed: int = 0, steps: int = 2) -> None:
    """Raises AssertionError, naming the broken clause, where a model does not keep the contract of `Model`.

    The model's gradients are cleared, its weights stay as they are.
    """
    was_training = model.training
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.eval()
    try:
        tokens, ids = _questions(model, seed)
        _check_shapes(model, tokens, ids)
        _check_rows(model, tokens, ids, steps)
        _check_gradients(model, tokens, ids)
        _check_seed(model)
    finally:
        model.train(was_training)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), f"forward: changed {name}; a step must be pure"


def _questions(model: Model, seed: int) -> tuple[Tensor, Tensor]:
    """Random tokens (B, L), and puzzle ids (B,) without row 1 of a table of several."""
    config, generator = model.config, torch.Generator().manual_seed(seed)
    tokens = torch.randint(config.vocab_size, (_BATCH, config.seq_len), generator=generator)
    ids = torch.arange(_BATCH) % config.num_puzzles
    return tokens, torch.where(ids == 1, 0, ids)


def _run(model: Model, tokens: Tensor, ids: Tensor, steps: int) -> StepOutput:
    carry = model.initial_carry(len(tokens))
    for _ in range(steps):
        output = model(tokens, ids, carry)
        carry = output.carry.detach()
    assert isinstance(output, StepOutput), f"forward: returned {type(output).__name__}, expected StepOutput"
    return output


def _check_shapes(model: Model, tokens: Tensor, ids: Tensor) -> None:
    config, batch = model.config, len(tokens)
    start = model.initial_carry(batch)
    assert isinstance(start, Carry), f"initial_carry: returned {type(start).__name__}, expected Carry"
    output = _run(model, tokens, ids, 1)
    expected = {
        "logits": (output.logits, (batch, config.seq_len, config.vocab_size), torch.float32),
        "halt_logit": (output.halt_logit, (batch,), torch.float32),
        "carry.y": (output.carry.y, tuple(start.y.shape), start.y.dtype),
        "carry.z": (output.carry.z, tuple(start.z.shape), start.z.dtype),
    }
    assert len(start.y) == len(start.z) == batch, f"initial_carry: expected {batch} rows"
    for name, (tensor, shape, dtype) in expected.items():
        assert tuple(tensor.shape) == shape, f"{name}: shape {tuple(tensor.shape)}, expected {shape}"
        assert tensor.dtype == dtype, f"{name}: {tensor.dtype}, expected {dtype}"
        assert torch.isfinite(tensor).all(), f"{name}: not finite"
    with torch.no_grad():
        read = model.read(output.carry.y)
    # within the rounding of one linear layer, because a library may multiply otherwise where a gradient is taken
    close = _relative(read, output.logits) <= (1e-5 if start.y.dtype == torch.float32 else 0.03)
    assert close, "read: expected the logits of a step from its answer y"
    planned, made = len(model.schedule()), _count_evaluations(model, tokens, ids)
    assert 0 < made <= planned, f"schedule: has {planned} evaluations of the networks, a step made {made}"


@torch.no_grad()
def _count_evaluations(model: Model, tokens: Tensor, ids: Tensor) -> int:
    """Evaluations of the model's networks in a step."""
    made: list[object] = []
    with ExitStack() as hooks:
        for network in model.networks():
            hooks.callback(network.register_forward_hook(lambda *evaluation: made.append(1)).remove)
        model(tokens, ids, model.initial_carry(len(tokens)))
    return len(made)


@torch.no_grad()
def _check_rows(model: Model, tokens: Tensor, ids: Tensor, steps: int) -> None:
    """A row's result depends on that row alone: not on chance, place or other rows.

    Each comparison starts from the same state, so that only one step amplifies rounding. In half precision even one may
    leave nothing alike, so only the comparison to the bit is made.
    """
    carry = model.initial_carry(len(tokens))
    for _ in range(steps):
        together = model(tokens, ids, carry)
        again = model(tokens, ids, carry)
        assert torch.equal(together.logits, again.logits), "forward: the same input gave another result"
        for row in range(len(tokens)):
            _check_beside_others(model, tokens, ids, carry, row, together)
        order = torch.arange(len(tokens)).flip(0).roll(2)
        orders = ((order, "a permuted batch"), *((row, f"row {int(row)} alone") for row in order.split(1)))
        for rows, what in orders if carry.y.dtype == torch.float32 else ():
            found = model(tokens[rows], ids[rows], carry.rows(rows))
            _require_close(found, together, rows, f"forward: {what}")
        carry = together.carry


def _check_beside_others(
    model: Model, tokens: Tensor, ids: Tensor, carry: Carry, row: int, together: StepOutput
) -> None:
    """The row's result is the same to the bit beside equally many other rows: no sum is taken in another order."""
    here = torch.arange(len(tokens)) == row
    others = carry.where(~here, carry.rows(torch.arange(len(tokens)).roll(1)))
    found = model(torch.where(here[:, None], tokens, tokens.roll(1, 0)), torch.where(here, ids, ids.roll(1, 0)), others)
    pairs = [*zip(found.carry, together.carry, strict=True), (found.logits, together.logits)]
    for got, want in [*pairs, (found.halt_logit, together.halt_logit)]:
        assert torch.equal(got[row], want[row]), f"forward: row {row} depends on the other rows of the batch"


def _require_close(got: StepOutput, together: StepOutput, rows: Tensor, what: str) -> None:
    want = StepOutput(together.carry.rows(rows), together.logits[rows], together.halt_logit[rows])
    pairs = ((got.logits, want.logits), (got.halt_logit, want.halt_logit), (got.carry.y, want.carry.y))
    for one, other in pairs:
        difference = _relative(one, other)
        assert difference <= _ROUNDING, f"{what} differs from the batch by {difference:.1e}"


def _relative(got: Tensor, want: Tensor) -> float:
    """The difference of a whole tensor, as a share of its norm."""
    got, want = got.detach().float(), want.detach().float()
    return float((got - want).norm() / want.norm().clamp_min(1e-3))


def _check_gradients(model: Model, tokens: Tensor, ids: Tensor) -> None:
    """From a detached carry, each dense parameter has a gradient, and a table for its rows in the batch."""
    carry = _run(model, tokens, ids, 1).carry.detach()
    assert not carry.y.requires_grad and not carry.z.requires_grad, "carry: still on the graph after detach"
    model.zero_grad(set_to_none=True)
    output = model(tokens, ids, carry)
    assert output.carry.y.requires_grad, "forward: the answer y is not on the graph"
    loss = output.logits.square().mean() + output.halt_logit.square().mean()
    if output.continue_logit is not None:
        loss = loss + output.continue_logit.square().mean()
    if output.course is not None and output.course.notes is not None:
        loss = loss + output.course.notes.square().mean()
    loss.backward()
    for name, parameter in model.dense_parameters().items():
        assert parameter.grad is not None, f"{name}: no gradient reaches it"
        assert torch.isfinite(parameter.grad).all(), f"{name}: a gradient that is not finite"
    for name, table in model.sparse_parameters().items():
        assert table.grad is not None, f"{name}: no gradient reaches it"
        assert table.grad.is_sparse, f"{name}: expected a sparse gradient"
        rows = set(table.grad.coalesce().indices()[0].tolist())
        assert rows == set(ids.tolist()), f"{name}: gradient for rows {sorted(rows)}, expected those in the batch"
    model.zero_grad(set_to_none=True)


def _check_seed(model: Model) -> None:
    state = torch.random.get_rng_state()
    one, two, other = (build_model(model.config, seed=seed).state_dict() for seed in (7, 7, 8))
    assert torch.equal(state, torch.random.get_rng_state()), "build_model: moved the global random generator"
    assert all(torch.equal(one[name], two[name]) for name in one), "build_model: the same seed gave other weights"
    assert any(not torch.equal(one[name], other[name]) for name in one), "build_model: the seed makes no difference"
