"""What asks a run to stop leaves a checkpoint, from which the run comes to the weights it would have had."""

import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from redraft.models import Model
from redraft.train.config import RunConfig
from redraft.train.folder import STATE
from redraft.train.loop import Trainer
from redraft.train.stopping import stop_on_signal

MakeTrainer = Callable[..., Trainer]
AT = 3  # the step at which it is asked to stop
SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGXCPU")


def no_figures(model: Model) -> dict[str, float]:
    return {"exact": 0.0}


def send(name: str) -> None:
    os.kill(os.getpid(), getattr(signal, name))


class At:
    """A reporter that does something at a step."""

    def __init__(self, act: Callable[[], None], *, step: int = AT) -> None:
        self.act, self.step, self.closed = act, step, False

    def tick(self, step: int) -> None:
        if step == self.step:
            self.act()

    def report(self, kind: str, step: int, metrics: dict[str, float]) -> None:
        pass

    def close(self) -> None:
        pass


@contextmanager
def handled(name: str, handler: Any) -> Iterator[None]:
    number = getattr(signal, name)
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


@pytest.fixture
def whole(trainer: MakeTrainer, tmp_path: Path) -> Path:
    """The folder of a run that nobody stopped."""
    trainer("whole").run(no_figures, [])
    return tmp_path / "whole"


def assert_resumed(trainer: MakeTrainer, whole: Path, folder: Path) -> None:
    """Goes on with a run from its checkpoint at AT to the weights of the whole one, to the bit."""
    again = trainer(folder.name, resume=True)
    assert again.progress.step == AT
    assert again.run(no_figures, []).finished
    a, b = load_file(whole / STATE), load_file(folder / STATE)
    assert a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal(
    name: str, trainer: MakeTrainer, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(getattr(signal, name))
    outcome = trainer("run").run(no_figures, [At(lambda: send(name))])
    assert (outcome.finished, outcome.interrupted, outcome.progress.step) == (False, True, AT)
    assert signal.getsignal(getattr(signal, name)) is before
    err = capsys.readouterr().err
    assert (name in err) == (name != "SIGINT") and ("Ctrl-C" in err) == (name == "SIGINT")
    assert_resumed(trainer, whole, tmp_path / "run")


def test_an_ignored_hangup_stays_ignored(trainer: MakeTrainer) -> None:
    """As under `nohup`."""
    with handled("SIGHUP", signal.SIG_IGN):
        assert trainer("run").run(no_figures, [At(lambda: send("SIGHUP"))]).finished


def test_ctrl_c_is_heeded_where_a_shell_has_it_ignored(trainer: MakeTrainer) -> None:
    """As it has for what it starts in the background, where only `kill -INT` can send one."""
    with handled("SIGINT", signal.SIG_IGN):
        assert trainer("run").run(no_figures, [At(lambda: send("SIGINT"))]).interrupted
        with pytest.raises(KeyboardInterrupt), stop_on_signal():
            send("SIGINT")
            send("SIGINT")


def test_a_second_ctrl_c_acts_as_usual(trainer: MakeTrainer, tmp_path: Path) -> None:
    def twice() -> None:
        send("SIGINT")
        send("SIGINT")

    with pytest.raises(KeyboardInterrupt):
        trainer("run").run(no_figures, [At(twice, step=1)])
    assert not (tmp_path / "run" / STATE).exists()


def test_a_closed_terminal_may_say_so_twice(trainer: MakeTrainer) -> None:
    """Both the system and the shell do."""

    def twice() -> None:
        send("SIGHUP")
        send("SIGHUP")

    assert trainer("run").run(no_figures, [At(twice)]).progress.step == AT


def test_a_signal_while_a_line_is_written(
    trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The writer that is at it is not to be entered again: the message goes past it."""
    with (tmp_path / "err").open("w") as file:

        class Busy:
            fileno = file.fileno

            def write(self, text: str) -> None:
                raise RuntimeError("reentrant call inside <_io.BufferedWriter name='<stderr>'>")

        with monkeypatch.context() as patch:
            patch.setattr("sys.stderr", Busy())
            assert trainer("run").run(no_figures, [At(lambda: send("SIGTERM"))]).interrupted
    assert re.fullmatch("SIGTERM: .+\n", (tmp_path / "err").read_text())


def test_nobody_there_to_read_that_it_stops(trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone:
        def write(self, text: str) -> None:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr("sys.stderr", Gone())
    assert trainer("run").run(no_figures, [At(lambda: send("SIGHUP"))]).interrupted


def test_a_signal_cuts_an_evaluation_short(trainer: MakeTrainer, tiny: RunConfig, whole: Path, tmp_path: Path) -> None:
    """It may take longer than a queue waits; it is made up for."""
    often, done = replace(tiny, eval_every=AT), []

    def long(model: Model) -> dict[str, float]:
        send("SIGTERM")
        done.append(True)
        return {"exact": 0.5}

    outcome = trainer("run", config=often).run(long, [])
    assert outcome.interrupted and outcome.progress.step == AT and not done
    again = trainer("run", config=often, resume=True)
    steps = []
    again.run(lambda model: steps.append(again.progress.step) or {"exact": 0.5}, [])  # type: ignore[func-returns-value]
    assert steps == [3, 6, 8]
    a, b = load_file(whole / STATE), load_file(tmp_path / "run" / STATE)
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_no_evaluation_is_begun_once_it_is_to_stop(trainer: MakeTrainer, tiny: RunConfig) -> None:
    def never(model: Model) -> dict[str, float]:
        raise AssertionError

    run = trainer("run", config=replace(tiny, eval_every=AT))
    assert run.run(never, [At(lambda: send("SIGTERM"))]).interrupted


def test_the_last_evaluation_may_be_all_that_is_missing(trainer: MakeTrainer, tiny: RunConfig) -> None:
    run = trainer("run", config=replace(tiny, eval_every=100))
    assert run.run(no_figures, [At(lambda: send("SIGTERM"), step=tiny.steps)]).interrupted
    again = trainer("run", config=replace(tiny, eval_every=100), resume=True)
    outcome = again.run(no_figures, [])
    assert outcome.finished and outcome.progress.best_step == tiny.steps


@pytest.mark.parametrize("kind", ["tick", "report"])
def test_the_reader_of_its_output_goes_away(kind: str, trainer: MakeTrainer, whole: Path, tmp_path: Path) -> None:
    """As in `redraft train … 2>&1 | head`: what was done until then is kept, and other reporters hear of it."""
    heard = []

    class Gone(At):
        def report(self, kind: str, step: int, metrics: dict[str, float]) -> None:
            self.tick(step)

    def gone() -> None:
        raise BrokenPipeError

    class Hears(At):
        def tick(self, step: int) -> None:
            heard.append(step)

    config = replace(trainer("config").config, log_every=1 if kind == "report" else 100)
    reader = Gone(gone) if kind == "report" else At(gone)
    with pytest.raises(BrokenPipeError):
        trainer("run", config=config).run(no_figures, [reader, Hears(gone)])
    assert heard == [1, 2, 3]
    assert_resumed(trainer, whole, tmp_path / "run")


def test_an_evaluation_that_fails_costs_no_training(
    trainer: MakeTrainer, tiny: RunConfig, whole: Path, tmp_path: Path
) -> None:
    def fails(model: Model) -> dict[str, float]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        trainer("run", config=replace(tiny, eval_every=AT, checkpoint_every=100)).run(fails, [])
    assert_resumed(trainer, whole, tmp_path / "run")
