"""`redraft.load`: names that ship, folders, runs, and what it says of anything else."""

from pathlib import Path

import pytest
import torch

import redraft
import redraft.weights
from redraft.errors import ConfigError, RedraftError, WeightsError
from redraft.models import Model, TRMConfig, build_model
from redraft.models.io import save_weights
from redraft.solve.load import load, open_weights

TINY = TRMConfig(
    vocab_size=6, seq_len=16, hidden_size=16, width_multiple=8, n=1, T=1, mixer="mlp", positions="none",
    puzzle_positions=0,
)  # fmt: skip


def write(folder: Path, *, seed: int = 0, task: str = "sudoku-4x4") -> Model:
    model = build_model(TINY, seed=seed)
    save_weights(folder, model, task=task, card={"summary": f"seed {seed}"})
    return model


def weights_of(model: Model) -> torch.Tensor:
    return model.get_parameter("answer_head.weight").detach()


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of weights that stands for the one in the package."""
    monkeypatch.setattr(redraft.weights, "_HERE", tmp_path / "shipped")
    return tmp_path / "shipped"


def test_by_name(shipped: Path) -> None:
    write(shipped / "sudoku-4x4", seed=3)
    assert redraft.weights.names() == ["sudoku-4x4"]
    assert redraft.weights.summary("sudoku-4x4") == "seed 3"
    solver = redraft.load("sudoku-4x4", max_steps=2)
    assert solver.task.name == "sudoku-4x4" and solver.max_steps == 2
    question = solver.task.make(1, 0).questions[0]
    answer = solver.solve(question)
    assert answer.steps == len(answer.trace) == 2
    assert answer.solved == solver.task.check(question, answer.grid).solved


def test_by_folder_or_file(tmp_path: Path) -> None:
    model = write(tmp_path / "mine", seed=4)
    for place in (tmp_path / "mine", str(tmp_path / "mine"), tmp_path / "mine" / "model.safetensors"):
        assert torch.equal(weights_of(open_weights(place).model), weights_of(model))
    assert load(tmp_path / "mine", dtype="bfloat16").stepper.model.config.dtype == "bfloat16"  # type: ignore[attr-defined]


def test_of_a_run_the_best_before_the_last(tmp_path: Path) -> None:
    last = write(tmp_path / "run" / "last", seed=5)
    assert torch.equal(weights_of(open_weights(tmp_path / "run").model), weights_of(last))
    best = write(tmp_path / "run" / "best", seed=6)
    assert torch.equal(weights_of(open_weights(tmp_path / "run").model), weights_of(best))


def test_unknown_name(shipped: Path) -> None:
    with pytest.raises(WeightsError, match=r"nothing: no such folder, .* \(those that do: none\)"):
        load("nothing")
    write(shipped / "sudoku-4x4")
    with pytest.raises(WeightsError, match=r"those that do: sudoku-4x4"):
        load("nothing")


def test_a_folder_without_weights(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"config\.json: no such file; expected a folder with config\.json"):
        load(tmp_path)


def test_a_file_that_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "puzzles.csv").write_text("question\n")
    with pytest.raises(WeightsError, match=r"puzzles\.csv: is a file; expected a folder"):
        load(tmp_path / "puzzles.csv")


def test_options(tmp_path: Path) -> None:
    write(tmp_path / "mine")
    with pytest.raises(ConfigError, match="dtype: expected one of float32, bfloat16, got 'float16'"):
        load(tmp_path / "mine", dtype="float16")
    with pytest.raises(ConfigError, match="device 'gpu'"):
        load(tmp_path / "mine", device="gpu")
    with pytest.raises(ConfigError, match="max_steps"):
        load(tmp_path / "mine", max_steps=0)


def test_weights_of_an_unknown_task(tmp_path: Path) -> None:
    write(tmp_path / "mine", task="unknown")
    with pytest.raises(RedraftError, match="unknown task 'unknown'"):
        load(tmp_path / "mine")
