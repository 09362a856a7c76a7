"""Opens a folder of weights for NumPy, without torch, in float32."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from redraft.backends.numpy.equivariant import NumpyEquivariant
from redraft.backends.numpy.model import NumpyModel, NumpyTRM
from redraft.errors import WeightsError
from redraft.finite import require_finite
from redraft.models import model_config
from redraft.weights.format import Arrays, Description, read_arrays, unpack_tables

KINDS: dict[str, Callable[[Any, Mapping[str, NDArray[np.generic]]], NumpyModel]] = {
    "trm": NumpyTRM,
    "equivariant": NumpyEquivariant,
}


def read_model(folder: Path, description: Description, found: Arrays | None = None) -> NumpyModel:
    """The model with its weights; raises WeightsError where it is of another kind, or its file does not fit.

    `found` is filled with the tensors as they lie in the file, for whoever needs them too.
    """
    kind = description.model.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        known = " and ".join(KINDS)
        raise WeightsError(f"{folder}: backend numpy runs models of kind {known}, not {kind}; use backend torch")
    config = model_config(description.model, where=f"{folder / 'config.json'}: model")
    file = folder / "model.safetensors"
    tensors = read_arrays(file)
    require_finite(tensors, str(file))
    if found is not None:
        found.update(tensors)
    try:
        return KINDS[kind](config, unpack_tables(tensors))
    except ValueError as error:
        raise WeightsError(f"{file}: damaged: {error}") from error
    except WeightsError as error:
        raise WeightsError(f"{file}: {error}") from error
