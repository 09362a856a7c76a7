"""Plots as PNG or SVG: accuracy against supervision steps, and the curves of training runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from redraft.errors import ConfigError
from redraft.files import replacing, require_place

STYLE: Any = {"axes.spines.top": False, "axes.spines.right": False, "grid.alpha": 0.25, "legend.frameon": False}


def plot_steps(figures: dict[str, Any], file: Path, *, title: str) -> None:
    """Draws exact, rule-checked and cell accuracy after each step; needs the extra `plot` (matplotlib)."""
    require_picture(file)
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    rows = figures["by_step"]
    steps = [row["step"] for row in rows]
    lines = (
        ("cells", "cells right", "#8c959f", "--"),
        ("halted", "halted by the head", "#bf8700", ":"),
        ("solved", "solved by the rules", "#1a7f37", "-"),
        ("exact", "exact", "#0969da", "-"),
    )
    with drawing(file, (7, 4)) as figure:
        axes = figure.add_subplot()
        for key, label, colour, dash in lines:
            axes.plot(steps, [row[key] for row in rows], dash, color=colour, label=label, linewidth=2)
        axes.axvline(figures["halting"]["mean_steps"], color="#bf8700", linewidth=1, alpha=0.6)
        axes.set(title=title, xlabel="supervision steps", xlim=(1, max(2, steps[-1])), ylim=(0, 1.02))
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid()
        axes.legend()


def plot_scale(figures: dict[str, Any], file: Path, *, title: str) -> None:
    """Draws the share solved against mean steps per puzzle, for each way to choose an answer (`evaluate.scale`)."""
    require_picture(file)
    from matplotlib.ticker import PercentFormatter, ScalarFormatter

    colours = {"single": "#8c959f", "selected": "#bf8700", "oracle": "#0969da", "verified": "#1a7f37"}
    with drawing(file, (7, 4)) as figure:
        axes = figure.add_subplot()
        for name, colour in colours.items():
            steps = "verified_steps" if name == "verified" else "steps"
            points = [(row[steps], row[name]) for row in figures["scale"] if name in row]
            if points:
                axes.plot(*zip(*points, strict=True), marker=".", color=colour, label=name, linewidth=2)
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        axes.set(title=title, xlabel="mean supervision steps per puzzle", ylabel="solved")
        axes.grid()
        axes.legend()


def plot_curves(runs: Mapping[str, Sequence[Mapping[str, Any]]], file: Path) -> None:
    """Draws the training loss of runs, and their exact accuracy in evaluations, by optimiser step.

    `runs`: the rows of each run's `metrics.jsonl`, by name. Needs the extra `plot`.
    """
    require_picture(file)
    from matplotlib.ticker import PercentFormatter

    with drawing(file, (9, 4)) as figure:
        losses, accuracies = figure.subplots(1, 2)
        for name, rows in runs.items():
            label = name.replace("$", r"\$")  # matplotlib's sign for formulas
            for axes, kind, key in ((losses, "train", "loss"), (accuracies, "eval", "exact")):
                points = [(row["step"], row[key]) for row in rows if row.get("kind") == kind and key in row]
                axes.plot(*zip(*points, strict=True) if points else ([], []), marker=".", label=label)
        losses.set(title="training loss", xlabel="steps")
        accuracies.set(title="exact in evaluation", xlabel="steps", ylim=(0, 1.02))
        accuracies.yaxis.set_major_formatter(PercentFormatter(1.0))
        for axes in (losses, accuracies):
            axes.grid()
        losses.legend()


@contextmanager
def drawing(file: Path, size: tuple[float, float], **saving: Any) -> Iterator[Any]:
    """An empty matplotlib figure of `size` in inches, in our STYLE; the end of the block saves it as .png or .svg.

    `saving` goes to `savefig`. Needs the extra `plot`.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)
        yield figure
        with replacing(file) as partial:
            figure.savefig(partial, dpi=150, format=file.suffix[1:], **saving)


def require_picture(file: Path) -> None:
    """Raises RedraftError where no picture can be drawn into `file`; call it before a long evaluation."""
    if file.suffix not in (".png", ".svg"):
        raise ConfigError(f"{file}: expected a name that ends in .png or .svg")
    require_place(file)
    if find_spec("matplotlib") is None:
        raise ConfigError("plots need matplotlib: pip install 'redraft[plot]'")
