"""Weights on disk as a PyTorch model: a folder with `model.safetensors` and `config.json` (task, model, model card)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from redraft.arrays import require_finite
from redraft.config import to_dict
from redraft.errors import ConfigError, WeightsError
from redraft.files import replacing, write_text
from redraft.models import MODELS, Model, ModelConfig, build_model, model_config, model_kind
from redraft.models.base import DTYPES
from redraft.trust import remember
from redraft.weights.format import FORMAT, LENGTH, ROWS, VALUES, Description, describe, unpack_tables, unreadable


@dataclass(frozen=True, kw_only=True)
class Weights:
    """A model with its weights, the task it was trained on (as in `Task.spec`), and its model card."""

    model: Model
    task: str | dict[str, Any]
    card: dict[str, Any]


def save_weights(
    folder: Path, model: Model, *, task: str | dict[str, Any], card: dict[str, Any], dtype: torch.dtype = torch.float32
) -> None:
    """Writes weights and configuration, each file whole or not at all. Floats are stored as `dtype`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WeightsError(f"{folder}: cannot be made a folder of weights: {error.strerror or error}") from error
    sparse = model.sparse_parameters()
    named = {name: tensor for name, tensor in model.state_dict().items() if name not in sparse} | pack_tables(model)
    tensors = {name: tensor.to(dtype) if tensor.is_floating_point() else tensor for name, tensor in named.items()}
    write_tensors(folder / "model.safetensors", tensors)
    config = {"kind": model_kind(model.config), **to_dict(model.config)}
    described = {"format": FORMAT, "task": task, "model": config, "card": card}
    write_text(folder / "config.json", json.dumps(described, indent=2) + "\n")
    remember(folder / "config.json", described)


def pack_tables(model: Model) -> dict[str, torch.Tensor]:
    """The puzzle tables (N, D) of a model by name, each whole or, where most rows are zero, in three parts.

    The parts are `NAME@rows` (K,) and `NAME@values` (K, D), the rows that are not zero, and `NAME@length`, N.
    """
    packed: dict[str, torch.Tensor] = {}
    for name, parameter in model.sparse_parameters().items():
        table = parameter.detach()
        rows = table.any(1).nonzero().squeeze(1)
        if 2 * len(rows) < len(table):
            packed[name + ROWS], packed[name + VALUES] = rows.to(torch.int32), table[rows]
            packed[name + LENGTH] = torch.tensor(len(table))
        else:
            packed[name] = table
    return packed


def write_tensors(file: Path, tensors: dict[str, torch.Tensor], metadata: dict[str, str] | None = None) -> None:
    """Writes a safetensors file whole or not at all, without a second copy in memory; raises RedraftError."""
    ready = {name: tensor.detach().to("cpu").contiguous() for name, tensor in tensors.items()}
    shared = [name for name, tensor in ready.items() if tensor.untyped_storage().nbytes() != tensor.nbytes]
    with replacing(file) as partial:
        partial.touch()
        mode = partial.stat().st_mode
        try:
            # safetensors takes a view of a larger buffer for shared memory
            save_file(ready | {name: ready[name].clone() for name in shared}, partial, metadata)
        except SafetensorError as error:  # a full disk, too
            raise WeightsError(f"{file}: cannot be written: {error}") from error
        partial.chmod(mode)  # save_file makes files that only their owner may read


def load_weights(
    folder: str | Path,
    *,
    dtype: str = "float32",
    trust: bool = False,
    arrays: Mapping[str, Any] | None = None,
    described: Description | None = None,
) -> Weights:
    """Opens a folder written by `save_weights` (or its `model.safetensors`); activations will be in `dtype`.

    `arrays` are the tensors of its file, in NumPy, if they have been read already, and `described` is what takes the
    place of its description, such as that of a board of another size. Raises WeightsError or ConfigError
    naming the file and the fault, TrustError where it names code without consent (`trust`, see `trust.py`).
    """
    folder = Path(folder)
    folder = folder.parent if folder.name == "model.safetensors" else folder
    if dtype not in DTYPES:
        raise ConfigError(f"dtype: expected one of {', '.join(DTYPES)}, got {dtype!r}")
    if folder.is_file():
        raise WeightsError(f"{folder}: is a file; expected a folder with config.json and model.safetensors")
    described = describe(folder, trust=trust) if described is None else described
    config = replace(model_config(described.model, where=f"{folder / 'config.json'}: model"), dtype=dtype)
    file = folder / "model.safetensors"
    if arrays is None:
        tensors = read_safetensors(file, where=f"{file}: ")
    else:
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    try:
        tensors = unpack_tables(tensors, torch.zeros)
    except ValueError as error:
        raise WeightsError(f"{file}: damaged: {error}") from error
    model = _built(config, tensors, file)
    tensors = {name: tensor.float() for name, tensor in tensors.items()}
    require_finite(tensors, str(file))
    model.load_state_dict(tensors)
    return Weights(model=model.eval(), task=described.task, card=described.card)


def _built(config: ModelConfig, tensors: dict[str, torch.Tensor], file: Path) -> Model:
    """The model of a configuration, of the shape of a file's tensors; raises WeightsError where their shapes differ.

    For models of this package that is checked before any memory is taken, however large the configuration is.
    """
    try:
        if type(config) in MODELS.values():
            with torch.device("meta"):
                require_fit(build_model(config).state_dict(), tensors, f"{file}: ")
        model = build_model(config)
    except ConfigError as error:
        raise ConfigError(f"{file.parent / 'config.json'}: {error}") from error
    require_fit(model.state_dict(), tensors, f"{file}: ")
    return model


def read_safetensors(file: Path, *, where: str) -> dict[str, torch.Tensor]:
    """The tensors of a file; raises WeightsError, which begins with `where` and names what the file is instead."""
    try:
        return load_file(file)
    except (SafetensorError, OSError, ValueError) as error:
        raise unreadable(file, error, where=where) from error


def require_fit(expected: dict[str, torch.Tensor], found: dict[str, torch.Tensor], prefix: str = "") -> None:
    """Raises WeightsError naming tensors that are missing, unexpected or of another shape."""
    for kind, names in (("missing", expected.keys() - found.keys()), ("unexpected", found.keys() - expected.keys())):
        if names:
            raise WeightsError(f"{prefix}{kind} tensors: {', '.join(sorted(names)[:5])}")
    for name, tensor in expected.items():
        if (shape := tuple(found[name].shape)) != tuple(tensor.shape):
            raise WeightsError(f"{prefix}tensor {name} has shape {shape}, expected {tuple(tensor.shape)}")


def digest(model: Model, *, about: str = "") -> str:
    """A digest of the weights and of `about`, in 16 characters."""
    found = hashlib.blake2b(about.encode(), digest_size=8)
    for name, tensor in sorted(model.state_dict().items()):
        found.update(name.encode())
        found.update(tensor.cpu().contiguous().reshape(-1).numpy())
    return found.hexdigest()


def count_parameters(model: Model) -> tuple[int, int]:
    """Parameters of the network, and of its puzzle tables, which papers tend to leave out."""
    dense = sum(p.numel() for p in model.dense_parameters().values())
    return dense, sum(p.numel() for p in model.sparse_parameters().values())
