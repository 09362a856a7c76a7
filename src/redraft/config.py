"""Frozen dataclasses to JSON and back: an unknown key, a missing key or a value of the wrong type is an error."""

from __future__ import annotations

import dataclasses
import math
import reprlib
import types
import typing
from typing import Any, Literal, TypeVar, Union

from redraft.errors import ConfigError

T = TypeVar("T")


def to_dict(config: Any) -> dict[str, Any]:
    """A configuration as plain values that JSON can hold."""
    return dataclasses.asdict(config)


def from_dict(kind: type[T], values: Any, *, where: str = "config") -> T:
    """The configuration `kind` from plain values; raises ConfigError naming the key and what is expected."""
    if not isinstance(values, dict):
        raise ConfigError(f"{where}: expected an object with keys, got {_shown(values)}")
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(values) - set(fields))
    if unknown:
        raise ConfigError(f"{where}: unknown key {unknown[0]!r}; known keys: {', '.join(fields)}")
    missing = [
        name
        for name, field in fields.items()
        if name not in values and field.default is field.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise ConfigError(f"{where}: the key {missing[0]!r} is missing")
    return kind(**{name: _convert(hints[name], value, f"{where}.{name}") for name, value in values.items()})


def _convert(hint: Any, value: Any, where: str) -> Any:
    origin = typing.get_origin(hint)
    if dataclasses.is_dataclass(hint):
        if isinstance(value, typing.cast(type, hint)):  # made already, maybe of a subclass
            return value
        return from_dict(typing.cast(type, hint), value, where=where)
    if origin is Literal:
        if value not in typing.get_args(hint):
            raise ConfigError(
                f"{where}: expected one of {', '.join(map(repr, typing.get_args(hint)))}, got {_shown(value)}"
            )
        return value
    if origin in (Union, types.UnionType):
        return _convert_union(hint, value, where)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{where}: expected a list, got {_shown(value)}")
        return tuple(_convert(typing.get_args(hint)[0], item, where) for item in value)
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        if not _finite(value):
            raise ConfigError(f"{where}: expected a finite number, got {_shown(value)}")
        return float(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise ConfigError(f"{where}: expected {_name(hint)}, got {_shown(value)}")
    return value


def _convert_union(hint: Any, value: Any, where: str) -> Any:
    for option in typing.get_args(hint):
        try:
            return _convert(option, value, where)
        except ConfigError:
            continue
    raise ConfigError(f"{where}: expected {' or '.join(map(_name, typing.get_args(hint)))}, got {_shown(value)}")


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond any float
        return False


def _shown(value: Any) -> str:
    """A value of any size and depth, on one line."""
    return reprlib.repr(value)


def _name(hint: Any) -> str:
    return "null" if hint is type(None) else str(getattr(hint, "__name__", hint))
