"""Micro-batches and recomputation save memory and nothing else: training goes the same way."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from equilibrium import EquilibriumConfig

from redraft.errors import ConfigError
from redraft.models import (
    DirectConfig,
    EquivariantConfig,
    HRMConfig,
    ModelConfig,
    TRMConfig,
    VariantConfig,
    build_model,
)
from redraft.models.execution import recompute_networks
from redraft.train.config import RunConfig
from redraft.train.loop import Trainer
from redraft.train.losses import step_loss

pytestmark = pytest.mark.arithmetic

SIZE: dict[str, Any] = {"vocab_size": 6, "seq_len": 16, "hidden_size": 8, "num_heads": 2, "num_layers": 1}
SIZE |= {"puzzle_positions": 1, "puzzle_dim": 8, "width_multiple": 8}
SCOPES: dict[str, Any] = {"first_symbol": 2, "symbols": 4, "grid_width": 4, "scopes": ("rows", "columns")}
KINDS: dict[str, ModelConfig] = {
    "trm": TRMConfig(**SIZE, n=2, T=2),
    "mixer": TRMConfig(**SIZE, n=2, T=2, mixer="mlp", positions="none"),
    "two networks": VariantConfig(**SIZE, n=2, T=2, separate=True),
    "hrm": HRMConfig(**SIZE),
    "direct": DirectConfig(**SIZE),
    "equilibrium": EquilibriumConfig(**SIZE, iterations=3),
    "implicit": EquilibriumConfig(**SIZE, iterations=3, gradient="implicit"),
    "equivariant": EquivariantConfig(vocab_size=6, seq_len=16, hidden_size=8, num_heads=2, width_multiple=8, **SCOPES),
}


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("size", [pytest.param(1, marks=pytest.mark.slow), 3])
def test_micro_batches_train_the_same_weights(trainer: Callable[..., Trainer], tiny: RunConfig, size: int) -> None:
    config = replace(tiny, steps=50, optim=replace(tiny.optim, lr=1e-3, warmup=1, clip=1.0))
    whole, parts = trainer("whole", config=config), trainer("parts", config=replace(config, micro_batch=size))
    for _ in range(50):
        whole.train_step()
        parts.train_step()
    torch.testing.assert_close(parts.learner.flat.values, whole.learner.flat.values, rtol=0, atol=1e-9)
    torch.testing.assert_close(parts.learner.tables[0], whole.learner.tables[0], rtol=0, atol=1e-9)
    assert torch.equal(parts.slots.halted, whole.slots.halted)


def test_a_micro_batch_of_all_slots_is_the_plain_step(trainer: Callable[..., Trainer], tiny: RunConfig) -> None:
    whole = trainer("whole")
    large = trainer("large", config=replace(tiny, micro_batch=tiny.batch_size + 1))
    for _ in range(3):
        whole.train_step()
        large.train_step()
    assert torch.equal(large.learner.flat.values, whole.learner.flat.values)


def test_threads_share_the_rows_of_each_micro_batch(trainer: Callable[..., Trainer], tiny: RunConfig) -> None:
    run = trainer("run", config=replace(tiny, batch_size=8, micro_batch=4))
    run.learner.threads.threads = 2
    seen = []
    plain = run.learner.forward.__call__

    class Noted(type(run.learner.forward)):  # type: ignore[misc]
        def __call__(self, slots: Any, rows: slice) -> Any:
            seen.append((rows.start, rows.stop))
            return plain(slots, rows)

    run.learner.forward.__class__ = Noted
    run.train_step()
    assert sorted(seen) == [(0, 2), (2, 4), (4, 6), (6, 8)]


def test_a_micro_batch_of_nothing_is_refused(tiny: RunConfig) -> None:
    with pytest.raises(ConfigError, match=r"micro_batch: .*1.*0"):
        replace(tiny, micro_batch=0)


@pytest.mark.parametrize("kind", KINDS)
def test_recomputed_gradients_are_the_same_to_the_bit(kind: str) -> None:
    def gradients(recompute: bool) -> list[torch.Tensor]:
        model = build_model(KINDS[kind], seed=0).train()
        if recompute:
            names = list(model.state_dict())
            recompute_networks(model)
            assert list(model.state_dict()) == names, "weights keep their names"
        tokens = torch.arange(48).view(3, 16) % 6
        output = model(tokens, tokens[:, 0] * 0, model.initial_carry(3))
        parameters = [*model.dense_parameters().values()]
        return list(torch.autograd.grad(step_loss(output, tokens).total, parameters, allow_unused=True))

    for again, kept in zip(gradients(True), gradients(False), strict=True):
        assert (again is None) == (kept is None)
        assert again is None or torch.equal(again, kept)


def test_a_recomputing_run_is_the_same_run(trainer: Callable[..., Trainer], tiny: RunConfig) -> None:
    plain, again = trainer("plain"), trainer("again", config=replace(tiny, recompute=True))
    for _ in range(6):
        plain.train_step()
        again.train_step()
    assert torch.equal(again.learner.flat.values, plain.learner.flat.values)
    assert torch.equal(again.learner.tables[0], plain.learner.tables[0])
