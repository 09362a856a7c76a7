"""A run's folder: one process at a time, nothing in the way after a start that failed, and found where it is."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from redraft.errors import ConfigError, DataError, WeightsError
from redraft.files import partial_of
from redraft.models import Model
from redraft.train.config import RunConfig
from redraft.train.folder import (
    CONFIG,
    LOCK,
    STATE,
    begin_run,
    change_run,
    data_in,
    find_run,
    open_run,
    own_run,
    path_from,
)
from redraft.train.log import METRICS
from redraft.train.loop import Trainer
from redraft.train.processes import Processes

ALONE = Processes()
MakeTrainer = Callable[..., Trainer]


def no_figures(model: Model) -> dict[str, float]:
    return {"exact": 0.0}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_one_process_at_a_time(tmp_path: Path, tiny: RunConfig) -> None:
    with own_run(tmp_path / "run", ALONE):
        begin_run(tmp_path / "run", tiny, tiny.task)
        refused = pytest.raises(ConfigError, match=rf"run: .* {os.getpid()}\b")
        with refused, own_run(tmp_path / "run", ALONE):
            raise AssertionError
        assert names(tmp_path / "run") == {CONFIG, LOCK}, "it takes nothing away from the one that has it"
    assert names(tmp_path / "run") == {CONFIG}


def test_all_processes_of_a_run_are_refused_alike(tmp_path: Path) -> None:
    """Only the first asks for the lock; the others hear from it what has come of that."""

    class Second(Processes):
        def from_first(self, value: object) -> object:
            return "process 5"

    refused = pytest.raises(ConfigError, match=r"run: .*process 5\b")
    with refused, own_run(tmp_path / "run", Second(rank=1, world=2)):
        raise AssertionError
    assert not names(tmp_path)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, ConfigError])
def test_a_new_run_that_fails_before_a_checkpoint_leaves_nothing(
    tmp_path: Path, tiny: RunConfig, error: type[BaseException]
) -> None:
    def fail() -> None:
        with own_run(tmp_path / "deep/run", ALONE):
            begin_run(tmp_path / "deep/run", tiny, tiny.task)
            (tmp_path / "deep/run" / METRICS).touch()
            (tmp_path / "deep/run/tensorboard").mkdir()
            (tmp_path / "deep/run/tensorboard/events").touch()
            raise error("wrong")

    with pytest.raises(error, match="wrong"):
        fail()
    assert not names(tmp_path)
    (tmp_path / "deep/run").mkdir(parents=True)
    (tmp_path / "deep/run/notes").touch()
    with pytest.raises(error, match="wrong"):
        fail()
    assert names(tmp_path / "deep/run") == {"notes"}, "what was there stays"


def test_one_that_has_a_checkpoint_stays(tmp_path: Path, tiny: RunConfig) -> None:
    def fail(kept: str) -> None:
        with own_run(tmp_path / kept, ALONE):
            begin_run(tmp_path / kept, tiny, tiny.task)
            (tmp_path / kept / kept).touch()
            raise ValueError

    for kept in (STATE, "best", "last"):
        with pytest.raises(ValueError):
            fail(kept)
        assert names(tmp_path / kept) == {CONFIG, kept}


def test_one_whose_reader_has_gone_away_can_be_resumed(tmp_path: Path, tiny: RunConfig) -> None:
    def gone() -> None:
        with own_run(tmp_path / "run", ALONE):
            begin_run(tmp_path / "run", tiny, tiny.task)
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        gone()
    assert open_run(tmp_path / "run") == tiny


def test_a_start_that_was_killed_can_be_repeated(trainer: MakeTrainer, tiny: RunConfig) -> None:
    trainer("run", config=replace(tiny, seed=5))  # no checkpoint yet
    assert trainer("run").run(no_figures, []).finished
    with pytest.raises(ConfigError, match=r"run: .*--resume"):
        trainer("run")


@pytest.mark.parametrize("values", [{"format": 1, "task": "sudoku-4x4", "model": {}}, {"recipe": "x"}, {}])
def test_what_else_is_called_config_is_not_written_over(
    tmp_path: Path, tiny: RunConfig, values: dict[str, object]
) -> None:
    (tmp_path / CONFIG).write_text(json.dumps(values))
    with pytest.raises(ConfigError, match=f"^{tmp_path}: .*--resume"):
        begin_run(tmp_path, tiny, tiny.task)
    assert json.loads((tmp_path / CONFIG).read_text()) == values


def test_what_a_killed_process_left_half_written_goes(tmp_path: Path, tiny: RunConfig) -> None:
    begin_run(tmp_path, tiny, tiny.task)
    for folder in (tmp_path, tmp_path / "best"):
        folder.mkdir(exist_ok=True)
        partial_of(folder / STATE).touch()
        (folder / ".tmpAb12xY").touch()
    with own_run(tmp_path, ALONE):
        assert names(tmp_path) == {CONFIG, LOCK, "best"} and not names(tmp_path / "best")


def test_paths_from_where_it_was_started(tmp_path: Path, tiny: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    run, here, there = tmp_path / "runs/a", tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    (here / "a.csv").touch()
    monkeypatch.chdir(here)
    begin_run(run, tiny, tiny.task)
    assert data_in(run, "a.csv", flag="--data.train") == "a.csv"
    monkeypatch.chdir(there)
    assert data_in(run, "a.csv", flag="--data.train") == str(here / "a.csv")
    for source in ("make:8@1", "hf:owner/name", str(here / "a.csv")):
        assert data_in(run, source, flag="--data.train") == source
    with pytest.raises(DataError, match=r"b\.csv: .*file .*folder.* --data\.test PATH"):
        data_in(run, "b.csv", flag="--data.test")
    (there / "b.csv").touch()
    assert path_from(run, "b.csv") == str(there / "b.csv"), "else it would mean here/b.csv to the next"
    assert path_from(run, "make:8@1") == "make:8@1"
    monkeypatch.chdir(here)
    assert path_from(run, "a.csv") == "a.csv"
    change_run(run, replace(tiny, steps=99))
    assert open_run(run).steps == 99
    (tmp_path / "moved").mkdir()
    for name in ("runs", "here"):  # the whole project, run and data
        (tmp_path / name).rename(tmp_path / "moved" / name)
    monkeypatch.chdir(there)
    assert data_in(tmp_path / "moved/runs/a", "a.csv", flag="") == str(tmp_path / "moved/here/a.csv")


def test_a_run_from_before_such_paths_were_kept(tmp_path: Path, tiny: RunConfig) -> None:
    begin_run(tmp_path, tiny, tiny.task)
    values = json.loads((tmp_path / CONFIG).read_text())
    del values["started_in"]
    (tmp_path / CONFIG).write_text(json.dumps(values))
    assert open_run(tmp_path) == tiny
    with pytest.raises(DataError, match=r"a\.csv: .*--data\.train PATH"):
        data_in(tmp_path, "a.csv", flag="--data.train")
    change_run(tmp_path, replace(tiny, steps=9))
    assert json.loads((tmp_path / CONFIG).read_text()) == {**values, "steps": 9}


@pytest.fixture
def runs(trainer: MakeTrainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs, of which one has weights, in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    trainer("runs/a").run(no_figures, [])
    trainer("runs/b")


@pytest.mark.usefixtures("runs")
def test_the_run_that_is_meant() -> None:
    for path in ("runs/a", "runs/a/config.json", "runs/a/state.safetensors", "runs/a/metrics.jsonl", "runs/b"):
        (Path("runs/a") / METRICS).touch()
        assert find_run(Path(path)) == Path(path).parent if "." in path else Path(path)
    os.chdir("runs/a")
    assert find_run(Path()) == Path()


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("runs/a/best", "^runs/a/best: .*: redraft train --resume runs/a$"),
        ("runs/a/last/model.safetensors", "^runs/a/last/model.safetensors: .*: redraft train --resume runs/a$"),
        ("runs", "^runs: .*2 runs: runs/a, runs/b.*: redraft train --resume runs/a$"),
        ("one", "^one: .*one/c.*: redraft train --resume one/c$"),
        ("weights", "^weights: .*--init weights$"),
        ("none", r"^none/config\.json: .*folder"),
        ("empty", r"^empty/config\.json: .*folder"),
    ],
)
def test_another_folder_names_the_right_one(path: str, message: str, tiny: RunConfig) -> None:
    Path("one").mkdir()
    Path("empty").mkdir()
    begin_run(Path("one/c"), tiny, tiny.task)
    Path("runs/a/best").rename("weights") if path == "weights" else None
    with pytest.raises((ConfigError, WeightsError), match=message):
        find_run(Path(path))


@pytest.mark.usefixtures("runs")
def test_from_within_a_folder_of_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir("runs/a/best")
    with pytest.raises(ConfigError, match=f"redraft train --resume {tmp_path / 'runs/a'}$"):
        find_run(Path())
