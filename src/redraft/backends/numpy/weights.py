"""Opens a folder of weights for NumPy, without torch, in float32.

What this does not know, or finds damaged, is an error here, and then a matter for `models.io`, which knows all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, deserialize

from redraft.backends.numpy.equivariant import EquivariantShape, NumpyEquivariant
from redraft.backends.numpy.model import NumpyModel, NumpyTRM, Shape
from redraft.config import from_dict
from redraft.contents import content_of, parse_json
from redraft.errors import ConfigError, WeightsError
from redraft.finite import require_finite
from redraft.formats import SAFETENSORS, what_else
from redraft.naming import unversioned
from redraft.trust import require_consent

Found = dict[str, NDArray[np.generic]]
KINDS: dict[str, tuple[type[Any], Callable[[Any, Mapping[str, NDArray[np.generic]]], NumpyModel]]] = {
    "trm": (Shape, NumpyTRM),
    "equivariant": (EquivariantShape, NumpyEquivariant),
}
FORMAT = 1  # of config.json, as in `models.io`
DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",  # the upper half of a float32
    "I32": "<i4",
    "I64": "<i8",
}


@dataclass(frozen=True, kw_only=True)
class Description:
    """What `config.json` says: the task as in `Task.spec`, the card, the model's configuration and kind, and of an
    exported model what `solve.onnx_stepper.Exported` holds."""

    task: str | dict[str, Any]
    card: dict[str, Any]
    model: dict[str, Any]
    onnx: Any = None


def describe(folder: Path) -> Description:
    """Reads `config.json`; raises WeightsError where it is not one that `save_weights` writes.

    Raises TrustError where it names code that nobody has consented to, see `trust.py`.
    """
    file = folder / "config.json"
    try:
        meta = parse_json(content_of(file))
    except (OSError, ValueError) as error:
        raise WeightsError(f"{file}: cannot be read ({error})") from error
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        raise WeightsError(f"{file}: expected an object of format {FORMAT}")
    if not isinstance(meta.get("task"), str | dict) or not isinstance(meta.get("model"), dict):
        raise WeightsError(f"{file}: expected a task and a model")
    if not isinstance(card := meta.get("card") or {}, dict):
        raise WeightsError(f"{file}: card: expected an object")
    require_consent(file, meta)
    return Description(task=unversioned(meta["task"]), card=card, model=meta["model"], onnx=meta.get("onnx"))


def read_model(folder: Path, description: Description, found: Found | None = None) -> NumpyModel:
    """The model with its weights; raises WeightsError where it is of another kind, or its file does not fit.

    `found` is filled with the tensors as they lie in the file, for whoever needs them too.
    """
    kind = description.model.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        known = " and ".join(KINDS)
        raise WeightsError(f"{folder}: backend numpy runs models of kind {known}, not {kind}; use backend torch")
    shape_class, model_class = KINDS[kind]
    try:
        shape = from_dict(shape_class, {key: value for key, value in description.model.items() if key != "kind"})
    except ConfigError as error:
        raise WeightsError(f"{folder / 'config.json'}: model: {error}") from error
    file = folder / "model.safetensors"
    try:
        tensors = read_tensors(file)
    except OSError as error:
        raise WeightsError(f"{file}: cannot be read ({error})") from error
    except (ValueError, LookupError, TypeError) as error:
        reason = what_else(file, SAFETENSORS)
        raise WeightsError(f"{file}: {f'cannot be read ({error})' if reason == 'is damaged' else reason}") from error
    require_finite(tensors, str(file))
    if found is not None:
        found.update(tensors)
    try:
        return model_class(shape, whole_tables(tensors))
    except (ValueError, LookupError, TypeError) as error:
        raise WeightsError(f"{file}: cannot be read ({error})") from error
    except WeightsError as error:
        raise WeightsError(f"{file}: {error}") from error


def read_tensors(file: Path) -> dict[str, NDArray[np.generic]]:
    """The tensors of a safetensors file, bfloat16 as float32; raises OSError or ValueError."""
    try:
        entries = deserialize(file.read_bytes())  # type: ignore[no-untyped-call]
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    return {name: _tensor(name, entry) for name, entry in entries}


def _tensor(name: str, entry: Mapping[str, Any]) -> NDArray[np.generic]:
    dtype = entry["dtype"]
    if dtype not in DTYPES:
        raise ValueError(f"tensor {name} is of dtype {dtype}, expected one of {', '.join(DTYPES)}")
    flat = np.frombuffer(entry["data"], DTYPES[dtype])
    if dtype == "BF16":
        flat = (flat.astype(np.uint32) << 16).view(np.float32)
    return flat.reshape(entry["shape"])


def whole_tables(tensors: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.generic]]:
    """The same tensors with every packed puzzle table whole again, see `models.tables`; raises as `read_tensors`."""
    whole = {name: tensor for name, tensor in tensors.items() if "@" not in name}
    for name in (key.removesuffix("@length") for key in tensors if key.endswith("@length")):
        rows, values = tensors[f"{name}@rows"], tensors[f"{name}@values"]
        try:
            whole[name] = np.zeros((int(tensors[f"{name}@length"]), values.shape[1]), values.dtype)
        except (MemoryError, OverflowError) as error:
            raise ValueError(f"table {name} is too large ({error})") from error
        whole[name][rows] = values
    return whole
