"""The results of a suite as a table, in Markdown or for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from rich.console import Console
from rich.table import Table

from redraft.terminal import print_table

LEGEND = (
    "Exact: share of puzzles answered without a fault, mean ± standard deviation over the seeds (their number in "
    "brackets). Difference: to the first row, seed by seed, in percentage points. Halted: exact where the halting head "
    "stops, and after how many steps it does. Depth: layers per supervision step; passes: evaluations of a network "
    "in it. s, CPU s: training, by the clock and on the processor; MiB: most memory of the process. Published: at full "
    "scale."
)
IN_BRIEF = ("exact %", "difference", "halted %", "halt step", "parameters", "s")  # fits 100 columns


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
