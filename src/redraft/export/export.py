"""A folder of weights becomes a folder that solves without PyTorch: `model.onnx`, and `config.json` beside it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from redraft import __version__
from redraft.backends.onnx import GRAPH, STARTS, Exported, OnnxStepper, open_session
from redraft.backends.starts import starting_vectors
from redraft.backends.torch import TorchStepper
from redraft.config import to_dict
from redraft.errors import RedraftError
from redraft.export import require_export
from redraft.export.check import Agreement, Tell, Trial, count_for, most_for, silent
from redraft.export.graph import ExportError, write_graph
from redraft.export.quantize import write_int8
from redraft.files import replacing, write_bytes, write_text
from redraft.finite import require_finite
from redraft.models import model_kind
from redraft.tasks import get_task
from redraft.trust import remember
from redraft.weights.format import FORMAT
from redraft.weights.io import Weights

SEED = 20261127  # of puzzles to compare on
MOST_STARTS = 15  # starting vectors that are written


@dataclass(frozen=True, kw_only=True)
class ExportReport:
    """What came of an export.

    Attributes:
        int8: whether the graph that was written is in 8-bit integers.
        agreement: of that graph with its model.
        rejected: of the graph in 8-bit integers, where it was asked for and lost too much.
        bytes: of `model.onnx`.
    """

    int8: bool
    agreement: Agreement
    rejected: Agreement | None
    bytes: int


def export(
    weights: Weights,
    folder: Path,
    *,
    name: str,
    int8: bool = False,
    trial: Trial | None = None,
    count: int | None = None,
    seed: int = SEED,
    tell: Tell = silent,
) -> ExportReport:
    """Exports weights into a folder, once the graph has been held against its model.

    Args:
        weights: a model, its task and card.
        folder: to write; made if need be.
        name: what the weights are called.
        int8: in 8-bit integers, unless that solves too few; then in float32.
        trial: the puzzles to compare on; unless given, `count` new ones of the task, made with `seed`.
        count: as many as do not take long, unless given.
        tell: is called with what begins.

    Raises ConfigError where a package is missing, ExportError where the model or its graph is no good; then nothing is
    written.
    """
    require_export()
    model, task = weights.model, get_task(weights.task)
    require_finite(model.state_dict(), name)
    with TemporaryDirectory(prefix="redraft-export-") as temporary:
        graph, rounded = Path(temporary) / GRAPH, Path(temporary) / f"int8-{GRAPH}"
        tell("tracing a step")
        exported = replace(write_graph(model, graph), tokens=task.token_names, height=task.height, width=task.width)
        if trial is None:
            count = count_for(model) if count is None else count
            tell(f"making {count} puzzles")
            trial = Trial.of(
                task, vocab_size=model.config.vocab_size, count=count, seed=seed, most=most_for(model, count)
            )
        wanted, found = trial.follow(TorchStepper(model), OnnxStepper(open_session(graph), exported), tell)
        if not found.holds:
            raise ExportError(f"{name}: its graph does not do what the model does: {found}")
        rejected = None
        if int8:
            tell("rounding to 8-bit integers")
            write_int8(graph, rounded)
            drafts = trial.run(OnnxStepper(open_session(rounded), exported), tell)
            judged = Agreement.of(drafts, wanted, source=trial.source)
            if judged.holds:
                found, graph, exported = judged, rounded, replace(exported, int8=True)
            else:
                rejected = judged
        _write(weights, folder, graph, exported, {"redraft": __version__, "weights": name, **asdict(found)})
        return ExportReport(int8=exported.int8, agreement=found, rejected=rejected, bytes=graph.stat().st_size)


def _write(weights: Weights, folder: Path, graph: Path, exported: Exported, told: dict[str, Any]) -> None:
    """Raises RedraftError where the folder cannot be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RedraftError(f"{folder}: cannot be made a folder: {error.strerror or error}") from error
    config = weights.model.config
    starts = _starts(weights.card, len(exported.y))
    exported = replace(exported, starts=len(starts))
    described = {
        "format": FORMAT,
        "task": weights.task,
        "model": {"kind": model_kind(config), **to_dict(config)},
        "card": _short(weights.card),
        "onnx": to_dict(exported),
        "export": told,
    }
    lines = ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in described.items())
    write_text(folder / "config.json", f"{{\n{lines}\n}}\n")
    remember(folder / "config.json", described)
    write_bytes(folder / STARTS, starts.astype("<f4").tobytes())
    with replacing(folder / GRAPH) as partial:  # the last: without it the folder is none to solve with
        partial.write_bytes(graph.read_bytes())


def _starts(card: dict[str, Any], width: int) -> NDArray[np.float32]:
    """The vectors (starts, 2, width) that restarts begin with, for programs that cannot draw them as NumPy does."""
    habits = card.get("solve", {})
    restart, max_steps = habits.get("restart", 4), habits.get("max_steps", 16)
    count = min(MOST_STARTS, max_steps // restart - 1) if restart else 0
    return starting_vectors(np.arange(1, count + 1), width).swapaxes(0, 1)


def _short(card: dict[str, Any]) -> dict[str, Any]:
    """The part of a card that solving needs, and the data trained on; how the weights came about stands with them."""
    kept: dict[str, Any] = {key: card[key] for key in ("summary", "solve", "views") if key in card}
    run = card.get("run")
    return kept | {"run": {"data": run["data"]}} if isinstance(run, dict) and "data" in run else kept
