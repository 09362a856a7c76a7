"""The whole measurement on a few puzzles; what policies are said to give is what the solver gives."""

import json
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import benchmarks.effort.clock
from benchmarks.effort.effort import bench_effort
from benchmarks.effort.policies import POLICIES
from benchmarks.effort.record import one_recursion
from redraft.backends.torch import TorchStepper
from redraft.data.build import open_source
from redraft.errors import ConfigError
from redraft.models import Model
from redraft.solve.solver import HaltRule, Solver
from redraft.tasks import get_task
from redraft.weights import folder
from redraft.weights.io import load_weights

TASK = get_task("sudoku-6x6")
STORE = open_source(TASK, "make:16@4242")
STEPS = 2


@pytest.fixture(scope="module")
def model() -> Model:
    place = folder("sudoku-6x6")
    assert place is not None
    return load_weights(place).model


@pytest.fixture(scope="module", autouse=True)
def hurried() -> Any:
    """The clock goes round once, over few puzzles."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(benchmarks.effort.clock, "ROUNDS", 1)
        patch.setattr(benchmarks.effort.clock, "TIMED", {1: 2, 64: 8})
        yield


@pytest.fixture(scope="module")
def found(model: Model, hurried: None) -> dict[str, Any]:
    return bench_effort(model, TASK, STORE, steps=STEPS, batch_size=10, tries=2)


def the_point(found: dict[str, Any], policy: str, parameter: float) -> dict[str, Any]:
    [point] = [p for p in found["points"] if (p["policy"], p["parameter"]) == (policy, parameter)]
    return point


def test_plain_finite_values_for_every_policy(found: dict[str, Any]) -> None:
    assert json.loads(json.dumps(found, allow_nan=False))["puzzles"] == 16
    assert {point["policy"] for point in found["points"]} == set(POLICIES) == set(found["policies"])
    assert found["evaluations_per_step"] == 8 and (found["T"], found["n"]) == (2, 3)
    for point in found["points"]:
        low, high = point["interval"]
        assert 0 <= low <= point["solved"] <= high <= 1
        assert math.isclose(point["steps"] * 8, point["evaluations"]) and point["evaluations"] > 0
    assert any(point["front"] for point in found["points"])


@pytest.mark.parametrize(
    ("policy", "parameter", "halt", "alone"),
    [
        ("rules", STEPS, "rules", False),
        ("rules-fine", STEPS, "rules", True),
        ("head", 0, "head", False),
        ("head-fine", 0, "head", True),
        ("fixed", STEPS, "never", False),
    ],
)
def test_a_point_is_what_the_solver_gives(
    found: dict[str, Any], model: Model, policy: str, parameter: float, halt: HaltRule, alone: bool
) -> None:
    stepper = TorchStepper(one_recursion(model) if alone else model)
    solver = Solver(stepper, TASK, max_steps=2 * STEPS if alone else STEPS, halt=halt, sure=0.5, batch_size=5)
    answers = solver.solve_many(list(TASK.decode(STORE.inputs)))
    point = the_point(found, policy, parameter)
    assert point["solved"] == np.mean([answer.solved for answer in answers])
    assert point["evaluations"] == pytest.approx((4 if alone else 8) * np.mean([answer.steps for answer in answers]))


def test_what_stays_unsolved_gets_another_try(found: dict[str, Any]) -> None:
    start = the_point(found, "rules-fine", STEPS)
    for policy in ("restart", "deeper"):
        point = the_point(found, policy, STEPS)
        assert point["solved"] >= start["solved"] and point["evaluations"] >= start["evaluations"]
    assert the_point(found, "restart-mean", STEPS)["solved"] >= the_point(found, "start-mean", STEPS)["solved"]
    assert the_point(found, "deeper", 4 * STEPS)["solved"] >= start["solved"]


def test_the_clock_asks_the_solver(found: dict[str, Any]) -> None:
    rows = found["clock"]
    ways = list(dict.fromkeys(row["way"] for row in rows))
    assert ways[0] == "every step" and len(ways) == 5
    assert [(row["halt"], row["batch_size"]) for row in rows[:: len(ways)]] == [
        ("rules", 1), ("rules", 64), ("head", 1), ("head", 64)
    ]  # fmt: skip
    for row in rows:
        assert row["rate"]["median"] == pytest.approx(row["puzzles"] / row["seconds"][0])
        assert row["way"] != "every step" or row["ratio"]["median"] == 1


def test_a_task_without_rules_is_measured_without(model: Model) -> None:
    blind = get_task("sudoku-6x6")
    blind.judges = False
    found = bench_effort(model, blind, STORE.rows(slice(6)), steps=1, batch_size=6, tries=1)
    assert {p["policy"] for p in found["points"]} == {
        "fixed",
        "head",
        "head-fine",
        "head-n",
        "head-mean",
        "unchanged",
        "still",
    }
    assert {row["halt"] for row in found["clock"]} == {"head"}


def test_it_says_what_it_does(model: Model) -> None:
    reported: list[str] = []
    done: list[int] = []
    bench_effort(
        model, TASK, STORE.rows(slice(3)), steps=1, batch_size=2, tries=1, report=reported.append, progress=done.append
    )
    assert re.findall(r"\d+", reported[0]) == ["3", "2"] and any(line.startswith("restart 1 ") for line in reported)
    assert done == [2, 3]


@pytest.mark.parametrize("name", ["steps", "batch_size", "tries"])
def test_counts_of_nothing(model: Model, name: str) -> None:
    settings: dict[str, Any] = {name: 0}
    call: Callable[..., Any] = bench_effort
    with pytest.raises(ConfigError, match=f"--{name.replace('_', '-')}: .*1.*0"):
        call(model, TASK, STORE, **settings)


def test_no_puzzles(model: Model) -> None:
    with pytest.raises(ConfigError, match="make:16@4242: "):
        bench_effort(model, TASK, STORE.rows(slice(0)))
