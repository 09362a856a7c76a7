"""A picture of an evaluation: accuracy against supervision steps, as PNG or SVG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from redraft.errors import ConfigError


def plot_steps(figures: dict[str, Any], file: Path, *, title: str) -> None:
    """Draws exact, rule-checked and cell accuracy after each step; needs the extra `plot` (matplotlib)."""
    if file.suffix not in (".png", ".svg"):
        raise ConfigError(f"{file}: expected a name that ends in .png or .svg")
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator, PercentFormatter
    except ImportError as error:
        raise ConfigError("plots need matplotlib: pip install 'redraft[plot]'") from error
    rows = figures["by_step"]
    steps = [row["step"] for row in rows]
    figure = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    lines = (
        ("cells", "cells right", "#8c959f", "--"),
        ("halted", "halted by the head", "#bf8700", ":"),
        ("solved", "solved by the rules", "#1a7f37", "-"),
        ("exact", "exact", "#0969da", "-"),
    )
    for key, label, colour, dash in lines:
        axes.plot(steps, [row[key] for row in rows], dash, color=colour, label=label, linewidth=2)
    axes.axvline(figures["halting"]["mean_steps"], color="#bf8700", linewidth=1, alpha=0.6)
    axes.set(title=title, xlabel="supervision steps", xlim=(1, max(2, steps[-1])), ylim=(0, 1.02))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    partial = file.with_name(file.name + ".tmp")
    figure.savefig(partial, dpi=150, format=file.suffix[1:])
    partial.replace(file)
