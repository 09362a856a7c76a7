"""Figures from records: accuracy after each step, halting, difficulty bands; as a dictionary and as a table."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from rich.text import Text

from redraft.evaluate.evaluate import Records
from redraft.evaluate.scale import scale_table
from redraft.stats import wilson
from redraft.terminal import print_table

BANDS = 5


def report(records: Records) -> dict[str, Any]:
    """All figures of an evaluation, as plain values for JSON; shares are between 0 and 1."""
    final, last = records.exact[:, -1], records.exact.shape[1] - 1
    halted_at = halting_step(records.halts)
    shares = {
        name: [float(column.mean()) for column in getattr(records, name).T] for name in ("exact", "solved", "cells")
    }
    return {
        "puzzles": len(final),
        "steps": last + 1,
        **{name: each[-1] for name, each in shares.items()},
        "exact_interval": wilson(int(final.sum()), len(final)),
        "grades": {name: float((records.grades == i).mean()) for i, name in enumerate(records.grade_names)},
        "solved_by_any_step": float(records.solved.any(1).mean()),
        "by_step": [
            {
                "step": step + 1,
                **{name: each[step] for name, each in shares.items()},
                "halted": float((halted_at <= step).mean()),
            }
            for step in range(last + 1)
        ],
        "halting": {
            "mean_steps": float((halted_at + 1).mean()),
            "exact": float(records.exact[np.arange(len(final)), halted_at].mean()),
            **halting_quality(records.halt_logit[:, -1], final),
        },
        "by_rating": by_rating(records),
    }


def halting_step(halts: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Index (N,) of the step after which each puzzle halts: the first in `halts` (N, S), or the last."""
    return np.where(halts.any(1), halts.argmax(1), halts.shape[1] - 1)


def halting_quality(logit: NDArray[np.float32], right: NDArray[np.bool_]) -> dict[str, float | None]:
    """Quality of the halting head's prediction, by `logit` (N,), of which answers are `right` (N,).

    `auroc` is the probability that a right answer has a higher logit than a wrong one; it is None if all answers are
    right or all are wrong, as are `precision` and `recall` if they would divide by zero.
    """
    predicted = logit > 0
    hits = int((predicted & right).sum())
    return {
        "accuracy": float((predicted == right).mean()),
        "precision": hits / int(predicted.sum()) if predicted.any() else None,
        "recall": hits / int(right.sum()) if right.any() else None,
        "auroc": auroc(logit, right),
    }


def auroc(score: NDArray[np.float32], positive: NDArray[np.bool_]) -> float | None:
    """Area under the ROC curve, ties counted half; None if one class is empty."""
    values, ranks = np.unique(score, return_inverse=True)
    counts = np.bincount(ranks, minlength=len(values))
    middle = np.cumsum(counts) - (counts - 1) / 2  # mean rank of equal scores, from 1
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if not positives or not negatives:
        return None
    rank_sum = float(middle[ranks][positive].sum())
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)


def by_rating(records: Records) -> list[dict[str, Any]]:
    """Accuracy in bands of difficulty of about equal size; a rating is never split between bands."""
    known = np.isfinite(records.ratings)
    if not known.any():
        return []
    ratings, final = records.ratings[known], records.exact[known, -1]
    edges = np.unique(np.quantile(ratings, np.linspace(0, 1, BANDS + 1), method="nearest"))
    band = np.clip(np.searchsorted(edges, ratings, side="right") - 1, 0, max(0, len(edges) - 2))
    rows = []
    for inside in (band == number for number in np.unique(band)):
        hits, count, span = int(final[inside].sum()), int(inside.sum()), ratings[inside]
        interval = wilson(hits, count)
        shares = {"puzzles": count, "exact": hits / count, "interval": interval}
        rows.append({"from": float(span.min()), "to": float(span.max()), **shares})
    return rows


def show(figures: dict[str, Any], console: Console) -> None:
    """Prints a report as tables for people."""
    console.print(_head(figures))
    print_table(_step_table(figures["by_step"]), console)
    if "scale" in figures:
        print_table(scale_table(figures["scale"]), console)
    if len(figures["by_rating"]) > 1:
        print_table(_rating_table(figures["by_rating"]), console)


def _head(figures: dict[str, Any]) -> Text:
    """The report as sentences."""
    low, high = figures["exact_interval"]
    halting = figures["halting"]
    auroc_text = "—" if halting["auroc"] is None else f"{halting['auroc']:.3f}"
    return Text.assemble(
        (f"{figures['exact']:.2%}", "bold"),
        f" exact ({low:.2%} to {high:.2%}, 95 %) on {figures['puzzles']:,} puzzles after {figures['steps']} steps\n",
        f"{_grades_text(figures)}{figures['cells']:.2%} of cells right\n",
        f"halted by the model itself: {halting['exact']:.2%} exact in {halting['mean_steps']:.2f} steps on average\n",
        f"at the last step its halting head is right about its answer {halting['accuracy']:.2%} of the time "
        f"(AUROC {auroc_text})",
    )


def _grades_text(figures: dict[str, Any]) -> str:
    """Shares of the last answers by the rules; empty for a task without rules."""
    grades = figures["grades"]
    if len(grades) > 2:
        return "by the rules: " + ", ".join(f"{share:.2%} {name}" for name, share in reversed(grades.items())) + "\n"
    return f"{figures['solved']:.2%} solved by the rules, " if grades else ""


def _step_table(rows: list[dict[str, Any]]) -> Table:
    columns = ("step", "exact", "solved", "cells", "halted")
    table = _table("After each supervision step", *columns)
    shown = [row for row in rows if len(rows) <= 16 or row["step"] & (row["step"] - 1) == 0 or row is rows[-1]]
    for row in shown:
        table.add_row(str(row["step"]), *(f"{row[key]:.2%}" for key in columns[1:]))
    return table


def _rating_table(rows: list[dict[str, Any]]) -> Table:
    table = _table("By difficulty rating", "difficulty", "puzzles", "exact", "95 %")
    for row in rows:
        low, high = row["interval"]
        span = f"{row['from']:g}" if row["from"] == row["to"] else f"{row['from']:g} to {row['to']:g}"
        table.add_row(span, f"{row['puzzles']:,}", f"{row['exact']:.2%}", f"{low:.1%} to {high:.1%}")
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title)
    for name in columns:
        table.add_column(name, justify="right")
    return table
