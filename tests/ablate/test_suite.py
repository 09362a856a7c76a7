"""Rows as changes to a base run."""

from dataclasses import replace
from typing import Any

import pytest

from redraft.ablate.suite import Row, Suite, row_config
from redraft.errors import ConfigError
from redraft.models import EquivariantConfig, HRMConfig, TRMConfig, VariantConfig
from redraft.recipes import get_recipe
from redraft.recipes.alike import equivariant
from redraft.recipes.change import apply
from redraft.tasks import get_task
from redraft.train.config import RunConfig


def test_values_are_changed_by_dotted_key(base: RunConfig) -> None:
    run = apply(base, {"optim.ema": 0.5, "model.n": 4, "data.augment": False, "loss": "softmax"}, where="row")
    assert (run.optim.ema, run.model.n, run.data.augment, run.loss) == (0.5, 4, False, "softmax")  # type: ignore[attr-defined]
    assert run.optim.lr == base.optim.lr and run.task == base.task, "the rest stays"
    assert apply(base, {}, where="row") == base


def test_another_kind_of_model_keeps_what_it_has_a_field_for(base: RunConfig) -> None:
    assert isinstance(base.model, TRMConfig)
    variant = apply(base, {"model.kind": "trm-variant", "model.separate": True}, where="row").model
    assert isinstance(variant, VariantConfig) and variant.separate
    assert (variant.hidden_size, variant.n, variant.T) == (base.model.hidden_size, base.model.n, base.model.T)
    hrm = apply(base, {"model.n": 3, "model.kind": "hrm"}, where="row").model
    assert isinstance(hrm, HRMConfig) and hrm.n == 3, "whatever the order"
    direct = apply(base, {"model.kind": "direct"}, where="row").model
    assert not hasattr(direct, "n") and direct.seq_len == base.model.seq_len


def test_the_model_takes_the_shape_of_the_task(base: RunConfig) -> None:
    model = apply(base, {"task": "maze-6x7"}, where="row").model
    assert (model.seq_len, model.vocab_size) == (42, 6)
    conv = apply(base, {"task": "maze-6x7", "model.mixer": "conv"}, where="row").model
    assert conv.grid_width == 7  # type: ignore[attr-defined]
    conv = apply(base, {"model.mixer": "conv"}, where="row").model
    assert conv.grid_width == 4, "without another task too"  # type: ignore[attr-defined]
    turned = apply(base, {"model.mixer": "attention", "model.positions": "grid"}, where="row").model
    assert turned.grid_width == 4  # type: ignore[attr-defined]
    moved = apply(get_recipe("maze-8x8-lab"), {"task": "maze-10x10"}, where="row").model
    assert (moved.seq_len, moved.grid_width) == (100, 10)  # type: ignore[attr-defined]


@pytest.mark.parametrize("recipe", ["sudoku-6x6-eq", "futoshiki-5x5"])
def test_an_equivariant_model_takes_what_its_task_declares(recipe: str) -> None:
    run = get_recipe(recipe)
    task = get_task("sudoku-9x9" if recipe.startswith("sudoku") else "futoshiki-4x4")
    assert isinstance(run.model, EquivariantConfig)
    names = ("hidden_size", "expansion", "dtype", "n", "T", "halting")
    expected = equivariant(task, **{name: getattr(run.model, name) for name in names})
    assert apply(run, {"task": task.name}, where="row").model == expected
    kept = apply(run, {"task": task.name, "model.scopes": ["rows"]}, where="row").model
    assert kept == replace(expected, scopes=("rows",))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"optim.emma": 0.0}, r"'optim\.emma'.* optim: kind, lr"),
        ({"model.separate": True}, r"'model\.separate'.* model: vocab_size"),
        ({"lr": 0.1}, "'lr'.* recipe, task"),
        ({"model": {}}, "'model'"),
        ({"optim.adam.lr": 0.1}, r"'optim\.adam\.lr'"),
        ({"optim.ema": "much"}, r"run\.optim\.ema: .*float.*'much'"),
        ({"optim.ema": 2.0}, r"optim\.ema: .*0 .*1.* 2\.0"),
        ({"model.kind": "tmr"}, "'tmr'.* trm"),
        ({"model.n": 0}, r"model\.n: .*1.*0"),
        ({"task": "chess"}, "task.*'chess'"),
        ({"halting": "never"}, "halting .*'never'"),
        ({"seed": 3}, "'seed'"),
        ({"steps": 3}, "'steps'"),
    ],
)
def test_mistakes_name_suite_row_and_field(base: RunConfig, change: dict[str, Any], named: str) -> None:
    suite = Suite(name="mine", title="", what="", base={"small": base}, rows={"wrong": Row(change=change)})
    with pytest.raises(ConfigError, match=f"^suite mine, row 'wrong': .*{named}"):
        row_config(suite, "wrong", base, "small")


def test_scales(base: RunConfig) -> None:
    row = Row(change={"loss": "softmax"}, small={"model.n": 1}, full={"model.n": 3})
    assert row.at("small") == {"loss": "softmax", "model.n": 1} and row.at("full")["model.n"] == 3
    rows = {"both": row, "large": Row(scales=("full",))}
    suite = Suite(name="mine", title="", what="", base={"small": base}, rows=rows)
    assert list(suite.rows_at("small")) == ["both"] and list(suite.rows_at("full")) == ["both", "large"]
    with pytest.raises(ConfigError, match=r"suite mine: .*'full'.* small"):
        suite.base_at("full")
