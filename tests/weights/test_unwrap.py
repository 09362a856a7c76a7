"""Checkpoints as people have them: wrapped, renamed, beside other things, or files that are something else."""

import argparse
import gzip
import io
import json
import pickle
import re
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from redraft.cli import main
from redraft.errors import WeightsError
from redraft.models import TRMConfig, build_model
from redraft.weights.io import load_weights, save_weights
from redraft.weights.published import published_name
from redraft.weights.unwrap import read_checkpoint

TINY = TRMConfig(
    vocab_size=6, seq_len=16, hidden_size=16, expansion=2.0, mixer="mlp", positions="none",
    puzzle_positions=1, puzzle_dim=16,
)  # fmt: skip
PLAIN, AVERAGE = build_model(TINY, seed=1), build_model(TINY, seed=2)


def tensors(prefix: str = "", *, of: torch.nn.Module = PLAIN) -> dict[str, Tensor]:
    return {prefix + published_name(name): tensor.clone() for name, tensor in of.state_dict().items()}


def save(values: Any, file: Path) -> Path:
    torch.save(values, file)
    return file


OPTIMISER = {"state": {0: {"exp_avg": torch.zeros(3), "step": torch.tensor(7.0)}}, "param_groups": [{"lr": 1e-4}]}
WRAPPED: dict[str, Any] = {
    "plain": tensors(),
    "known": tensors("_orig_mod.model.inner."),
    "lightning": {"state_dict": tensors("model.inner."), "epoch": 3, "optimizer_states": [OPTIMISER]},
    "with a step": {"model": tensors("model.inner."), "optimizer": OPTIMISER, "step": 7, "rng": torch.zeros(9)},
    "model_state_dict": {"model_state_dict": tensors("inner."), "optimizer_state_dict": OPTIMISER, "loss": 0.1},
    "twice": {"checkpoint": {"module": tensors("model.inner.")}, "client_state": {}},
    "in a list": {"models": [tensors("model.inner.")], "names": ["trm"]},
    "parallel": tensors("module._orig_mod.model.inner."),
    "parallel inside": tensors("model.module.inner."),
    "compiled inside": tensors("model._orig_mod.inner."),
    "layers compiled": {name.replace("layers.1.", "layers.1._orig_mod."): t for name, t in tensors("inner.").items()},
    "sharded": tensors("_fsdp_wrapped_module.model._fsdp_wrapped_module.inner."),
    "another name": tensors("trainer.network."),
    "beside a loss": tensors("model.inner.") | {"criterion.weight": torch.ones(6)},
    "with settings": {"model": tensors(), "args": argparse.Namespace(lr=1e-4, out=Path("runs"))},
    "only an average": {"ema": tensors("model.inner."), "step": 7},
    "averaged": {"n_averaged": torch.tensor(3)} | tensors("module.model.inner."),
    "buffers": tensors("model.inner.")
    | {
        "model.inner.rotary_emb.cos_cached": torch.zeros(17, 8),
        "model.inner.L_level.layers.0.self_attn.rotary_emb.inv_freq": torch.zeros(4),
        "model.inner.puzzle_emb.local_weights": torch.zeros(2, 16),
        "model.inner.L_level.layers.0.causal_mask": torch.zeros(17, 17, dtype=torch.bool),
    },
    "half": {name: tensor.double() for name, tensor in tensors().items()},
    "parameters": {name: torch.nn.Parameter(tensor) for name, tensor in tensors("model.inner.").items()},
}


@pytest.mark.parametrize("name", WRAPPED)
@pytest.mark.parametrize("zipped", [True, False], ids=["new", "old format"])
def test_wrappings_come_off(name: str, zipped: bool, tmp_path: Path) -> None:
    torch.save(WRAPPED[name], tmp_path / "file.pt", _use_new_zipfile_serialization=zipped)
    found = read_checkpoint(tmp_path / "file.pt")
    assert set(found.tensors) == set(tensors()) and found.others == ()
    for key, tensor in tensors().items():
        assert torch.equal(found.tensors[key].float(), tensor), key


def test_import_prints_what_it_took(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = save({"ema": tensors("model.inner.", of=AVERAGE), "model": tensors("model.inner.")}, tmp_path / "both.pt")
    words = ["import", str(file), "--task", "sudoku-4x4", "-o"]
    for options, model, told in (
        ([], PLAIN, r"\bmodel;.* ema .*--key"),
        (["--key", "ema"], AVERAGE, r"\bema;.* model\b"),
        (["--key", "model"], PLAIN, r"\bmodel;.* ema\b"),
    ):
        out = tmp_path / f"out{'-'.join(options)}"
        assert main([*words, str(out), *options]) == 0
        printed = capsys.readouterr().out
        assert re.search(told, printed) and str(out) in printed
        assert torch.equal(load_weights(out).model.state_dict()["y_init"], model.state_dict()["y_init"])
    assert json.loads((out / "config.json").read_text())["card"]["summary"] == "imported from both.pt (model)"
    assert main([*words, str(tmp_path / "no"), "--key", "best"]) == 2
    assert re.search(r"both\.pt: .*--key best.*--key ema, model", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("values", "key", "first"),
    [
        ({"state_dict": tensors("model.") | tensors("ema_model.module.", of=AVERAGE)}, None, PLAIN),
        ({"state_dict": tensors("model.") | tensors("ema_model.module.", of=AVERAGE)}, "ema_model", AVERAGE),
        ({"model": {"state_dict": tensors()}, "ema": {"state_dict": tensors(of=AVERAGE)}}, "ema", AVERAGE),
        ({"model": tensors(), "model_ema": tensors(of=AVERAGE)}, "model", PLAIN),
        ({"model": tensors(), "model_ema": tensors(of=AVERAGE)}, "ema", AVERAGE),
        ({"ema_model": {"shadow": tensors(of=AVERAGE)}, "net": tensors()}, None, PLAIN),
        (tensors() | {"ema": tensors(of=AVERAGE)}, None, PLAIN),
        (tensors() | {"ema": tensors(of=AVERAGE)}, "ema", AVERAGE),
    ],
)
def test_several_in_a_file(values: dict[str, Any], key: str | None, first: torch.nn.Module, tmp_path: Path) -> None:
    found = read_checkpoint(save(values, tmp_path / "file.pt"), key)
    assert torch.equal(found.tensors["H_init"], first.state_dict()["y_init"]) and len(found.others) == 1


def test_no_choice_is_made_between_equals(tmp_path: Path) -> None:
    file = save({"best": tensors(), "last": tensors(of=AVERAGE)}, tmp_path / "file.pt")
    with pytest.raises(WeightsError, match=r"file\.pt: .*--key best, last"):
        read_checkpoint(file)
    assert torch.equal(read_checkpoint(file, "last").tensors["H_init"], AVERAGE.state_dict()["y_init"])


@pytest.mark.parametrize("prefix", ["", "model.inner.", "module._orig_mod.model.inner."])
def test_the_name_of_a_file_does_not_matter(prefix: str, tmp_path: Path) -> None:
    save_file(tensors(prefix), tmp_path / "tensors.pt")
    save(tensors(prefix), tmp_path / "pickled.safetensors")
    for name in ("tensors.pt", "pickled.safetensors"):
        assert set(read_checkpoint(tmp_path / name).tensors) == set(tensors())


class Mischief:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (MARK,)


MARK = Path("executed")


def test_code_in_a_pickle_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    save({"H_init": Mischief()}, tmp_path / "torch.pt")
    torch.save({"H_init": Mischief()}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    save(PLAIN, tmp_path / "module.pt")
    (tmp_path / "plain.pkl").write_bytes(pickle.dumps({"H_init": Mischief()}))
    for file, reason in (
        ("torch.pt", r"torch\.pt: .*tensors: .* (builtins.getattr, )?pathlib"),
        ("old.pt", r"old\.pt: .*tensors"),
        ("module.pt", r"module\.pt: .*tensors: .* redraft"),
        ("plain.pkl", r"plain\.pkl: .*pickle.*torch\.save.*safetensors"),
    ):
        with pytest.raises(WeightsError, match=reason) as caught:
            read_checkpoint(tmp_path / file)
        assert "weights_only" not in str(caught.value), "must not advise to run it"
    assert not (tmp_path / MARK).exists()


def _cut(file: Path) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])


def _damage(file: Path) -> None:
    data = bytearray(file.read_bytes())
    start = data.index(b"PK", 8)  # behind the first member, whose name shows that torch wrote the file
    data[start : start + 400] = bytes(400)
    file.write_bytes(data)


def _archive(file: Path) -> None:
    content = file.read_bytes()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("weights/step_100", content)


def _tar(file: Path) -> None:
    content = file.read_bytes()
    with tarfile.open(file, "w") as archive:
        member = tarfile.TarInfo("step_100")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))


def _script(file: Path) -> None:
    class Doubled(torch.nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return 2 * x

    with torch.jit.optimized_execution(False):
        torch.jit.save(torch.jit.trace(Doubled(), torch.ones(1)), str(file))


def _own(file: Path) -> None:
    save_weights(file.parent / "own", PLAIN, task="sudoku-4x4", card={})
    file.write_bytes((file.parent / "own" / "model.safetensors").read_bytes())


OTHER_FILES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "text": (lambda f: f.write_text("question,answer\n1,2\n"), "'question,answer 1,2'"),
    "an answer of a server": (lambda f: f.write_text("404: Not Found"), "'404: Not Found'"),
    "empty": (lambda f: f.write_bytes(b""), r"empty.*torch\.save.*safetensors"),
    "noise": (lambda f: f.write_bytes(bytes(range(1, 256)) * 9), "damaged"),
    "cut off": (_cut, "cut off.*PyTorch"),
    "damaged": (_damage, "damaged.*PyTorch|cut off"),
    "absent": (lambda f: f.unlink(), "No such file"),
    "folder": (lambda f: (f.unlink(), f.mkdir()), "folder"),
    "pointer": (
        lambda f: f.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:01\nsize 27\n"),
        "Git LFS.*git lfs pull",
    ),
    "page": (lambda f: f.write_text("<!DOCTYPE html><html><body>Not found"), "HTML"),
    "zip": (_archive, r"zip archive.*torch\.save.*safetensors.*unpack"),
    "gzip": (lambda f: f.write_bytes(gzip.compress(f.read_bytes())), "gzip archive.*unpack"),
    "tar": (_tar, "tar archive.*unpack"),
    "index": (lambda f: f.write_text('{"metadata": {}, "weight_map": {}}'), "index"),
    "array": (lambda f: np.save(str(f) + ".npy", np.ones(2)) or Path(f"{f}.npy").replace(f), "NumPy"),
    "gguf": (lambda f: f.write_bytes(b"GGUF\x03\0\0\0" + bytes(99)), "GGUF"),
    "onnx": (lambda f: f.write_bytes(b"\x08\x0a\x12\x07pytorch" + bytes(99)), "ONNX"),
    "keras": (lambda f: f.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(99)), "HDF5"),
    "safetensors cut off": (lambda f: (save_file(tensors(), f), _cut(f)), "cut off$"),
    "tensor": (lambda f: torch.save(torch.ones(2), f), "state dict.* Tensor"),
    "list": (lambda f: torch.save([torch.ones(2)], f), "state dict.* list"),
    "other model": (lambda f: torch.save({"model": {"a.b": torch.ones(2)}}, f), r" model\.a\.b$"),
    "numbers": (lambda f: torch.save({3: torch.ones(2)}, f), " 3$"),
    "nothing": (lambda f: torch.save({}, f), "TRM.*HRM.*tensors"),
    "own": (_own, "redraft.*folder"),
}


@pytest.mark.parametrize("name", OTHER_FILES)
def test_other_files(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damage, message = OTHER_FILES[name]
    file = save(tensors("model.inner."), tmp_path / "step_100")
    damage(file)
    assert main(["import", str(file), "--task", "sudoku-4x4", "-o", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"redraft import: {file}: ") and error.count("\n") == 1
    with pytest.raises(WeightsError, match=f"^{file}: .*({message})"):
        read_checkpoint(file)
    assert not (tmp_path / "out").exists()


@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_a_program_is_no_state_dict(tmp_path: Path) -> None:
    _script(tmp_path / "script.pt")
    with pytest.raises(WeightsError, match=r"script\.pt: .*TorchScript.*torch\.jit\.save"):
        read_checkpoint(tmp_path / "script.pt")


def test_a_folder_is_looked_into(tmp_path: Path) -> None:
    save(tensors(), tmp_path / "model.pt")
    with pytest.raises(WeightsError, match=r"folder.* model\.pt "):
        read_checkpoint(tmp_path)
