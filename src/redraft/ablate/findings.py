"""Findings of a suite: figures by row and seed from the results of its runs, as plain values for JSON."""

from __future__ import annotations

import reprlib
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from redraft.ablate.jobs import TEST, is_done, judged_on
from redraft.ablate.pool import RESULT, Pool, read_result
from redraft.ablate.suite import Plan
from redraft.errors import ConfigError
from redraft.evaluate.judge import in_brief
from redraft.train.config import run_to_dict

MARKS = ("exact", "solved", "cells", "halt_exact", "halt_steps")  # as of `in_brief`
COSTS = ("steps", "examples", "seconds", "cpu_seconds", "peak_mib")
SIZES = ("parameters", "table_parameters", "effective_depth", "passes")


def findings(plan: Plan, pool: Pool, *, command: str) -> dict[str, Any]:
    """Everything found so far, with the figures of every seed.

    Shares are between 0 and 1, except `reported`, in % as published. Rows without a finished run are included.
    """
    rows = {name: _row(plan, pool, name) for name in plan.configs}
    _compare(list(rows.values()))
    seeds = [seed for row in rows.values() for seed in row["seeds"].values()]
    return {
        "suite": plan.suite.name,
        "title": plan.suite.title,
        "what": plan.suite.what,
        "scale": plan.scale,
        "budget": asdict(plan.budget),
        "command": command,
        "base": run_to_dict(plan.base),
        "tests": {label: test.key for label, test in judged_on(plan, next(iter(plan.configs))).items()},
        "seeds": list(plan.seeds),
        "machines": sorted({seed["machine"] for seed in seeds}),
        "versions": sorted({seed["version"] for seed in seeds}),
        "rows": rows,
    }


def _row(plan: Plan, pool: Pool, name: str) -> dict[str, Any]:
    row = plan.suite.rows[name]
    seeds, failed = {}, {}
    for seed in plan.seeds:
        run = plan.run(name, seed)
        result = read_result(pool.of(run))
        if result is not None and is_done(run, plan, result):
            try:
                seeds[str(seed)] = {"run": f"runs/{run.key}", **_figures(plan, name, result)}
            except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
                raise ConfigError(f"{pool.of(run) / RESULT}: damaged ({error!r}); remove it and its run") from error
        elif (reason := pool.failure(run)) is not None:
            failed[str(seed)] = reason
    return {
        "change": row.at(plan.scale),
        "reported": row.reported,
        "note": row.note,
        "seeds": seeds,
        "failed": failed,
        **_over_seeds(list(seeds.values())),
    }


def _figures(plan: Plan, row: str, result: dict[str, Any]) -> dict[str, Any]:
    """The figures of one run."""
    context = result["context"]
    machine, commit = context["machine"], context["commit"]
    figures = result["tests"][TEST]["figures"]
    return {
        **_numbers({name: result[name] for name in (*COSTS, *SIZES)}),
        **_marks(figures),
        "by_step": [_numbers({name: at[name] for name in ("exact", "solved", "cells")}) for at in figures["by_step"]],
        "tests": {label: _marks(result["tests"][test.key]["figures"]) for label, test in judged_on(plan, row).items()},
        "machine": f"{machine['cpu']}, {machine['cores']} cores; {result['device']}",
        "version": f"redraft {context['redraft']}, torch {context['torch']}"
        + (f", commit {commit[:12]}{'+' * commit.endswith('+')}" if commit else ""),
    }


def _marks(figures: dict[str, Any]) -> dict[str, float]:
    return _numbers({"puzzles": figures["puzzles"], **in_brief(figures)})


def _numbers(values: dict[str, Any]) -> dict[str, float]:
    """The values; raises TypeError or OverflowError for one that no mean can be taken of."""
    for value in values.values():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(f"expected a number, got {reprlib.repr(value)}")
        float(value)
    return values


def _over_seeds(seeds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Means and spreads over the finished seeds; nothing without any."""
    if not seeds:
        return {}
    return {
        **{name: mean_and_spread([seed[name] for seed in seeds]) for name in (*MARKS, *COSTS)},
        **{name: seeds[0][name] for name in SIZES},
        "tests": {
            label: {name: mean_and_spread([seed["tests"][label][name] for seed in seeds]) for name in MARKS}
            for label in seeds[0]["tests"]
        },
    }


def mean_and_spread(values: Sequence[float]) -> dict[str, float | None]:
    """The mean, and the standard deviation of the sample, None for a single value."""
    return {"mean": statistics.fmean(values), "std": statistics.stdev(values) if len(values) > 1 else None}


def _compare(rows: list[dict[str, Any]]) -> None:
    """Adds to each row but the first its difference to that one, over the seeds that both have."""
    first = rows[0]
    for row in rows[1:]:
        both = [seed for seed in row["seeds"] if seed in first["seeds"]]
        if both:
            differences = [row["seeds"][seed]["exact"] - first["seeds"][seed]["exact"] for seed in both]
            row["difference"] = {**mean_and_spread(differences), "seeds": len(both)}
