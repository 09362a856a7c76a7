"""Weights on disk: a folder with `model.safetensors` and `config.json` (task, model, and a card of how they came)."""

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
from redraft.weights.format import FORMAT, describe, unpack_tables, unreadable
from redraft.weights.tables import pack_tables


@dataclass(frozen=True, kw_only=True)
class Weights:
    """A model with its weights, the task it was trained on (as in `Task.spec`), and the card that tells how."""

    model: Model
    task: str | dict[str, Any]
    card: dict[str, Any]


def save_weights(
    folder: Path, model: Model, *, task: str | dict[str, Any], card: dict[str, Any], dtype: torch.dtype = torch.float32
) -> None:
    """Writes weights and configuration; each file is replaced whole or not at all. Floats are stored as `dtype`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WeightsError(f"{folder}: cannot be made a folder of weights: {error.strerror or error}") from error
    sparse = model.sparse_parameters()
    named = {name: tensor for name, tensor in model.state_dict().items() if name not in sparse} | pack_tables(model)
    write_tensors(folder / "model.safetensors", {name: _stored(tensor, dtype) for name, tensor in named.items()})
    config = {"kind": model_kind(model.config), **to_dict(model.config)}
    described = {"format": FORMAT, "task": task, "model": config, "card": card}
    write_text(folder / "config.json", json.dumps(described, indent=2) + "\n")
    remember(folder / "config.json", described)


def _stored(tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return tensor.to(dtype) if tensor.is_floating_point() else tensor


def write_tensors(file: Path, tensors: dict[str, torch.Tensor], metadata: dict[str, str] | None = None) -> None:
    """Writes a safetensors file whole or not at all, without a second copy of it in memory.

    Raises RedraftError where it cannot.
    """
    ready = {name: tensor.detach().to("cpu").contiguous() for name, tensor in tensors.items()}
    shared = [name for name, tensor in ready.items() if tensor.untyped_storage().nbytes() != tensor.nbytes]
    with replacing(file) as partial:
        partial.touch()
        mode = partial.stat().st_mode
        try:
            # a view of a larger buffer would be taken for shared memory
            save_file(ready | {name: ready[name].clone() for name in shared}, partial, metadata)
        except SafetensorError as error:  # which a full disk is, too
            raise WeightsError(f"{file}: cannot be written: {error}") from error
        partial.chmod(mode)  # save_file's files only their owner may read


def load_weights(
    folder: str | Path, *, dtype: str = "float32", trust: bool = False, arrays: Mapping[str, Any] | None = None
) -> Weights:
    """Opens a folder written by `save_weights` (or its `model.safetensors`); activations will be in `dtype`.

    `arrays` are the tensors of its file, in NumPy, where they have been read already.

    Raises WeightsError or ConfigError naming the file and what is wrong with it, TrustError where it names code that
    nobody has consented to (`trust`, see `trust.py`).
    """
    folder = Path(folder)
    folder = folder.parent if folder.name == "model.safetensors" else folder
    if dtype not in DTYPES:
        raise ConfigError(f"dtype: expected one of {', '.join(DTYPES)}, got {dtype!r}")
    if folder.is_file():
        raise WeightsError(f"{folder}: is a file; expected a folder with config.json and model.safetensors")
    described = describe(folder, trust=trust)
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
    """The model that these tensors of a file are for; raises WeightsError where they are of another shape.

    Of a model of this package that is known before memory is taken, however large the configuration says it is.
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
    """The tensors of a file; raises WeightsError that names what the file is instead, behind `where`."""
    try:
        return load_file(file)
    except (SafetensorError, OSError, ValueError) as error:
        raise unreadable(file, error, where=where) from error


def require_fit(expected: dict[str, torch.Tensor], found: dict[str, torch.Tensor], prefix: str = "") -> None:
    """Raises WeightsError naming tensors that are missing, unexpected or of another shape."""
    missing = sorted(set(expected) - set(found))
    if missing:
        raise WeightsError(f"{prefix}missing tensors: {', '.join(missing[:5])}")
    extra = sorted(set(found) - set(expected))
    if extra:
        raise WeightsError(f"{prefix}unexpected tensors: {', '.join(extra[:5])}")
    for name, tensor in expected.items():
        if tensor.shape != found[name].shape:
            raise WeightsError(
                f"{prefix}tensor {name} has shape {tuple(found[name].shape)}, expected {tuple(tensor.shape)}"
            )


def digest(model: Model, *, about: str = "") -> str:
    """What the weights are, and what else is told about them, in 16 characters."""
    found = hashlib.blake2b(about.encode(), digest_size=8)
    for name, tensor in sorted(model.state_dict().items()):
        found.update(name.encode())
        found.update(tensor.cpu().contiguous().reshape(-1).numpy())
    return found.hexdigest()


def count_parameters(model: Model) -> tuple[int, int]:
    """Parameters of the network, and of its puzzle-embedding tables, which papers tend to leave out."""
    dense = sum(p.numel() for p in model.dense_parameters().values())
    return dense, sum(p.numel() for p in model.sparse_parameters().values())
