"""The report of a suite: a folder with figures, table and plot, made from the runs that are finished."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from redraft.ablate.findings import findings
from redraft.ablate.pool import Pool
from redraft.ablate.suite import Plan, key_of
from redraft.errors import ConfigError
from redraft.files import write_text
from redraft.locks import locked
from redraft.plotting import drawing
from redraft.terminal import print_table
from redraft.train.config import run_from_dict, run_to_dict
from redraft.train.folder import LOCK
from redraft.trust import names_in, require_consent
from redraft.weights.format import read_json

RESULTS, TABLE, PLOTS = "results.json", "table.md", ("plot.svg", "plot.png")
FILES = (TABLE, RESULTS, *PLOTS)
BAR, FIRST, DOT, REPORTED = "#a8c7e8", "#0969da", "#24292f", "#bf8700"
TESTS = ("#8250df", "#1a7f37", "#cf222e", "#bc4c00")
LEGEND = (
    "Exact: share of puzzles answered without a fault, mean ± standard deviation over the seeds (their number in "
    "brackets). Difference: to the first row, seed by seed, in percentage points. Halted: exact where the halting head "
    "stops, and after how many steps it does. Depth: layers per supervision step; passes: evaluations of a network "
    "in it. s, CPU s: training, by the clock and on the processor; MiB: most memory of the process. Published: at full "
    "scale."
)
IN_BRIEF = ("exact %", "difference", "halted %", "halt step", "parameters", "s")  # fits 100 columns


def earlier_seeds(plan: Plan, pool: Pool) -> tuple[int, ...]:
    """Seeds of the suite's earlier calls into this pool.

    Raises ConfigError where the results there are another suite's: a suite may grow by rows and seeds, not change.
    """
    folder = pool.folder / plan.name
    if not (folder / RESULTS).exists():
        return ()
    found = read_json(folder / RESULTS)
    try:
        require_consent(folder / RESULTS, found["base"], trust=names_in(run_to_dict(plan.base)))
        seeds, base = tuple(found["seeds"]), run_from_dict(found["base"], where="base")
        rows = {name: row["change"] for name, row in found["rows"].items()}
        if not all(type(seed) is int for seed in seeds):
            raise TypeError("seeds that are not whole numbers")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"{folder / RESULTS}: damaged ({error!r}); move {folder} away") from error
    other = [] if key_of(base) == key_of(plan.base) else ["of another base"]
    for name, change in rows.items():
        if name not in plan.configs:
            other.append(f"with a row {name!r} that the suite lacks")
        elif change != json.loads(json.dumps(plan.suite.rows[name].at(plan.scale))):
            other.append(f"with another change in row {name!r}")
    if other:
        raise ConfigError(
            f"{folder}: holds results of another suite, {other[0]}; name another --out, or move that folder away "
            "(finished runs are kept beside it)"
        )
    return seeds


def write_report(plan: Plan, pool: Pool, *, command: str, picture: bool = True) -> dict[str, Any]:
    """Writes the figures and the table, and the plot where matplotlib is installed; returns the findings so far."""
    folder = pool.folder / plan.name
    with locked(folder / LOCK, wait=True):  # several hosts may write it at once
        found = findings(plan, pool, command=command)
        write_text(folder / RESULTS, json.dumps(found, indent=1) + "\n")
        write_text(folder / TABLE, markdown(found))
        if picture and find_spec("matplotlib") is not None and any(row["seeds"] for row in found["rows"].values()):
            for name in PLOTS:
                plot_rows(found, folder / name)
    return found


def plot_rows(found: dict[str, Any], file: Path) -> None:
    """Draws `findings` into a .png or .svg file; needs matplotlib.

    A bar is the mean over seeds with its standard deviation, dots are seeds, a hollow mark is the published figure
    and coloured ones are the means on further tests.
    """
    rows, budget = found["rows"], found["budget"]
    places = {name: len(rows) - 1 - i for i, name in enumerate(rows)}
    finished = {name: row for name, row in rows.items() if row["seeds"]}
    first = next(iter(rows))
    with drawing(file, (8, 1.6 + 0.38 * len(rows))) as figure:
        axes = figure.add_subplot()

        def scatter(points: Sequence[tuple[float, str]], size: float, label: str, **style: Any) -> None:
            axes.scatter([x for x, _ in points], [places[n] for _, n in points], s=size, label=label, **style)

        for name, row in finished.items():
            mean, spread = 100 * row["exact"]["mean"], row["exact"]["std"]
            axes.barh(places[name], mean, 0.62, color=FIRST if name == first else BAR, zorder=1)
            if spread is not None:
                axes.errorbar(mean, places[name], xerr=100 * spread, color=DOT, capsize=3, zorder=3)
        seeds = [(100 * seed["exact"], name) for name, row in finished.items() for seed in row["seeds"].values()]
        scatter(seeds, 12, "seeds", color=DOT, zorder=4)
        for label, colour in zip(found["tests"], TESTS, strict=False):
            means = [(100 * row["tests"][label]["exact"]["mean"], name) for name, row in finished.items()]
            scatter(means, 42, label, color=colour, marker="v", zorder=5)
        if reported := [(row["reported"], name) for name, row in rows.items() if row["reported"] is not None]:
            style: dict[str, Any] = {"facecolors": "none", "edgecolors": REPORTED, "linewidths": 1.6, "marker": "D"}
            scatter(reported, 46, "published, full scale", zorder=4, **style)
        labels = [name if name in finished else f"{name} ({_missing(row)})" for name, row in rows.items()]
        axes.set_yticks(list(places.values()), labels)
        axes.set(xlim=(0, 102), ylim=(-0.6, len(rows) - 0.4), xlabel="exact %")
        subtitle = f"{found['base']['recipe']}, {budget['amount']:,} {budget['unit']}"
        axes.set_title(f"{found['title']}\n{subtitle}", fontsize=11)
        axes.grid(axis="x")
        figure.legend(loc="outside lower right", ncols=6, fontsize=8)


def _missing(row: dict[str, Any]) -> str:
    return "failed" if row["failed"] else "not run yet"


def markdown(found: dict[str, Any]) -> str:
    """The table of `findings` with all columns, header, notes, failures and legend."""
    columns = _columns(list(found["tests"]))
    remarks = [f"- {remark}" for remark in (*_notes(found), *_failures(found))]
    lines = [
        f"# {found['title']}",
        "",
        found["what"],
        "",
        *_header(found),
        "",
        _line(["", *columns, "published %"]),
        _line(["---", *["---:"] * (len(columns) + 1)]),
        *[_line(_cells(name, row, columns.values())) for name, row in found["rows"].items()],
        "",
        *([*remarks, ""] if remarks else []),
        LEGEND,
    ]
    return "\n".join(lines) + "\n"


def show(found: dict[str, Any], console: Console) -> None:
    """Prints the columns that matter most, notes and failures."""
    columns = {name: cell for name, cell in _columns([]).items() if name in IN_BRIEF}
    table = Table("", *columns, "published %", title=found["title"], box=None, pad_edge=False, header_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, row in found["rows"].items():
        table.add_row(*_cells(name, row, columns.values()))
    print_table(table, console)
    console.print("\n".join([found["what"], *_notes(found), *_failures(found)]), highlight=False, markup=False)


def _notes(found: dict[str, Any]) -> Iterator[str]:
    return (f"{name}: {row['note']}" for name, row in found["rows"].items() if row["note"])


def _failures(found: dict[str, Any]) -> Iterator[str]:
    for name, row in found["rows"].items():
        yield from (f"{name}, seed {seed}: failed: {why}" for seed, why in row["failed"].items())


def _header(found: dict[str, Any]) -> list[str]:
    base, rows, budget = found["base"], found["rows"], found["budget"]
    planned, finished = len(rows) * len(found["seeds"]), sum(len(row["seeds"]) for row in rows.values())
    return [
        f"- base: `{base['recipe']}` on {base['task']}, trained on `{base['data']['train']}`, "
        f"judged on `{base['data']['test']}` after {base['eval_steps']} supervision steps",
        *[f"- {label}: judged on `{key}`" for label, key in found["tests"].items()],
        f"- budget of every row: {budget['amount']:,} {budget['unit']}; seeds {', '.join(map(str, found['seeds']))}; "
        f"{finished} of {planned} runs finished",
        *[f"- {each}" for each in (*found["machines"], *found["versions"])],
        f"- made by: `{found['command']}`",
    ]


def _columns(labels: list[str]) -> dict[str, Callable[[dict[str, Any]], str]]:
    """The cell of each column for a row that has a finished run."""
    return {
        "exact %": lambda row: f"{_percent(row['exact'])} ({len(row['seeds'])}{_failed(row)})",
        "difference": lambda row: _percent(row["difference"], sign="+") if "difference" in row else "",
        **{f"{label} %": partial(_further, label=label) for label in labels},
        "halted %": lambda row: _percent(row["halt_exact"]),
        "halt step": lambda row: f"{row['halt_steps']['mean']:.1f}",
        "parameters": lambda row: (
            f"{row['parameters']:,}" + (f" + {row['table_parameters']:,}" if row["table_parameters"] else "")
        ),
        "depth": lambda row: str(row["effective_depth"]),
        "passes": lambda row: str(row["passes"]),
        "steps": lambda row: f"{row['steps']['mean']:,.0f}",
        "s": lambda row: f"{row['seconds']['mean']:,.0f}",
        "CPU s": lambda row: f"{row['cpu_seconds']['mean']:,.0f}",
        "MiB": lambda row: f"{row['peak_mib']['mean']:,.0f}",
    }


def _cells(name: str, row: dict[str, Any], columns: Iterable[Callable[[dict[str, Any]], str]]) -> list[str]:
    if row["seeds"]:
        cells = [column(row) for column in columns]
    else:
        cells = ["failed" if row["failed"] else "—", *[""] * (len(list(columns)) - 1)]
    return [name, *cells, "" if row["reported"] is None else f"{row['reported']:g}"]


def _percent(value: dict[str, Any], *, sign: str = "") -> str:
    """A mean with its spread, in %."""
    spread = "" if value["std"] is None else f" ± {100 * value['std']:.1f}"
    return f"{100 * value['mean']:{sign}.1f}{spread}"


def _further(row: dict[str, Any], *, label: str) -> str:
    return _percent(row["tests"][label]["exact"])


def _failed(row: dict[str, Any]) -> str:
    return f", {len(row['failed'])} failed" if row["failed"] else ""


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
