"""A run with some of its values changed, by dotted key (`model.n`): for rows of ablations and callers in Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from redraft.data.build import task_of
from redraft.errors import ConfigError, RedraftError
from redraft.models import model_class
from redraft.train.config import DataConfig, OptimConfig, RunConfig, run_from_dict, run_to_dict

Change = Mapping[str, Any]

KIND = "model.kind"
_PARTS: dict[str, type] = {"data": DataConfig, "optim": OptimConfig}


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
