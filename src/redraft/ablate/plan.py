"""The plan of a suite: the runs of its rows and seeds under one budget, each with a key of its own."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from typing import Any, Literal

from redraft.ablate.suite import Scale, Suite, Test, row_config
from redraft.errors import ConfigError
from redraft.models import model_kind
from redraft.recipes.change import Change, apply
from redraft.train.config import RunConfig

FOREVER = 10**9  # steps of a run that ends after seconds


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
    for field in fields(config):
        value = getattr(config, field.name)
        if field.name == "model":
            values[field.name] = {"kind": model_kind(value), **chosen(value)}
        elif is_dataclass(value):
            values[field.name] = chosen(value)
        elif field.default is MISSING or value != field.default:
            values[field.name] = value
    return values
