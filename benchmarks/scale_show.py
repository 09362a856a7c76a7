"""The tables of `python -m benchmarks scale`."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from redraft.bench.show import new_table
from redraft.terminal import figure_words, print_table


def show_scale(found: dict[str, Any], console: Console) -> None:
    """Tables of `benchmarks.scale.bench_scale`."""
    table = new_table("scale: ms of the processor, one thread", "", "solve", "predicted", "train", "predicted")
    for axis in found["axes"].values():
        for i, point in enumerate(axis["points"]):
            cells = [text for mode in ("solve", "train") for text in _beside(point.get(mode))]
            table.add_row("" if i else axis["label"], f"{point['value']:,}", *cells)
        table.add_section()
    print_table(table, console)
    roofline = found["roofline"]
    memory = found["memory"]
    lines = [
        f"roof: {figure_words(found['peak']['gflops'])} GFLOP/s in a matmul of side {found['peak']['side']}, "
        f"{figure_words(memory['gbs'])} GB/s from memory, {figure_words(memory['cached_gbs'])} GB/s from cache"
    ]
    for mode in ("solve", "train"):
        step = roofline[mode]
        lines.append(
            f"{roofline['recipe']}, batch {roofline['case']['batch']}, {mode}: "
            f"{figure_words(step['gflops'])} GFLOP/s at {figure_words(step['intensity'])} operations a byte; "
            f"predicted {_predicted(step):.0%} of the measured time"
        )
    console.print("\n".join(lines) + "\n", highlight=False, soft_wrap=True)


def _beside(measured: dict[str, Any] | None) -> tuple[str, str]:
    """Milliseconds, and the prediction with its share of them."""
    if measured is None:
        return "", ""
    predicted = 1000 * measured["predicted"]["seconds"]
    return figure_words(1000 * measured["seconds"]["median"]), f"{figure_words(predicted)} ({_predicted(measured):.0%})"


def _predicted(measured: dict[str, Any]) -> float:
    return float(measured["predicted"]["seconds"] / measured["seconds"]["median"])
