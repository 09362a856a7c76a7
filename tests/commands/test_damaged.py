"""Side files with anything in the place of any value: status 0, 1 or 2, and never a traceback."""

import copy
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import redraft.ablate.report
from redraft.ablate.pool import RESULT, Pool
from redraft.ablate.suite import make_plan
from redraft.ablate.suites import get_suite
from redraft.data.build import open_source
from redraft.tasks import get_task

Run = Callable[..., tuple[int, str, str]]

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")]  # of odd weights

QUESTION = "1.....2..3.....4"
DROPPED = "this key is not there"
ODD: list[Any] = [None, -1, 10**400, "x", [], float("nan"), True, "\0", {}, DROPPED]
# Numbers that say how long something takes, not how large it is.
LONG = ("n", "T", "steps", "max_steps", "eval_steps", "restart")


def places(values: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a JSON value; of a list the first element will do."""
    yield place
    if isinstance(values, dict):
        for key, value in values.items():
            yield from places(value, (*place, key))
    elif isinstance(values, list) and values:
        yield from places(values[0], (*place, 0))


def changed(values: Any, place: tuple[Any, ...], value: Any) -> Any:
    if not place:
        return value
    values = copy.deepcopy(values)
    inner = values
    for key in place[:-1]:
        inner = inner[key]
    if value is DROPPED:
        inner.pop(place[-1])
    else:
        inner[place[-1]] = value
    return values


def odd(values: Any) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every place with three of the odd values, others in the next place: between them they see all."""
    for number, place in enumerate(places(values)):
        for step in (0, 3, 7):
            value = ODD[(number + step) % len(ODD)]
            if not (place and place[-1] in LONG and value == 10**400):
                yield place, value


def try_all(run: Run, file: Path, *commands: str, before: Callable[[], None] = lambda: None) -> None:
    """Runs the commands with every odd value in every place of the file."""
    whole = json.loads(file.read_text())
    for place, value in odd(whole):
        before()
        file.write_text(json.dumps(changed(whole, place, value)))
        for command in commands:
            try:
                status, _, err = run(*command.split())
            except Exception as error:
                raise AssertionError(f"{command}, {place} = {value!r:.40}: {error!r}") from error
            assert status in (0, 1, 2) and len(err) < 2000, f"{command}, {place} = {value!r:.40}: {err[:2000]}"
    file.write_text(json.dumps(whole))


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads()
    yield tmp_path
    torch.set_num_threads(threads)


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_weights(run: Run, weights: Path, backend: str) -> None:
    card = {"solve": {"max_steps": 2, "guess": True}, "run": {"loss": "softmax", "data": {"train": "x"}}, "views": "y"}
    values = json.loads((weights / "config.json").read_text())
    (weights / "config.json").write_text(json.dumps({**values, "card": card}))
    try_all(run, weights / "config.json", f"solve --weights weights --backend {backend} --max-steps 1 {QUESTION}")


def test_own_grids(run: Run, weights: Path) -> None:
    task = {"kind": "grids", "name": "g", "alphabet": list("abcde"), "height": 4, "width": 4, "symmetries": ["flip-h"]}
    values = json.loads((weights / "config.json").read_text())
    (weights / "config.json").write_text(json.dumps({"format": 1, "task": task, "model": values["model"]}))
    try_all(run, weights / "config.json", "solve --weights weights --backend numpy --max-steps 1 abab/abab/abab/abab")


def test_what_a_contender_was_trained_on(run: Run, weights: Path, here: Path) -> None:
    """Also a card that says the weights began with themselves."""
    values = json.loads((weights / "config.json").read_text())
    learnt = {"init": "weights", "data": {"train": "make:4@1", "train_limit": 3}}
    values = {"format": 1, "task": values["task"], "model": values["model"], "card": {"training": [{"run": learnt}]}}
    shutil.copytree(weights, here / "other")
    file = weights / "config.json"
    for place, value in odd(values["card"]):
        file.write_text(json.dumps(changed(values, ("card", *place), value)))
        assert run(*["compare", "weights", "other", "--data", "make:4@3", "--steps", "1"])[0] in (0, 2)


def test_a_run(run: Run, here: Path) -> None:
    trained = "train sudoku-4x4 --tiny --steps 1 --data.train make:8@1 --data.test make:4@2 -o whole --threads 1"
    assert run(*trained.split())[0] == 0

    def restore() -> None:
        shutil.rmtree("run", ignore_errors=True)
        shutil.copytree("whole", "run")

    restore()
    try_all(run, here / "run/config.json", "train --resume run --stop-after 0.01", before=restore)


def test_data(run: Run, here: Path) -> None:
    store = open_source(get_task("sudoku-4x4"), "make:8@1")
    for split in ("train", "test"):
        store.save(here / "data" / split)

    def clear() -> None:
        shutil.rmtree("out", ignore_errors=True)

    commands = ("data show data", "data export data -o out")
    try_all(run, here / "data/train/store.json", *commands, before=clear)
    clear()
    assert run("data", "export", "data", "-o", "published")[0] == 0
    for name in ("train/dataset.json", "identifiers.json"):
        command = "data import published --task sudoku-4x4 -o out"
        try_all(run, here / "published" / name, command, before=clear)


def test_results_of_ablations(run: Run, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redraft.ablate.report, "find_spec", lambda name: None)  # no pictures
    plan = make_plan(get_suite("ema"), seeds=(0,))
    pool = Pool(here / "out")
    place = pool.of(plan.runs()[0])
    place.mkdir(parents=True)
    marks = {"puzzles": 2, "exact": 0.5, "solved": 0.5, "cells": 0.5}
    figures = {**marks, "halting": {"exact": 0.5, "mean_steps": 2.0}, "by_step": [marks]}
    machine = {"machine": {"cpu": "x", "cores": 2}, "commit": "a" * 40, "redraft": "0", "torch": "2"}
    names = ("steps", "examples", "seconds", "cpu_seconds", "peak_mib")
    sizes = ("parameters", "table_parameters", "effective_depth", "passes")
    result = {**dict.fromkeys((*names, *sizes), 1), "device": "cpu", "context": machine}
    tests = {"test": {"task": "sudoku-6x6", "data": "make:2", "figures": figures}}
    (place / RESULT).write_text(json.dumps({**result, "tests": tests}))
    command = "ablate ema -o out --table --seeds 0"
    status, _, err = run(*command.split())
    assert status == 0, err
    try_all(run, place / RESULT, command)


@pytest.mark.parametrize("place", ["step", "seconds", "evaluated", "threads"])
@pytest.mark.parametrize("value", [None, "", -1, 1.5, 10**30, [], {}])
def test_progress_of_a_run(run: Run, here: Path, place: str, value: Any) -> None:
    from safetensors import safe_open
    from safetensors.torch import save_file

    trained = "train sudoku-4x4 --tiny --steps 1 --data.train make:8@1 --data.test make:4@2 -o run --threads 1"
    assert run(*trained.split())[0] == 0
    state = here / "run/state.safetensors"
    with safe_open(state, framework="pt") as opened:
        progress = json.loads(opened.metadata()["progress"])
        tensors = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118
    save_file(tensors, state, {"progress": json.dumps({**progress, place: value})})
    status, _, err = run("train", "--resume", "run")
    fine = (place == "seconds" and value in (1.5, 10**30)) or (place == "evaluated" and value == 10**30)
    beyond = place == "step" and value == 10**30  # more than the run has
    assert status == 0 if fine else (status == 2 and ("run/state.safetensors" in err or beyond)), err
