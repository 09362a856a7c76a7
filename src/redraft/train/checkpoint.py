"""The state of a run in one file: weights, average, optimiser, slots and counters, enough to resume to the bit."""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from redraft.data.store import Store
from redraft.errors import WeightsError
from redraft.files import write_bytes

STATE = "state.safetensors"


@dataclass(kw_only=True)
class Progress:
    """How far a run has come: optimiser steps done, seconds spent, the best evaluation and its step."""

    step: int = 0
    seconds: float = 0.0
    best: float = -1.0
    best_step: int = 0
    evaluated: int = 0  # step of the last evaluation
    threads: int = 1  # of the CPU: they decide how sums are rounded, so a resumed run keeps them
    data: int = 0  # fingerprint of the training data


def fingerprint(store: Store) -> int:
    """A checksum of the training examples, so that a run is not resumed on others."""
    return zlib.crc32(store.labels.tobytes(), zlib.crc32(store.inputs.tobytes()))


def save_state(folder: Path, parts: dict[str, dict[str, Tensor]], progress: Progress) -> None:
    """Writes all tensors as `part/name` in one file that replaces the last one whole or not at all."""
    tensors = {
        f"{part}/{name}": tensor.detach().cpu().clone().contiguous()
        for part, named in parts.items()
        for name, tensor in named.items()
    }
    write_bytes(folder / STATE, save(tensors, metadata={"progress": json.dumps(asdict(progress))}))


def load_state(folder: Path) -> tuple[dict[str, dict[str, Tensor]], Progress]:
    """What `save_state` wrote; raises WeightsError where it is missing or damaged."""
    file = folder / STATE
    try:
        with safe_open(file, framework="pt") as opened:
            progress = Progress(**json.loads(opened.metadata()["progress"]))
            parts: dict[str, dict[str, Tensor]] = {}
            for key in opened.keys():  # noqa: SIM118 (not a dictionary)
                part, name = key.split("/", 1)
                parts.setdefault(part, {})[name] = opened.get_tensor(key)
    except FileNotFoundError:
        raise WeightsError(f"{file}: no such file; nothing to resume") from None
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{file}: damaged ({error})") from error
    return parts, progress


def optimiser_state(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The tensors of an optimiser over one flat parameter."""
    (state,) = optimiser.state_dict()["state"].values()
    return dict(state)


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Gives an optimiser over one flat parameter its tensors back."""
    values = optimiser.state_dict()
    optimiser.load_state_dict({**values, "state": {0: tensors}})
