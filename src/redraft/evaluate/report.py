"""Figures from records: accuracy after each step, halting, difficulty bands; as a dictionary and as a table."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from rich.text import Text

from redraft.evaluate.evaluate import Records
from redraft.terminal import print_table

BANDS = 5


def report(records: Records) -> dict[str, Any]:
    """All figures of an evaluation, as plain values for JSON; shares are between 0 and 1."""
    final = records.exact[:, -1]
    halted_at = halting_step(records.halts)
    rows = np.arange(len(final))
    at_halt = records.exact[rows, halted_at]
    return {
        "puzzles": len(final),
        "steps": records.exact.shape[1],
        "exact": float(final.mean()),
        "exact_interval": wilson(int(final.sum()), len(final)),
        "solved": float(records.solved[:, -1].mean()),
        "grades": {name: float((records.grades == i).mean()) for i, name in enumerate(records.grade_names)},
        "solved_by_any_step": float(records.solved.any(1).mean()),
        "cells": float(records.cells[:, -1].mean()),
        "by_step": [
            {
                "step": step + 1,
                "exact": float(records.exact[:, step].mean()),
                "solved": float(records.solved[:, step].mean()),
                "cells": float(records.cells[:, step].mean()),
                "halted": float((halted_at <= step).mean()) if step + 1 < records.exact.shape[1] else 1.0,
            }
            for step in range(records.exact.shape[1])
        ],
        "halting": {
            "mean_steps": float((halted_at + 1).mean()),
            "exact": float(at_halt.mean()),
            **halting_quality(records.halt_logit[:, -1], final),
        },
        "by_rating": by_rating(records),
    }


def halting_step(halts: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Index (N,) of the step after which each puzzle halts: the first at which it would (N, S), else the last."""
    says = halts.copy()
    says[:, -1] = True
    return says.argmax(1)


def halting_quality(logit: NDArray[np.float32], right: NDArray[np.bool_]) -> dict[str, float | None]:
    """How well the halting head (logit (N,)) predicts that an answer is right (N,).

    `auroc` is the probability that a right answer has a higher logit than a wrong one; it is None where all answers
    are right or all are wrong, as are `precision` and `recall` where they would divide by zero.
    """
    says = logit > 0
    hits = int((says & right).sum())
    return {
        "accuracy": float((says == right).mean()),
        "precision": hits / int(says.sum()) if says.any() else None,
        "recall": hits / int(right.sum()) if right.any() else None,
        "auroc": auroc(logit, right),
    }


def auroc(score: NDArray[np.float32], positive: NDArray[np.bool_]) -> float | None:
    """Area under the ROC curve, ties counted half; None where one class is empty."""
    values, ranks = np.unique(score, return_inverse=True)
    counts = np.bincount(ranks, minlength=len(values))
    middle = np.cumsum(counts) - (counts - 1) / 2  # mean rank of equal scores, from 1
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if not positives or not negatives:
        return None
    rank_sum = float(middle[ranks][positive].sum())
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)


def wilson(hits: int, count: int, *, z: float = 1.96) -> tuple[float, float]:
    """95 % confidence interval of a share (Wilson 1927), sound near 0 and 1."""
    share = hits / count
    middle = share + z * z / (2 * count)
    spread = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def by_rating(records: Records) -> list[dict[str, Any]]:
    """Accuracy in bands of difficulty of about equal size; a rating is never split between bands."""
    known = np.isfinite(records.ratings)
    if not known.any():
        return []
    ratings, final = records.ratings[known], records.exact[known, -1]
    edges = np.unique(np.quantile(ratings, np.linspace(0, 1, BANDS + 1), method="nearest"))
    band = np.clip(np.searchsorted(edges, ratings, side="right") - 1, 0, max(0, len(edges) - 2))
    rows = []
    for number in np.unique(band):
        inside = band == number
        hits, count = int(final[inside].sum()), int(inside.sum())
        rows.append(
            {
                "from": float(ratings[inside].min()),
                "to": float(ratings[inside].max()),
                "puzzles": count,
                "exact": hits / count,
                "interval": wilson(hits, count),
            }
        )
    return rows


def show(figures: dict[str, Any], console: Console) -> None:
    """Prints a report as tables for people."""
    console.print(_head(figures))
    print_table(_step_table(figures["by_step"]), console)
    if len(figures["by_rating"]) > 1:
        print_table(_rating_table(figures["by_rating"]), console)


def _head(figures: dict[str, Any]) -> Text:
    """The report in words."""
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
    """What the rules say of the last answers; nothing for a task that has none."""
    grades = figures["grades"]
    if len(grades) > 2:
        return "by the rules: " + ", ".join(f"{share:.2%} {name}" for name, share in reversed(grades.items())) + "\n"
    return f"{figures['solved']:.2%} solved by the rules, " if grades else ""


def _step_table(rows: list[dict[str, Any]]) -> Table:
    columns = ("step", "exact", "solved", "cells", "halted")
    table = Table(*columns, title="After each supervision step")
    for column in table.columns:
        column.justify = "right"
    shown = [row for row in rows if len(rows) <= 16 or row["step"] & (row["step"] - 1) == 0 or row is rows[-1]]
    for row in shown:
        table.add_row(str(row["step"]), *(f"{row[key]:.2%}" for key in columns[1:]))
    return table


def _rating_table(rows: list[dict[str, Any]]) -> Table:
    table = Table("difficulty", "puzzles", "exact", "95 %", title="By difficulty rating")
    for column in table.columns:
        column.justify = "right"
    for row in rows:
        low, high = row["interval"]
        span = f"{row['from']:g}" if row["from"] == row["to"] else f"{row['from']:g} to {row['to']:g}"
        table.add_row(span, f"{row['puzzles']:,}", f"{row['exact']:.2%}", f"{low:.1%} to {high:.1%}")
    return table
