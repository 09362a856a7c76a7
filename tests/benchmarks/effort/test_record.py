"""A step taken apart into recursions computes the same, and what is recorded of them is what there is to see."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks.effort.record import NEVER, Runs, one_recursion
from redraft.backends.torch import TorchStepper
from redraft.data.build import open_source
from redraft.errors import ConfigError
from redraft.evaluate.evaluate import evaluate
from redraft.models import (
    DirectConfig,
    EquivariantConfig,
    HRMConfig,
    Model,
    ModelConfig,
    TRMConfig,
    VariantConfig,
    build_model,
)
from redraft.tasks import get_task
from redraft.weights import folder
from redraft.weights.io import load_weights

pytestmark = pytest.mark.arithmetic

TASK = get_task("sudoku-6x6")
STORE = open_source(TASK, "make:24@4242")
EVERYONE = np.arange(len(STORE))
SHIPPED = folder("sudoku-6x6")
TINY = {"vocab_size": 8, "seq_len": 36, "hidden_size": 16, "width_multiple": 8}
MODELS: dict[str, ModelConfig] = {
    "trm": TRMConfig(**TINY, n=2, T=3, mixer="mlp", positions="none", puzzle_positions=0),
    "hrm": HRMConfig(**TINY, n=2, T=2, num_layers=1, num_heads=2, puzzle_positions=0),
    "equivariant": EquivariantConfig(**TINY, n=1, T=2, first_symbol=2, symbols=6, grid_width=6, scopes=("rows",)),
}


def shipped() -> Model:
    assert SHIPPED is not None
    return load_weights(SHIPPED).model


@pytest.mark.parametrize("name", MODELS)
@torch.inference_mode()
def test_a_step_is_its_recursions_to_the_bit(name: str) -> None:
    model = build_model(MODELS[name], seed=1)
    single = one_recursion(model)
    tokens, ids = torch.from_numpy(STORE.inputs[:4]).long(), torch.zeros(4, dtype=torch.int64)
    whole = model(tokens, ids, model.initial_carry(4))
    carry = single.initial_carry(4)
    for _ in range(model.config.T):  # type: ignore[attr-defined]
        parts = single(tokens, ids, carry)
        carry = parts.carry
    assert torch.equal(whole.carry.y, parts.carry.y) and torch.equal(whole.carry.z, parts.carry.z)
    assert torch.equal(whole.logits, parts.logits) and torch.equal(whole.halt_logit, parts.halt_logit)


def test_the_model_itself_stays_as_it_is() -> None:
    model = build_model(MODELS["trm"])
    single = one_recursion(model, n=5)
    assert model.config == MODELS["trm"]
    assert single.config == replace(MODELS["trm"], n=5, T=1)  # type: ignore[call-arg]
    assert all(a is b for a, b in zip(model.parameters(), single.parameters(), strict=True)), "the weights are shared"


@pytest.mark.parametrize(
    "config",
    [
        DirectConfig(**TINY, num_heads=2, puzzle_positions=0),
        VariantConfig(**TINY, n=2, T=2, num_heads=2, puzzle_positions=0, gradient=6),
    ],
)
def test_models_whose_steps_are_not_equal_recursions(config: ModelConfig) -> None:
    with pytest.raises(ConfigError, match=r"TRM, HRM, Equivariant.* (Direct|Variant)$"):
        one_recursion(build_model(config))


def test_the_record_at_the_end_of_each_step_is_the_evaluation() -> None:
    model = shipped()
    record = Runs(model, TASK, STORE, batch_size=10).record(6, lambda done: None)
    found = evaluate(TorchStepper(model), TASK, STORE, steps=3)
    assert np.array_equal(record.solved[:, 1::2], found.solved)
    assert np.allclose(record.margin[:, 1::2], found.halt_logit, rtol=0, atol=1e-3)
    assert record.solved.any(1).mean() > 0.8, "the weights solve nearly all, so there is something to compare"
    assert record.changed[:, 0].all() and not record.changed[:, -1].all()
    assert (record.moved[:, 0] > record.moved[:, -1]).mean() > 0.9, "states come to rest"


def test_what_is_solved_leaves_and_the_rest_is_as_before() -> None:
    runs = Runs(shipped(), TASK, STORE, batch_size=10)
    record = runs.record(4, lambda done: None)
    first = runs.first_solved(EVERYONE, 4)
    assert np.array_equal(first, np.where(record.solved.any(1), record.solved.argmax(1) + 1, NEVER))
    some = EVERYONE[::-3]
    assert np.array_equal(runs.first_solved(some, 4), first[some])
    assert not len(runs.first_solved(some[:0], 4))


def test_stopping_by_the_head_after_every_step() -> None:
    runs = Runs(shipped(), TASK, STORE, batch_size=10)
    record = runs.record(6, lambda done: None)
    at, solved = runs.until(EVERYONE, 6, lambda margin, solved: margin > 4, every=2)
    says = record.margin[:, 1::2] > 4
    assert np.array_equal(at, np.where(says.any(1), 2 * says.argmax(1) + 2, 6))
    assert np.array_equal(solved, record.solved[EVERYONE, at - 1])


def test_the_models_own_start_given_as_another_is_the_same() -> None:
    model = shipped()
    runs = Runs(model, TASK, STORE, batch_size=10)
    own = runs.first_solved(EVERYONE, 3, start=lambda rows: model.initial_carry(len(rows)))
    assert np.array_equal(own, runs.first_solved(EVERYONE, 3))
    assert np.array_equal(own, runs.first_solved(EVERYONE, 3, n=3))


def test_without_rules_the_labels_tell() -> None:
    blind = get_task("sudoku-6x6")
    blind.judges = False
    runs = Runs(shipped(), blind, STORE, batch_size=10)
    assert np.array_equal(
        runs.first_solved(EVERYONE, 3), Runs(shipped(), TASK, STORE, batch_size=24).first_solved(EVERYONE, 3)
    )
    others = open_source(TASK, "make:24@5")
    wrong = Runs(shipped(), blind, replace(STORE, labels=others.labels), batch_size=10)
    assert (wrong.first_solved(EVERYONE, 3) == NEVER).all()


def test_progress_is_told() -> None:
    done: list[int] = []
    Runs(shipped(), TASK, STORE, batch_size=10).record(1, done.append)
    assert done == [10, 20, 24]
