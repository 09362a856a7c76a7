"""Tables and pictures of results that are made up."""

import re
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from rich.console import Console

from redraft.ablate.findings import findings, mean_and_spread
from redraft.ablate.pool import Pool, note_failure, write_result
from redraft.ablate.report import markdown, plot_rows, show
from redraft.ablate.suite import Plan


def report(exact: float) -> dict[str, Any]:
    return {
        "puzzles": 8,
        "exact": exact,
        "solved": exact,
        "cells": 0.9,
        "halting": {"exact": exact / 2, "mean_steps": 3.5},
        "by_step": [{"step": 1, "exact": exact, "solved": exact, "cells": 0.9, "halted": 1.0}],
    }


def result(exact: float, *, easier: float | None = 0.8) -> dict[str, Any]:
    """What a worker would have written."""
    tests = {"test": {"figures": report(exact)}}
    if easier is not None:
        tests["sudoku-4x4 make:8@5+4"] = {"figures": report(easier)}
    return {
        "steps": 6, "examples": 24, "puzzles": 16, "seconds": 2.0, "cpu_seconds": 1.5, "peak_mib": 300.0,
        "parameters": 1234, "table_parameters": 0, "effective_depth": 8, "passes": 4, "device": "cpu, 1 threads",
        "context": {"machine": {"cpu": "A Chip", "cores": 2}, "torch": "2", "redraft": "0.1", "commit": "a" * 40 + "+"},
        "tests": tests,
    }  # fmt: skip


@pytest.fixture
def found(plan: Plan, pool: Pool) -> dict[str, Any]:
    """Three of four runs: the base with both seeds, the other row with the second alone; its first failed."""
    base, other, again, late = plan.runs()
    write_result(pool.of(base), result(0.5))
    write_result(pool.of(again), result(0.75))
    note_failure(pool.of(other), "loss was not finite")
    write_result(pool.of(late), result(0.25))
    return findings(plan, pool, command="redraft ablate tiny")


def test_figures_over_seeds(found: dict[str, Any]) -> None:
    base, other = found["rows"].values()
    assert base["exact"] == {"mean": 0.625, "std": pytest.approx(0.1768, abs=1e-4)}
    assert base["tests"]["easier"]["exact"] == {"mean": 0.8, "std": 0.0}
    assert list(base["seeds"]) == ["0", "1"] and base["seeds"]["1"]["exact"] == 0.75
    assert other["exact"] == {"mean": 0.25, "std": None} and other["failed"] == {"0": "loss was not finite"}
    assert other["difference"] == {"mean": -0.5, "std": None, "seeds": 1}, "only the seed that both have"
    assert "difference" not in base
    assert found["machines"] == ["A Chip, 2 cores; cpu, 1 threads"]
    assert found["versions"] == ["redraft 0.1, torch 2, commit aaaaaaaaaaaa+"]


def test_a_run_that_lacks_a_test_does_not_count(plan: Plan, pool: Pool) -> None:
    run = plan.runs()[0]
    write_result(pool.of(run), result(0.5, easier=None))
    assert not findings(plan, pool, command="")["rows"]["base"]["seeds"]
    without = replace(plan, tests={})
    assert findings(without, pool, command="")["rows"]["base"]["exact"]["mean"] == 0.5, "for who does not ask for it"


def test_markdown(found: dict[str, Any]) -> None:
    text = markdown(found)
    assert text.startswith("# A tiny suite\n\nWhether it works.\n")
    assert re.search(r"6 steps.*seeds 0, 1.*3 of 4 ", text)
    assert re.search(r"(?m)^- easier: .*`sudoku-4x4 make:8@5\+4`", text) and "`redraft ablate tiny`" in text
    lines = [line for line in text.splitlines() if line.startswith("|")]
    head, rule, base, other = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    assert len(head) == len(rule) == len(base) == len(other)
    assert dict(zip(head, base, strict=True)) == {
        "": "base", "exact %": "62.5 ± 17.7 (2)", "difference": "", "easier %": "80.0 ± 0.0",
        "halted %": "31.2 ± 8.8", "halt step": "3.5", "parameters": "1,234", "depth": "8", "passes": "4", "steps": "6",
        "s": "2", "CPU s": "2", "MiB": "300", "published %": "50",
    }  # fmt: skip
    row = dict(zip(head, other, strict=True))
    assert (row["exact %"], row["difference"], row["published %"]) == ("25.0 (1, 1 failed)", "-50.0", "")
    assert "- no EMA: the weights as they are" in text and re.search(
        "(?m)^- no EMA, seed 0: .*loss was not finite", text
    )


def test_a_table_for_a_terminal(found: dict[str, Any]) -> None:
    """It fits 100 columns, and has the rows, what they scored, notes and failures."""
    console = Console(file=StringIO(), width=100)
    show(found, console)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert max(map(len, lines)) <= 100
    text = "\n".join(lines)
    assert "62.5 ± 17.7 (2)" in text and "1,234" in text and "MiB" not in text
    assert "no EMA: the weights as they are" in text and "no EMA, seed 0: failed: " in text


def test_before_anything_is_finished(plan: Plan, pool: Pool) -> None:
    note_failure(pool.of(plan.runs()[0]), "too hot")
    text = markdown(findings(plan, pool, command=""))
    assert "0 of 4 " in text and "| base | failed |" in text and "| no EMA | — |" in text


def test_spread() -> None:
    assert mean_and_spread([2.0]) == {"mean": 2.0, "std": None}
    assert mean_and_spread([1.0, 3.0]) == {"mean": 2.0, "std": pytest.approx(2**0.5)}


def test_pictures(found: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    plot_rows(found, tmp_path / "plot.svg")
    assert ElementTree.parse(tmp_path / "plot.svg").getroot().tag.endswith("svg")
    plot_rows(found, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes()[:4] == b"\x89PNG"
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["plot.png", "plot.svg"]
