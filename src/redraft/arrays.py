"""Arrays in files: never pickles, checked for type and axes; damage is an error naming the file. Weights are finite."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray

from redraft.contents import parse_json
from redraft.errors import DataError, WeightsError

MOST = 4 << 30  # bytes that the arrays of one .npz file may unpack to
META = "meta"  # the array of an .npz file that holds JSON

Arrays = Mapping[str, tuple[type[Any], int]]  # type, maybe an abstract one, and number of axes, by name


def read_array(file: Path, dtype: type[Any], axes: int, *, mapped: bool = False) -> NDArray[Any]:
    """The array in an .npy file, memory-mapped read-only if `mapped`; raises DataError."""
    try:
        array = np.load(file, mmap_mode="r" if mapped else None, allow_pickle=False)
    except OSError as problem:
        raise DataError(f"{file}: {problem.strerror or problem}") from problem
    except Exception as problem:  # damage comes out of numpy and zipfile as errors of a dozen kinds
        raise DataError(f"{file}: damaged or not an array ({problem})") from problem
    try:
        _require(array, dtype, axes)
    except ValueError as problem:
        raise DataError(f"{file}: {problem}") from None
    return array


def pack(meta: Any, arrays: Mapping[str, Any]) -> bytes:
    """The content of a compressed .npz file with these arrays, and `meta` as JSON."""
    content = io.BytesIO()
    held: dict[str, Any] = {META: np.frombuffer(json.dumps(meta).encode(), np.uint8), **arrays}
    np.savez_compressed(content, **held)
    return content.getvalue()


def unpack(content: bytes, arrays: Arrays) -> dict[str, NDArray[Any]]:
    """These arrays of the content of an .npz file; raises ValueError, and nothing else.

    From memory, since np.load would leave the handle of a damaged file open.
    """
    try:
        with ZipFile(io.BytesIO(content)) as packed:
            size = sum(each.file_size for each in packed.infolist() if each.filename.removesuffix(".npy") in arrays)
        if size > MOST:
            raise ValueError(f"it would unpack to {size / 2**30:.1f} GiB")
        with np.load(io.BytesIO(content), allow_pickle=False) as loaded:
            found = {name: loaded[name] for name in arrays}
    except ValueError:
        raise
    except Exception as problem:  # of a dozen kinds, as above
        raise ValueError(f"{problem}" or type(problem).__name__) from problem
    for name, (dtype, axes) in arrays.items():
        _require(found[name], dtype, axes, f"{name}: ")
    return found


def unpack_with_meta(content: bytes, arrays: Arrays) -> tuple[Any, dict[str, NDArray[Any]]]:
    """`meta` and the arrays that `pack` wrote; raises ValueError, and nothing else."""
    found = unpack(content, {META: (np.uint8, 1), **arrays})
    return parse_json(found.pop(META).tobytes()), found


def _require(array: Any, dtype: type[Any], axes: int, place: str = "") -> None:
    """Raises ValueError unless this is an array of this type, in the byte order of the machine, and of `axes` axes."""
    if not isinstance(array, np.ndarray):  # an archive, or a file of another kind, of which numpy gives the bytes
        raise ValueError(f"{place}expected one array")
    if not np.issubdtype(array.dtype, dtype) or not array.dtype.isnative or array.ndim != axes:
        raise ValueError(f"{place}expected {dtype.__name__} with {axes} axes, got {array.dtype} with {array.ndim}")


def require_finite(tensors: Mapping[str, Any], where: str) -> None:
    """Raises WeightsError naming the tensors, PyTorch's or NumPy's, that hold NaN or an infinite number.

    A minimum and a maximum are enough: NaN goes through both. `where` begins the message.
    """
    bad = [name for name, tensor in tensors.items() if not _finite(tensor)]
    if bad:
        named = f"tensor{'s' if len(bad) > 1 else ''} {', '.join(bad[:5])}{', …' if len(bad) > 5 else ''}"
        raise WeightsError(
            f"{where}: NaN or infinite numbers in {named}: the training diverged, or the file is damaged; "
            "use weights from before"
        )


def _finite(tensor: Any) -> bool:
    if not math.prod(tensor.shape):
        return True
    return math.isfinite(float(tensor.min())) and math.isfinite(float(tensor.max()))
