"""How consent to one's own code travels: from what was typed to the run, its weights, their export, and no further."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers.failing import refused

import redraft
import redraft.solve.load
from redraft.backends.numpy.stepper import NumpyStepper
from redraft.errors import TrustError
from redraft.models import build_model
from redraft.recipes import get_recipe
from redraft.solve.load import open_weights
from redraft.tasks import get_task
from redraft.trust import given
from redraft.weights.io import save_weights

pytestmark = pytest.mark.slow
Run = Callable[..., tuple[int, str, str]]

MINE = """
from dataclasses import dataclass, replace
import redraft.train.losses
from redraft.ablate.suite import Row, Suite
from redraft.models import TRMConfig
from redraft.recipes import get_recipe
from redraft.tasks.sudoku.task import Sudoku
from redraft.train.halting import HaltingRule

class Small(Sudoku):
    def __init__(self):
        super().__init__(4)

@dataclass(frozen=True, kw_only=True)
class Config(TRMConfig): ...

class Rule(HaltingRule): ...

def loss(logits, labels):
    return redraft.train.losses.softmax(logits, labels)

def recipe(tiny=False):
    base = get_recipe("sudoku-4x4", tiny=True)
    shape = {name: getattr(base.model, name) for name in TRMConfig.__dataclass_fields__}
    run = replace(base, recipe="mine", task="mine:Small", loss="mine:loss", halting="mine:Rule", steps=2)
    data = replace(base.data, train="make:8@1", test="make:4@2")
    return replace(run, model=Config(**shape), data=data, eval_every=1, checkpoint_every=1)

def suite():
    rows = {"it": Row()}
    return Suite(name="ours", title="Ours", what="Whether it runs.", base={"small": recipe()}, rows=rows, seeds=(0,))
"""
QUESTION = "1.....2..3.....4"
ASKED = "--trust"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A user's folder, with a module of theirs."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    Path("mine.py").write_text(MINE)
    yield tmp_path / "here"
    forget()


def forget() -> None:
    """As in a new process."""
    for name in ("mine", "own_six", "judge"):
        sys.modules.pop(name, None)


@pytest.fixture
def own_run(run: Run) -> str:
    status, _, err = run("train", "mine:recipe", "-o", "run", "--threads", "1")
    assert status == 0, err
    forget()
    return "run"


def test_a_run_of_ones_own(run: Run, own_run: str) -> None:
    config = json.loads(Path("run/config.json").read_text())
    assert (config["model"]["kind"], config["loss"]) == ("mine:Config", "mine:loss")
    assert run("train", "--resume", own_run)[0] == 0
    for weights in ("run", "run/best", "run/last"):
        assert run("solve", "--weights", weights, QUESTION)[0] in (0, 1)
    assert run("eval", own_run, "make:4@3")[0] == 0
    assert run("compare", "run/best", "run/last@2", "--data", "make:4@3")[0] == 0
    status, _, err = run("train", "mine:recipe", "--init", "run", "-o", "next", "--threads", "1")
    assert status == 0, err
    assert run("solve", "--weights", "next", QUESTION)[0] in (0, 1)


def test_a_folder_that_was_moved_is_nobodys(run: Run, own_run: str) -> None:
    """Nobody knows whose it is; --trust opens it."""
    Path("run").rename("moved")
    for command in (
        ("solve", "--weights", "moved", QUESTION),
        ("eval", "moved", "make:4@3"),
        ("train", "--resume", "moved"),
    ):
        refused(run(*command), ASKED)
        assert "mine" not in sys.modules
        assert run(*command, "--trust")[0] in (0, 1)
        forget()
    assert run("train", "--resume", "moved")[0] == 2, "trust was for once"


def test_a_module_of_the_same_name_elsewhere(
    run: Run, own_run: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here.parent / "theirs").mkdir()
    (here.parent / "theirs/mine.py").write_text("raise SystemExit('imported')")
    monkeypatch.chdir(here.parent / "theirs")
    refused(run("solve", "--weights", here / "run", QUESTION), "mine:Small", here / "mine.py", ASKED)
    monkeypatch.chdir(here.parent)
    refused(run("solve", "--weights", here / "run", QUESTION), "'mine'")


def test_what_is_typed_is_consented_to(run: Run, own_run: str) -> None:
    Path("run").rename("moved")
    values = json.loads(Path("moved/best/config.json").read_text())
    values["model"]["kind"] = "trm"
    Path("moved/best/config.json").write_text(json.dumps(values))
    assert run("solve", "--weights", "moved", QUESTION)[0] == 2
    assert run("solve", "mine:Small", "--weights", "moved", QUESTION)[0] in (0, 1)
    assert run("compare", "moved/best", "moved/best@2", "--data", "make:4@3", "--task", "mine:Small")[0] == 0


def test_data_of_a_colleague(run: Run) -> None:
    """Trusted when the run was begun; going on with it is no new question."""
    Path("judge.py").write_text("def check(question, answer): return question[::-1] == answer")
    pairs = [f"{a}{b}/{c}{d},{c}{d}/{a}{b}" for a in "xy" for b in "xy" for c in "xy" for d in "xy"]
    Path("pairs.csv").write_text("\n".join(["input,output", *pairs]) + "\n")
    assert run("data", "build", "pairs.csv", "-o", "built", "--checker", "judge:check")[0] == 0
    assert run("data", "show", "built")[0] == 0
    Path("built").rename("data")
    train = ("train", "data", "--size", "nano", "--tiny", "--steps", "2", "--threads", "1", "-o", "run")
    refused(run(*train), "data/train/store.json", "checker", "judge:check", ASKED)
    assert run(*train, "--trust")[0] == 0
    assert run("train", "--resume", "run")[0] == 0
    assert run("solve", "--weights", "run", "xy/xx")[0] in (0, 1)
    assert run("train", "data", "--size", "nano", "--tiny", "-o", "other")[0] == 2
    assert not Path("other").exists()


def test_an_export_of_ones_own(run: Run) -> None:
    pytest.importorskip("onnxruntime")
    Path("own_six.py").write_text("from redraft.tasks.sudoku.task import Sudoku\n\ndef six(): return Sudoku(6)\n")
    bundled = open_weights("sudoku-6x6")
    save_weights(Path("six"), bundled.model, task="own_six:six", card=bundled.card)
    status, _, err = run("export", "six", "-o", "graph", "--check", "4")
    assert status == 0, err
    question = get_task("sudoku-6x6").format(get_task("sudoku-6x6").make(1, 0).questions[0])
    assert run("solve", "--weights", "graph", question)[0] == 0
    Path("graph").rename("moved")
    assert run("solve", "--weights", "moved", question)[0] == 2


def test_a_suite_of_ones_own(run: Run, here: Path) -> None:
    """Its runs are of processes of their own, which know what was typed here."""
    command = ("ablate", "mine:suite", "-o", "out", "--threads", "1")
    status, out, err = run(*command)
    assert status == 0 and "1 of 1" in out, err
    (folder,) = (here / "out/runs").iterdir()
    assert run("solve", "--weights", folder, QUESTION)[0] in (0, 1)
    Path("out").rename("moved")
    (folder,) = (here / "moved/runs").iterdir()
    assert run("solve", "--weights", folder, QUESTION)[0] == 2
    status, out, err = run("ablate", "mine:suite", "-o", "moved", "--threads", "1")
    assert status == 0 and "seed 0" not in err, "the suite names the same code, and the suite was typed"


def test_from_python(run: Run, own_run: str) -> None:
    question = get_task("sudoku-4x4").parse(QUESTION)
    redraft.load(own_run, max_steps=1).solve(question)
    Path("run").rename("moved")
    forget()
    with pytest.raises(TrustError, match="mine:Small"):
        redraft.load("moved")
    for backend in ("auto", "torch"):
        solver = redraft.load("moved", max_steps=1, backend=backend, trust=True)
        assert len(solver.solve_many([question] * 2)) == 2
    assert given() == frozenset(), "trust was for what was opened alone"


def test_consent_lasts_until_a_solver_opens_them_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights of a known model for a task of one's own: NumPy opens them, and torch once many puzzles come."""
    model = build_model(get_recipe("sudoku-4x4", tiny=True).model)
    save_weights(Path("written"), model, task="mine:Small", card={})
    Path("written").rename("moved")
    monkeypatch.setattr(redraft.solve.load, "most_for_numpy", lambda *_, **__: 1)
    question = get_task("sudoku-4x4").parse(QUESTION)
    with pytest.raises(TrustError, match="mine:Small"):
        redraft.load("moved")
    solver = redraft.load("moved", max_steps=1, trust=True)
    assert isinstance(solver.stepper, NumpyStepper)
    assert len(solver.solve_many([question] * 3)) == 3
    assert given() == frozenset()
