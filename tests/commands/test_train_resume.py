"""`redraft train --resume`, and what a run leaves that is stopped, by its command line."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.failing import mentions, refused

from redraft.locks import locked
from redraft.train.log import METRICS, MetricsFile

pytestmark = pytest.mark.slow
Run = Callable[..., tuple[int, str, str]]
TINY = ["sudoku-4x4", "--tiny", "--log-every", "1"]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def config(run: str) -> dict[str, object]:
    return dict(json.loads((Path(run) / "config.json").read_text()))


def test_a_longer_run(run: Run) -> None:
    assert run("train", *TINY, "-o", "run")[0] == 0
    status, _, err = run("train", "--resume", "run")
    assert status == 0
    mentions(err, "step 6 of 6", "--steps N")
    status, _, err = run("train", "--resume", "run", "--steps", 8)
    assert status == 0
    mentions(err, "step 6 of 8", "8 steps")
    assert config("run")["steps"] == 8
    status, _, err = run("train", "--resume", "run", "--steps", 7)
    assert status == 2
    mentions(err.splitlines()[-1], "redraft train", "steps", "run", 8, 7)
    assert config("run")["steps"] == 8


def test_data_that_was_moved(run: Run, monkeypatch: pytest.MonkeyPatch, here: Path) -> None:
    for name, count, seed in (("a.csv", 20, 1), ("b.csv", 9, 2), ("c.csv", 20, 3)):
        assert run("make", "sudoku-4x4", count, "-o", name, "--seed", seed)[0] == 0
    data = ["--data.train", "a.csv", "--data.test", "b.csv"]
    stops = ["--stop-after", "0"]
    assert run("train", *TINY, "-o", "runs/a", *data, *stops)[0] == 0
    for folder in ("elsewhere", "d"):
        (here / folder).mkdir()
    monkeypatch.chdir("elsewhere")
    status, _, err = run("train", "--resume", "../runs/a", *stops)
    assert status == 0 and "step 1 of 6" in err
    monkeypatch.chdir(here)
    for name in ("a.csv", "b.csv"):
        Path(name).rename(f"d/{name}")
    refused(run("train", "--resume", "runs/a"), "a.csv", "--data.train PATH")
    refused(run("train", "--resume", "runs/a", "--data.train", "d/a.csv"), "b.csv", "--data.test PATH")
    moved = ["--data.train", "d/a.csv", "--data.test", "d/b.csv"]
    status, _, err = run("train", "--resume", "runs/a", *moved, *stops)
    assert status == 0 and "step 2 of 6" in err
    kept = config("runs/a")["data"]
    assert isinstance(kept, dict) and (kept["train"], kept["test"]) == ("d/a.csv", "d/b.csv")
    for flag, named in (("--data.train", "d/a.csv"), ("--data.test", "d/b.csv")):
        refused(run("train", "--resume", "runs/a", flag, "c.csv"), "runs/a", "c.csv", named)
    monkeypatch.chdir("d")
    assert run("train", "--resume", "../runs/a")[0] == 0


def test_a_second_process(run: Run) -> None:
    assert run("train", *TINY, "-o", "run")[0] == 0
    before = (Path("run") / METRICS).read_bytes()
    with locked(Path("run/lock")):
        for arguments in (["--resume", "run"], [*TINY, "-o", "run"]):
            refused(run("train", *arguments), "redraft train", "run", f"process {os.getpid()}")
        assert run("eval", "run", "make:5@9")[0] == 0, "which can be evaluated meanwhile"
    assert (Path("run") / METRICS).read_bytes() == before


def test_a_start_that_fails_leaves_nothing(run: Run, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: object, *arguments: object, **named: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(MetricsFile, "__init__", fails)
        status, _, err = run("train", *TINY)
        assert status == 2 and err.endswith("redraft train: No space left on device\n")
    assert not list(here.iterdir())


def test_a_run_that_was_never_saved_begins_anew(run: Run) -> None:
    assert run("train", *TINY, "-o", "run", "--stop-after", 0)[0] == 0
    (Path("run") / "state.safetensors").unlink()
    status, _, err = run("train", "--resume", "run", "--threads", 1)
    assert status == 0
    mentions(err, "step 0", "6 steps")
    assert config("run")["threads"] == 1
    assert run("train", "--resume", "run", "--threads", 2)[0] == 0 and config("run")["threads"] == 1


def test_resume_may_stand_anywhere(run: Run) -> None:
    assert run("train", *TINY, "-o", "run", "--stop-after", 0)[0] == 0
    assert run("train", "--threads", 1, "--resume=run")[0] == 0
    status, _, err = run("train", "--resume", "run", "--seed", 3)
    assert status == 2 and "--seed" in err


def started(*arguments: str, lines: int) -> subprocess.Popen[str]:
    """A process of `redraft train`, of whose messages so many have been read."""
    process = subprocess.Popen(
        [sys.executable, "-m", "redraft", "train", *arguments], stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    )
    assert process.stderr is not None
    for _ in range(lines):
        assert process.stderr.readline()
    return process


LONG = [*TINY, "--steps", "100000", "--eval-every", "100000", "--checkpoint-every", "100000", "--threads", "1"]
FEW = 4  # lines that are out once it trains


def test_a_closed_terminal(run: Run) -> None:
    with started(*LONG, "-o", "run", lines=FEW) as process:
        process.send_signal(signal.SIGHUP)
        assert process.stderr is not None and "SIGHUP" in process.stderr.read()
    assert process.returncode == 130
    step = json.loads((Path("run") / METRICS).read_text().splitlines()[-1])["step"]
    assert f"step {step} of" in run("train", "--resume", "run", "--stop-after", 0)[2]


def test_a_reader_that_goes_away(run: Run) -> None:
    with started(*LONG, "-o", "run", lines=FEW) as process:
        assert process.stderr is not None
        process.stderr.close()
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
    assert process.returncode == 141
    step = json.loads((Path("run") / METRICS).read_text().splitlines()[-1])["step"]
    assert f"step {step} of" in run("train", "--resume", "run", "--stop-after", 0)[2]
