"""A run with some of its values changed: by dotted key (`model.n`), or shrunk to seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from redraft.data.build import task_of
from redraft.errors import ConfigError, RedraftError
from redraft.models import ModelConfig, model_class
from redraft.tasks import Task, get_task
from redraft.train.config import DataConfig, OptimConfig, RunConfig, run_from_dict, run_to_dict

Change = Mapping[str, Any]

KIND = "model.kind"
_PARTS: dict[str, type] = {"data": DataConfig, "optim": OptimConfig}
# By task: 900 cells of a maze take minutes to make and to run, and not every ARC task made fits a small canvas.
SMALLER = {"maze-30x30": "maze-10x10", "arc-10x10": "arc"}


def dotted(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Nested changes by dotted key: {"model": {"n": 1}, "steps": 9} as {"model.n": 1, "steps": 9}."""
    flat: dict[str, Any] = {}
    for name, value in changes.items():
        if name in ("model", *_PARTS) and isinstance(value, Mapping):
            flat |= {f"{name}.{key}": each for key, each in value.items()}
        else:
            flat[name] = value
    return flat


def apply(base: RunConfig, change: Change, *, where: str) -> RunConfig:
    """The run with values changed by dotted key; raises ConfigError, its message beginning with `where`.

    Another `model.kind` keeps those fields of the base's model that it has. Cells, tokens, the width of the grid of a
    model that reads it, and what an equivariant model takes from its task follow the task unless they are changed too.
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
        _fit_task(values, change, base.task)
        return run_from_dict(values, where="run")
    except RedraftError as error:
        raise ConfigError(f"{where}: {error}") from error


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


def _fit_task(values: dict[str, Any], change: Change, before: str) -> None:
    """Gives the model the shape of the task, where that may have changed."""
    model = values["model"]
    on_grid = model.get("mixer") == "conv" or model.get("positions") == "grid" or model["kind"] == "local"
    rows = on_grid and ("task" in change or model.get("grid_width") is None)
    if not rows and "task" not in change:
        return
    task = task_of(values["task"], values["data"]["train"])
    if "task" in change:
        shape: dict[str, Any] = {"seq_len": task.seq_len, "vocab_size": task.vocab_size}
        if "scopes" in model:
            old, new = _declared(get_task(before)), _declared(task)
            shape |= {name: new[name] for name in new if model[name] == old[name]}
        model.update({name: size for name, size in shape.items() if f"model.{name}" not in change})
    if rows and "model.grid_width" not in change:
        model["grid_width"] = task.width


def _declared(task: Task) -> dict[str, Any]:
    """What an equivariant model takes from its task (`alike.equivariant`)."""
    alike = task.interchangeable
    return {"first_symbol": alike.start, "symbols": len(alike), "grid_width": task.width, "scopes": task.scopes}


def shrunk(run: RunConfig, *, made: bool = True) -> RunConfig:
    """The run with a model, data and steps so small that it takes seconds; its own data unless new puzzles are `made`.

    Every part works, but the run is too short to learn anything.
    """
    data, model = replace(run.data, train_limit=None, test_limit=8), _small(run.model)
    task = SMALLER.get(run.task, run.task) if made else run.task
    if task != run.task:
        small = get_task(task)
        width = {"grid_width": small.width} if getattr(model, "grid_width", None) else {}
        model = replace(model, seq_len=small.seq_len, **width)  # type: ignore[arg-type]
    if made:
        data = replace(data, train="make:16@1", test="make:8@2")
    return replace(
        run,
        task=task,
        model=model,
        data=data,
        optim=replace(run.optim, warmup=2),
        steps=6,
        batch_size=4,
        log_every=2,
        eval_every=3,
        checkpoint_every=2,
        eval_steps=4,
        compile=False,
    )


def _small(model: ModelConfig) -> ModelConfig:
    """The same kind of model, narrow and with short loops, in those of the usual fields that it has."""
    sizes = {"hidden_size": 32, "num_heads": 2, "puzzle_dim": 32, "puzzle_positions": min(1, model.puzzle_positions)}
    there = _fields(type(model))
    sizes |= {name: min(most, getattr(model, name)) for name, most in (("n", 3), ("T", 2)) if name in there}
    return replace(model, **{name: size for name, size in sizes.items() if name in there})  # type: ignore[arg-type]
