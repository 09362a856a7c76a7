"""A comparison as tables on the terminal, as Markdown, and as a plot of shares with their intervals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from redraft.plotting import drawing, require_picture
from redraft.terminal import print_table

MARKED = "Reported, not measured here"
READINGS = {"last": "after the last step", "halt": "where it halts"}
_NONE = "—"
_Table = tuple[str, list[str], list[list[str]]]  # title, header, rows
_WORDS = ("", "contender", "pair", "model")  # columns of text


def show(figures: dict[str, Any], console: Console) -> None:
    """Prints a comparison for people."""
    for part in _parts(figures):
        if isinstance(part, str):
            console.print(part, highlight=False, markup=False, soft_wrap=True)
            continue
        title, header, rows = part
        table = Table(box=box.SIMPLE_HEAD, title=title)
        for name in header:
            table.add_column(name, justify="left" if name in _WORDS else "right", no_wrap=name not in _WORDS)
        for row in rows:
            table.add_row(*map(escape, row))
        print_table(table, console)


def markdown(figures: dict[str, Any]) -> str:
    """The same as Markdown."""
    parts = []
    for part in _parts(figures):
        if isinstance(part, str):
            parts.append("\n".join(f"- {_cell(line)}" for line in part.split("\n")))
            continue
        title, header, rows = part
        lines = [header, ["---" if name in _WORDS else "---:" for name in header], *rows]
        parts.append(f"**{title}**\n\n" + "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines))
    return "\n\n".join(parts) + "\n"


def _parts(figures: dict[str, Any]) -> Iterator[_Table | str]:
    """Tables of contenders and pairs, sentences and notes on both, and a table of reported figures."""
    what = "solved by the rules" if figures["judged"] else "exact"
    yield (f"{figures['rows']:,} rows of {figures['data']} ({figures['task']}): {what}", *_measured(figures))
    if figures["pairs"]:
        chosen = what if figures["measure"] == "solved" else "exact"
        yield (f"In pairs: {chosen} {READINGS[figures['at']]}", *_pairs(figures))
    if words := [*(each["in_words"] for each in figures["pairs"]), *figures["notes"]]:
        yield "\n".join(words)
    if figures["reported"]:
        sources = "; ".join(dict.fromkeys(each["source"] for each in figures["reported"]))
        yield (f"{MARKED} ({sources})", *_reported(figures["reported"]))


def _measured(figures: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the contenders, with a column of exact answers if they differ from solved ones."""
    contenders = figures["entrants"]
    exact = any(each["solved"] != each["exact"] for each in contenders)
    header = ["", "contender", "rows", "last step", "95 %", *(["exact"] if exact else []), "at halt", "steps"]
    rows = []
    for number, each in enumerate(contenders, 1):
        last, halt, steps = each["solved"]["last"], each["solved"]["halt"], each["mean_steps"]
        row = [str(number), f"{each['name']}\n{each['kind']}", f"{each['rows']:,}", _percent(last["share"])]
        row += [_span(last["interval"]), *([_percent(each["exact"]["last"]["share"])] if exact else [])]
        rows.append([*row, *((_NONE, _NONE) if steps is None else (_percent(halt["share"]), f"{steps:.2f}"))])
    return header, rows


def _pairs(figures: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the pairs, by the numbers of the contenders."""
    pairs = figures["pairs"]
    numbers = {each["name"]: number for number, each in enumerate(figures["entrants"], 1)}
    tests = {"p": "McNemar p", "mid_p": "mid-p", **({"holm": "p, Holm"} if len(pairs) > 1 else {})}
    counts = {"rows": "rows", "both": "both", "wins": "first", "losses": "second", "neither": "none"}
    rows = [
        [
            f"{numbers[each['first']]} : {numbers[each['second']]}",
            *(f"{each[key]:,}" for key in counts),
            *(_p(each[key]) for key in tests),
        ]
        for each in pairs
    ]
    return ["pair", *counts.values(), *tests.values()], rows


def _reported(reported: Sequence[dict[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of reported figures: a row per model, a column per set."""
    sets = list(dict.fromkeys(each["data"] for each in reported))
    shares = {(each["model"], each["data"]): f"{100 * each['share']:.1f}%" for each in reported}
    models = dict.fromkeys(each["model"] for each in reported)
    return ["model", *sets], [[model, *(shares.get((model, data), _NONE) for data in sets)] for model in models]


def plot_shares(figures: dict[str, Any], file: Path) -> None:
    """Draws each contender's share with its 95 % interval, after the last step and where it halts.

    Needs the extra `plot` (matplotlib).
    """
    require_picture(file)
    from matplotlib.ticker import PercentFormatter

    contenders = [each for each in figures["entrants"] if each["rows"]]
    with drawing(file, (7, 1.6 + 0.5 * len(contenders))) as figure:
        axes = figure.add_subplot()
        for at, colour, mark, shift in (("last", "#0969da", "o", -0.1), ("halt", "#bf8700", "s", 0.1)):
            drawn = [
                (i, each[figures["measure"]][at])
                for i, each in enumerate(contenders)
                if at == "last" or each["mean_steps"] is not None  # a contender without steps has the last alone
            ]
            if drawn:
                shares = [found["share"] for _, found in drawn]
                ends = [[abs(found["interval"][end] - found["share"]) for _, found in drawn] for end in (0, 1)]
                places = [i + shift for i, _ in drawn]
                axes.errorbar(shares, places, xerr=ends, fmt=mark, color=colour, capsize=4, label=READINGS[at])
        names = [f"{each['name']} ({each['rows']:,})" for each in contenders]
        axes.set_yticks(range(len(contenders)), [_plain(name) for name in names])
        axes.set(title=_plain(f"{figures['task']}: {figures['data']}"), xlim=(-0.02, 1.02))
        axes.set_ylim(max(1, len(contenders)) - 0.5, -0.5)
        axes.set_xlabel("solved by the rules" if figures["measure"] == "solved" and figures["judged"] else "exact")
        axes.xaxis.set_major_formatter(PercentFormatter(1.0))
        axes.grid(axis="x", alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        if contenders:
            figure.legend(loc="outside lower center", ncols=len(READINGS), frameon=False)


def _plain(text: str) -> str:
    return text.replace("$", r"\$")  # matplotlib's sign for formulas


def _cell(text: str) -> str:
    """Text for a Markdown table."""
    return text.replace("|", "\\|").replace("\n", "<br>")


def _percent(share: float | None) -> str:
    return _NONE if share is None else f"{share:.2%}"


def _span(interval: Sequence[float] | None) -> str:
    return _NONE if interval is None else f"{100 * interval[0]:.1f}–{interval[1]:.1%}"


def _p(p: float) -> str:
    return "< 0.0001" if p < 0.0001 else f"{p:.4f}"
