"""Arrays in files, never pickles; anything else is an error that names the file. Weights must be finite."""

from __future__ import annotations

import io
import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray

from redraft.errors import RedraftError, WeightsError

MOST = 4 << 30  # bytes that the arrays of one .npz file may unpack to


def read_array(file: Path, error: type[RedraftError], *, mapped: bool = False) -> NDArray[Any]:
    """The array in an .npy file, mapped into memory where `mapped`; raises `error`."""
    try:
        array = np.load(file, mmap_mode="r" if mapped else None, allow_pickle=False)
    except OSError as problem:
        raise error(f"{file}: {problem.strerror or problem}") from problem
    except Exception as problem:  # damage comes out of numpy and zipfile as errors of a dozen kinds
        raise error(f"{file}: damaged or not an array ({problem})") from problem
    if not isinstance(array, np.ndarray):
        raise error(f"{file}: expected one array, got several")
    return array


def unpack(content: bytes, names: Collection[str]) -> dict[str, NDArray[Any]]:
    """The arrays of these names in the content of an .npz file; raises ValueError, and nothing else.

    From memory, because np.load would leave the handle of a damaged file open.
    """
    try:
        with ZipFile(io.BytesIO(content)) as packed:
            size = sum(each.file_size for each in packed.infolist() if each.filename.removesuffix(".npy") in names)
        if size > MOST:
            raise ValueError(f"it would unpack to {size / 2**30:.1f} GiB")
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in names}
    except ValueError:
        raise
    except Exception as problem:  # of a dozen kinds, as above
        raise ValueError(f"{problem}" or type(problem).__name__) from problem
    for name, array in found.items():
        if not isinstance(array, np.ndarray):  # a file of another kind, of which numpy gives the bytes
            raise ValueError(f"{name} is no array")
    return found


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
