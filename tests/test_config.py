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
    ("values", "where", "named"),
    [
        ({"name": "x", "cuont": 1}, "run", ["'cuont'", "name, count, on"]),
        ({}, "run", ["'name'"]),
        ({"name": 3}, "run.name", ["str", "3"]),
        ({"name": "x", "count": 2.0}, "run.count", ["int", "2.0"]),
        ({"name": "x", "count": True}, "run.count", ["int", "True"]),
        ({"name": "x", "count": None}, "run.count", ["int", "None"]),
        ({"name": "x", "on": 1}, "run.on", ["bool", "1"]),
        ({"name": "x", "limit": "all"}, "run.limit", ["int", "null", "'all'"]),
        ({"name": "x", "sizes": 3}, "run.sizes", ["list", "3"]),
        ({"name": "x", "sizes": [1, "2"]}, "run.sizes", ["int", "'2'"]),
        ({"name": "x", "inner": 3}, "run.inner", ["object", "3"]),
        ({"name": "x", "inner": {"rate": "fast"}}, "run.inner.rate", ["float", "'fast'"]),
        ({"name": "x", "inner": {"rate": True}}, "run.inner.rate", ["float", "True"]),
        ({"name": "x", "inner": {"kind": "c"}}, "run.inner.kind", ["'a', 'b'", "'c'"]),
        ({"name": "x", "inner": {"kind": ["a"]}}, "run.inner.kind", ["'a', 'b'", "['a']"]),
        ({"name": "x", "inner": {"speed": 1}}, "run.inner", ["'speed'", "rate, kind"]),
        ([1], "run", ["object", "[1]"]),
        (None, "run", ["object", "None"]),
    ],
)
def test_mistakes(values: Any, where: str, named: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        from_dict(Outer, values, where="run")
    place, _, problem = str(caught.value).partition(": ")
    assert place == where and all(word in problem for word in named)
