"""A folder of weights becomes a folder that solves without PyTorch: `model.onnx`, and `config.json` beside it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from redraft import __version__
from redraft.config import to_dict
from redraft.errors import RedraftError
from redraft.export import require_export
from redraft.export.check import Agreement, Trial
from redraft.export.graph import ExportError, write_graph
from redraft.export.quantize import write_int8
from redraft.files import replacing, write_text
from redraft.models import model_kind
from redraft.models.io import FORMAT, Weights
from redraft.solve.onnx_stepper import GRAPH, Exported, OnnxStepper, open_session
from redraft.solve.torch_stepper import TorchStepper
from redraft.tasks import get_task
from redraft.trust import remember

MOST_LOSS = 0.005  # share of the puzzles that a graph may solve less than its model


@dataclass(frozen=True, kw_only=True)
class Made:
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
    weights: Weights, folder: Path, *, name: str, int8: bool, count: int, seed: int, tell: Callable[[str], None]
) -> Made:
    """Exports weights into a folder, once the graph has been held against its model on `count` puzzles.

    `name` is what the weights are called; `tell` hears what is under way. A graph in 8-bit integers that solves too
    few is not written, but the one in float32. Raises ConfigError where a package is missing, ExportError where the
    model or its graph is no good; then nothing is written.
    """
    require_export()
    with TemporaryDirectory(prefix="redraft-export-") as temporary:
        graph, rounded = Path(temporary) / GRAPH, Path(temporary) / f"int8-{GRAPH}"
        tell("tracing a step")
        exported = write_graph(weights.model, graph)
        tell(f"solving {count} puzzles with model and graph")
        trial = Trial.of(get_task(weights.task), vocab_size=weights.model.config.vocab_size, count=count, seed=seed)
        wanted = trial.run(TorchStepper(weights.model))

        def agreement(file: Path) -> Agreement:
            return Agreement.of(trial.run(OnnxStepper(open_session(file), exported)), wanted)

        found = rejected = None
        if int8:
            write_int8(graph, rounded)
            found = agreement(rounded)
            if found.loss <= MOST_LOSS:
                graph, exported = rounded, replace(exported, int8=True)
            else:
                found, rejected = None, found
        if found is None:
            found = agreement(graph)
            if found.loss > MOST_LOSS:
                raise ExportError(f"{name}: its graph does not do what the model does: it {found}")
        _write(weights, folder, graph, exported, {"redraft": __version__, "weights": name, **asdict(found)})
        return Made(int8=exported.int8, agreement=found, rejected=rejected, bytes=graph.stat().st_size)


def _write(weights: Weights, folder: Path, graph: Path, exported: Exported, told: dict[str, Any]) -> None:
    """Raises RedraftError where the folder cannot be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RedraftError(f"{folder}: cannot be made a folder: {error.strerror or error}") from error
    config = weights.model.config
    described = {
        "format": FORMAT,
        "task": weights.task,
        "model": {"kind": model_kind(config), **to_dict(config)},
        "card": weights.card,
        "onnx": to_dict(exported),
        "export": told,
    }
    write_text(folder / "config.json", json.dumps(described, indent=2) + "\n")
    remember(folder / "config.json", described)
    with replacing(folder / GRAPH) as partial:  # the last: without it the folder is none to solve with
        partial.write_bytes(graph.read_bytes())
