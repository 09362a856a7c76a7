"""Weights opened without torch: what they must be, and what is said of others."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from redraft.backends.numpy.stepper import read_model
from redraft.errors import RedraftError, WeightsError
from redraft.models import DirectConfig, TRMConfig, build_model
from redraft.weights.format import describe, read_arrays
from redraft.weights.io import save_weights

TINY = TRMConfig(
    vocab_size=6, seq_len=16, hidden_size=16, width_multiple=8, n=1, T=1, mixer="mlp", positions="none",
    puzzle_positions=0,
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_weights(tmp_path, build_model(TINY), task="sudoku-4x4", card={"summary": "tiny"})
    return tmp_path


def read(folder: Path) -> object:
    return read_model(folder, describe(folder))


def test_description(folder: Path) -> None:
    described = describe(folder)
    assert (described.task, described.card, described.model["kind"]) == ("sudoku-4x4", {"summary": "tiny"}, "trm")


@pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int32, torch.int64]
)
def test_tensors(tmp_path: Path, dtype: torch.dtype) -> None:
    values = torch.tensor([[0.0, -1.0, 3.0], [100.5, 1e-3, -2.75]]).to(dtype)
    save_file({"a": values, "none": values[:0].clone(), "one": values[0, 1].clone()}, tmp_path / "x", {"by": "me"})
    found = read_arrays(tmp_path / "x")
    assert sorted(found) == ["a", "none", "one"] and found["none"].shape == (0, 3) and found["one"].shape == ()
    np.testing.assert_array_equal(found["a"], values.double() if dtype.is_floating_point else values)


def configure(folder: Path, **changes: object) -> None:
    meta = json.loads((folder / "config.json").read_text())
    meta["model"] |= changes
    (folder / "config.json").write_text(json.dumps(meta))


def cut(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-4])


def fill(folder: Path, value: float) -> None:
    """Sets a number of a tensor to another value, in bfloat16."""
    tensors = {name: tensor.bfloat16() for name, tensor in load_file(folder / "model.safetensors").items()}
    tensors["net.blocks.0.mlp.down.weight"][1, 1] = value
    save_file(tensors, folder / "model.safetensors")


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no configuration": (lambda f: (f / "config.json").unlink(), r"config\.json: "),
    "not JSON": (lambda f: (f / "config.json").write_text("{"), r"config\.json: "),
    "a list": (lambda f: (f / "config.json").write_text("[]"), r"config\.json: .*object"),
    "no task": (
        lambda f: (f / "config.json").write_text('{"format": 1}'),
        r"config\.json: .*task",
    ),
    "another kind": (
        lambda f: configure(f, kind="hrm"),
        "backend numpy .*trm, equivariant, local, not hrm",
    ),
    "an unknown key": (lambda f: configure(f, depth=3), r"config\.json: model: .*'depth'"),
    "no recursion": (lambda f: configure(f, n=0), r"model\.n: .*1.*0"),
    "odd heads": (lambda f: configure(f, mixer="attention", num_heads=3), "hidden_size: .*2 x num_heads.* 16"),
    "no grid": (lambda f: configure(f, mixer="conv", grid_width=5), "grid_width: .*16 cells.* 5"),
    "no tensors": (lambda f: (f / "model.safetensors").unlink(), r"model\.safetensors: no such file"),
    "cut off": (cut, r"model\.safetensors: .*cut off$"),
    "empty": (lambda f: (f / "model.safetensors").write_bytes(b""), r"model\.safetensors: .*empty.* safetensors "),
    "another file": (
        lambda f: (f / "model.safetensors").write_bytes(b"PK\3\4" * 99),
        r"model\.safetensors: .*zip archive.* safetensors .*unpack",
    ),
    "not a number": (
        lambda f: fill(f, float("nan")),
        r"model\.safetensors: NaN .*net\.blocks\.0",
    ),
    "infinite": (lambda f: fill(f, float("inf")), r"model\.safetensors: .*infinite .*net\.blocks\.0"),
    "a pointer": (
        lambda f: (f / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:01\n"),
        r"model\.safetensors: .*Git LFS",
    ),
    "no header": (
        lambda f: (f / "model.safetensors").write_bytes(b"\2" + bytes(7) + b"[]"),
        r"model\.safetensors: .*damaged.* safetensors ",
    ),
    "odd entries": (
        lambda f: (f / "model.safetensors").write_bytes(b"\7" + bytes(7) + b'{"a":1}'),
        r"model\.safetensors: ",
    ),
    "another dtype": (
        lambda f: save_file({"a": torch.zeros(1, dtype=torch.float8_e5m2)}, f / "model.safetensors"),
        "tensor a .*F8_E5M2.*F64, F32",
    ),
    "another shape": (lambda f: configure(f, vocab_size=7), r"embed\.tokens .*\(6, 16\).* 7 x 16"),
    "missing tensors": (lambda f: configure(f, num_layers=3), r"tensor.* net\.blocks\.2\.mix"),
    "further tensors": (lambda f: configure(f, num_layers=1), r"tensor.* net\.blocks\.1\.mix"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_it_says_of_others(folder: Path, damage: str) -> None:
    do, message = DAMAGES[damage]
    do(folder)
    with pytest.raises(RedraftError, match=message):
        read(folder)


def test_another_kind_of_model(tmp_path: Path) -> None:
    model = build_model(DirectConfig(vocab_size=6, seq_len=16, hidden_size=16, num_heads=2, puzzle_positions=0))
    save_weights(tmp_path, model, task="sudoku-4x4", card={})
    with pytest.raises(WeightsError, match=r"backend numpy .*trm, equivariant, local, not direct"):
        read(tmp_path)
