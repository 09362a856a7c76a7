"""Accuracy against compute: what more supervision steps are worth, by how an answer is chosen among the drafts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.table import Table

from redraft.evaluate.evaluate import Records

WAYS = {
    "single": "the last draft",
    "selected": "the draft that the halting head is surest of",
    "oracle": "any draft",
    "verified": "search by the rules",
}


def scale(records: Records, answers: Sequence[tuple[bool, int]] = ()) -> list[dict[str, Any]]:
    """The share of puzzles solved with at most so many steps each, for 1, 2, 4, …, in each of `WAYS`.

    Args:
        records: of a pass without stops. In it every puzzle takes as many steps as it may.
        answers: of a solver that stops by the rules: whether each puzzle was solved, and in how many steps. Fewer steps
            are a search that ends earlier, so one run gives all figures. `verified_steps` is their mean.

    A way is missing from a row of more steps than its puzzles were given. Without labels nobody can choose as `oracle`
    does; the others need none.
    """
    solved = np.array([solved for solved, _ in answers], bool)
    needed = np.array([steps for _, steps in answers], np.int64)
    rows = []
    for steps in _budgets(max(records.solved.shape[1], int(needed.max(initial=0)))):
        row: dict[str, Any] = {"steps": steps}
        if steps <= records.solved.shape[1]:
            drafts = records.solved[:, :steps]
            surest = records.halt_logit[:, :steps].argmax(1)
            row["single"] = float(drafts[:, -1].mean())
            row["selected"] = float(drafts[np.arange(len(drafts)), surest].mean())
            row["oracle"] = float(drafts.any(1).mean())
        if len(answers):
            row["verified"] = float((solved & (needed <= steps)).mean())
            row["verified_steps"] = float(np.minimum(needed, steps).mean())
        rows.append(row)
    return rows


def _budgets(most: int) -> list[int]:
    """Powers of two below the most steps, and these."""
    return [*(1 << power for power in range(most.bit_length()) if 1 << power < most), most]


def scale_table(rows: list[dict[str, Any]]) -> Table:
    table = Table(title="Solved by at most so many steps a puzzle", caption=_caption(rows))
    names = [name for name in (*WAYS, "verified_steps") if name in rows[0]]
    for name in ("steps", *names):
        table.add_column({"verified_steps": "its steps"}.get(name, name), justify="right")
    for row in rows:
        cells = [_cell(row.get(name), share=name in WAYS) for name in names]
        table.add_row(str(row["steps"]), *cells)
    return table


def _caption(rows: list[dict[str, Any]]) -> str:
    return "; ".join(f"{name}: {words}" for name, words in WAYS.items() if name in rows[0])


def _cell(value: float | None, *, share: bool) -> str:
    return "" if value is None else f"{value:.2%}" if share else f"{value:.2f}"
