"""The results of a suite as a table, in Markdown or for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from redraft.terminal import print_table

LEGEND = (
    "Exact: share of puzzles answered without a fault, mean ± standard deviation over the seeds (their number in "
    "brackets). Difference: to the first row, seed by seed, in percentage points. Halted: exact where the halting head "
    "stops, and after how many steps it does. Depth: layers a supervision step passes through; passes: evaluations of "
    "a network in it. s, CPU s: training, by the clock and on the processor; MiB: most memory of the process. "
    "Published: at full scale."
)

Cell = Callable[[dict[str, Any]], str]


def markdown(found: dict[str, Any]) -> str:
    """`findings` as a table for people."""
    rows, columns = found["rows"], _columns(list(found["tests"]))
    notes = [f"- {name}: {row['note']}" for name, row in rows.items() if row["note"]]
    failures = [
        f"- {name}, seed {seed}: failed: {why}" for name, row in rows.items() for seed, why in row["failed"].items()
    ]
    lines = [
        f"# {found['title']}",
        "",
        found["what"],
        "",
        *_header(found),
        "",
        _line(["", *columns, "published %"]),
        _line(["---", *["---:"] * (len(columns) + 1)]),
        *[_line(_cells(name, row, list(columns.values()))) for name, row in rows.items()],
        "",
        *([*notes, ""] if notes else []),
        *([*failures, ""] if failures else []),
        LEGEND,
    ]
    return "\n".join(lines) + "\n"


IN_BRIEF = ("exact %", "difference", "halted %", "halt step", "parameters", "s")  # fits 100 columns


def show(found: dict[str, Any], console: Console) -> None:
    """Prints the columns that matter most, notes, and the rows that failed; `markdown` has them all."""
    columns = {name: cell for name, cell in _columns(list(found["tests"])).items() if name in IN_BRIEF}
    table = Table("", *columns, "published %", title=found["title"], box=None, pad_edge=False, header_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, row in found["rows"].items():
        table.add_row(*_cells(name, row, list(columns.values())))
    print_table(table, console)
    lines = [found["what"]]
    for name, row in found["rows"].items():
        lines += [f"{name}: {row['note']}"] if row["note"] else []
        lines += [f"{name}, seed {seed}: failed: {why}" for seed, why in row["failed"].items()]
    console.print("\n".join(lines), highlight=False, markup=False)


def _header(found: dict[str, Any]) -> list[str]:
    base, rows, budget = found["base"], found["rows"], found["budget"]
    wanted, finished = len(rows) * len(found["seeds"]), sum(len(row["seeds"]) for row in rows.values())
    return [
        f"- base: `{base['recipe']}` on {base['task']}, trained on `{base['data']['train']}`, "
        f"judged on `{base['data']['test']}` after {base['eval_steps']} supervision steps",
        *[f"- {label}: judged on `{key}`" for label, key in found["tests"].items()],
        f"- budget of every row: {budget['amount']:,} {budget['unit']}; seeds {', '.join(map(str, found['seeds']))}; "
        f"{finished} of {wanted} runs finished",
        *[f"- {each}" for each in (*found["machines"], *found["versions"])],
        f"- made by: `{found['command']}`",
    ]


def _columns(labels: list[str]) -> dict[str, Cell]:
    """What stands in each column of a row that has a finished run."""
    return {
        "exact %": lambda row: f"{percent(row['exact'])} ({len(row['seeds'])}{_failed(row)})",
        "difference": lambda row: percent(row["difference"], sign="+") if "difference" in row else "",
        **{f"{label} %": _further(label) for label in labels},
        "halted %": lambda row: percent(row["halt_exact"]),
        "halt step": lambda row: f"{row['halt_steps']['mean']:.1f}",
        "parameters": lambda row: (
            f"{row['parameters']:,}" + (f" + {row['table_parameters']:,}" if row["table_parameters"] else "")
        ),
        "depth": lambda row: str(row["effective_depth"]),
        "passes": lambda row: str(row["passes"]),
        "steps": lambda row: _mean(row["steps"]),
        "s": lambda row: _mean(row["seconds"]),
        "CPU s": lambda row: _mean(row["cpu_seconds"]),
        "MiB": lambda row: _mean(row["peak_mib"]),
    }


def _further(label: str) -> Cell:
    return lambda row: percent(row["tests"][label]["exact"])


def _cells(name: str, row: dict[str, Any], columns: Sequence[Cell]) -> list[str]:
    if row["seeds"]:
        cells = [column(row) for column in columns]
    else:
        cells = ["failed" if row["failed"] else "—", *[""] * (len(columns) - 1)]
    return [name, *cells, "" if row["reported"] is None else f"{row['reported']:g}"]


def percent(value: dict[str, Any], *, sign: str = "") -> str:
    """A mean with its spread, in %."""
    spread = "" if value["std"] is None else f" ± {100 * value['std']:.1f}"
    return f"{100 * value['mean']:{sign}.1f}{spread}"


def _mean(value: dict[str, Any]) -> str:
    return f"{value['mean']:,.0f}"


def _failed(row: dict[str, Any]) -> str:
    return f", {len(row['failed'])} failed" if row["failed"] else ""


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
