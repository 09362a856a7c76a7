"""Benchmarks as tables; the JSON has every raw time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from redraft.terminal import figure_words, print_table

Columns = Mapping[str, Callable[[dict[str, Any]], str]]  # the text of a run, by the head of its column


def show_machine(result: dict[str, Any], console: Console) -> None:
    """A line on the machine that all of it was measured on."""
    machine = result["machine"]
    device = f"{machine['device']}; " if "device" in machine else ""
    print_lines(
        console,
        f"{device}{machine['cpu']}, {machine['cores']} cores, {machine['threads']} threads, torch {result['torch']}; "
        "medians (least–greatest)",
    )


def show_models(found: dict[str, Any], console: Console) -> None:
    """A table of `bench.models.bench_train` or `bench_solve`."""
    print_table(runs_table(found, {}), console)
    print_lines(console, *comparison_lines(found), f"peak memory of this process: {found['peak_mib']:,.0f} MiB\n")


def show_kernels(found: dict[str, Any], console: Console) -> None:
    """A table of `kernels.ops.table`."""
    table = Table("operation", "computes", "by", "where", "here", title="kernels", title_justify="left")
    last = ""
    for row in found["rows"]:
        name, formula = (row["operation"], row["computes"]) if row["operation"] != last else ("", "")
        table.add_row(name, formula, row["by"], row["where"], "yes" if row["here"] else "no")
        last = row["operation"]
    print_table(table, console)


def runs_table(found: dict[str, Any], columns: Columns, *, note: str = "") -> Table:
    """The rate of each run, `columns`, and in solving the share solved and the steps; `note` ends the title."""
    solving = "steps" in found
    what = f"solve: {found['recipe']}, {found['steps']} steps" if solving else f"train: {found['recipe']}"
    optimiser = "" if solving else f", {found['optimiser']}"
    columns = {found["unit"]: lambda run: spread_words(run["rate"]), **columns}
    if solving:
        columns["solved"] = lambda run: f"{run['rounds'][-1]['solved']:.1%}"
        columns["steps"] = lambda run: f"{run['rounds'][-1]['steps']:.1f}"
    table = new_table(f"{what}{optimiser}, {found['dtype']}, batch {found['batch_size']}{note}", *columns)
    for run in found["runs"]:
        table.add_row(run["name"], *(words(run) for words in columns.values()))
    return table


def comparison_lines(found: dict[str, Any]) -> list[str]:
    """The ratios of speed, and how far logits are apart."""
    lines = [f"{name}: {spread_words(value)} times as fast" for name, value in found["ratios"].items()]
    for name, check in found["agreement"].items():
        lines.append(
            f"same weights, same puzzles, after one step: logits of {name} differ by at most "
            f"{check['max_logit_difference']:.1e} (largest logit {check['largest_logit']:.3g}), "
            f"{check['same_predictions']:.2%} of predictions are the same"
        )
    return lines


def new_table(title: str, *columns: str) -> Table:
    """An empty table: names at the left, figures at the right."""
    table = Table("", title=title)
    for column in columns:
        table.add_column(column, justify="left" if column == "unit" else "right")
    return table


def spread_words(value: dict[str, float]) -> str:
    """Median and, in brackets, least and greatest."""
    return f"{figure_words(value['median'])} ({figure_words(value['min'])}–{figure_words(value['max'])})"


def print_lines(console: Console, *lines: str) -> None:
    """Prints lines as they are, never cut."""
    console.print("\n".join(lines), highlight=False, soft_wrap=True)
