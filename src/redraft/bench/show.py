"""Benchmarks as tables for people; the JSON has every raw time."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from redraft.terminal import figure_words, print_table


def show_machine(result: dict[str, Any], console: Console) -> None:
    """What everything that follows was measured on."""
    machine = result["machine"]
    device = f"{machine['device']}; " if "device" in machine else ""
    console.print(
        f"{device}{machine['cpu']}, {machine['cores']} cores, {machine['threads']} threads, torch {result['torch']}; "
        "medians (least–greatest)",
        highlight=False,
        soft_wrap=True,
    )


def show_train(found: dict[str, Any], console: Console) -> None:
    """A table of `bench.models.bench_train`."""
    _show_models(f"train: {found['recipe']}, {found['optimiser']}", found, console)


def show_solve(found: dict[str, Any], console: Console) -> None:
    """A table of `bench.models.bench_solve`."""
    _show_models(f"solve: {found['recipe']}, {found['steps']} steps", found, console)


def show_data(found: dict[str, Any], console: Console) -> None:
    """A table of `bench.data.bench_data`."""
    gpu = found["gpu"]
    table = new_table("data", "median (least–greatest)", "unit", f"of {gpu['name']}'s appetite")
    for row in found["rows"]:
        share = f"{row['of_gpu']:.1f}×" if "of_gpu" in row else ""
        table.add_row(row["name"], spread_words(row), row["unit"], share)
    print_table(table, console)
    console.print(
        f"appetite: an assumption, {gpu['name']} in bfloat16 at {gpu['share']:.0%} of {gpu['tflops']:,.0f} TFLOP/s; "
        "rows are sampled by one thread\n",
        highlight=False,
        soft_wrap=True,
    )


def show_start(found: dict[str, Any], console: Console) -> None:
    """A table of `bench.start.bench_start`."""
    table = new_table("start", "median (least–greatest)", "unit")
    for row in found["rows"]:
        table.add_row(row["name"], spread_words(row), row["unit"])
    print_table(table, console)


def show_kernels(found: dict[str, Any], console: Console) -> None:
    """A table of `kernels.ops.table`."""
    table = Table("operation", "computes", "by", "where", "here", title="kernels", title_justify="left")
    last = ""
    for row in found["rows"]:
        name, formula = (row["operation"], row["computes"]) if row["operation"] != last else ("", "")
        table.add_row(name, formula, row["by"], row["where"], "yes" if row["here"] else "no")
        last = row["operation"]
    print_table(table, console)


def show_export(found: dict[str, Any], console: Console) -> None:
    """A table of `bench.export.bench_export`."""
    table = new_table("export", "puzzle steps/s", "to torch", "MB", "ms to open", "tokens alike")
    for model in found["models"]:
        for side in model["sides"]:
            graph = (
                (f"{side['bytes'] / 1e6:.2f}", figure_words(side["load_ms"]["median"])) if "bytes" in side else ("", "")
            )
            alike = f"{side['agreement']['tokens']:.2%}" if "bytes" in side else ""
            cells = (spread_words(side["rate"]), spread_words(side["ratio"]), *graph, alike)
            table.add_row(f"{model['name']}, {side['name']}", *cells)
        table.add_section()
    print_table(table, console)
    seconds = ", ".join(f"{model['name']} in {model['export_seconds']:.1f} s" for model in found["models"])
    console.print(f"exported: {seconds}; batch {found['batch_size']}\n", highlight=False, soft_wrap=True)


def _show_models(title: str, found: dict[str, Any], console: Console) -> None:
    print_table(_runs_table(title, found), console)
    square = found["peak"]["square"]
    lines = [
        f"peak: {spread_words(square)} GFLOP/s in a {found['dtype']} product of side {square['side']}, "
        "between the rounds",
        f"ideal: {figure_words(found['ideal'])} {found['unit']} if only the step's own matrix products took time, "
        "each at the rate of torch's library",
    ]
    if "reference_changed" in found:
        lines.append(f"changed in the reference: {found['reference_changed']}")
    lines += [f"{name}: {spread_words(value)} times as fast" for name, value in found["ratios"].items()]
    for name, check in found["agreement"].items():
        lines.append(
            f"same weights, same puzzles, after one step: logits of {name} differ by at most "
            f"{check['max_logit_difference']:.1e} (largest logit {check['largest_logit']:.3g}), "
            f"{check['same_predictions']:.2%} of predictions are the same"
        )
    console.print("\n".join(lines) + "\n", highlight=False, soft_wrap=True)


def _runs_table(title: str, found: dict[str, Any]) -> Table:
    title += f", {found['dtype']}, batch {found['batch_size']}, {found['gflop']:.3g} GFLOP each"
    table = new_table(title, found["unit"], "GFLOP/s", "of peak", "of ideal", "peak memory")
    solving = "steps" in found
    if solving:
        table.add_column("solved", justify="right")
        table.add_column("steps", justify="right")
    for run in found["runs"]:
        cells = [
            run["name"],
            spread_words(run["rate"]),
            figure_words(run["gflops"]),
            f"{run['share']:.0%}",
            f"{run['of_ideal']:.0%}",
            f"{run['memory']['peak_mib']:.0f} MiB",
        ]
        if solving:
            cells += [f"{run['rounds'][-1]['solved']:.1%}", f"{run['rounds'][-1]['steps']:.1f}"]
        table.add_row(*cells)
    return table


def new_table(title: str, *columns: str) -> Table:
    """An empty table: what is measured at the left, figures at the right."""
    table = Table("", title=title)
    for column in columns:
        table.add_column(column, justify="left" if column == "unit" else "right")
    return table


def spread_words(value: dict[str, float]) -> str:
    """Median and, in brackets, least and greatest."""
    return f"{figure_words(value['median'])} ({figure_words(value['min'])}–{figure_words(value['max'])})"
