"""Jobs side by side: what ends well, what fails, and what stops."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from redraft.ablate.jobs import Job
from redraft.ablate.pool import FAILED
from redraft.ablate.runner import Ending, RunsDisplay, Workers, run_jobs


class Recorder(RunsDisplay):
    """A display that remembers."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.over: dict[int, tuple[str, float | None]] = {}

    def began(self, number: int, job: Job) -> None:
        self.begun.append(number)

    def progressed(self, number: int, message: dict[str, Any]) -> None:
        pass

    def ended(self, number: int, ending: Ending, left: float | None) -> None:
        self.over[number] = (ending.end, left)


class Foreseen(Workers):
    """Workers whose endings are known beforehand."""

    def __init__(self, endings: dict[str, Ending]) -> None:
        super().__init__()
        self.endings, self.at_work, self.most = endings, 0, 0
        self.lock = threading.Lock()

    def run(self, job: Job, report: Callable[[dict[str, Any]], None]) -> Ending:
        with self.lock:
            self.at_work += 1
            self.most = max(self.most, self.at_work)
        report({"step": 1})
        time.sleep(0.02)
        with self.lock:
            self.at_work -= 1
        return self.endings.get(job.folder.name, Ending("done", seconds=10.0))


@pytest.fixture
def jobs(job: Job) -> list[Job]:
    """Six of them."""
    return [replace(job, folder=job.folder.with_name(name)) for name in "abcdef"]


def test_some_at_a_time(jobs: list[Job]) -> None:
    shown, workers = Recorder(), Foreseen({})
    endings = run_jobs(jobs, at_once=2, display=shown, workers=workers)
    assert [ending.end for ending in endings] == ["done"] * 6
    assert sorted(shown.begun) == list(range(6)) and workers.most == 2
    assert sorted(left or 0 for _, left in shown.over.values()) == [0, 5, 10, 15, 20, 25], "10 s a job, two at a time"


def test_one_that_fails_does_not_keep_others_from_running(jobs: list[Job]) -> None:
    shown = Recorder()
    workers = Foreseen({"a": Ending("failed", "not finite"), "c": Ending("busy")})
    endings = run_jobs(jobs, at_once=1, display=shown, workers=workers)
    assert [ending.end for ending in endings] == ["failed", "done", "busy", "done", "done", "done"]
    assert endings[0].reason == "not finite"
    assert shown.over[0] == ("failed", None), "what fails tells nothing of how long the others take"


def test_ctrl_c_begins_nothing_new(jobs: list[Job], capsys: pytest.CaptureFixture[str]) -> None:
    shown = Recorder()

    class Stopped(Foreseen):
        def run(self, job: Job, report: Callable[[dict[str, Any]], None]) -> Ending:
            os.kill(os.getpid(), signal.SIGINT)
            while not self.stopping:
                time.sleep(0.01)
            return Ending("stopped")

    endings = run_jobs(jobs, at_once=1, display=shown, workers=Stopped({}))
    assert [ending.end for ending in endings] == ["stopped"] * 6
    assert shown.begun == [0]
    assert capsys.readouterr().err.count("\n") == 1


def test_a_second_ctrl_c_ends_at_once(jobs: list[Job]) -> None:
    class Stubborn(Foreseen):
        killed = False

        def run(self, job: Job, report: Callable[[dict[str, Any]], None]) -> Ending:
            os.kill(os.getpid(), signal.SIGINT)
            while not self.stopping:
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGINT)
            while not self.killed:
                time.sleep(0.01)
            return Ending("stopped")

        def kill(self) -> None:
            self.killed = True

    workers = Stubborn({})
    with pytest.raises(KeyboardInterrupt):
        run_jobs(jobs, at_once=1, display=Recorder(), workers=workers)
    assert workers.killed


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo first >&2; echo 'ValueError: out of luck' >&2; exit 1", "ValueError: out of luck (see {log})"),
        ("exit 3", "exit status 3 (see {log})"),
        ("kill -9 $$", "its process was killed by signal 9 (out of memory?)"),
        ("""echo '{"step": 2}'; echo '{"end": "failed", "reason": "not finite"}'""", "not finite"),
    ],
)
def test_a_process_that_dies_says_why(
    job: Job, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, reason: str
) -> None:
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    ending = Workers().run(job, lambda message: None)
    assert ending.end == "failed" and ending.reason == reason.format(log=job.folder / "log.txt")
    assert (job.folder / FAILED).exists() == ("not finite" not in reason), "a worker that can, notes it itself"


def test_a_process_that_is_asked_to_stop(job: Job, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Even before it can say a word."""
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    workers = Workers()
    workers.stop()
    assert workers.run(job, lambda message: None).end == "stopped"
    assert not (job.folder / FAILED).exists()
