"""Benchmarks as tables for people; the JSON has every raw time."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table


def show(result: dict[str, Any], console: Console) -> None:
    """Prints whatever benchmarks the result holds."""
    machine = result["machine"]
    console.print(
        f"{machine['cpu']}, {machine['cores']} cores, {machine['threads']} threads, torch {result['torch']}, "
        "float32; medians (least–greatest)",
        highlight=False,
        soft_wrap=True,
    )
    for kind in ("train", "solve"):
        if kind in result:
            _show_models(kind, result[kind], console)
    if "make" in result:
        _show_make(result["make"], console)


def _show_models(kind: str, found: dict[str, Any], console: Console) -> None:
    console.print(_runs_table(kind, found))
    square = found["peak"]["square"]
    lines = [
        f"peak: {_spread(square)} GFLOP/s in a float32 product of side {square['side']}, between the rounds",
        f"ideal: {_figure(found['ideal'])} {found['unit']} if only the step's own matrix products took time",
    ]
    lines += [f"{name}: {_spread(value)} times as fast" for name, value in found["ratios"].items()]
    for side, check in found["agreement"].items():
        lines.append(
            f"same weights, same puzzles, after one step: logits differ from {side}'s by at most "
            f"{check['max_logit_difference']:.1e} (largest logit {check['largest_logit']:.3g}), "
            f"{check['same_predictions']:.2%} of predictions are the same"
        )
    console.print("\n".join(lines) + "\n", highlight=False, soft_wrap=True)


def _runs_table(kind: str, found: dict[str, Any]) -> Table:
    what = f"{found['optimiser']}, " if "optimiser" in found else f"{found['steps']} steps, "
    title = f"{kind}: {found['recipe']}, {what}batch {found['batch_size']}, {found['gflop']:.3g} GFLOP each"
    solving = kind == "solve"
    table = Table("", found["unit"], "GFLOP/s", "of peak", "peak memory", title=title, title_justify="left")
    if solving:
        table.add_column("solved")
        table.add_column("steps")
    for column in table.columns[1:]:
        column.justify = "right"
    for run in found["runs"]:
        cells = [
            run["name"],
            _spread(run["rate"]),
            _figure(run["gflops"]),
            f"{run['share']:.0%}",
            f"{run['memory']['peak_mib']:.0f} MiB",
        ]
        if solving:
            cells += [f"{run['rounds'][-1]['solved']:.1%}", f"{run['rounds'][-1]['steps']:.1f}"]
        table.add_row(*cells)
    return table


def _show_make(found: dict[str, Any], console: Console) -> None:
    table = Table("", "median (least–greatest)", "unit", title="make", title_justify="left")
    table.columns[1].justify = "right"
    for row in found["rows"]:
        table.add_row(row["name"], _spread(row), row["unit"])
    console.print(table)


def _spread(value: dict[str, float]) -> str:
    return f"{_figure(value['median'])} ({_figure(value['min'])}–{_figure(value['max'])})"


def _figure(value: float) -> str:
    """Three digits that count, thousands set off by commas."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
