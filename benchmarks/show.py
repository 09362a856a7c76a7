"""Benchmarks of a checkout as tables; the JSON has every raw time."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from redraft.bench.show import comparison_lines, new_table, print_lines, runs_table, spread_words
from redraft.terminal import figure_words, print_table


def show_models(found: dict[str, Any], console: Console) -> None:
    """A table of `published.models.bench_train` or `bench_solve`."""
    columns = {
        "GFLOP/s": lambda run: figure_words(run["gflops"]),
        "of peak": lambda run: f"{run['share']:.0%}",
        "of ideal": lambda run: f"{run['of_ideal']:.0%}",
        "peak memory": lambda run: f"{run['memory']['peak_mib']:.0f} MiB",
    }
    print_table(runs_table(found, columns, note=f", {found['gflop']:.3g} GFLOP each"), console)
    square = found["peak"]["square"]
    lines = [
        f"peak: {spread_words(square)} GFLOP/s in a {found['dtype']} matmul of side {square['side']}, "
        "between the rounds",
        f"ideal: {figure_words(found['ideal'])} {found['unit']} if only the step's own matmuls took time, "
        "each at the rate of torch's library",
    ]
    if "reference_changed" in found:
        lines.append(f"changed in the reference: {found['reference_changed']}")
    print_lines(console, *lines, *comparison_lines(found), "")


def show_data(found: dict[str, Any], console: Console) -> None:
    """A table of `data.bench_data`."""
    gpu = found["gpu"]
    table = new_table("data", "median (least–greatest)", "unit", f"of {gpu['name']}'s appetite")
    for row in found["rows"]:
        share = f"{row['of_gpu']:.1f}×" if "of_gpu" in row else ""
        table.add_row(row["name"], spread_words(row), row["unit"], share)
    print_table(table, console)
    print_lines(
        console,
        f"appetite: an assumption, {gpu['name']} in bfloat16 at {gpu['share']:.0%} of {gpu['tflops']:,.0f} TFLOP/s; "
        "rows are sampled by one thread\n",
    )


def show_start(found: dict[str, Any], console: Console) -> None:
    """A table of `start.bench_start`."""
    table = new_table("start", "median (least–greatest)", "unit")
    for row in found["rows"]:
        table.add_row(row["name"], spread_words(row), row["unit"])
    print_table(table, console)


def show_export(found: dict[str, Any], console: Console) -> None:
    """A table of `export.bench_export`."""
    table = new_table("export", "puzzle steps/s", "to torch", "MB", "ms to open", "tokens alike")
    for model in found["models"]:
        for side in model["sides"]:
            cells = [spread_words(side["rate"]), spread_words(side["ratio"])]
            if "bytes" in side:
                opening, alike = figure_words(side["load_ms"]["median"]), f"{side['agreement']['tokens']:.2%}"
                cells += [f"{side['bytes'] / 1e6:.2f}", opening, alike]
            table.add_row(f"{model['name']}, {side['name']}", *cells)
        table.add_section()
    print_table(table, console)
    seconds = ", ".join(f"{model['name']} in {model['export_seconds']:.1f} s" for model in found["models"])
    print_lines(console, f"exported: {seconds}; batch {found['batch_size']}\n")
