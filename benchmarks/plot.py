"""Pictures of `benchmarks.scale`: the machine's roofline with a step beneath it, and measured and predicted growth."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from redraft.errors import ConfigError
from redraft.plotting import drawing

ROOFLINE, GROWTH = "roofline.svg", "growth.svg"
COLOURS = {"solve": "#0969da", "train": "#bf8700"}
GREY, GREEN = "#57606a", "#1a7f37"


def require_pictures(folder: Path) -> None:
    """Raises RedraftError where no pictures can be drawn into the folder; call it before a long measurement."""
    if not folder.is_dir():
        raise ConfigError(f"--pictures {folder}: no such folder")
    if find_spec("matplotlib") is None:
        raise ConfigError("--pictures needs matplotlib: pip install 'redraft[plot]'")


def draw_pictures(found: dict[str, Any], folder: Path) -> None:
    """Draws the result of `bench_scale` into two SVG files of the folder."""
    undated: dict[str, Any] = {"metadata": {"Date": None}}
    with drawing(folder / ROOFLINE, (7, 4.6), **undated) as figure:
        _roofline(figure, found)
    with drawing(folder / GROWTH, (9, 2.6 * -(-len(found["axes"]) // 3) + 0.5), **undated) as figure:
        _growth(figure, found["axes"])


def _roofline(figure: Any, found: dict[str, Any]) -> None:
    roofline, peak, memory = found["roofline"], found["peak"]["gflops"], found["memory"]
    axes = figure.add_subplot()
    least, most = 0.05, 400.0
    reach = [least * (most / least) ** (i / 100) for i in range(101)]
    for key, label, dash in (("gbs", "memory", "-"), ("cached_gbs", "cache", ":")):
        rates = [min(peak, memory[key] * x) for x in reach]
        axes.plot(reach, rates, dash, color=GREY, linewidth=1.5, label=f"{label}, {memory[key]:.3g} GB/s")
    for i, product in enumerate(roofline["products"]):
        axes.scatter(product["intensity"], product["gflops"], s=36, color=GREEN, marker="s", zorder=3)
        axes.annotate(product["name"], (product["intensity"], product["gflops"]), (4, -14 if i % 2 else 6), **_SMALL)
    axes.scatter([], [], s=36, color=GREEN, marker="s", label="its matmuls, each alone")
    for mode, colour in COLOURS.items():
        step = roofline[mode]
        axes.scatter(step["intensity"], step["gflops"], s=70, color=colour, zorder=4, label=f"a step of {mode}")
        between, label = step["element_wise"], f"between its matmuls, {mode}"
        axes.scatter(between["intensity"], between["gflops"], s=46, color=colour, marker="^", zorder=4, label=label)
    axes.axhline(peak, color=GREY, linewidth=0.8, alpha=0.5)
    axes.annotate(f"peak, {peak:.3g} GFLOP/s", (least, peak), (4, 4), **_SMALL)
    axes.set(xscale="log", yscale="log", xlim=(least, most), ylim=(0.1, 2 * peak))
    axes.set(xlabel="floating-point operations a byte", ylabel="GFLOP/s, one thread")
    axes.set_title(f"{roofline['recipe']}, batch {roofline['case']['batch']}", fontsize=11)
    axes.grid()
    axes.legend(fontsize=8, loc="lower right")


_SMALL: dict[str, Any] = {"textcoords": "offset points", "fontsize": 8, "color": GREY}


def _growth(figure: Any, found: dict[str, Any]) -> None:
    rows = -(-len(found) // 3)
    panels = figure.subplots(rows, 3, squeeze=False).flatten()
    for panel in panels[len(found) :]:
        panel.set_visible(False)
    for panel, axis in zip(panels, found.values(), strict=False):
        for mode, colour in COLOURS.items():
            points = [(point["value"], point[mode]) for point in axis["points"] if mode in point]
            values = [value for value, _ in points]
            panel.plot(values, [1000 * p["predicted"]["seconds"] for _, p in points], color=colour, linewidth=1.2)
            panel.scatter(values, [1000 * p["seconds"]["median"] for _, p in points], s=22, color=colour, zorder=3)
        values = [point["value"] for point in axis["points"]]
        panel.set(xscale="log", yscale="log", xlabel=axis["label"])
        panel.set_xticks(values, [str(value) for value in values], fontsize=8)
        panel.minorticks_off()
        panel.grid()
    for row in range(rows):
        panels[3 * row].set_ylabel("ms")
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=colour, marker="o", label=mode) for mode, colour in COLOURS.items()]
    figure.legend(
        handles=handles,
        title="points: measured, lines: predicted",
        loc="outside lower right",
        ncols=2,
        fontsize=8,
        title_fontsize=8,
    )
