"""The state of a run in one file: weights, average, optimiser, slots and counters, enough to resume to the bit."""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from redraft.config import from_dict
from redraft.contents import parse_json
from redraft.data.store import Store
from redraft.errors import WeightsError
from redraft.weights.format import unpack_tables
from redraft.weights.io import write_tensors

STATE = "state.safetensors"
MOST_THREADS = 1 << 16
_BLOCK = 1 << 14  # rows of a store looked at at once


@dataclass(kw_only=True)
class Progress:
    """How far a run has come: optimiser steps done, seconds spent, the best evaluation and its step."""

    step: int = 0
    seconds: float = 0.0
    best: float = -1.0
    best_step: int = 0
    evaluated: int = 0  # step of the last evaluation
    threads: int = 1  # of the CPU: they decide how sums are rounded, so a resumed run keeps them
    world: int = 1  # processes that train it
    data: int = 0  # fingerprint of the training data
    test: int = 0  # fingerprint of the examples it is judged by; 0 where it was not known yet


def fingerprint(store: Store) -> int:
    """A checksum of the training examples and their views, so that a run is not resumed on others."""
    arrays: list[NDArray[Any]] = [store.inputs, store.labels]
    if store.views is not None:
        arrays += [store.views.symmetries, store.views.colours]
    checksum = 0
    for array in arrays:
        for start in range(0, len(array), _BLOCK):  # in parts, for the arrays may be larger than memory
            checksum = zlib.crc32(array[start : start + _BLOCK].tobytes(), checksum)
    return checksum


def save_state(folder: Path, parts: dict[str, dict[str, Tensor]], progress: Progress) -> None:
    """Writes all tensors as `part/name` in one file that replaces the last one whole or not at all."""
    tensors = {f"{part}/{name}": tensor for part, named in parts.items() for name, tensor in named.items()}
    write_tensors(folder / STATE, tensors, {"progress": json.dumps(asdict(progress))})


def load_state(folder: Path) -> tuple[dict[str, dict[str, Tensor]], Progress]:
    """What `save_state` wrote, puzzle tables whole again; raises WeightsError where it is missing or damaged."""
    file = folder / STATE
    try:
        with safe_open(file, framework="pt") as opened:
            parts: dict[str, dict[str, Tensor]] = {}
            for key in opened.keys():  # noqa: SIM118 (not a dictionary)
                part, name = key.split("/", 1)
                parts.setdefault(part, {})[name] = opened.get_tensor(key)
            parts["tables"] = unpack_tables(parts.get("tables", {}), torch.zeros)
            return parts, read_progress(folder)
    except FileNotFoundError:
        raise WeightsError(f"{file}: no such file; nothing to resume") from None
    except (SafetensorError, OSError, KeyError, IndexError, TypeError, ValueError) as error:
        raise WeightsError(f"{file}: damaged ({error})") from error


def read_progress(folder: Path) -> Progress:
    """The progress alone of what `save_state` wrote; raises WeightsError likewise."""
    file = folder / STATE
    try:
        with safe_open(file, framework="pt") as opened:
            progress = from_dict(Progress, parse_json(opened.metadata()["progress"]), where=f"{file}: progress")
    except FileNotFoundError:
        raise WeightsError(f"{file}: no such file; nothing to resume") from None
    except (SafetensorError, OSError, KeyError, IndexError, TypeError, ValueError) as error:
        raise WeightsError(f"{file}: damaged ({error})") from error
    if min(progress.step, progress.seconds, progress.evaluated) < 0 or not 1 <= progress.threads <= MOST_THREADS:
        raise WeightsError(f"{file}: damaged ({progress})")
    return progress


def save_slots(folder: Path, tensors: dict[str, Tensor], *, rank: int, step: int) -> None:
    """Writes the slots of a process other than the first, for the checkpoint of a step."""
    write_tensors(_slots_file(folder, rank, step), tensors)


def load_slots(folder: Path, *, rank: int, step: int) -> dict[str, Tensor]:
    """What `save_slots` wrote; raises WeightsError where it is missing or damaged."""
    file = _slots_file(folder, rank, step)
    try:
        return load_file(file)
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(f"{file}: missing or damaged ({error})") from error


def drop_other_slots(folder: Path, *, rank: int, step: int) -> None:
    """Deletes a process's slots of other checkpoints than that of `step`."""
    for file in folder.glob(f"slots-{rank}-*.safetensors"):
        if file != _slots_file(folder, rank, step):
            file.unlink(missing_ok=True)


def _slots_file(folder: Path, rank: int, step: int) -> Path:
    return folder / f"slots-{rank}-{step}.safetensors"


def optimiser_state(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The tensors of an optimiser over one flat parameter; none before its first step."""
    return dict(optimiser.state_dict()["state"].get(0, {}))


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Gives an optimiser over one flat parameter its tensors back."""
    if tensors:
        optimiser.load_state_dict({**optimiser.state_dict(), "state": {0: tensors}})
