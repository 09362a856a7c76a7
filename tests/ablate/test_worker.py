"""One run: trained, stopped, gone on with, judged."""

import json
import subprocess
import sys
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from redraft.ablate.jobs import Job
from redraft.ablate.pool import read_result
from redraft.ablate.suite import FOREVER
from redraft.ablate.suite import Test as FurtherTest
from redraft.ablate.worker import Meter, work
from redraft.errors import ConfigError
from redraft.locks import locked
from redraft.train import loop
from redraft.train.folder import LOCK
from redraft.train.loop import Trainer

pytestmark = pytest.mark.arithmetic


def test_a_job_travels_as_one_line(job: Job) -> None:
    assert "\n" not in job.to_json()
    assert Job.from_json(job.to_json()) == job
    assert Job.from_json(replace(job, seconds=3.5, tests=()).to_json()).seconds == 3.5


def test_a_run_comes_to_its_figures(job: Job) -> None:
    messages: list[dict[str, Any]] = []
    assert work(job, messages.append) is True
    result = read_result(job.folder)
    assert result is not None
    assert (result["steps"], result["examples"], result["puzzles"]) == (6, 24, 16)
    assert (result["effective_depth"], result["passes"], result["table_parameters"]) == (8, 4, 0)
    assert result["parameters"] > 1000 and result["peak_mib"] > 50 and result["seconds"] >= 0
    assert list(result["tests"]) == ["test", "sudoku-4x4 make:8@5+4"]
    figures = result["tests"]["test"]["figures"]
    assert len(figures["by_step"]) == job.config.eval_steps and "mean_steps" in figures["halting"]
    assert result["tests"]["sudoku-4x4 make:8@5+4"]["data"] == "make:8@5+4"
    assert {"judging": "test"} in messages and any("step" in message for message in messages)
    assert (job.folder / "last/model.safetensors").exists()


def test_what_is_done_is_not_done_again(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    assert work(replace(job, tests=()))
    first = read_result(job.folder)
    monkeypatch.setattr(Trainer, "train_step", None)
    assert work(job), "only the further test is missing"
    second = read_result(job.folder)
    assert first is not None and second is not None
    assert second["tests"].pop("sudoku-4x4 make:8@5+4") and second == first


def test_seconds_end_a_run(job: Job) -> None:
    config = replace(job.config, steps=FOREVER, eval_every=FOREVER)
    assert work(replace(job, config=config, seconds=0.1))
    result = read_result(job.folder)
    assert result is not None and 0 < result["steps"] < FOREVER
    assert result["tests"]["test"]["figures"]["puzzles"] == 8


def test_stopped_and_gone_on_with(job: Job, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As if it had never been stopped: weights to the bit, and the cost of both parts together."""
    whole = replace(job, folder=tmp_path / "whole")
    assert work(whole) and work(replace(whole, tests=()))
    looks = count(1)  # one after every step, and one more when it stops

    class Stopping:
        def __init__(self, at_once: object) -> None:
            pass

        def __enter__(self) -> Any:
            return lambda: next(looks) >= 4

        def __exit__(self, *error: object) -> None:
            pass

    with monkeypatch.context() as patch:
        patch.setattr(loop, "stop_on_signal", Stopping)
        assert work(job) is False
    assert read_result(job.folder) is None
    cost = json.loads((job.folder / "metrics.jsonl").read_text().splitlines()[-1])
    assert cost["kind"] == "cost" and cost["step"] == 4 and cost["cpu_seconds"] > 0
    assert work(job) is True
    for name, tensor in load_file(job.folder / "last/model.safetensors").items():
        assert torch.equal(tensor, load_file(whole.folder / "last/model.safetensors")[name])
    result, expected = read_result(job.folder), read_result(whole.folder)
    assert result is not None and expected is not None and result["tests"] == expected["tests"]


def test_the_meter_goes_on_from_the_checkpoint(tmp_path: Path) -> None:
    lines = [{"step": step, "kind": "train", "seconds": 10 * step, "cpu_seconds": step} for step in (2, 4, 6)]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    meter = Meter(tmp_path, resumed_at=5, send=lambda message: None, total={})
    assert meter.cost["seconds"] == 40 and meter.cost["cpu_seconds"] == 4
    meter.tick(6)
    assert 40 < meter.cost["seconds"] < 41
    meter.close()


def test_one_process_a_run(job: Job) -> None:
    with locked(job.folder / LOCK):
        assert work(job) is None


def test_the_folder_of_another_run(job: Job) -> None:
    assert work(replace(job, tests=()))
    (job.folder / "result.json").unlink()
    with pytest.raises(ConfigError, match=f"^{job.folder}: .*run"):
        work(replace(job, config=replace(job.config, batch_size=8)))


def test_a_test_that_is_all_trained_on(job: Job) -> None:
    test = FurtherTest(task=job.config.task, source=job.config.data.train)
    with pytest.raises(ConfigError, match=r"make:16@1 .*trained"):
        work(replace(job, tests=(test,)))


@pytest.mark.slow
def test_a_worker_stops_when_nobody_listens_any_more(job: Job) -> None:
    """As after kill -9 of the command: it must not train on beside the next one."""
    job = replace(job, config=replace(job.config, steps=100_000, eval_every=100_000, log_every=1))
    with subprocess.Popen(
        [sys.executable, "-m", "redraft.ablate.worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        stderr=subprocess.DEVNULL,
    ) as worker:  # fmt: skip
        assert worker.stdin is not None and worker.stdout is not None
        print(job.to_json(), file=worker.stdin, flush=True)
        assert "step" in json.loads(worker.stdout.readline()), "it trains"
        worker.stdin.close()
        last = [json.loads(line) for line in worker.stdout][-1]
    assert last == {"end": "stopped"}
    assert (job.folder / "state.safetensors").exists() and read_result(job.folder) is None
