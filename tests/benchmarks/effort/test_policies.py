"""What policies give on a record one can read: four puzzles, four recursions, two of them a step."""

from dataclasses import asdict

import numpy as np
import pytest

from benchmarks.effort.policies import (
    POLICIES,
    Point,
    Shape,
    asked,
    first_true,
    front,
    unchanged,
    with_rules,
    without_rules,
)
from benchmarks.effort.record import NEVER, Record
from redraft.stats import wilson

SHAPE = Shape(T=2, n=3, steps=2)  # 4 evaluations a recursion
NO, YES = False, True
RECORD = Record(
    solved=np.array(
        [
            [YES, YES, YES, YES],  # right at once
            [NO, NO, YES, YES],  # right between the steps
            [NO, YES, NO, NO],  # right after the first step only
            [NO, NO, NO, NO],  # never
        ]
    ),
    margin=np.array([[1, 1, 1, 1], [-1, -1, 1, 5], [-1, 3, 3, 3], [-1, 1, 1, 1]], np.float32),
    changed=np.array([[YES, NO, NO, NO], [YES, YES, YES, NO], [YES, YES, YES, YES], [YES, NO, YES, NO]]),
    moved=np.array([[1, 0.05, 0.01, 0], [1, 1, 1, 0.05], [1, 1, 1, 1], [1, 0.2, 0.2, 0.002]], np.float32),
)
POINTS = {(p.policy, p.parameter): p for p in (*without_rules(RECORD, SHAPE), *with_rules(RECORD, SHAPE))}


@pytest.mark.parametrize(
    ("policy", "parameter", "solved", "recursions"),
    [
        ("fixed", 0.5, 1, [1, 1, 1, 1]),
        ("fixed", 1, 2, [2, 2, 2, 2]),
        ("fixed", 2, 2, [4, 4, 4, 4]),
        ("head", 0, 3, [2, 4, 2, 2]),  # the paper's: stops the last one too soon
        ("head", 4, 2, [4, 4, 4, 4]),
        ("head-fine", 0, 3, [1, 3, 2, 2]),
        ("head-fine-first", 1, 3, [1, 4, 2, 2]),
        ("head-fine-later", 1, 3, [2, 3, 2, 2]),
        ("unchanged", 1, 2, [2, 4, 4, 2]),
        ("unchanged", 3, 2, [4, 4, 4, 4]),
        ("still", 0.1, 2, [2, 4, 4, 4]),
        ("rules", 1, 2, [2, 2, 2, 2]),
        ("rules", 2, 3, [2, 4, 2, 4]),  # the solver's default
        ("rules-fine", 2, 3, [1, 3, 2, 4]),
        ("rules-fine-first", 1, 3, [1, 4, 2, 4]),
        ("rules-fine-later", 1, 3, [2, 3, 2, 4]),
        ("rules-or-head", 0, 3, [1, 3, 2, 2]),  # gives the last one up
        ("rules-or-unchanged", 1, 3, [1, 3, 2, 2]),
        ("rules-or-still", 0.003, 3, [1, 3, 2, 4]),
        ("rules-or-still", 0.3, 3, [1, 3, 2, 2]),
    ],
)
def test_what_a_policy_solves_and_costs(policy: str, parameter: float, solved: int, recursions: list[int]) -> None:
    point = POINTS[policy, parameter]
    assert point.solved == solved / 4
    assert point.interval == wilson(solved, 4)
    assert point.evaluations == pytest.approx(4 * np.mean(recursions)), "n + 1 = 4 evaluations a recursion"
    assert point.steps == pytest.approx(np.mean(recursions) / 2), "T = 2 recursions a step"


def test_only_those_that_ask_the_rules_need_them() -> None:
    assert not any(point.needs_rules for point in without_rules(RECORD, SHAPE))
    assert all(point.needs_rules for point in with_rules(RECORD, SHAPE))
    assert {point.policy for point in POINTS.values()} <= set(POLICIES)


def test_one_recursion_a_step_leaves_nothing_to_mix() -> None:
    points = [*without_rules(RECORD, Shape(T=1, n=3, steps=4)), *with_rules(RECORD, Shape(T=1, n=3, steps=4))]
    assert not any("first" in point.policy or "later" in point.policy for point in points)
    alike = {point.policy: point for point in points if point.policy.startswith("rules") and point.parameter == 4}
    assert alike["rules"].evaluations == alike["rules-fine"].evaluations


def test_where_it_is_asked() -> None:
    shape = Shape(T=3, n=1, steps=2)
    assert asked(shape, slice(0)).tolist() == [NO, NO, YES, NO, NO, YES]
    assert asked(shape, slice(3)).tolist() == [YES, YES, YES, NO, NO, YES]
    assert asked(shape, slice(3, None)).tolist() == [NO, NO, YES, YES, YES, YES]


def test_limits_and_updates_to_try() -> None:
    assert Shape(T=3, n=6, steps=16).limits == (1, 2, 3, 4, 6, 8, 12, 16)
    assert Shape(T=3, n=6, steps=5).limits == (1, 2, 3, 4, 5)
    assert Shape(T=3, n=6, steps=1).limits == (1,)
    assert Shape(T=3, n=6, steps=1).updates == (2, 3, 4, 8)
    assert Shape(T=3, n=1, steps=1).updates == ()


def test_first_true_and_unchanged() -> None:
    assert first_true(RECORD.solved).tolist() == [1, 3, 2, NEVER]
    assert unchanged(RECORD, 2).tolist() == [[NO, NO, YES, YES], [NO] * 4, [NO] * 4, [NO] * 4]


def test_the_front() -> None:
    def point(solved: float, evaluations: float, needs_rules: bool) -> Point:
        policy = "rules" if needs_rules else "head"
        return Point(
            policy=policy, parameter=0, needs_rules=needs_rules, solved=solved, interval=(0, 1),
            evaluations=evaluations, steps=1,
        )  # fmt: skip

    points = [point(0.5, 8, NO), point(0.5, 9, NO), point(0.4, 8, NO), point(0.5, 7, YES), point(0.9, 20, YES)]
    points.append(point(0.9, 30, NO))  # the rules do it for 20, but not everyone has rules
    assert [point.front for point in front(points)] == [YES, NO, NO, YES, YES, YES]
    cheaper_without = [point(0.5, 7, YES), point(0.5, 6, NO)]
    assert [point.front for point in front(cheaper_without)] == [NO, YES]
    assert asdict(front(points)[0])["interval"] == (0, 1)
