"""Weights on disk: what is saved comes back, and each kind of damage has its own clear sentence."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from redraft.errors import ConfigError, RedraftError, WeightsError
from redraft.models import Model, TRMConfig, build_model
from redraft.weights import io
from redraft.weights.io import count_parameters, load_weights, save_weights

TINY = TRMConfig(
    vocab_size=6, seq_len=4, hidden_size=16, num_heads=4, width_multiple=8, n=1, T=1, mixer="attention",
    positions="learned", puzzle_positions=1, num_puzzles=3, puzzle_dim=16,
)  # fmt: skip


@pytest.fixture
def model() -> Model:
    return build_model(TINY, seed=2)


@pytest.fixture
def folder(model: Model, tmp_path: Path) -> Path:
    save_weights(tmp_path / "weights", model, task="sudoku-4x4", card={"summary": "tiny"})
    return tmp_path / "weights"


def test_round_trip(model: Model, folder: Path) -> None:
    opened = load_weights(folder)
    assert (opened.task, opened.card, opened.model.config) == ("sudoku-4x4", {"summary": "tiny"}, TINY)
    assert not opened.model.training
    for name, tensor in model.state_dict().items():
        assert torch.equal(opened.model.state_dict()[name], tensor), name
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]


def test_round_trip_in_half_the_space(model: Model, folder: Path, tmp_path: Path) -> None:
    save_weights(tmp_path / "half", model, task="sudoku-4x4", card={}, dtype=torch.bfloat16)
    sizes = [(place / "model.safetensors").stat().st_size for place in (tmp_path / "half", folder)]
    assert sizes[0] < 0.75 * sizes[1]
    for name, tensor in load_weights(tmp_path / "half").model.state_dict().items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, model.state_dict()[name].bfloat16().float()), name


def test_activations_in_bfloat16(model: Model, folder: Path) -> None:
    half = load_weights(folder, dtype="bfloat16").model
    assert half.config == replace(TINY, dtype="bfloat16")
    tokens = torch.ones(1, 4, dtype=torch.int64)
    output = half(tokens, torch.zeros(1, dtype=torch.int64), half.initial_carry(1))
    assert output.carry.y.dtype == torch.bfloat16 and output.logits.dtype == torch.float32


def test_saving_again_replaces(folder: Path) -> None:
    other = build_model(TINY, seed=3)
    save_weights(folder, other, task="sudoku-4x4", card={})
    assert torch.equal(load_weights(folder).model.state_dict()["y_init"], other.state_dict()["y_init"])


def test_a_full_disk_is_no_fault_of_ours(folder: Path, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(io, "save_file", full)
    before = (folder / "model.safetensors").read_bytes()
    with pytest.raises(WeightsError, match=r"model\.safetensors: .*No space left on device"):
        save_weights(folder, model, task="sudoku-4x4", card={})
    assert (folder / "model.safetensors").read_bytes() == before
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]


def test_others_may_read_the_files(folder: Path) -> None:
    modes = {os.stat(folder / name).st_mode & 0o777 for name in ("config.json", "model.safetensors")}
    assert len(modes) == 1, "both as the user's umask has it"


def test_parameters_are_counted_apart(model: Model) -> None:
    dense, sparse = count_parameters(model)
    assert sparse == 3 * 16
    assert dense + sparse == sum(p.numel() for p in model.parameters())


def _tensors(change: Callable[[dict[str, torch.Tensor]], Any]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        tensors = load_file(folder / "model.safetensors")
        change(tensors)
        save_file(tensors, folder / "model.safetensors")

    return damage


def _config(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        values = json.loads((folder / "config.json").read_text())
        change(values)
        (folder / "config.json").write_text(json.dumps(values))

    return damage


def _text(text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / "config.json").write_text(text)


def _truncate(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])


DAMAGE: dict[str, tuple[Callable[[Path], object], type[RedraftError], str]] = {
    "truncated weights": (_truncate, WeightsError, r"model\.safetensors: .*cut off$"),
    "empty weights": (
        lambda f: (f / "model.safetensors").write_bytes(b""), WeightsError, r"model\.safetensors: .*empty",
    ),
    "a pointer": (
        lambda f: (f / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:01\n"),
        WeightsError, r"model\.safetensors: .*Git LFS.*git lfs pull",
    ),
    "a page": (
        lambda f: (f / "model.safetensors").write_text("<html>"), WeightsError, r"model\.safetensors: .*HTML",
    ),
    "a PyTorch file": (
        lambda f: torch.save({"a": torch.ones(2)}, f / "model.safetensors"), WeightsError,
        r"model\.safetensors: .*PyTorch.*\(torch\.save\).* safetensors ",
    ),
    "not a number": (
        _tensors(lambda t: t["embed.tokens"][1].fill_(float("nan"))), WeightsError,
        r"model\.safetensors: NaN .*embed\.tokens",
    ),
    "infinite in half the space": (
        _tensors(lambda t: t.update({"y_init": t["y_init"].bfloat16().fill_(float("-inf"))})), WeightsError,
        r"model\.safetensors: NaN .*y_init",
    ),
    "no weights": (
        lambda f: (f / "model.safetensors").unlink(), WeightsError, r"model\.safetensors: .*file$",
    ),
    "missing tensor": (
        _tensors(lambda t: t.pop("y_init")), WeightsError, r"model\.safetensors: .*tensor.* y_init$",
    ),
    "extra tensor": (
        _tensors(lambda t: t.update(more=torch.ones(1))), WeightsError, r"model\.safetensors: .*tensor.* more$",
    ),
    "wrong shape": (
        _tensors(lambda t: t.update(z_init=torch.ones(17))), WeightsError,
        r"model\.safetensors: .*z_init .*\(17,\).*\(16,\)",
    ),
    "no configuration": (lambda f: (f / "config.json").unlink(), WeightsError, r"config\.json: .*file"),
    "not JSON": (_text("{"), WeightsError, r"config\.json: .*JSON"),
    "not an object": (_text("[1]"), WeightsError, r"config\.json: .*object"),
    "not text": (lambda f: (f / "config.json").write_bytes(b"\xff\xfe{}"), WeightsError, r"config\.json: .*JSON"),
    "format number": (_config(lambda c: c.update(format=2)), WeightsError, r"config\.json: format 2.* 1"),
    "no format": (_config(lambda c: c.pop("format")), WeightsError, r"config\.json: format None.* 1"),
    "no task": (_config(lambda c: c.pop("task")), WeightsError, r"config\.json: .*task.* None"),
    "no model": (_config(lambda c: c.pop("model")), ConfigError, r"config\.json: model: .*`kind`.* None"),
    "unknown kind": (
        _config(lambda c: c["model"].update(kind="lstm")), ConfigError, r"config\.json: model: .*'lstm'.* trm",
    ),
    "unhashable kind": (_config(lambda c: c["model"].update(kind=["trm"])), ConfigError, r"model: .*`kind`.*\['trm'\]"),
    "unknown key": (
        _config(lambda c: c["model"].update(hidden=3)), ConfigError, r"config\.json: model: .*'hidden'.* vocab",
    ),
    "missing key": (_config(lambda c: c["model"].pop("seq_len")), ConfigError, r"config\.json: model: .*'seq_len'"),
    "wrong type": (
        _config(lambda c: c["model"].update(n="6")), ConfigError, r"config\.json: model\.n: .*int.*'6'",
    ),
    "out of range": (_config(lambda c: c["model"].update(T=0)), ConfigError, r"^model\.T: .*1.*0"),
    "no such choice": (
        _config(lambda c: c["model"].update(mixer="sum")), ConfigError, "mixer: .*'mlp', 'attention', 'conv'.*'sum'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGE)
def test_damage(folder: Path, name: str) -> None:
    damage, kind, message = DAMAGE[name]
    damage(folder)
    with pytest.raises(kind, match=message) as caught:
        load_weights(folder)
    assert "\n" not in str(caught.value)


def test_a_failed_save_keeps_the_old_weights(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (folder / "model.safetensors").read_bytes()

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(RedraftError, match=r"model\.safetensors: .*disk full"):
        save_weights(folder, build_model(TINY, seed=3), task="sudoku-4x4", card={})
    assert (folder / "model.safetensors").read_bytes() == before


def test_a_file_where_the_folder_should_be(model: Model, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(WeightsError, match=r"taken: .*File exists"):
        save_weights(tmp_path / "taken", model, task="sudoku-4x4", card={})
