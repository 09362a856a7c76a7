"""ExecuTorch programs: they do what the model does, folders hold what it takes to run them, mistakes are named."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.failing import mentions, raises

from redraft.errors import ConfigError, WeightsError
from redraft.export import OF_EXTRA, require_export
from redraft.export.executorch import PROGRAM, open_program
from redraft.export.export import export, export_folder
from redraft.models import HRMConfig, Model, TRMConfig, build_model
from redraft.recipes.alike import equivariant
from redraft.solve.load import load
from redraft.tasks import get_task
from redraft.weights.io import Weights

SHAPE: dict[str, Any] = {"vocab_size": 6, "seq_len": 16, "hidden_size": 32, "width_multiple": 16, "puzzle_positions": 0}
CONFIGS = {
    "trm": TRMConfig(**SHAPE, mixer="mlp", positions="none", n=1, T=2),
    "equivariant": equivariant(get_task("sudoku-4x4"), hidden_size=16, n=1, T=2),
    "hrm": HRMConfig(**SHAPE, num_heads=4, puzzle_dim=32),
}
needs = pytest.mark.skipif(
    find_spec("executorch") is None, reason="needs ExecuTorch: pip install 'redraft[executorch]'"
)


def weights_of(model: Model) -> Weights:
    return Weights(model=model, task="sudoku-4x4", card={"summary": "made for a test", "solve": {"max_steps": 5}})


@needs
@pytest.mark.slow
@pytest.mark.parametrize("kind", CONFIGS)
def test_a_program_does_what_its_model_does(kind: str, tmp_path: Path) -> None:
    model = build_model(CONFIGS[kind], seed=1).eval()
    made = export(weights_of(model), tmp_path / "x", name="x", to="executorch", count=4)
    assert made.agreement.apart is not None and made.agreement.apart < 1e-4 and made.agreement.tokens == 1
    assert made.bytes == (tmp_path / "x" / PROGRAM).stat().st_size and not made.int8
    config = json.loads((tmp_path / "x" / "config.json").read_text())
    assert "onnx" not in config and config["executorch"]["tokens"][1] == "."
    stepper = open_program(tmp_path / "x", continue_logit=kind == "hrm")
    state, draft = stepper.step(stepper.start(np.ones((3, 16), np.int64), np.zeros(3, np.int64)))
    assert draft.tokens.shape == (3, 16) and (draft.continue_logit is not None) == (kind == "hrm")
    assert (draft.tokens[0] == draft.tokens).all() and state.y.shape[0] == 3
    with raises(WeightsError, "model.safetensors"):
        load(tmp_path / "x")
    with raises(ConfigError, "-o"):
        export_folder("sudoku-6x6", tmp_path / "x", to="executorch")


def test_mistakes_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OF_EXTRA, "executorch", ("executorch", ("absent_package",)))
    with raises(ConfigError, "absent_package", "redraft[executorch]"):
        require_export("executorch")
    with raises(ConfigError, "onnx", "executorch", "coreml"):
        require_export("coreml")  # type: ignore[arg-type]
    monkeypatch.setitem(OF_EXTRA, "executorch", ("executorch", ()))
    with raises(ConfigError, "int8"):
        export_folder("sudoku-6x6", tmp_path / "x", to="executorch", int8=True)
    assert not (tmp_path / "x").exists()


@pytest.mark.skipif(find_spec("executorch") is not None, reason="is for an install without ExecuTorch")
def test_the_command_names_the_extra(tmp_path: Path) -> None:
    line = [sys.executable, "-m", "redraft", "export", "sudoku-6x6", "--to", "executorch", "-o", str(tmp_path / "x")]
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    mentions(done.stderr, "executorch", "redraft[executorch]")
