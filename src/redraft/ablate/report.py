"""The folder of a suite's results: table, figures and picture, made from whatever runs are finished."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from redraft.ablate.findings import findings
from redraft.ablate.plan import Plan, PlannedRun
from redraft.ablate.plot import plot_rows
from redraft.ablate.pool import Pool
from redraft.ablate.table import markdown
from redraft.errors import ConfigError
from redraft.files import write_text
from redraft.locks import locked
from redraft.train.config import run_from_dict, run_to_dict
from redraft.train.folder import LOCK
from redraft.trust import names_in, require_consent
from redraft.weights.format import read_json

RESULTS, TABLE, PLOTS = "results.json", "table.md", ("plot.svg", "plot.png")


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
            raise TypeError("seeds that are no whole numbers")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"{folder / RESULTS}: damaged ({error!r}); move {folder} away") from error
    other = next((name for name in rows if name not in plan.configs), None)
    if _key(base) != _key(plan.base):
        what = "of another base"
    elif other is not None:
        what = f"with a row {other!r} that the suite has not"
    else:
        other = next((name for name, change in rows.items() if change != _plain(plan, name)), None)
        what = f"with another change in row {other!r}"
        if other is None:
            return seeds
    raise ConfigError(
        f"{folder}: holds results of another suite, {what}; name another --out, or move that folder away "
        "(finished runs are kept beside it)"
    )


def write_report(plan: Plan, pool: Pool, *, command: str, picture: bool = True) -> dict[str, Any]:
    """Makes the table anew, and the picture where matplotlib is there; what the suite has found so far."""
    folder = pool.folder / plan.name
    with locked(folder / LOCK, wait=True):  # several hosts may come to it at once
        found = findings(plan, pool, command=command)
        write_text(folder / RESULTS, json.dumps(found, indent=1) + "\n")
        write_text(folder / TABLE, markdown(found))
        if picture and find_spec("matplotlib") is not None and any(row["seeds"] for row in found["rows"].values()):
            for name in PLOTS:
                plot_rows(found, folder / name)
    return found


def written(folder: Path) -> Sequence[Path]:
    """The files of a report that are there."""
    return [folder / name for name in (TABLE, RESULTS, *PLOTS) if (folder / name).exists()]


def _key(config: Any) -> str:
    return PlannedRun(row="", seed=0, config=config).key


def _plain(plan: Plan, row: str) -> Any:
    """A row's change as JSON has it."""
    return json.loads(json.dumps(plan.suite.rows[row].at(plan.scale)))
