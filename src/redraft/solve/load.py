"""Opens weights that ship with the package, or a folder of weights, as a solver."""

from __future__ import annotations

from pathlib import Path

import redraft.weights
from redraft.device import choose_device
from redraft.errors import WeightsError
from redraft.models.io import Weights, load_weights
from redraft.solve.solver import HaltRule, Solver
from redraft.solve.stepper import TorchStepper
from redraft.tasks import get_task


def load(
    weights: str | Path,
    *,
    device: str = "auto",
    dtype: str = "float32",
    max_steps: int = 16,
    halt: HaltRule = "rules",
    batch_size: int = 64,
    trace: bool = True,
) -> Solver:
    """A solver with the named weights (`sudoku-6x6`) or with those in a folder; see `Solver` for the options.

    Raises WeightsError naming the weights that ship, where there are none of that name.
    """
    opened = open_weights(weights, dtype=dtype)
    return Solver(
        TorchStepper(opened.model, device=choose_device(device)),
        get_task(opened.task),
        max_steps=max_steps,
        halt=halt,
        batch_size=batch_size,
        trace=trace,
    )


def open_weights(weights: str | Path, *, dtype: str = "float32") -> Weights:
    """Weights by the name they ship under, from their folder, or from a run's folder (its best).

    A shipped name comes first; a folder that happens to have it is meant by `./NAME`.
    """
    shipped = redraft.weights.folder(weights) if isinstance(weights, str) else None
    folder = shipped or Path(weights)
    if not folder.exists():
        raise WeightsError(
            f"{weights}: no such folder, and no weights of that name ship with redraft "
            f"(those that do: {', '.join(redraft.weights.names()) or 'none'})"
        )
    for kept in ("best", "last"):
        if (folder / kept / "model.safetensors").is_file() and not (folder / "model.safetensors").is_file():
            folder = folder / kept
    return load_weights(folder, dtype=dtype)
