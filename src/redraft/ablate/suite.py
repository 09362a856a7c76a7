"""A suite of ablations as data: rows, each a change to a base run, and the run of each row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from redraft.errors import ConfigError
from redraft.recipes import get_recipe
from redraft.recipes.change import Change, apply
from redraft.train.config import RunConfig

Scale = Literal["small", "full"]
Base = str | RunConfig  # a recipe's name, or the run itself

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
