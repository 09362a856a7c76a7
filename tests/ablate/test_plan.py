"""From a suite to runs with keys."""

from dataclasses import replace

import pytest

from redraft.ablate.suite import FOREVER, Budget, Plan, PlannedRun, Row, Suite, chosen, make_plan
from redraft.errors import ConfigError
from redraft.models import VariantConfig
from redraft.train.config import DataConfig, RunConfig


def test_every_row_comes_with_the_first_seed_before_any_comes_with_the_next(plan: Plan) -> None:
    assert [str(run) for run in plan.runs()] == ["base, seed 0", "no EMA, seed 0", "base, seed 1", "no EMA, seed 1"]
    assert [str(run) for run in plan.runs(only=["no EMA"])] == ["no EMA, seed 0", "no EMA, seed 1"]
    assert len({run.key for run in plan.runs()}) == 4
    assert all(run.config.seed == run.seed for run in plan.runs())
    with pytest.raises(ConfigError, match=r"suite tiny: .*'EMA'.*'base', 'no EMA'"):
        plan.runs(only=["EMA"])


@pytest.mark.parametrize(
    ("text", "steps", "seconds", "name"),
    [
        ("6steps", 6, None, "tiny"),
        ("1,000steps", 1000, None, "tiny-1000steps"),
        ("66examples", 17, None, "tiny-66examples"),
        ("300s", FOREVER, 300.0, "tiny-300s"),
    ],
)
def test_budgets_are_equal_for_all_rows(suite: Suite, text: str, steps: int, seconds: float | None, name: str) -> None:
    plan = make_plan(suite, budget=Budget.parse(text))
    for run in plan.runs():
        assert (run.config.steps, run.config.eval_every, run.seconds) == (steps, steps, seconds)
        assert (run.config.optim.min_ratio == 1.0) == (seconds is not None), "a rate that falls must know the end"
    assert plan.name == name


@pytest.mark.parametrize("text", ["", "300", "5 min", "0steps", "-3steps", "1.5s", "steps"])
def test_budgets_that_are_none(text: str) -> None:
    with pytest.raises(ConfigError, match=f"budget: .*1000steps.*64000examples.*300s.*{text!r}"):
        Budget.parse(text)


def test_a_key_is_that_of_the_configuration(base: RunConfig, plan: Plan) -> None:
    run = PlannedRun(row="a", seed=0, config=base)
    assert run.key == PlannedRun(row="b", seed=0, config=base).key, "suites share runs"
    assert len({run.key, replace(run, seconds=5.0).key, replace(run, config=replace(base, seed=1)).key}) == 3


def test_keys_stay_what_they_were() -> None:
    """A field that is added to a configuration, with a default that changes nothing, does not lose finished runs."""
    model = VariantConfig(vocab_size=6, seq_len=16, separate=True)
    data = DataConfig(train="make:16@1", test="make:8@2", augment=True)
    config = RunConfig(recipe="pinned", task="sudoku-4x4", model=model, data=data, steps=5, batch_size=2)
    assert PlannedRun(row="a", seed=0, config=config).key == "bd76411e6428"
    values = chosen(config)
    assert values["data"] == {"train": "make:16@1", "test": "make:8@2"}, "a field at its default does not count"
    assert values["model"] == {"kind": "trm-variant", "vocab_size": 6, "seq_len": 16, "separate": True}


def test_settings_change_the_base_of_all_rows(suite: Suite) -> None:
    plan = make_plan(suite, settings={"data.train": "make:12@4", "steps": 9})
    assert {config.data.train for config in plan.configs.values()} == {"make:12@4"}
    assert plan.base.steps == 9 and plan.name == "tiny"
    with pytest.raises(ConfigError, match=r"--set: .*'data\.tarin'"):
        make_plan(suite, settings={"data.tarin": "x"})
    with pytest.raises(ConfigError, match=r"--set: .*--seeds"):
        make_plan(suite, settings={"seed": 1})


def test_seeds_that_clash(suite: Suite) -> None:
    with pytest.raises(ConfigError, match=r"seeds: .*\b1\b"):
        make_plan(suite, seeds=(1, 0, 1))
    with pytest.raises(ConfigError, match="seeds: "):
        make_plan(suite, seeds=())


def test_rows_that_are_the_same_run(base: RunConfig) -> None:
    rows = {"a": Row(), "b": Row(change={"optim.ema": base.optim.ema})}
    with pytest.raises(ConfigError, match=r"suite mine: .*'a'.*'b'"):
        make_plan(Suite(name="mine", title="", what="", base={"small": base}, rows=rows))
    with pytest.raises(ConfigError, match=r"suite mine: .*'small'"):
        make_plan(Suite(name="mine", title="", what="", base={"small": base}, rows={"a": Row(scales=("full",))}))
