"""A folder of weights becomes one that solves without PyTorch: `model.onnx` or `model.pte`, with `config.json`."""

from __future__ import annotations

import json
import os
import warnings
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from redraft import __version__
from redraft.arrays import require_finite
from redraft.backends.onnx import GRAPH, STARTS, Exported, OnnxStepper, open_session
from redraft.backends.protocol import starting_vectors
from redraft.backends.torch import TorchStepper
from redraft.config import to_dict
from redraft.contents import within
from redraft.data.build import open_source
from redraft.errors import ConfigError, DataWarning, RedraftError
from redraft.export import Format, require_export
from redraft.export.check import Agreement, Report, Trial, count_for, most_for, silent
from redraft.export.executorch import PROGRAM, Program, write_program
from redraft.export.graph import ExportError, write_graph, write_int8
from redraft.files import replacing, write_bytes, write_text
from redraft.models import model_kind
from redraft.solve.load import find_weights, open_weights
from redraft.solve.opened import habits_of
from redraft.tasks import get_task
from redraft.trust import remember
from redraft.weights.format import FORMAT
from redraft.weights.io import Weights

SEED = 20261127  # of puzzles to compare on
MOST_STARTS = 15  # starting vectors that are written


@dataclass(frozen=True, kw_only=True)
class ExportReport:
    """The outcome of an export.

    Attributes:
        int8: whether the matmuls of the written graph are in 8-bit integers.
        agreement: of that graph with its model.
        rejected: of the graph in 8-bit integers, where it was requested and lost too much.
        bytes: of the graph or program.
    """

    int8: bool
    agreement: Agreement
    rejected: Agreement | None
    bytes: int


def export_folder(
    weights: str | Path,
    out: str | Path | None = None,
    *,
    to: Format = "onnx",
    int8: bool = False,
    check: int | None = None,
    data: str | None = None,
    seed: int = SEED,
    report: Report = silent,
) -> tuple[Path, ExportReport]:
    """An export from names; the folder that was written, and the outcome. See `redraft.export`. Raises RedraftError."""
    if seed < 0 or (check is not None and check < 1):
        raise ConfigError(f"expected a check of at least 1 puzzle and a seed of at least 0, got {check} and {seed}")
    require_export(to)
    if int8 and to != "onnx":
        raise ConfigError(f"int8: written as onnx alone, got --to {to}")
    given = find_weights(weights)
    folder = Path(f"{_name(given)}-{to}") if out is None else Path(out)
    for file in (GRAPH, PROGRAM, "model.safetensors", "config.json"):
        if (folder / file).exists():
            raise ConfigError(f"{folder}: holds a model or a run already; name another folder with -o")
    if folder.is_file() or not folder.resolve().parent.is_dir():
        raise ConfigError(f"{folder}: no place for a folder; name another with -o")
    opened = open_weights(given)
    count = count_for(opened.model) if check is None else check
    trial = _trial(opened, data, count, report)
    options: dict[str, Any] = {"to": to, "int8": int8, "trial": trial, "count": count, "seed": seed, "report": report}
    return folder, export(opened, folder, name=str(weights), **options)


def _name(weights: Path) -> str:
    """The name of a folder of weights: of a run's best or last, the run's."""
    weights = weights.resolve()
    return weights.parent.name if weights.name in ("best", "last") else weights.name


def _trial(weights: Weights, source: str | None, count: int, report: Report) -> Trial | None:
    """At most `count` rows to compare on: of the source, else of the test data of the run that made the weights.

    None where there is neither. Raises RedraftError where a source that was requested cannot be opened.
    """
    task = get_task(weights.task)
    found = within(weights.card, "run", "data", "test") if source is None else source
    if not isinstance(found, str) or (source is None and not os.path.exists(found)):
        return None
    report(f"reading {found}")
    try:
        store = open_source(task, found, split="test", limit=count)
    except RedraftError as error:
        if source is not None:
            raise
        remark = f"compared on new puzzles, because the run's test data cannot be read: {error}"
        warnings.warn(remark, DataWarning, stacklevel=2)
        return None
    return Trial(
        task=task,
        inputs=store.inputs,
        puzzle_ids=store.puzzle_ids,
        labels=store.labels,
        source=f"rows of {store.source}",
        judged=task.judges or bool((store.labels >= 0).any(1).all()),
        most=most_for(weights.model, len(store)),
    )


def export(
    weights: Weights,
    folder: Path,
    *,
    name: str,
    to: Format = "onnx",
    int8: bool = False,
    trial: Trial | None = None,
    count: int | None = None,
    seed: int = SEED,
    report: Report = silent,
) -> ExportReport:
    """Exports weights into a folder, after the graph was compared with its model.

    Args:
        weights: a model, its task and model card.
        folder: to write; created if needed.
        name: of the weights.
        to: an ONNX graph, or an ExecuTorch program, which is in float32.
        int8: matmuls in 8-bit integers, unless that solves too few; then in float32.
        trial: the puzzles to compare on; default: `count` new ones of the task, made with `seed`.
        count: default: as many as do not take long.
        report: called with each stage.

    Raises ConfigError where a package is missing, ExportError where the model has no graph or the graph does not agree;
    then nothing is written.
    """
    require_export(to)
    model, task = weights.model, get_task(weights.task)
    require_finite(model.state_dict(), name)
    with TemporaryDirectory(prefix="redraft-export-") as temporary:
        graph = Path(temporary) / (GRAPH if to == "onnx" else PROGRAM)
        report("tracing a step")
        exported = write_graph(model, graph) if to == "onnx" else write_program(model, graph)
        exported = replace(exported, tokens=task.token_names, height=task.height, width=task.width)
        session = open_session(graph) if to == "onnx" else Program.of(model, graph)
        if trial is None:
            count = count_for(model) if count is None else count
            report(f"making {count} puzzles")
            most = most_for(model, count)
            trial = Trial.of(task, vocab_size=model.config.vocab_size, count=count, seed=seed, most=most)
        wanted, found = trial.follow(TorchStepper(model), OnnxStepper(session, exported), report)
        if not found.holds:
            raise ExportError(f"{name}: its graph does not do what the model does: {found}")
        rejected = None
        if int8:
            report("rounding to 8-bit integers")
            rounded = graph.with_name(f"int8-{GRAPH}")
            write_int8(graph, rounded)
            drafts = trial.run(OnnxStepper(open_session(rounded), exported), report)
            judged = Agreement.of(drafts, wanted, source=trial.source)
            if judged.holds:
                found, graph, exported = judged, rounded, replace(exported, int8=True)
            else:
                rejected = judged
        _write(weights, folder, to, graph, exported, {"redraft": __version__, "weights": name, **asdict(found)})
        return ExportReport(int8=exported.int8, agreement=found, rejected=rejected, bytes=graph.stat().st_size)


def _write(
    weights: Weights, folder: Path, to: Format, graph: Path, exported: Exported, comparison: dict[str, Any]
) -> None:
    """Raises RedraftError where the folder cannot be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RedraftError(f"{folder}: cannot be made a folder: {error.strerror or error}") from error
    config = weights.model.config
    starts = _starts(weights, len(exported.y))
    exported = replace(exported, starts=len(starts))
    described = {
        "format": FORMAT,
        "task": weights.task,
        "model": {"kind": model_kind(config), **to_dict(config)},
        "card": _short(weights.card),
        to: to_dict(exported),
        "export": comparison,
    }
    lines = ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in described.items())
    write_text(folder / "config.json", f"{{\n{lines}\n}}\n")
    remember(folder / "config.json", described)
    if len(starts):
        write_bytes(folder / STARTS, starts.astype("<f4").tobytes())
    last = folder / (GRAPH if to == "onnx" else PROGRAM)  # a folder without it is not taken for a model
    with replacing(last) as partial:
        partial.write_bytes(graph.read_bytes())


def _starts(weights: Weights, width: int) -> NDArray[np.float32]:
    """The vectors (starts, 2, width) that restarts begin with, for programs that cannot draw them as NumPy does."""
    max_steps, restart, _ = habits_of(weights.task, weights.card)
    count = min(MOST_STARTS, max_steps // restart - 1) if restart else 0
    if count < 1:
        return np.empty((0, 2, width), np.float32)
    return starting_vectors(np.arange(1, count + 1), width).swapaxes(0, 1)


def _short(card: dict[str, Any]) -> dict[str, Any]:
    """The part of a model card needed for solving, and the training data; the rest stays with the weights."""
    kept: dict[str, Any] = {key: card[key] for key in ("summary", "solve", "views") if key in card}
    run = card.get("run")
    return kept | {"run": {"data": run["data"]}} if isinstance(run, dict) and "data" in run else kept
