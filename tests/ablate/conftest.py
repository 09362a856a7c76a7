"""Suites of tiny runs, and workers that need no process of their own."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from redraft.ablate.jobs import Job, make_jobs
from redraft.ablate.pool import Pool
from redraft.ablate.suite import Plan, Row, Suite, Test, make_plan
from redraft.recipes import get_recipe
from redraft.train.config import RunConfig


@pytest.fixture(scope="session")
def base() -> RunConfig:
    """Six steps of a tiny TRM on 4x4 Sudoku."""
    run = get_recipe("sudoku-4x4", tiny=True)
    return replace(run, model=replace(run.model, hidden_size=16, T=2, n=1))  # type: ignore[call-arg]


@pytest.fixture(scope="session")
def suite(base: RunConfig) -> Suite:
    """Two rows and a further test."""
    return Suite(
        name="tiny",
        title="A tiny suite",
        what="Whether it works.",
        base={"small": base},
        rows={"base": Row(reported=50.0), "no EMA": Row(change={"optim.ema": 0.0}, note="the weights as they are")},
        tests={"small": {"easier": Test(source="make:8@5+4")}},
        seeds=(0, 1),
    )


@pytest.fixture(scope="session")
def plan(suite: Suite) -> Plan:
    return make_plan(suite)


@pytest.fixture
def pool(tmp_path: Path) -> Pool:
    return Pool(tmp_path / "out")


@pytest.fixture
def job(plan: Plan, pool: Pool) -> Job:
    """The first job of the tiny suite."""
    return make_jobs(plan, pool, plan.runs(), threads=1, device="cpu")[0][1]


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """Workers set torch's threads; the next test finds them as they were."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
