"""Halting rules: what each teaches and when it stops, and training with them, of every model that they suit."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from redraft.core.carry import Carry
from redraft.data.sampler import Batch, Sampler
from redraft.errors import ConfigError, RedraftError
from redraft.models import DirectConfig, HRMConfig, Model, ModelConfig, StepOutput, VariantConfig
from redraft.tasks.base import IGNORE
from redraft.train.config import RunConfig
from redraft.train.folder import STATE
from redraft.train.halting import HALTING, HaltingRule, get_halting
from redraft.train.loop import Trainer
from redraft.weights.io import load_weights

pytestmark = pytest.mark.arithmetic

MakeTrainer = Callable[..., Trainer]
RIGHT = torch.tensor([True, False, False])
LAST = torch.tensor([False, False, True])


def output(halt: list[float], going_on: list[float] | None = None) -> StepOutput:
    nothing = torch.zeros(len(halt), 0)
    second = None if going_on is None else torch.tensor(going_on, requires_grad=True)
    halts = torch.tensor(halt, requires_grad=True)
    return StepOutput(Carry(nothing, nothing), torch.zeros(len(halt), 4, 6), halts, second)


def sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def cross_entropy(logit: float, target: float) -> float:
    return -(target * math.log(sigmoid(logit)) + (1 - target) * math.log(1 - sigmoid(logit)))


@pytest.mark.parametrize("name", ["binary", "oracle"])
def test_the_head_learns_whether_the_answer_is_right(name: str) -> None:
    found = output([2.0, -1.0, 0.5])
    want = cross_entropy(2.0, 1) + cross_entropy(-1.0, 0) + cross_entropy(0.5, 0)
    assert get_halting(name).loss(found, RIGHT, None, None).item() == pytest.approx(want)
    assert not get_halting(name).looks_ahead


def test_going_on_is_worth_the_better_of_the_next_step() -> None:
    """Row 0 would halt next, row 1 go on, and row 2 is at its last step, where only halting is left."""
    found = output([2.0, -1.0, 0.5], [0.3, -0.2, 1.0])
    ahead = output([1.5, -2.0, -3.0], [-1.0, 0.7, 4.0])
    halting = cross_entropy(2.0, 1) + cross_entropy(-1.0, 0) + cross_entropy(0.5, 0)
    targets = [sigmoid(1.5), sigmoid(0.7), sigmoid(-3.0)]
    going_on = sum(cross_entropy(logit, target) for logit, target in zip([0.3, -0.2, 1.0], targets, strict=True))
    loss = HALTING["q"].loss(found, RIGHT, ahead, LAST)
    assert HALTING["q"].looks_ahead and loss.item() == pytest.approx(halting + going_on)

    loss.backward()
    assert ahead.halt_logit.grad is None and ahead.continue_logit.grad is None, "a target is not taught"
    slopes = [sigmoid(logit) - target for logit, target in zip([0.3, -0.2, 1.0], targets, strict=True)]
    assert found.continue_logit.grad.tolist() == pytest.approx(slopes)


def test_no_halting_teaches_nothing() -> None:
    found = output([2.0, -1.0, 0.5])
    loss = HALTING["none"].loss(found, RIGHT, None, None)
    loss.backward()
    assert loss == 0 and not found.halt_logit.grad.any()


@pytest.mark.parametrize(
    ("name", "going_on", "stops"),
    [
        ("binary", None, [True, False, True]),
        ("binary", [3.0, -2.0, 0.0], [False, True, True]),  # a second output is heeded where there is one
        ("q", [3.0, -2.0, 0.0], [False, True, True]),
        ("none", None, [False, False, False]),
        ("oracle", None, [True, False, False]),
    ],
)
def test_when_a_slot_would_stop(name: str, going_on: list[float] | None, stops: list[bool]) -> None:
    assert get_halting(name).stops(output([2.0, -1.0, 0.5], going_on), RIGHT).tolist() == stops


def test_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: RunConfig) -> None:
    with pytest.raises(ConfigError, match=r"halting .*'sometimes'.*binary, q, none, oracle.*module:NAME"):
        replace(tiny, halting="sometimes")
    (tmp_path / "own_rule.py").write_text("from redraft.train.halting import HaltingRule\nclass Mine(HaltingRule): ...")
    monkeypatch.syspath_prepend(tmp_path)
    assert isinstance(get_halting(replace(tiny, halting="own_rule:Mine").halting), HaltingRule)
    with pytest.raises(RedraftError, match=r"own_rule:Yours: .*halting rule.*module:NAME"):
        get_halting("own_rule:Yours")


def models(tiny: RunConfig) -> dict[str, ModelConfig]:
    """Of each kind of model one of the size of the tiny run's, with a puzzle embedding as it has."""
    trm: dict[str, Any] = {name: getattr(tiny.model, name) for name in tiny.model.__dataclass_fields__}
    direct = {name: value for name, value in trm.items() if name not in ("n", "T")}
    return {
        "hrm": HRMConfig(**trm),
        "direct": DirectConfig(**direct),
        "variant-q": VariantConfig(**trm, continue_head=True),
        "variant-single": VariantConfig(**trm, latents=0, continue_head=True),
        "variant-three": VariantConfig(**trm | {"n": 3}, latents=3, separate=True),
    }


def no_figures(model: Model) -> dict[str, float]:
    return {"exact": 0.0}


@pytest.mark.parametrize(
    ("name", "halting"),
    [("hrm", "q"), ("direct", "binary"), ("variant-q", "q"), ("variant-single", "q"), ("variant-three", "oracle")],
)
def test_a_resumed_run_equals_an_uninterrupted_one(
    name: str, halting: str, trainer: MakeTrainer, tiny: RunConfig, tmp_path: Path
) -> None:
    config = replace(tiny, model=models(tiny)[name], halting=halting)
    whole = trainer("whole", config=config)
    before = whole.learner.flat.values.clone()
    assert whole.run(no_figures, []).finished
    assert torch.isfinite(whole.learner.flat.values).all() and not torch.equal(whole.learner.flat.values, before)
    broken = trainer("broken", config=config)
    for _ in range(5):
        broken.train_step()
    broken.save()
    assert trainer("broken", config=config, resume=True).run(no_figures, []).finished
    one, other = (load_file(tmp_path / folder / STATE) for folder in ("whole", "broken"))
    assert one.keys() == other.keys()
    assert not [name for name in one if not torch.equal(one[name], other[name])]
    assert load_weights(tmp_path / "whole" / "last").model.config == config.model


@pytest.mark.parametrize("name", ["trm", "direct"])
def test_q_learning_needs_a_second_output(name: str, tiny: RunConfig, trainer: MakeTrainer, tmp_path: Path) -> None:
    """It is said before training begins, and no run is left behind."""
    config = replace(tiny, model=models(tiny).get(name, tiny.model), halting="q")
    with pytest.raises(ConfigError, match=r"halting: q .*HRM.*--model\.continue-head True"):
        trainer("run", config=config)
    assert not (tmp_path / "run").exists()


def slots_after(run: Trainer, steps: int) -> list[tuple[Tensor, Tensor]]:
    """Steps spent (B,), and whether each slot halted (B,), after each of the first training steps."""
    found = []
    for _ in range(steps):
        run.train_step()
        found.append((run.slots.steps.clone(), run.slots.halted.clone()))
    return found


def test_without_halting_every_slot_gets_all_its_steps(trainer: MakeTrainer, tiny: RunConfig) -> None:
    eager = trainer("run", config=replace(tiny, halting="none"))
    with torch.no_grad():
        eager.learner.model.halt_head.bias.fill_(5)  # says that it is done
    for number, (steps, halted) in enumerate(slots_after(eager, 6)):
        assert (steps == number % 3 + 1).all() and bool(halted.all()) == bool(halted.any()) == (number % 3 == 2)
    assert (eager.learner.model.halt_head.bias > 4).all(), "and its head is taught nothing, only decays"


def test_an_oracle_stops_exactly_when_right(trainer: MakeTrainer, tiny: RunConfig) -> None:
    """Nothing is asked of every other slot, so that whatever it answers is right; the others know nothing yet."""
    run = trainer("run", config=replace(tiny, halting="oracle", exploration=0.0, max_steps=4))
    run.feed.sampler = HalfAsked(run.feed.sampler)  # type: ignore[assignment]
    right = torch.arange(len(run.slots.halted)) % 2 == 0
    for number, (steps, halted) in enumerate(slots_after(run, 4), start=1):
        assert torch.equal(steps, torch.where(right, 1, number))
        assert torch.equal(halted, right | (steps == 4))


class HalfAsked:
    """Batches of which every other row, from the first on, has no labels."""

    def __init__(self, sampler: Sampler) -> None:
        self.sampler = sampler

    def batch(self, step: int) -> Batch:
        batch = self.sampler.batch(step)
        batch.labels[::2] = IGNORE
        return batch


def test_a_rule_is_a_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_makers.py").write_text("def rule(): raise AssertionError('was called')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match=r"own_makers:rule: .*HaltingRule.* function"):
        get_halting("own_makers:rule")
