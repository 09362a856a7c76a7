"""The format of weights on disk, read without PyTorch: `config.json`, and `model.safetensors` as NumPy arrays."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, deserialize

from redraft.contents import read_object
from redraft.errors import ConfigError, WeightsError
from redraft.formats import SAFETENSORS, what_else
from redraft.naming import unversioned
from redraft.trust import require_consent

A = TypeVar("A")  # an array, NumPy's or PyTorch's
Arrays = dict[str, NDArray[np.generic]]

FORMAT = 1  # of config.json
# Parts of a puzzle table of which only the rows that are not zero are written, see `io.pack_tables`.
ROWS, VALUES, LENGTH = "@rows", "@values", "@length"
# NumPy's dtypes of those of safetensors. `safetensors.numpy` lacks bfloat16, in which weights may be saved.
DTYPES = {
    **{"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "BOOL": "?"},
    **{f"{kind}{bits}": f"<{kind.lower()}{bits // 8}" for kind in "IU" for bits in (8, 16, 32, 64)},
}


@dataclass(frozen=True, kw_only=True)
class Description:
    """The content of `config.json`: the task as in `Task.spec`, the model card, the model's configuration and kind, and
    `backends.onnx.Exported` of an exported model."""

    task: str | dict[str, Any]
    card: dict[str, Any]
    model: dict[str, Any]
    onnx: Any = None


def describe(folder: Path, *, trust: bool = False) -> Description:
    """Reads `config.json`; raises WeightsError or ConfigError where `save_weights` did not write it.

    Raises TrustError where it names code without consent (`trust`, see `trust.py`).
    """
    file = folder / "config.json"
    meta = read_json(file)
    if meta.get("format") != FORMAT:
        raise WeightsError(f"{file}: format {meta.get('format')!r}, expected {FORMAT}")
    if not isinstance(task := meta.get("task"), str | dict):
        raise WeightsError(f"{file}: expected the name of a task, got {task!r}")
    if not isinstance(card := meta.get("card") or {}, dict):
        raise WeightsError(f"{file}: card: expected an object, got {reprlib.repr(card)}")
    if not isinstance(model := meta.get("model"), dict):
        raise ConfigError(f"{file}: model: expected an object whose `kind` names the model, got {reprlib.repr(model)}")
    require_consent(file, meta, trust=trust)
    return Description(task=unversioned(task), card=card, model=model, onnx=meta.get("onnx"))


def read_json(file: Path) -> dict[str, Any]:
    """The JSON object in a file; raises WeightsError where there is none."""
    expected = "a folder with config.json and model.safetensors"
    if not file.exists():
        raise WeightsError(f"{file}: no such file; expected {expected}")
    return read_object(file, WeightsError, expected=expected)


def read_arrays(file: Path) -> Arrays:
    """The tensors of a safetensors file, bfloat16 as float32; raises WeightsError, which names the file."""
    try:
        return {name: _array(name, **entry) for name, entry in deserialize(file.read_bytes())}  # type: ignore[no-untyped-call]
    except (SafetensorError, OSError, ValueError) as error:
        raise unreadable(file, error, where=f"{file}: ") from error


def _array(name: str, *, dtype: str, shape: list[int], data: bytearray) -> NDArray[np.generic]:
    if dtype not in DTYPES:
        raise ValueError(f"tensor {name} is of dtype {dtype}, expected one of {', '.join(DTYPES)}")
    flat = np.frombuffer(data, DTYPES[dtype])
    if dtype == "BF16":  # the upper half of a float32
        flat = (flat.astype(np.uint32) << 16).view(np.float32)
    return flat.reshape(shape)


def unreadable(file: Path, error: Exception, *, where: str) -> WeightsError:
    """The error of an unreadable safetensors file: what it is instead, or the reason; it begins with `where`."""
    if isinstance(error, FileNotFoundError):
        return WeightsError(f"{where}no such file")
    try:
        reason = what_else(file, SAFETENSORS)
    except OSError as closed:
        reason = closed.strerror or str(closed)
    return WeightsError(f"{where}{reason} ({error})" if reason == "is damaged" else where + reason)


def unpack_tables(tensors: Mapping[str, A], zeros: Callable[..., Any] = np.zeros) -> dict[str, A]:
    """The same tensors with every packed puzzle table whole again; `zeros` makes an array of their library.

    Raises ValueError where a part is missing or wrong.
    """
    whole = {name: tensor for name, tensor in tensors.items() if not name.endswith((ROWS, VALUES, LENGTH))}
    for name in (key.removesuffix(LENGTH) for key in tensors if key.endswith(LENGTH)):
        try:
            rows, values, length = (tensors[name + part] for part in (ROWS, VALUES, LENGTH))
            table = zeros((int(length), values.shape[1]), dtype=values.dtype)  # type: ignore[call-overload, attr-defined]
            table[rows] = values
        # no size, more than the memory, or rows beyond the last
        except (KeyError, IndexError, ValueError, RuntimeError, MemoryError, OverflowError) as error:
            raise ValueError(f"puzzle table {name} lacks a part, or it is wrong ({error})") from error
        whole[name] = table
    return whole
