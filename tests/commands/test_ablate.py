"""`redraft ablate`: a tiny suite from the first run to the table, and what is wrong with its arguments."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.failing import mentions, refused

from redraft.ablate.jobs import Job
from redraft.ablate.pool import note_failure
from redraft.ablate.runner import Ending, Workers
from redraft.ablate.suites import SUITES
from redraft.ablate.worker import work
from redraft.errors import RedraftError

Run = Callable[..., tuple[int, str, str]]

SUITE = """
from dataclasses import replace
from redraft.ablate.suite import Row, Suite, Test
from redraft.recipes import get_recipe

BASE = get_recipe("sudoku-4x4", tiny=True)

def suite(**more):
    return Suite(name="mine", title="Mine", what="Whether it works.", base={"small": BASE}, seeds=(0, 1), **more)

ROWS = {"base": Row(), "no EMA": Row(change={"optim.ema": 0.0})}
TINY = suite(rows=ROWS)
GROWN = suite(rows={**ROWS, "softmax": Row(change={"loss": "softmax"})})
OTHER = suite(rows={"base": Row(), "no EMA": Row(change={"optim.ema": 0.5})})
FEWER = suite(rows={"base": Row()})
HOT = suite(rows={**ROWS, "hot": Row(change={"optim.lr": 1e30})})
LONG = suite(rows={"base": Row(change={"log_every": 1, "checkpoint_every": 1000})})
TYPO = suite(rows={"base": Row(), "typo": Row(change={"optim.emma": 0.0})})
LARGER = suite(rows=ROWS, tests={"small": {"9x9": Test(source="make:4", task="sudoku-9x9")}})
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with suites of one's own, and runs that need no process each."""

    def run(self: Workers, job: Job, report: Callable[[dict[str, Any]], None]) -> Ending:
        try:
            return Ending("done" if work(job, report) else "stopped", seconds=1.0)
        except RedraftError as error:
            note_failure(job.folder, str(error))
            return Ending("failed", str(error), 1.0)

    monkeypatch.setattr(Workers, "run", run)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lab_suites.py").write_text(SUITE)
    threads = torch.get_num_threads()
    yield tmp_path
    sys.modules.pop("lab_suites", None)
    torch.set_num_threads(threads)


def ablate(run: Run, suite: str, *options: str) -> tuple[int, str, str]:
    return run("ablate", f"lab_suites:{suite}", "-o", "out", "--threads", "1", *options)


def done(here: Path) -> int:
    return len(list((here / "out/runs").glob("*/result.json")))


def test_from_the_first_run_to_the_table(run: Run, here: Path) -> None:
    status, out, err = ablate(run, "TINY", "--jobs", "2")
    assert status == 0 and out.startswith("# Mine\n") and "4 of 4" in out
    mentions(err, "Mine", "4 runs", 0, 2, "1 thread")
    mentions(err, "base, seed 0", "[4/4]", "1 s")
    assert (here / "out/mine/table.md").read_text() == out
    found = json.loads((here / "out/mine/results.json").read_text())
    assert found["command"] == "redraft ablate lab_suites:TINY --seeds 0 1" and len(found["rows"]["base"]["seeds"]) == 2
    assert (here / "out" / found["rows"]["base"]["seeds"]["1"]["run"] / "last/model.safetensors").exists()

    status, again, err = ablate(run, "TINY")
    assert (status, again) == (0, out) and "seed 0" not in err
    mentions(err, "4 runs")


@pytest.mark.slow
def test_a_suite_may_grow_and_shares_its_runs(run: Run, here: Path) -> None:
    assert ablate(run, "TINY", "--seeds", "0")[0] == 0 and done(here) == 2
    status, out, err = ablate(run, "GROWN", "--seeds", "3", "--only", "softmax")
    assert status == 0 and done(here) == 3
    mentions(err, "1 runs", 0)
    mentions(out, "seeds 0, 3", "3 of 6")
    assert "| no EMA | 0.0 (1)" in out and "| softmax | 0.0 (1)" in out


@pytest.mark.slow
def test_shares(run: Run, here: Path) -> None:
    first = ablate(run, "TINY", "--share", "1/3")
    assert "2 runs, 0 of them done" in first[2] and done(here) == 2
    assert "after the first run" in first[2] and "for the remaining 1" in first[2]
    second = ablate(run, "TINY", "--share", "2/3")
    assert "for the remaining 1\n" in second[2].partition("starting")[0], "known from the finished runs"
    assert "3 of 4 runs finished" in ablate(run, "TINY", "--table")[1]
    assert "4 of 4 runs finished" in ablate(run, "TINY", "--share", "3/3")[1]


def test_a_row_that_fails_is_told_and_others_go_on(run: Run, here: Path) -> None:
    status, out, err = ablate(run, "HOT", "--seeds", "0")
    assert status == 1 and done(here) == 2
    mentions(out, "| hot | failed |", "hot, seed 0", "step")
    mentions(err, "hot, seed 0", "step")
    assert "| hot | failed |" in ablate(run, "HOT", "--seeds", "0", "--table")[1]


@pytest.mark.slow
def test_budgets_have_folders_of_their_own(run: Run, here: Path) -> None:
    ablate(run, "TINY", "--seeds", "0")
    status, out, _ = ablate(run, "TINY", "--seeds", "0", "--budget", "3steps", "--only", "base")
    assert status == 0 and "3 steps" in out
    assert (here / "out/mine").exists() and (here / "out/mine-3steps/table.md").exists() and done(here) == 3


def test_settings(run: Run, here: Path) -> None:
    ablate(run, "TINY", "--seeds", "0", "--only", "base", "--set", "loss=softmax", "data.augment=False", "max_steps=2")
    config = json.loads(next((here / "out/runs").glob("*/config.json")).read_text())
    assert (config["loss"], config["data"]["augment"], config["max_steps"]) == ("softmax", False, 2)


@pytest.mark.parametrize(
    ("suite", "options", "parts"),
    [
        ("TYPO", [], ("mine", "'typo'", "'optim.emma'", "kind, lr")),
        ("LARGER", [], ("mine", "'base'", 6, "sudoku-9x9", 11)),
        ("OTHER", [], ("out/mine", "change", "'no EMA'")),
        ("FEWER", [], ("out/mine", "'no EMA'")),
        ("TINY", ["--set", "loss=softmax"], ("out/mine", "base")),
        ("TINY", ["--set", "loss"], ("set", "KEY=VALUE", "data.train=FOLDER", "'loss'")),
        ("TINY", ["--set", "losss=x"], ("--set", "'losss'")),
        ("TINY", ["--seeds", "1", "1"], ("seeds", 1)),
        ("TINY", ["--only", "EMA"], ("mine", "'EMA'", "'base', 'no EMA'")),
        ("TINY", ["--scale", "full"], ("mine", "'full'", "small")),
        ("TINY", ["--budget", "soon"], ("budget", "1000steps", "64000examples", "300s", "'soon'")),
        ("TINY", ["--share", "3/2"], ("share", "I/N", "1/4", "'3/2'")),
        ("TINY", ["--jobs", "0"], ("jobs", 1, 0)),
        ("TINY", ["--threads", "0"], ("threads", 1, 0)),
        ("TINY", ["-o", "here"], ("here", "--out")),
        ("NONE", [], ("lab_suites:NONE", "module:NAME")),
        ("BASE", [], ("redraft.ablate.suite.Suite", "RunConfig")),
    ],
)
def test_mistakes_keep_what_is_finished(run: Run, here: Path, suite: str, options: list[str], parts: object) -> None:
    (here / "here").mkdir()
    (here / "here/letter.txt").touch()
    assert ablate(run, "TINY", "--seeds", "0", "--table")[0] == 0
    before = (here / "out/mine/results.json").read_text()
    refused(ablate(run, suite, *options), parts)
    assert (here / "out/mine/results.json").read_text() == before and done(here) == 0


def test_lists(run: Run) -> None:
    status, out, _ = run("ablate", "--list")
    assert status == 0 and all(f"  {name} " in out for name in SUITES)
    status, out, _ = run("ablate", "table1", "--list")
    assert status == 0
    mentions(out, "no EMA", "optim.ema=0.0", "79.9 %")
    assert run("ablate", "mixers", "--list", "--scale", "full")[1].count("sudoku-9x9") == 3
    refused(run("ablate"), "--list")
    refused(run("ablate", "tabel1"), "'tabel1'", "table1")


@pytest.mark.slow
def test_ctrl_c_and_the_same_command_again(run: Run, here: Path) -> None:
    """In processes of their own: one Ctrl-C leaves a checkpoint; what is stopped goes on from it."""
    options = ["lab_suites:LONG", "-o", "out", "--seeds", "0", "--budget", "100000steps", "--threads", "1"]
    with subprocess.Popen(
        [sys.executable, "-m", "redraft", "ablate", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as command:
        metrics: list[Path] = []
        while command.poll() is None and not (metrics and metrics[0].stat().st_size):
            metrics = list((here / "out/runs").glob("*/metrics.jsonl"))
            time.sleep(0.05)
        os.kill(command.pid, signal.SIGINT)
        out, err = command.communicate()
    assert command.returncode == 130 and "0 of 1" in out
    mentions(err, "base, seed 0")
    state = next((here / "out/runs").glob("*/state.safetensors"))
    assert state.stat().st_size > 1000 and done(here) == 0
