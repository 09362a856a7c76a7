"""A suite of ablations as data: rows, each a change to a base run, and the run that a row is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from redraft.data.build import task_of
from redraft.errors import ConfigError, RedraftError
from redraft.models import model_class
from redraft.recipes import get_recipe
from redraft.train.config import DataConfig, OptimConfig, RunConfig, run_from_dict, run_to_dict

Scale = Literal["small", "full"]
Change = Mapping[str, Any]
Base = str | RunConfig  # a recipe's name, or the run itself

KIND = "model.kind"
EQUAL = ("seed", "steps", "eval_every")  # what the suite sets, equally for all rows
_PARTS: dict[str, type] = {"data": DataConfig, "optim": OptimConfig}


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of a suite's table: a run that differs from the base in one respect.

    Attributes:
        change: values by dotted key, as in {"optim.ema": 0.0}. `model.kind` makes it another model, which keeps those
            of the base's values that it has a field for; a changed `task` brings its own number of cells and tokens.
        small, full: further changes at that scale alone.
        scales: where the row belongs.
        reported: exact accuracy in % that was published for it, at full scale.
        note: what a reader of the table should know.
    """

    change: Change = field(default_factory=dict)
    small: Change = field(default_factory=dict)
    full: Change = field(default_factory=dict)
    scales: tuple[Scale, ...] = ("small", "full")
    reported: float | None = None
    note: str = ""

    def at(self, scale: Scale) -> dict[str, Any]:
        """All that this row changes at a scale."""
        return {**self.change, **(self.small if scale == "small" else self.full)}


@dataclass(frozen=True, kw_only=True)
class Test:
    """Puzzles that a trained model is also judged on: a source of data, of another task than its own where named."""

    source: str
    task: str | None = None


@dataclass(frozen=True, kw_only=True)
class Suite:
    """A question asked of many runs.

    Attributes:
        name: as in `redraft ablate NAME`, and of the folder with its results.
        title: over the table; `what`: the question, in a sentence.
        base: what every row changes, for each scale there is.
        rows: by name; differences are told against the first.
        tests: further puzzles to judge every row on, by label, for each scale.
        seeds: unless others are asked for.
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

    def tests_at(self, scale: Scale) -> dict[str, Test]:
        """What every row is also judged on at a scale."""
        return dict(self.tests.get(scale, {}))


def apply(base: RunConfig, change: Change, *, where: str) -> RunConfig:
    """The run with values changed by dotted key; raises ConfigError, its message beginning with `where`.

    Another `model.kind` keeps those fields of the base's model that it has. Cells, tokens and, for the conv mixer,
    the width of the grid follow the task unless they are changed too.
    """
    try:
        values = run_to_dict(base)
        if KIND in change:
            kept = _fields(model_class(change[KIND]))
            values["model"] = {KIND.partition(".")[2]: change[KIND]} | {
                name: value for name, value in values["model"].items() if name in kept
            }
        for key, value in change.items():
            if key != KIND:
                _set(values, key, value)
        _fit_task(values, change)
        return run_from_dict(values, where="run")
    except RedraftError as error:
        raise ConfigError(f"{where}: {error}") from error


def row_config(suite: Suite, name: str, base: RunConfig, scale: Scale) -> RunConfig:
    """The run of a row; raises ConfigError naming suite, row and key where it cannot be."""
    change, where = suite.rows[name].at(scale), f"suite {suite.name}, row {name!r}"
    for key in EQUAL:
        if key in change:
            raise ConfigError(f"{where}: changes {key!r}, which the suite sets equally for all rows")
    return apply(base, change, where=where)


def _set(values: dict[str, Any], key: str, value: Any) -> None:
    part, _, name = key.rpartition(".")
    if part == "model":
        known = _fields(model_class(values["model"]["kind"]))
    elif part in _PARTS:
        known = _fields(_PARTS[part])
    else:
        name, known = key, [name for name in _fields(RunConfig) if name not in ("model", *_PARTS)]
    if name not in known:
        whose = f" of {part}" if name != key else ""
        raise ConfigError(f"unknown field {key!r}; known fields{whose}: {', '.join(known)}")
    (values[part] if name != key else values)[name] = value


def _fields(kind: type) -> list[str]:
    return [field.name for field in fields(kind)]


def _fit_task(values: dict[str, Any], change: Change) -> None:
    """Gives the model the shape of the task, where that may have changed."""
    model = values["model"]
    conv = model.get("mixer") == "conv" and ("task" in change or model.get("grid_width") is None)
    if not conv and "task" not in change:
        return
    task = task_of(values["task"], values["data"]["train"])
    if "task" in change:
        shape = {"seq_len": task.seq_len, "vocab_size": task.vocab_size}
        model.update({name: size for name, size in shape.items() if f"model.{name}" not in change})
    if conv and "model.grid_width" not in change:
        model["grid_width"] = task.width
