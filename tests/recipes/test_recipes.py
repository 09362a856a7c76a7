"""Every recipe runs in its tiny mode, and the paper's recipes keep the paper's figures."""

from pathlib import Path

import pytest

from redraft.cli import main
from redraft.errors import ConfigError
from redraft.recipes import RECIPES, get_recipe

QUICK = {"sudoku-4x4", "sudoku-6x6", "maze-8x8"}


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in RECIPES]
)
def test_tiny_mode_trains_and_evaluates(name: str, tmp_path: Path) -> None:
    assert main(["train", name, "--tiny", "-o", str(tmp_path / "run"), "--threads", "1"]) == 0
    assert (tmp_path / "run/best/model.safetensors").exists()


@pytest.mark.parametrize("name", RECIPES)
def test_documented(name: str) -> None:
    text = RECIPES[name].__doc__ or ""
    assert f"redraft train {name}" in text


@pytest.mark.parametrize("name", ["sudoku-extreme-mlp", "sudoku-extreme-att"])
def test_paper_figures(name: str) -> None:
    run = get_recipe(name)
    model, optim = run.model, run.optim
    assert (model.hidden_size, model.num_layers, model.T, model.n, model.num_heads) == (512, 2, 3, 6, 8)
    assert (model.expansion, model.width_multiple, model.puzzle_positions, model.puzzle_dim) == (4.0, 256, 16, 512)
    assert model.effective_depth == 42
    assert (model.mixer, model.positions) == (("mlp", "none") if name.endswith("mlp") else ("attention", "rope"))
    assert (optim.kind, optim.lr, optim.weight_decay, optim.beta1, optim.beta2) == ("adam_atan2", 1e-4, 1.0, 0.9, 0.95)
    assert (optim.warmup, optim.min_ratio, optim.ema) == (2000, 1.0, 0.999)
    assert (optim.puzzle_lr, optim.puzzle_weight_decay) == (1e-4, 1.0)
    assert (run.batch_size, run.max_steps, run.exploration, run.loss) == (768, 16, 0.1, "stablemax")
    assert run.data.train_limit == 1000 and run.data.augment


def test_unknown_recipe() -> None:
    with pytest.raises(ConfigError, match=r"recipe 'sudoku'.* sudoku-4x4"):
        get_recipe("sudoku")
