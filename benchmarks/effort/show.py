"""The curve of accuracy against compute as a table: each policy at its best; the JSON has every point."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from redraft.terminal import print_table

PointValues = dict[str, Any]  # a `Point` as plain values

# The points that others are compared with: the paper's halting, and the rules checked at the end of each step.
PAPER, RULES = ("head", 0.0), "rules"


def show_effort(found: dict[str, Any], console: Console) -> None:
    """Prints a line per policy, at the parameter that solves most for least, and the times."""
    print_table(_policies(found), console)
    console.print(
        "* on the front: no other policy solves as many for less (policies without rules compete with one another)\n"
        f"{found['solved_by_any_recursion']:.2%} were right after some recursion of {found['steps'] * found['T']}",
        highlight=False,
        soft_wrap=True,
    )
    print_table(_clock(found["clock"]), console)


def best(points: list[PointValues]) -> PointValues:
    """The point that solves most, and of those the one that costs least."""
    return max(points, key=lambda point: (point["solved"], -point["evaluations"]))


def reference(found: dict[str, Any]) -> dict[str, PointValues]:
    """The points to compare with, by name: the paper's, and that of the rules where a task has some."""
    named = {(point["policy"], point["parameter"]): point for point in found["points"]}
    rules = named.get((RULES, float(found["steps"])))
    return {"the paper's": named[PAPER], **({} if rules is None else {"rules, each step": rules})}


def _policies(found: dict[str, Any]) -> Table:
    title = (
        f"{found['weights']} on {found['puzzles']} puzzles ({found['data']}), at most {found['steps']} steps of "
        f"T = {found['T']} recursions, {found['evaluations_per_step']} evaluations of the network a step"
    )
    table = Table("policy", "at its best", "solved", "95 %", "evaluations  ", title=title)
    for column in table.columns:
        column.no_wrap = True
    for column in table.columns[2:]:
        column.justify = "right"
    for name, point in reference(found).items():
        table.add_row(*_row(found, point, name))
    table.add_section()
    for policy in found["policies"]:
        points = [point for point in found["points"] if point["policy"] == policy]
        if points:
            table.add_row(*_row(found, best(points), policy))
    return table


def _row(found: dict[str, Any], point: PointValues, name: str) -> tuple[str, ...]:
    low, high = point["interval"]
    return (
        name,
        f"{found['policies'][point['policy']]['parameter']} {point['parameter']:g}",
        f"{point['solved']:.2%}",
        f"{low:.2%}–{high:.2%}",
        f"{point['evaluations']:.2f} {'*' if point['front'] else ' '}",
    )


def _clock(rows: list[dict[str, Any]]) -> Table:
    title = "the solver, puzzles per second of processor time: median (least–greatest)"
    table = Table("halt", "batch", "way", "puzzles/s", "times as fast", title=title)
    for row in rows:
        rate, ratio = row["rate"], row["ratio"]
        table.add_row(
            row["halt"],
            str(row["batch_size"]),
            row["way"],
            f"{rate['median']:.0f} ({rate['min']:.0f}–{rate['max']:.0f})",
            f"{ratio['median']:.2f} ({ratio['min']:.2f}–{ratio['max']:.2f})",
        )
    return table
