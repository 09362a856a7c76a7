"""Configurations to plain values and back."""

import json
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from redraft.config import from_dict, to_dict
from redraft.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Inner:
    rate: float = 0.5
    kind: Literal["a", "b"] = "a"


@dataclass(frozen=True, kw_only=True)
class Outer:
    name: str
    count: int = 3
    on: bool = False
    limit: int | None = None
    clip: float | None = None
    sizes: tuple[int, ...] = (1, 2)
    inner: Inner = field(default_factory=Inner)


def test_there_and_back() -> None:
    config = Outer(name="x", limit=4, clip=0.5, sizes=(5,), inner=Inner(rate=2.0, kind="b"))
    assert from_dict(Outer, json.loads(json.dumps(to_dict(config)))) == config
    assert from_dict(Outer, {"name": "x"}) == Outer(name="x")


def test_a_whole_number_may_stand_for_a_float() -> None:
    read = from_dict(Outer, {"name": "x", "inner": {"rate": 2}, "clip": 1})
    assert read.inner.rate == 2.0 and isinstance(read.inner.rate, float)
    assert read.clip == 1.0 and isinstance(read.clip, float)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "x", "cuont": 1}, "run: unknown key 'cuont'; known keys: name, count, on"),
        ({}, "run: the key 'name' is missing"),
        ({"name": 3}, "run.name: expected str, got 3"),
        ({"name": "x", "count": 2.0}, "run.count: expected int, got 2.0"),
        ({"name": "x", "count": True}, "run.count: expected int, got True"),
        ({"name": "x", "count": None}, "run.count: expected int, got None"),
        ({"name": "x", "on": 1}, "run.on: expected bool, got 1"),
        ({"name": "x", "limit": "all"}, "run.limit: expected int or null, got 'all'"),
        ({"name": "x", "sizes": 3}, "run.sizes: expected a list, got 3"),
        ({"name": "x", "sizes": [1, "2"]}, "run.sizes: expected int, got '2'"),
        ({"name": "x", "inner": 3}, "run.inner: expected an object with keys, got 3"),
        ({"name": "x", "inner": {"rate": "fast"}}, "run.inner.rate: expected float, got 'fast'"),
        ({"name": "x", "inner": {"rate": True}}, "run.inner.rate: expected float, got True"),
        ({"name": "x", "inner": {"kind": "c"}}, "run.inner.kind: expected one of 'a', 'b', got 'c'"),
        ({"name": "x", "inner": {"kind": ["a"]}}, "run.inner.kind: expected one of 'a', 'b', got"),
        ({"name": "x", "inner": {"speed": 1}}, "run.inner: unknown key 'speed'; known keys: rate, kind"),
        ([1], "run: expected an object with keys"),
        (None, "run: expected an object with keys"),
    ],
)
def test_mistakes(values: Any, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        from_dict(Outer, values, where="run")
    assert str(caught.value).startswith(message)
