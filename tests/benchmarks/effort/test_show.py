"""The table of efforts: a line a policy, each at its best, beside what it is measured against."""

from typing import Any

from rich.console import Console

from benchmarks.effort.policies import POLICIES
from benchmarks.effort.show import best, reference, show_effort


def point(policy: str, parameter: float, solved: float, evaluations: float, *, front: bool = False) -> dict[str, Any]:
    return {
        "policy": policy, "parameter": parameter, "solved": solved, "interval": [solved / 2, (1 + solved) / 2],
        "evaluations": evaluations, "front": front,
    }  # fmt: skip


EFFORT = {
    "weights": "sudoku-6x6", "data": "make:2000@4242", "puzzles": 2000, "steps": 16, "T": 2, "n": 3,
    "evaluations_per_step": 8, "solved_by_any_recursion": 0.9995,
    "policies": {name: policy._asdict() for name, policy in POLICIES.items()},
    "points": [
        point("head", 0, 0.98, 9), point("head", 4, 0.99, 12.5, front=True), point("head", 8, 0.99, 100),
        point("rules", 1, 0.91, 8), point("rules", 16, 0.995, 10),
        point("start-mean", 16, 0.996, 7.25, front=True),
    ],
    "clock": [
        {
            "halt": "rules", "batch_size": 64, "way": "every recursion",
            "rate": {"median": 612.3, "min": 509.0, "max": 689.0}, "ratio": {"median": 1.25, "min": 1.1, "max": 1.5},
        }
    ],
}  # fmt: skip


def text_of(effort: dict[str, Any]) -> str:
    console = Console(width=80)
    with console.capture() as capture:
        show_effort(effort, console)
    return capture.get()


def test_each_policy_at_its_best() -> None:
    lines = [" ".join(line.replace("│", " ").split()) for line in text_of(EFFORT).splitlines()]
    assert "the paper's threshold 0 98.00% 49.00%–99.00% 9.00" in lines
    assert "rules, each step most steps 16 99.50% 49.75%–99.75% 10.00" in lines
    assert "head threshold 4 99.00% 49.50%–99.50% 12.50 *" in lines
    assert "start-mean most steps 16 99.60% 49.80%–99.80% 7.25 *" in lines
    assert "rules 64 every recursion 612 (509–689) 1.25 (1.10–1.50)" in lines
    assert not any(line.startswith("restart") for line in lines), "it was not measured"


def test_without_rules_there_are_none_to_compare_with() -> None:
    blind = {**EFFORT, "points": EFFORT["points"][:3]}  # type: ignore[index]
    assert list(reference(blind)) == ["the paper's"]
    assert "rules, each step" not in text_of(blind)


def test_of_equals_the_cheapest_is_best() -> None:
    points = [point("head", t, solved, cost) for t, solved, cost in ((1, 0.9, 9), (2, 0.9, 8), (3, 0.8, 1))]
    assert best(points)["parameter"] == 2
