"""What a run reports: nothing is lost that is a record, and nothing that is only shown stops the work."""

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from redraft.errors import ConfigError, RedraftError
from redraft.train import log
from redraft.train.log import METRICS, Display, MetricsFile, Tracker, open_tracker

TRAIN = {"loss": 1.25, "exact": 0.5, "halt_step": 2.0, "examples_per_second": 1234.0, "seconds_left": 3723.0}
EVAL = {"exact": 0.1146, "solved": 0.1146, "cells": 0.9653, "halt_exact": 0.1, "halt_steps": 3.21}


class Disk:
    """A file on a disk that has room for so many bytes."""

    def __init__(self, file: Any, room: int) -> None:
        self.file, self.room = file, room

    def write(self, content: bytes) -> int:
        if not self.room:
            raise OSError(28, "No space left on device")
        written = min(self.room, len(content))
        self.room -= written
        return int(self.file.write(content[:written]))

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        self.file.close()


def steps(folder: Path) -> list[int]:
    return [json.loads(line)["step"] for line in (folder / METRICS).read_text().splitlines()]


def test_metrics_wait_for_room_on_the_disk(tmp_path: Path) -> None:
    metrics = MetricsFile(tmp_path, resumed_at=0)
    disk = Disk(metrics._file, room=10)
    metrics._file = disk  # type: ignore[assignment]
    for step in (1, 2):
        metrics.report("train", step, {"loss": 1.0})
    assert len((tmp_path / METRICS).read_bytes()) == 10
    disk.room = 1000
    metrics.report("train", 3, {"loss": 1.0})
    metrics.close()
    assert steps(tmp_path) == [1, 2, 3]


def test_metrics_that_could_not_be_written_are_an_error_in_the_end(tmp_path: Path) -> None:
    metrics = MetricsFile(tmp_path, resumed_at=0)
    metrics._file = Disk(metrics._file, room=0)  # type: ignore[assignment]
    metrics.report("train", 1, {"loss": 1.0})
    metrics.report("train", 2, {"loss": 1.0})
    with pytest.raises(RedraftError, match=r"metrics\.jsonl: .*No space left .* 2 lines"):
        metrics.close()


def lines(width: int, *reports: tuple[str, int, dict[str, float]]) -> list[str]:
    out = io.StringIO()
    display = Display(total=10, start=0, console=Console(file=out, width=width))
    for report in reports:
        display.report(*report)
    display.close()
    return out.getvalue().splitlines()


def test_lines_without_a_terminal() -> None:
    unhalted = {name: value for name, value in TRAIN.items() if name not in ("exact", "halt_step")}
    shown = lines(20, ("train", 2, TRAIN), ("train", 3, unhalted), ("eval", 4, EVAL), ("eval", 5, {"odd": 12.3}))
    expected = [
        r"step 2/10  loss 1\.250  exact 50\.0%  .* 2\.0  1,234 examples/s  1:02:03 .*",
        r"step 3/10  loss 1\.250  (?!exact)\D*  1,234 examples/s  1:02:03 .*",
        r"step 4  .*  exact 11\.46%  .* 11\.46%  .* 96\.53%  exact .* 10\.00%  .* 3\.2",
        r"step 5  .*  odd 12\.3",
    ]
    assert len(shown) == 4 and all(map(re.fullmatch, expected, shown)), shown


@pytest.mark.parametrize("width", [120, 100, 80, 60, 40, 20])
def test_the_time_left_is_shown_however_narrow_a_terminal_is(width: int) -> None:
    out = io.StringIO()
    display = Display(total=10_000, start=0, console=Console(file=out, width=width, force_terminal=True))
    display.report("train", 2000, TRAIN)
    display._progress.stop()
    out.truncate(0)
    display.console.print(display._progress)
    shown = out.getvalue()
    assert "step 2000" in shown and "-:--:--" in shown and "…" not in shown
    assert ("examples/s" in shown) == (width == 120)
    assert ("loss 1.250" in shown) == (width > 20)


def failing(*, at: int) -> tuple[Tracker, io.StringIO, list[int]]:
    """A tracker whose calls fail from a step on."""
    out, seen = io.StringIO(), []

    def call(metrics: dict[str, float], step: int) -> None:
        seen.append(step)
        if step >= at:
            raise ConnectionError("offline")

    def close() -> None:
        raise ConnectionError("still offline")

    return Tracker(call, close, name="wandb", console=Console(file=out, width=200)), out, seen


def test_a_tracker_that_fails_is_left_out() -> None:
    tracker, out, seen = failing(at=2)
    for step in (1, 2, 3):
        tracker.tick(step)
        tracker.report("train", step, {"loss": 1.0})
    tracker.close()
    assert seen == [1, 2]
    assert re.fullmatch(".*wandb.*ConnectionError: offline\n", out.getvalue())


def test_one_that_fails_as_it_is_closed() -> None:
    tracker, out, _ = failing(at=9)
    tracker.close()
    assert out.getvalue().endswith("ConnectionError: still offline\n")


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Callable[..., SimpleNamespace]:
    """Has a module stand for that of the tracker."""

    def stand(**names: Any) -> SimpleNamespace:
        found = SimpleNamespace(**names)
        monkeypatch.setattr(log, "require_tracker", lambda name: found)
        return found

    return stand


def test_what_trackers_are_sent(module: Callable[..., SimpleNamespace], tmp_path: Path) -> None:
    sent: list[Any] = []
    writer = SimpleNamespace(add_scalar=lambda *values: sent.append(values), close=lambda: sent.append("closed"))
    module(SummaryWriter=lambda folder: sent.append(Path(folder).name) or writer)
    tracker = open_tracker("tensorboard", tmp_path, {}, Console())
    tracker.report("eval", 4, {"exact": 0.5})
    tracker.close()
    assert sent == ["tensorboard", ("eval/exact", 0.5, 4), "closed"]
    sent.clear()
    module(
        init=lambda **named: sent.append(named) or SimpleNamespace(),
        log=lambda metrics, step: sent.append((metrics, step)),
        finish=lambda: sent.append("finished"),
    )
    tracker = open_tracker("trackio", tmp_path / "run", {"steps": 3}, Console())
    tracker.report("train", 1, {"loss": 2.0})
    tracker.close()
    assert sent == [{"project": "redraft", "name": "run", "config": {"steps": 3}}, ({"train/loss": 2.0}, 1), "finished"]


def test_a_tracker_that_does_not_start(module: Callable[..., SimpleNamespace], tmp_path: Path) -> None:
    def refuse(**named: Any) -> None:
        raise PermissionError("no login")

    module(init=refuse)
    with pytest.raises(ConfigError, match=r"tracker wandb .*PermissionError: no login"):
        open_tracker("wandb", tmp_path, {}, Console())
