"""The curve of accuracy against compute as a picture, PNG or SVG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.effort.show import reference
from redraft.plotting import drawing, require_picture

# Policies that are drawn: what they are called there, colour, line, marker.
LINES: dict[str, tuple[str, str, str, str]] = {
    "fixed": ("the same steps for all", "#8c959f", "--", ""),
    "head": ("halting head", "#bf8700", "-", "."),
    "head-fine": ("halting head, every recursion", "#bf8700", ":", "."),
    "rules": ("rules", "#0969da", "-", "."),
    "rules-fine": ("rules, every recursion", "#0969da", ":", "."),
    "rules-n": ("… with other n", "#8250df", "", "s"),
    "start-other": ("… from another's end", "#cf222e", ":", "."),
    "start-mean": ("… from the mean of ends", "#1a7f37", "-", "."),
    "start-mean-n": ("… from that mean, other n", "#1a7f37", "", "s"),
    "restart": ("… restarts", "#d4a72c", "", "^"),
    "restart-mean": ("… restarts, mean first", "#1a7f37", "", "^"),
    "deeper": ("… more steps", "#0969da", "", "v"),
}


def plot_effort(found: dict[str, Any], file: Path) -> None:
    """Draws the share left unsolved against evaluations of the network; needs the extra `plot` (matplotlib)."""
    require_picture(file)
    from matplotlib.ticker import FuncFormatter

    least = 0.5 / found["puzzles"]  # where none is left, for the scale has no zero
    with drawing(file, (9, 5)) as figure:
        axes = figure.add_subplot(xscale="log", yscale="log", ylim=(0.8 * least, 1.2))
        for policy, (name, colour, line, marker) in LINES.items():
            points = sorted((p for p in found["points"] if p["policy"] == policy), key=lambda p: p["parameter"])
            if points:
                axes.plot(
                    [point["evaluations"] for point in points],
                    [max(least, 1 - point["solved"]) for point in points],
                    linestyle=line or "none",
                    marker=marker or None,
                    color=colour,
                    label=name,
                    linewidth=1.5,
                    markersize=5,
                )
        for name, point in reference(found).items():
            at = (point["evaluations"], max(least, 1 - point["solved"]))
            axes.plot(*at, "o", color="#1f2328", markersize=9, fillstyle="none")
            axes.annotate(name, at, xytext=(8, 6), textcoords="offset points")
        axes.set(
            title=f"{found['weights']}: {found['puzzles']:,} new puzzles, at most {found['steps']} steps",
            xlabel="evaluations of the network, mean of a puzzle",
            ylabel="left unsolved (lowest: none)",
        )
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(
            FuncFormatter(lambda value, _: f"{value:g}" if f"{value:g}"[0] in "2468" else "")
        )
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
        axes.grid()
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
