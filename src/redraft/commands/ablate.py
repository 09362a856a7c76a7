"""`redraft ablate`: runs a suite of ablations, interrupted and resumed at will, and shows the effect of each change."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro
from rich.console import Console

from redraft import terminal
from redraft.commands.arguments import Trusted, parse
from redraft.errors import ConfigError, require_at_least

if TYPE_CHECKING:
    from redraft.ablate.jobs import Job
    from redraft.ablate.pool import Pool
    from redraft.ablate.suite import Plan, PlannedRun, Scale, Suite

DESCRIPTION = """Runs a suite of ablations: rows, each a change to a base recipe, times seeds.

Every run is a normal run folder in OUT/runs, shared by the suites that need it; the table, its figures as JSON and a
plot go to OUT/SUITE. It can be interrupted at any time: the same command continues where it stopped, and only missing
runs are run. `redraft ablate --list` shows the suites, `redraft ablate SUITE --list` the rows of one.

Several hosts with a folder in common each take a share, and any of them makes the table; with SLURM:
sbatch --array=1-8 --wrap 'redraft ablate table1 --scale full --share $SLURM_ARRAY_TASK_ID/8'"""


@dataclass(frozen=True, kw_only=True)
class Arguments:
    suite: Annotated[tyro.conf.Positional[str | None], tyro.conf.arg(metavar="SUITE")] = None
    """Name of a suite, or your own as module:NAME."""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"], metavar="FOLDER")] = Path("runs/ablations")
    """Folder of all ablations."""
    scale: Literal["small", "full"] = "small"
    """small: minutes per run on one thread; full: the paper's, on a GPU."""
    seeds: Annotated[tuple[int, ...] | None, tyro.conf.arg(metavar="INT ...")] = None
    """Seeds of every row; default: the suite's, 0 1 2. Those of earlier calls stay in the table."""
    only: Annotated[tuple[str, ...], tyro.conf.arg(metavar="ROW ...")] = ()
    """Runs only these rows."""
    budget: Annotated[str | None, tyro.conf.arg(metavar="AMOUNT")] = None
    """Budget of each row: 1000steps, 64000examples or 300s; default: the steps of the base recipe. With seconds, the
    learning rate stays at its peak, because the number of steps is not known beforehand."""
    set: Annotated[tuple[str, ...], tyro.conf.arg(metavar="KEY=VALUE ...")] = ()
    """Changes the base of all rows, such as data.train=FOLDER data.test=FOLDER compile=true."""
    jobs: int = 1
    """Runs at a time on this machine."""
    threads: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """CPU threads per run; default: the cores divided by --jobs."""
    share: Annotated[str | None, tyro.conf.arg(metavar="I/N")] = None
    """Runs only every N-th run, starting with the I-th: one share per host."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    table: bool = False
    """Only makes the table of finished runs."""
    list: bool = False
    """Lists the suites, or the rows of the one named."""
    trust: Trusted = False


def run(arguments: list[str]) -> int:
    args = parse(Arguments, arguments, command="ablate", description=DESCRIPTION)
    from redraft.ablate.suites import SUITES, get_suite

    if args.suite is None:
        if not args.list:
            raise ConfigError("name a suite, or list them with --list")
        for suite in SUITES.values():
            print(f"  {suite.name:<14} {suite.what}")
        return 0
    suite = get_suite(args.suite)
    if args.list:
        _show_rows(suite, args.scale)
        return 0
    return _ablate(suite, args)


def _ablate(suite: Suite, args: Arguments) -> int:
    from redraft.ablate.jobs import make_jobs
    from redraft.ablate.pool import Pool
    from redraft.ablate.report import FILES, earlier_seeds, markdown, show, write_report
    from redraft.ablate.suite import Budget, make_plan

    cores = os.cpu_count() or 1
    threads = max(1, cores // max(1, args.jobs)) if args.threads is None else args.threads
    require_at_least(1, {"--jobs": args.jobs, "--threads": threads})
    budget = None if args.budget is None else Budget.parse(args.budget)
    settings = dict(map(_setting, args.set))
    plan = make_plan(suite, scale=args.scale, budget=budget, seeds=args.seeds, settings=settings)
    runs = _share(plan.runs(only=args.only), args.share)
    pool = Pool(args.out)
    plan = replace(plan, seeds=tuple(sorted({*plan.seeds, *earlier_seeds(plan, pool)})))
    todo = make_jobs(plan, pool, runs, threads=threads, device=args.device)
    command = _command(args, plan)
    console = terminal.console(stderr=True)
    counts = f"{suite.title}: {len(runs)} runs, {len(runs) - len(todo)} of them done"
    if not todo or args.table:
        _print(console, counts)
        status = 0
    else:
        how = f"; {args.jobs} at a time with {threads} thread{'s' * (threads > 1)} each"
        _print(console, counts + how + _forecast(plan, pool, [run for run, _ in todo], args.jobs))
        status = _work(plan, pool, todo, args.jobs, command, console)
    found = write_report(plan, pool, command=command)
    screen = terminal.console()
    if screen.is_terminal:
        show(found, screen)
    else:
        print(markdown(found), end="")
    for file in (pool.folder / plan.name / name for name in FILES):
        if file.exists():
            _print(console, str(file))
    return status


def _print(console: Console, text: str) -> None:
    console.print(text, highlight=False, soft_wrap=True)


def _forecast(plan: Plan, pool: Pool, runs: list[PlannedRun], at_once: int) -> str:
    """How long the runs will take, from finished ones; else that the first will show it."""
    from redraft.ablate.jobs import estimate
    from redraft.ablate.runner import clock

    seconds = estimate(plan, pool, runs)
    if seconds is None:
        return "; the time left is printed after the first run"
    return f"; about {clock(seconds / min(at_once, len(runs)))} for the remaining {len(runs)}"


def _work(
    plan: Plan, pool: Pool, todo: list[tuple[PlannedRun, Job]], at_once: int, command: str, console: Console
) -> int:
    """Runs the jobs and keeps the table up to date; the exit status."""
    from redraft.ablate.report import write_report
    from redraft.ablate.runner import RunsDisplay, run_jobs

    def figures(number: int) -> str:
        found = write_report(plan, pool, command=command, picture=False)
        run = todo[number][0]
        return f"{found['rows'][run.row]['seeds'][str(run.seed)]['exact']:.1%} exact"

    with RunsDisplay([str(run) for run, _ in todo], console, figures=figures) as display:
        endings = run_jobs([job for _, job in todo], at_once=at_once, display=display)
    ends = [ending.end for ending in endings]
    if "stopped" in ends:
        _print(console, "stopped; the same command continues from here")
        return 130
    return 1 if "failed" in ends else 0


def _share(runs: list[PlannedRun], share: str | None) -> list[PlannedRun]:
    """Every N-th of the runs, starting with the I-th, for a share `I/N`."""
    if share is None:
        return runs
    found = re.fullmatch(r"(\d+)/(\d+)", share)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise ConfigError(f"share: expected I/N with I from 1 to N, for example 1/4, got {share!r}")
    return runs[int(found[1]) - 1 :: int(found[2])]


def _setting(text: str) -> tuple[str, Any]:
    """Key and value of `KEY=VALUE`; the value is JSON or else text."""
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise ConfigError(f"set: expected KEY=VALUE, for example data.train=FOLDER, got {text!r}")
    try:
        return key, json.loads({"True": "true", "False": "false", "None": "null"}.get(value, value))
    except ValueError:
        return key, value


def _command(args: Arguments, plan: Plan) -> str:
    """The command that makes the whole table."""
    words = ["redraft", "ablate", str(args.suite), *(["--scale", args.scale] if args.scale != "small" else [])]
    words += ["--seeds", *map(str, plan.seeds)]
    words += ["--budget", args.budget] if args.budget else []
    words += ["--set", *args.set] if args.set else []
    return shlex.join(words)


def _list(items: Iterable[object]) -> str:
    return ", ".join(map(str, items))


def _show_rows(suite: Suite, scale: Scale) -> None:
    base = suite.base_at(scale)
    print(f"{suite.title}: {suite.what}\nbase: {base.recipe}, {base.steps:,} steps; seeds {_list(suite.seeds)}")
    for name, row in suite.rows_at(scale).items():
        change = _list(f"{key}={value}" for key, value in row.at(scale).items()) or "as it is"
        print(f"  {name:<24} {change}" + ("" if row.reported is None else f"  ({row.reported:g} % published)"))
