"""A picture of a suite: accuracy of every row with its spread, its seeds, and what was published for it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from redraft.plotting import drawing

BAR, FIRST, DOT, REPORTED = "#a8c7e8", "#0969da", "#24292f", "#bf8700"
TESTS = ("#8250df", "#1a7f37", "#cf222e", "#bc4c00")


def plot_rows(found: dict[str, Any], file: Path) -> None:
    """Draws `findings` into a .png or .svg file; needs matplotlib.

    A bar is the mean over seeds with its standard deviation, dots are seeds, a hollow mark is the published figure
    and coloured ones are the means on further tests.
    """

    rows, budget = found["rows"], found["budget"]
    places = {name: len(rows) - 1 - i for i, name in enumerate(rows)}
    with drawing(file, (8, 1.6 + 0.38 * len(rows))) as figure:
        axes = figure.add_subplot()
        for i, (name, row) in enumerate(rows.items()):
            if row["seeds"]:
                axes.barh(places[name], 100 * row["exact"]["mean"], 0.62, color=FIRST if i == 0 else BAR, zorder=1)
                spread = row["exact"]["std"]
                if spread is not None:
                    axes.errorbar(
                        100 * row["exact"]["mean"], places[name], xerr=100 * spread, color=DOT, capsize=3, zorder=3
                    )
        _scatter(axes, "seeds", found, places, DOT)
        for (label, _), colour in zip(found["tests"].items(), TESTS, strict=False):
            points = [
                (100 * row["tests"][label]["exact"]["mean"], places[n]) for n, row in rows.items() if row["seeds"]
            ]
            axes.scatter(*_columns(points), s=42, color=colour, marker="v", zorder=5, label=label)
        reported = [(row["reported"], places[n]) for n, row in rows.items() if row["reported"] is not None]
        if reported:
            style: dict[str, Any] = {"facecolors": "none", "edgecolors": REPORTED, "linewidths": 1.6, "marker": "D"}
            axes.scatter(*_columns(reported), s=46, zorder=4, label="published, full scale", **style)
        axes.set_yticks(list(places.values()), [_label(name, rows[name]) for name in places])
        axes.set(xlim=(0, 102), ylim=(-0.6, len(rows) - 0.4), xlabel="exact %")
        axes.set_title(
            f"{found['title']}\n{found['base']['recipe']}, {budget['amount']:,} {budget['unit']}", fontsize=11
        )
        axes.grid(axis="x", alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        figure.legend(loc="outside lower right", ncols=6, frameon=False, fontsize=8)


def _scatter(axes: Any, label: str, found: dict[str, Any], places: dict[str, int], colour: str) -> None:
    points = [
        (100 * seed["exact"], places[name]) for name, row in found["rows"].items() for seed in row["seeds"].values()
    ]
    axes.scatter(*_columns(points), s=12, color=colour, zorder=4, label=label)


def _columns(points: Sequence[tuple[float, int]]) -> tuple[list[float], list[int]]:
    return [value for value, _ in points], [place for _, place in points]


def _label(name: str, row: dict[str, Any]) -> str:
    missing = " (failed)" if row["failed"] and not row["seeds"] else "" if row["seeds"] else " (not run yet)"
    return name + missing
