"""An export from names: opens weights, finds the puzzles to compare graph and model on, and writes a folder."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

from redraft.data.build import open_source
from redraft.errors import ConfigError, DataWarning, RedraftError
from redraft.export import require_export
from redraft.export.check import Tell, Trial, count_for, most_for, silent
from redraft.export.export import SEED, ExportReport, export
from redraft.solve.load import find_weights, open_weights
from redraft.tasks import get_task
from redraft.weights.io import Weights


def export_folder(
    weights: str | Path,
    out: str | Path | None = None,
    *,
    int8: bool = False,
    check: int | None = None,
    data: str | None = None,
    seed: int = SEED,
    tell: Tell = silent,
) -> tuple[Path, ExportReport]:
    """The folder that was written, and what came of it; see `redraft.export`. Raises RedraftError."""
    if seed < 0 or (check is not None and check < 1):
        raise ConfigError(f"expected a check of at least 1 puzzle and a seed of at least 0, got {check} and {seed}")
    require_export()
    given = find_weights(weights)
    folder = Path(f"{_name(given)}-onnx") if out is None else Path(out)
    for file in ("model.onnx", "model.safetensors", "config.json"):
        if (folder / file).exists():
            raise ConfigError(f"{folder}: holds a model or a run already; name another folder with -o")
    if folder.is_file() or not folder.resolve().parent.is_dir():
        raise ConfigError(f"{folder}: no place for a folder; name another with -o")
    opened = open_weights(given)
    count = count_for(opened.model) if check is None else check
    trial = _trial(opened, data, count, tell)
    options: dict[str, Any] = {"int8": int8, "trial": trial, "count": count, "seed": seed, "tell": tell}
    return folder, export(opened, folder, name=str(weights), **options)


def _trial(weights: Weights, source: str | None, count: int, tell: Tell) -> Trial | None:
    """At most `count` rows to compare on: of the source, else of the test data of the run that made the weights.

    None where neither is there. Raises RedraftError where a source that was asked for cannot be opened.
    """
    task = get_task(weights.task)
    own = None if source is not None else _test_data(weights.card)
    if source is None and own is None:
        return None
    tell(f"reading {source or own}")
    try:
        store = open_source(task, source or str(own), split="test", limit=count)
    except RedraftError as error:
        if source is not None:
            raise
        remark = f"compared on new puzzles, as the run's test data is not to be read: {error}"
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


def _test_data(card: dict[str, Any]) -> str | None:
    """The test data that a run's card names, where it is on this disk."""
    run = card.get("run")
    data = run.get("data") if isinstance(run, dict) else None
    test = data.get("test") if isinstance(data, dict) else None
    return test if isinstance(test, str) and os.path.exists(test) else None


def _name(weights: Path) -> str:
    """What a folder of weights is called: of a run's best or last, the run."""
    weights = weights.resolve()
    return weights.parent.name if weights.name in ("best", "last") else weights.name
