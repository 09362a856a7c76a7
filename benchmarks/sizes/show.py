"""The output of `python -m benchmarks sizes`, and the table of docs/sizes.md."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from rich.console import Console

from redraft.bench.show import new_table
from redraft.terminal import figure_words, print_table

SIZE_HEAD = ("model", "way", "weights, kB", "runtime, MB", "memory, MB", "ms per step")


def show_sizes(found: dict[str, Any], console: Console) -> None:
    """The table of `benchmarks.sizes.sizes.bench_sizes`."""
    table = new_table("sizes: one puzzle at a time, one thread", *SIZE_HEAD[1:])
    for cells in size_rows(found):
        table.add_row(*cells)
    print_table(table, console)
    console.print(size_remark(found) + "\n", highlight=False, soft_wrap=True)


def size_rows(found: dict[str, Any]) -> list[Sequence[str]]:
    """Cells of every model and way; the model is named once."""
    cells: list[Sequence[str]] = []
    last = ""
    for row in found["rows"]:
        name = "" if row["model"] == last else row["model"]
        last = row["model"]
        if "missing" in row:
            cells.append((name, row["way"], "", "", "", row["missing"]))
            continue
        memory = "" if row["resident"] is None else f"{row['resident'] / 1e6:.0f}"
        time = figure_words(median(row["processor_ms"]))
        if row["joules"] is not None:
            time += f", {figure_words(1000 * row['joules'])} mJ"
        sizes = f"{row['weights'] / 1e3:,.0f}", f"{row['runtime'] / 1e6:,.0f}"
        cells.append((name, row["way"], *sizes, memory, time))
    return cells


def size_remark(found: dict[str, Any]) -> str:
    """The machine: how busy it was, and whether it counts joules."""
    busiest = max(found["load"]["before"][0], found["load"]["after"][0])
    return f"Load average at most {busiest:.1f}. Joules: {found['energy']}."
