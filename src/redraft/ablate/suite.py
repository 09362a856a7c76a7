"""A suite of ablations as data: rows, each a change to a base run; and its plan: runs under one budget, with keys."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from typing import Any, Literal

from redraft.errors import ConfigError
from redraft.models import model_kind
from redraft.recipes import get_recipe
from redraft.recipes.change import Change, apply
from redraft.train.config import RunConfig

Scale = Literal["small", "full"]
Base = str | RunConfig  # a recipe's name, or the run itself

FOREVER = 10**9  # steps of a run that ends after seconds
EQUAL = ("seed", "steps", "eval_every")  # set by the suite, equally for all rows


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of a suite's table: a run that differs from the base in one respect.

    Attributes:
        change: values by dotted key, as in {"optim.ema": 0.0}. `model.kind` makes it another model, which keeps those
            of the base's values that it has a field for; a changed `task` brings its own number of cells and tokens.
        small, full: further changes at that scale alone.
        scales: where the row belongs.
        reported: exact accuracy in % that was published for it, at full scale.
        note: for readers of the table.
    """

    change: Change = field(default_factory=dict)
    small: Change = field(default_factory=dict)
    full: Change = field(default_factory=dict)
    scales: tuple[Scale, ...] = ("small", "full")
    reported: float | None = None
    note: str = ""

    def at(self, scale: Scale) -> dict[str, Any]:
        """All changes of this row at a scale."""
        return {**self.change, **(self.small if scale == "small" else self.full)}


@dataclass(frozen=True, kw_only=True)
class Test:
    """Puzzles to judge a trained model on as well: a source of data, of another task than its own where named."""

    source: str
    task: str | None = None

    @property
    def key(self) -> str:
        """Its name in a result."""
        return f"{self.task} {self.source}"


@dataclass(frozen=True, kw_only=True)
class Suite:
    """A question, and the runs that answer it.

    Attributes:
        name: as in `redraft ablate NAME`, and of the folder with its results.
        title: over the table; `what`: the question, in a sentence.
        base: the run that every row changes, by scale.
        rows: by name; differences are to the first.
        tests: further puzzles to judge every row on, by scale and label.
        seeds: the default.
    """

    name: str
    title: str
    what: str
    base: Mapping[Scale, Base]
    rows: Mapping[str, Row]
    tests: Mapping[Scale, Mapping[str, Test]] = field(default_factory=dict)
    seeds: tuple[int, ...] = (0, 1, 2)

    def base_at(self, scale: Scale) -> RunConfig:
        """The run that all rows change; raises ConfigError where the suite has none of that scale."""
        if scale not in self.base:
            raise ConfigError(f"suite {self.name}: has no scale {scale!r}; it has {', '.join(self.base)}")
        base = self.base[scale]
        return get_recipe(base) if isinstance(base, str) else base

    def rows_at(self, scale: Scale) -> dict[str, Row]:
        """The rows that belong to a scale."""
        return {name: row for name, row in self.rows.items() if scale in row.scales}


def row_config(suite: Suite, name: str, base: RunConfig, scale: Scale) -> RunConfig:
    """The run of a row; raises ConfigError naming suite, row and key of a wrong change."""
    change, where = suite.rows[name].at(scale), f"suite {suite.name}, row {name!r}"
    for key in EQUAL:
        if key in change:
            raise ConfigError(f"{where}: changes {key!r}, which the suite sets equally for all rows")
    return apply(base, change, where=where)


@dataclass(frozen=True)
class Budget:
    """The budget of every row: optimiser steps, examples (slots worked on: steps x batch size), or seconds."""

    amount: int
    unit: Literal["steps", "examples", "seconds"]

    @staticmethod
    def parse(text: str) -> Budget:
        """A budget as written: `1000steps`, `64000examples` or `300s`; raises ConfigError."""
        units: dict[str, Literal["steps", "examples", "seconds"]]
        units = {"steps": "steps", "examples": "examples", "s": "seconds"}
        found = re.fullmatch(rf"([\d,_]*\d) ?({'|'.join(units)})", text)
        amount = 0 if found is None else int(found[1].replace(",", "").replace("_", ""))
        if found is None or not amount:
            raise ConfigError(f"budget: expected for example 1000steps, 64000examples or 300s, got {text!r}")
        return Budget(amount, units[found[2]])

    def __str__(self) -> str:
        return f"{self.amount}{'s' if self.unit == 'seconds' else self.unit}"

    @property
    def seconds(self) -> float | None:
        """The seconds after which a run ends; None where it ends after steps."""
        return float(self.amount) if self.unit == "seconds" else None

    def limit(self, config: RunConfig) -> RunConfig:
        """The run under this budget, evaluated at its end.

        The number of steps that fit into seconds is unknown beforehand, so the learning rate then stays at its peak
        after the warm-up instead of following a cosine; the moving average does the settling.
        """
        if self.unit == "seconds":
            optim = replace(config.optim, min_ratio=1.0)
            return replace(config, steps=FOREVER, eval_every=FOREVER, optim=optim)
        steps = self.amount if self.unit == "steps" else -(-self.amount // config.batch_size)
        return replace(config, steps=steps, eval_every=steps)


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """The run of a row and a seed. Runs of equal configuration are one, in all suites."""

    row: str
    seed: int
    config: RunConfig
    seconds: float | None = None

    @property
    def key(self) -> str:
        return key_of(self.config, self.seconds)

    def __str__(self) -> str:
        return f"{self.row}, seed {self.seed}"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A suite at a scale under a budget.

    Attributes:
        base: the run that rows change, under the plan's budget.
        usual: whether the budget is that of the recipe.
        configs: the run of every row under the plan's budget, whatever the seed.
        tests: further puzzles to judge on, by label.
    """

    suite: Suite
    scale: Scale
    budget: Budget
    usual: bool
    base: RunConfig
    configs: dict[str, RunConfig]
    tests: dict[str, Test]
    seeds: tuple[int, ...]

    @property
    def name(self) -> str:
        """The folder of its results: the suite's name, with scale and budget where they are not the usual ones."""
        scale = "" if self.scale == "small" else f"-{self.scale}"
        return self.suite.name + scale + ("" if self.usual else f"-{self.budget}")

    def runs(self, *, only: Sequence[str] = ()) -> list[PlannedRun]:
        """All runs, or those of some rows: every row with the first seed, then every row with the next."""
        unknown = [name for name in only if name not in self.configs]
        if unknown:
            known = ", ".join(map(repr, self.configs))
            raise ConfigError(f"suite {self.suite.name}: has no row {unknown[0]!r}; its rows: {known}")
        return [self.run(row, seed) for seed in self.seeds for row in self.configs if not only or row in only]

    def run(self, row: str, seed: int) -> PlannedRun:
        """The run of a row and a seed."""
        return PlannedRun(row=row, seed=seed, config=replace(self.configs[row], seed=seed), seconds=self.budget.seconds)


def make_plan(
    suite: Suite,
    *,
    scale: Scale = "small",
    budget: Budget | None = None,
    seeds: Sequence[int] | None = None,
    settings: Change | None = None,
) -> Plan:
    """The plan of a suite; `settings` change the base of all rows. Raises ConfigError for what cannot be run.

    Without a budget a row takes as many steps as the base.
    """
    seeds = tuple(suite.seeds if seeds is None else seeds)
    twice = sorted({seed for seed in seeds if seeds.count(seed) > 1})
    if twice or not seeds:
        raise ConfigError(f"seeds: {twice[0]} is there twice" if twice else "seeds: expected at least one")
    if "seed" in (settings or {}):
        raise ConfigError("--set: changes 'seed'; name seeds with --seeds")
    base = apply(suite.base_at(scale), settings or {}, where="--set")
    usual = Budget(base.steps, "steps")
    budget = budget or usual
    configs = {name: budget.limit(row_config(suite, name, base, scale)) for name in suite.rows_at(scale)}
    if not configs:
        raise ConfigError(f"suite {suite.name}: has no rows at scale {scale!r}")
    names: dict[str, str] = {}
    for name, config in configs.items():
        other = names.setdefault(key_of(config), name)
        if other != name:
            raise ConfigError(f"suite {suite.name}: rows {other!r} and {name!r} are the same run")
    return Plan(
        suite=suite,
        scale=scale,
        budget=budget,
        usual=budget == usual,
        base=budget.limit(base),
        configs=configs,
        tests=dict(suite.tests.get(scale, {})),
        seeds=seeds,
    )


def key_of(config: RunConfig, seconds: float | None = None) -> str:
    """12 hexadecimal digits of everything that decides a run's weights.

    Values that are a field's default do not count, so that a field which is added later, with a default that changes
    nothing, leaves the keys of finished runs as they are.
    """
    values = {**chosen(config), **({} if seconds is None else {"seconds": seconds})}
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]


def chosen(config: Any) -> dict[str, Any]:
    """The values of a configuration that are not their field's default, and the kind of a model."""
    values: dict[str, Any] = {}
    for each in fields(config):
        value = getattr(config, each.name)
        if each.name == "model":
            values[each.name] = {"kind": model_kind(value), **chosen(value)}
        elif is_dataclass(value):
            values[each.name] = chosen(value)
        elif each.default is MISSING or value != each.default:
            values[each.name] = value
    return values
