"""Files of strangers that name code, at every entry point: nothing of it is imported or called without consent."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.failing import mentions, raises, refused

import redraft
from redraft.ablate.pool import Pool
from redraft.ablate.report import RESULTS
from redraft.ablate.suite import make_plan
from redraft.ablate.suites import get_suite
from redraft.data.build import open_source
from redraft.data.store import Store, task_in
from redraft.errors import RedraftError, TrustError
from redraft.recipes import get_recipe
from redraft.solve.load import open_stepper, open_weights, task_of
from redraft.tasks import get_task
from redraft.train.config import run_to_dict
from redraft.train.folder import open_run
from redraft.weights.io import load_weights

pytestmark = pytest.mark.slow  # all of them together

Run = Callable[..., tuple[int, str, str]]
Values = dict[str, Any]

QUESTION = "1.....2..3.....4"
EVIL = """
import pathlib
pathlib.Path("ran").touch()

def task():
    pathlib.Path("called").touch()

class Config: ...
"""
GRIDS = {"kind": "grids", "name": "g", "alphabet": ["a", "b", "c", "d", "e"], "height": 4, "width": 4}

# What a config.json or store.json is changed to, and what the message says it would run.
ANYWHERE: dict[str, tuple[Values, str]] = {
    "abort": ({"task": "os:abort"}, "task os:abort"),
    "exit": ({"task": "sys:exit"}, "task sys:exit"),
    "system": ({"task": "os:system"}, "task os:system"),
    "module here": ({"task": "evil:task"}, "task evil:task"),
    "checker here": ({"task": {**GRIDS, "checker": "evil:task"}}, "checker evil:task"),
    "checker": ({"task": {**GRIDS, "checker": "os:system"}}, "checker os:system"),
    "no name": ({"task": "evil:task\n\x1b[2Jall is well"}, r"task 'evil:task\n\x1b[2Jall is well'"),
}
OF_A_MODEL: dict[str, tuple[Values, str]] = {
    "model here": ({"model": {"kind": "evil:Config"}}, "model evil:Config"),
    "model": ({"model": {"kind": "os:abort"}}, "model os:abort"),
}
OF_A_RUN: dict[str, tuple[Values, str]] = {
    "loss": ({"loss": "os:abort"}, "loss os:abort"),
    "loss here": ({"loss": "evil:task"}, "loss evil:task"),
    "halting": ({"halting": "sys:exit"}, "halting rule sys:exit"),
    "halting here": ({"halting": "evil:task"}, "halting rule evil:task"),
}

# What opens weights, a run, a folder of data; `graph` holds a graph in place of weights.
WEIGHTS = {
    "solve": f"solve --weights FILE {QUESTION}",
    "solve a task": f"solve sudoku-4x4 --weights FILE {QUESTION}",
    "solve with numpy": f"solve --weights FILE --backend numpy {QUESTION}",
    "solve a file": "solve --weights FILE -f puzzles.txt",
    "eval": "eval FILE make:4@1",
    "eval data": "eval FILE plain",
    "train --init": "train sudoku-4x4 --tiny --init FILE -o out --data.train make:8@1 --data.test make:4@2",
    "compare": "compare weights FILE --data make:4@1",
    "inspect": f"inspect FILE {QUESTION}",
    "export": "export FILE -o out",
    "arc eval": "arc eval FILE plain",
    "arc adapt": "arc adapt FILE tasks --out out",
    "ablate": "ablate ema -o out --only none --set init=FILE task=sudoku-4x4",
    "bench solve": "bench solve --weights FILE",
}
GRAPH = {
    "solve a graph": f"solve --weights FILE {QUESTION}",
    "eval a graph": "eval FILE make:4@1",
}
RUNS = {
    "train --resume": "train --resume FILE",
}
DATA = {
    "train on data": "train FILE --size nano --tiny -o out",
    "train a recipe": "train sudoku-4x4 --tiny --data.train FILE --data.test FILE -o out",
    "data show": "data show FILE",
    "data show a store": "data show FILE/train",
    "data export": "data export FILE -o out",
    "compare on data": "compare --data FILE --llm http://127.0.0.1:9 --llm-model none",
    "arc merge": "arc merge votes.npz --data FILE",
    "ablate on data": "ablate ema -o out --only none --set data.train=FILE data.test=FILE model.mixer=conv",
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: Path) -> Path:
    """The current folder: weights, a store, a run, and a module that leaves traces when it is imported or called."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "evil", raising=False)
    (tmp_path / "evil.py").write_text(EVIL)
    (tmp_path / "puzzles.txt").write_text(QUESTION + "\n")
    store = open_source(get_task("sudoku-4x4"), "make:8@1")
    for split in ("train", "test"):
        store.save(tmp_path / "plain" / split)
    return tmp_path


def hostile(folder: Path, file: str, change: Values) -> None:
    """Changes what the file in the folder says."""
    values = json.loads((folder / file).read_text())
    for key, value in change.items():
        values[key] = {**values[key], **value} if key == "model" else value
    (folder / file).write_text(json.dumps(values))


def make(kind: str, here: Path, change: Values) -> list[Path]:
    """A stranger's folder of that kind, called FILE; the files that were changed."""
    folder = here / "FILE"
    if kind == "data":
        (here / "plain").rename(folder)
        files = [folder / split / "store.json" for split in ("train", "test")]
    elif kind == "run":
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps(run_to_dict(get_recipe("sudoku-4x4", tiny=True))))
        files = [folder / "config.json"]
    else:
        folder.mkdir()
        (folder / "config.json").write_bytes((here / "weights/config.json").read_bytes())
        tensors = (here / "weights/model.safetensors").read_bytes()
        (folder / ("model.onnx" if kind == "graph" else "model.safetensors")).write_bytes(tensors)
        files = [folder / "config.json"]
    for file in files:
        hostile(file.parent, file.name, change)
    return files


def traces(here: Path) -> list[str]:
    return sorted({"ran", "called"} & {path.name for path in here.iterdir()})


def cases(commands: dict[str, str], *payloads: dict[str, tuple[Values, str]]) -> list[Any]:
    return [
        pytest.param(command, change, wants, id=f"{name}-{payload}")
        for name, command in commands.items()
        for group in payloads
        for payload, (change, wants) in group.items()
    ]


def check(run: Run, here: Path, kind: str, command: str, change: Values, wants: str) -> None:
    """The command refuses, in one message that names the file and what it would run, and leaves nothing behind."""
    make(kind, here, change)
    before = sorted(here.iterdir())
    status, out, err = run(*command.split())
    assert status == 2, err
    message = [line for line in err.splitlines() if line.startswith("redraft ")]
    mentions(message[0], "--trust", *wants.split(" ", 1))
    assert re.search(r"\bFILE\S*\.json ", message[0])
    assert "\x1b" not in err and not out
    assert not traces(here) and "evil" not in sys.modules
    assert sorted(path for path in here.iterdir() if path.name != "out") == before


@pytest.mark.parametrize(("command", "change", "wants"), cases(WEIGHTS, ANYWHERE, OF_A_MODEL))
def test_weights(run: Run, here: Path, command: str, change: Values, wants: str) -> None:
    check(run, here, "weights", command, change, wants)


@pytest.mark.parametrize(("command", "change", "wants"), cases(GRAPH, ANYWHERE, OF_A_MODEL))
def test_graphs(run: Run, here: Path, command: str, change: Values, wants: str) -> None:
    check(run, here, "graph", command, change, wants)


@pytest.mark.parametrize(("command", "change", "wants"), cases(RUNS, ANYWHERE, OF_A_MODEL, OF_A_RUN))
def test_runs(run: Run, here: Path, command: str, change: Values, wants: str) -> None:
    check(run, here, "run", command, change, wants)


@pytest.mark.parametrize(("command", "change", "wants"), cases(DATA, ANYWHERE))
def test_data(run: Run, here: Path, command: str, change: Values, wants: str) -> None:
    check(run, here, "data", command, change, wants)


def test_a_run_whose_data_is_a_strangers(run: Run, here: Path) -> None:
    make("data", here, {"task": "evil:task"})
    (here / "run").mkdir()
    values = run_to_dict(get_recipe("sudoku-4x4", tiny=True))
    values["data"]["train"] = "FILE"
    (here / "run/config.json").write_text(json.dumps(values))
    result = run("train", "--resume", "run")
    refused(result, "FILE/train/store.json", "task", "evil:task", "--trust")
    assert not traces(here)


def test_a_card_that_names_other_weights(run: Run, here: Path) -> None:
    """What a contender was trained on is looked at, but not run."""
    make("weights", here, {"task": "evil:task"})
    card = {"run": {"init": "FILE", "data": {"train": "make:8@1"}}}
    hostile(here / "weights", "config.json", {"card": card})
    shutil.copytree(here / "weights", here / "other")
    status, out, err = run("compare", "weights", "other", "--data", "make:4@3", "--steps", "1")
    assert status == 0, err
    assert "weights: " in out and not traces(here)


def test_ablations_of_a_stranger(run: Run, here: Path) -> None:
    """Results that lie there, and a run in the place of the suite's own."""
    plan = make_plan(get_suite("ema"), seeds=(0,))
    pool = Pool(here / "out")
    folder = pool.folder / plan.name
    folder.mkdir()
    base = {**run_to_dict(plan.base), "loss": "evil:task"}
    (folder / RESULTS).write_text(json.dumps({"seeds": [0], "rows": {}, "base": base}))
    refused(run("ablate", "ema", "-o", "out"), f"out/{plan.name}/{RESULTS}", "loss", "evil:task", "--trust")
    (folder / RESULTS).unlink()
    place = pool.of(plan.runs()[0])
    place.mkdir(parents=True)
    (place / "config.json").write_text(json.dumps(base))
    refused(run("ablate", "ema", "-o", "out"), "config.json", "loss", "evil:task", "--trust")
    assert not traces(here)


@pytest.mark.parametrize("payload", [*ANYWHERE, *OF_A_MODEL])
def test_from_python(here: Path, payload: str) -> None:
    change, _ = (ANYWHERE | OF_A_MODEL)[payload]
    (file,) = make("weights", here, change)
    calls: list[Callable[[Path], Any]] = [redraft.load, open_stepper, open_weights, load_weights, task_of]
    for call in calls:
        with raises(TrustError, "FILE/config.json"):
            call(file.parent)
    assert not traces(here)
    with pytest.raises(RedraftError) as caught:  # nor is it what it should be
        redraft.load(file.parent, trust=True)
    assert not isinstance(caught.value, TrustError)
    assert "called" not in traces(here) or payload == "module here"


@pytest.mark.parametrize("payload", ANYWHERE)
def test_data_from_python(here: Path, payload: str) -> None:
    change, _ = ANYWHERE[payload]
    file, _ = make("data", here, change)
    for call in (Store.open, task_in):
        with raises(TrustError, "FILE/train/store.json"):
            call(file.parent)
    assert Store.open(file.parent, trust=True).task == change["task"], "to open it is not to run it"
    assert not traces(here)


@pytest.mark.parametrize("payload", [*ANYWHERE, *OF_A_MODEL, *OF_A_RUN])
def test_runs_from_python(here: Path, payload: str) -> None:
    change, _ = (ANYWHERE | OF_A_MODEL | OF_A_RUN)[payload]
    (file,) = make("run", here, change)
    with raises(TrustError, "FILE/config.json"):
        open_run(file.parent)
    assert not traces(here)


TYPED = {
    "make": "make {} 3",
    "solve": f"solve {{}} {QUESTION}",
    "train": "train {}",
    "train --task": "train sudoku-4x4 --tiny --task {} -o out",
    "train --loss": "train sudoku-4x4 --tiny --loss {} -o out",
    "train --halting": "train sudoku-4x4 --tiny --halting {} -o out",
    "ablate": "ablate {}",
    "ablate --set": "ablate ema -o out --set model.kind={}",
    "compare": "compare weights weights@2 --data make:4@1 --task {}",
    "data build": "data build pairs.csv -o out --checker {}",
    "data import": "data import published -o out --task {}",
    "import": "import checkpoint --task {}",
}


@pytest.mark.parametrize("name", ["os:abort", "sys:exit", "builtins:exec", "subprocess:run", "code:interact"])
@pytest.mark.parametrize("command", TYPED.values(), ids=list(TYPED))
def test_what_is_typed_must_be_of_the_kind(run: Run, here: Path, command: str, name: str) -> None:
    """Also what the user consents to is only called if it can be what it should be."""
    (here / "pairs.csv").write_text("input,output\n" + "".join(f"{a},{b}\n" for a in "ab" for b in "ab"))
    torch.save({"embed_tokens.embedding_weight": torch.zeros(6, 8)}, here / "checkpoint")
    published(here / "published")
    refused(run(*command.format(name).split()), name)
    assert not (here / "out").exists()


def published(folder: Path) -> None:
    (folder / "train").mkdir(parents=True)
    meta = {"seq_len": 7, "vocab_size": 3, "num_puzzle_identifiers": 1, "sets": ["all"]}
    (folder / "train/dataset.json").write_text(json.dumps(meta))


@pytest.mark.parametrize("payload", ANYWHERE)
@pytest.mark.parametrize("command", [WEIGHTS["solve"], WEIGHTS["eval"], WEIGHTS["inspect"]])
def test_trusted_but_of_another_kind(run: Run, here: Path, command: str, payload: str) -> None:
    make("weights", here, ANYWHERE[payload][0])
    status, out, err = run(*command.split(), "--trust")
    assert (status, out) == (2, ""), err
    assert len([line for line in err.splitlines() if line.startswith("redraft ")]) == 1 and "--trust" not in err


@pytest.mark.parametrize("payload", OF_A_RUN)
def test_a_trusted_run_of_another_kind(run: Run, here: Path, payload: str) -> None:
    make("run", here, OF_A_RUN[payload][0])
    status, out, err = run("train", "--resume", "FILE", "--trust")
    assert (status, out) == (2, "") and "--trust" not in err and "called" not in traces(here)


@pytest.mark.parametrize("name", ["os:abort", "sys:exit", "evil:task"])
def test_in_a_process_of_its_own(here: Path, name: str) -> None:
    make("weights", here, {"task": name})
    command = [sys.executable, "-m", "redraft", "solve", "--weights", "FILE", QUESTION]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    mentions(done.stderr, "redraft solve", "FILE/config.json", "task", name, "--trust", "trust=True")
    assert not traces(here)


@pytest.mark.slow
def test_files_of_the_current_folder_hide_no_installed_module(here: Path) -> None:
    for module in ("random", "rich", "tyro", "numpy", "torch"):
        (here / f"{module}.py").write_text(EVIL)
    for more in ([], ["--backend", "torch"]):
        command = [sys.executable, "-m", "redraft", "solve", "--weights", "weights", *more, QUESTION]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode in (0, 1), done.stderr
    assert not traces(here)


def test_a_pickle_and_a_yaml_that_run_code(run: Run, here: Path) -> None:
    class Mischief:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (here / "ran",)

    torch.save({"weights": Mischief()}, here / "checkpoint")
    refused(run("import", "checkpoint", "--task", "sudoku-4x4"), "checkpoint", "getattr")
    torch.save({"embed_tokens.embedding_weight": torch.zeros(6, 8)}, here / "checkpoint")
    (here / "all_config.yaml").write_text(f"arch: !!python/object/apply:pathlib.Path.touch [{here / 'ran'}]\n")
    assert run("import", "checkpoint", "--task", "sudoku-4x4")[0] == 2
    assert not traces(here)


def test_the_loss_on_a_card_is_asked_for_too(run: Run, here: Path, arcweights: Path) -> None:
    card = {"run": {"loss": "evil:task"}}
    hostile(arcweights, "config.json", {"card": card})
    adapt = ("arc", "adapt", arcweights, here / "arctasks", "--out", "adapted", "--views", "1")
    refused(run(*adapt), "config.json", "loss", "evil:task", "--trust")
    assert not traces(here)


def test_a_strangers_adaptation(run: Run, here: Path, arcweights: Path) -> None:
    command = ("arc", "adapt", arcweights, here / "arctasks", "--out", "adapted", "--views", "1")
    recipe = replace(get_recipe("sudoku-4x4", tiny=True), task="arc")
    (here / "adapted/run").mkdir(parents=True)
    (here / "adapted/run/config.json").write_text(json.dumps({**run_to_dict(recipe), "halting": "evil:task"}))
    refused(run(*command), "adapted/run/config.json", "halting", "evil:task", "--trust")
    assert not traces(here)


@pytest.fixture
def arcweights(here: Path) -> Path:
    """Weights for ARC, and beside them a task to adapt to."""
    from redraft.models import TRMConfig, build_model
    from redraft.weights.io import save_weights

    config = TRMConfig(
        vocab_size=12, seq_len=900, hidden_size=8, num_heads=1, width_multiple=8, n=1, T=1, puzzle_positions=1,
        puzzle_dim=8, num_puzzles=3,
    )  # fmt: skip
    save_weights(here / "arcweights", build_model(config), task="arc", card={})
    (here / "arctasks").mkdir()
    pairs = [{"input": [[number]], "output": [[2]]} for number in (1, 3)]
    (here / "arctasks/one.json").write_text(json.dumps({"train": pairs[:1], "test": pairs[1:]}))
    return here / "arcweights"
