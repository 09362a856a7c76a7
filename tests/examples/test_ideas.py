"""Ideas in one file each (docs/experiments.md): a model, a loss and a halting rule of one's own."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from redraft.data.build import open_source
from redraft.errors import ConfigError, RedraftError
from redraft.models import StepOutput, build_model, model_kind
from redraft.models.check import check_model
from redraft.recipes import get_recipe
from redraft.tasks import get_task
from redraft.train.config import RunConfig
from redraft.train.folder import open_run
from redraft.train.halting import get_halting
from redraft.train.loop import Trainer
from redraft.train.losses import get_loss, stablemax
from redraft.weights.io import load_weights

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def in_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)


def train(run: RunConfig, folder: Path) -> None:
    """All steps of a tiny run, without evaluation."""
    task = get_task(run.task)
    data = open_source(task, run.data.train)
    trainer = Trainer(run, folder, task=task, data=data, device=torch.device("cpu"))
    trainer.run(lambda model: {"exact": 0.0}, [])


def test_a_model_of_ones_own_trains_and_comes_back_from_its_folder(tmp_path: Path) -> None:
    run = get_recipe("idea_model:recipe", tiny=True)
    assert model_kind(run.model) == "idea_model:LeakyConfig"
    check_model(build_model(run.model))
    train(run, tmp_path / "run")
    assert open_run(tmp_path / "run") == run
    assert load_weights(tmp_path / "run" / "last").model.config == run.model


@pytest.mark.usefixtures("float64")
def test_a_latent_that_keeps_nothing_is_the_plain_model() -> None:
    """The idea is the one line that the example says it is."""
    leaky = get_recipe("idea_model:recipe", tiny=True).model
    plain = get_recipe("sudoku-6x6", tiny=True).model
    one, other = build_model(replace(leaky, keep=0.0)), build_model(plain)  # type: ignore[call-arg]
    tokens, ids = torch.randint(8, (2, 36), generator=torch.Generator().manual_seed(0)), torch.zeros(2).long()
    with torch.no_grad():
        got, want = (model(tokens, ids, model.initial_carry(2)).logits for model in (one, other))
    torch.testing.assert_close(got, want)


def test_a_loss_of_ones_own() -> None:
    focal = get_loss("idea_loss:focal")
    labels = torch.tensor([[1, 0, -100]])
    sure, unsure = torch.tensor([[[0.0, 1e6], [0.0, 0.0], [0.0, 0.0]]]), torch.zeros(1, 3, 2)
    assert focal(sure, labels)[0, 0] < 1e-9, "a cell that is right and sure costs nothing"
    torch.testing.assert_close(focal(unsure, labels), stablemax(unsure, labels) / 4)


def test_a_halting_rule_of_ones_own() -> None:
    rule = get_halting("idea_halting:Cautious")
    carry = build_model(get_recipe("sudoku-6x6", tiny=True).model).initial_carry(3)
    output = StepOutput(carry, torch.zeros(3, 36, 8), torch.tensor([-1.0, 1.0, 3.0]))
    assert output.halts.tolist() == [False, True, True]
    assert rule.stops(output, torch.zeros(3, dtype=torch.bool)).tolist() == [False, False, True]


def test_they_train_together(tmp_path: Path) -> None:
    run = replace(get_recipe("sudoku-6x6", tiny=True), loss="idea_loss:focal", halting="idea_halting:Cautious")
    train(run, tmp_path / "run")
    assert open_run(tmp_path / "run") == run


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loss": "idea_loss:fokal"}, "idea_loss:fokal: .*loss.*module:NAME"),
        ({"loss": "hinge"}, "loss .*'hinge'.*stablemax, softmax.*module:NAME"),
        ({"halting": "never"}, "halting .*'never'.*binary, q, none, oracle"),
    ],
)
def test_names_that_are_none(change: dict[str, str], message: str) -> None:
    with pytest.raises(RedraftError, match=message):
        replace(get_recipe("sudoku-6x6", tiny=True), **change)  # type: ignore[arg-type]


def test_a_recipe_that_is_none() -> None:
    with pytest.raises(ConfigError, match=r"idea_loss:stablemax: .*`tiny`"):
        get_recipe("idea_loss:stablemax")


@pytest.mark.parametrize("name", ["idea_model", "idea_loss", "idea_halting"])
def test_the_guide_shows_the_files_as_they_are(name: str) -> None:
    guide = (ROOT / "docs" / "experiments.md").read_text(encoding="utf-8")
    start = guide.index(f"+++ {name}.py\n")
    shown = guide[start : guide.index("```", start)].splitlines()[2:]
    file = (ROOT / "examples" / f"{name}.py").read_text(encoding="utf-8").splitlines()
    assert shown == [f"+{line}" for line in file], f"docs/experiments.md shows another examples/{name}.py"
