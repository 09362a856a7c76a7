"""The folder of all ablations: runs pooled by key, so that suites share them, and the results of each suite."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from redraft.ablate.suite import PlannedRun
from redraft.errors import ConfigError
from redraft.files import write_text
from redraft.train.config import RunConfig, run_to_dict, with_table
from redraft.train.folder import CONFIG, open_run
from redraft.trust import names_in, trusting
from redraft.weights.format import read_json

MARK = "ablations.json"  # marks such a folder
FORMAT = 1
RESULT, FAILED, LOG = "result.json", "failed.json", "log.txt"


class Pool:
    """A folder `runs/KEY/` per run, and one beside it per suite; KEY is `PlannedRun.key`."""

    def __init__(self, folder: Path) -> None:
        """Opens a folder of ablations, or makes a new one; raises ConfigError where it is something else."""
        self.folder = folder
        if folder.exists() and not folder.is_dir():
            raise ConfigError(f"{folder}: is a file; expected a folder for ablations, or none yet")
        if (folder / MARK).exists():
            form = read_json(folder / MARK).get("format")
            if form != FORMAT:
                raise ConfigError(f"{folder / MARK}: format {form!r}, expected {FORMAT}; name another folder")
            return
        if folder.exists() and any(folder.iterdir()):
            what = "a run" if (folder / CONFIG).exists() else "something else than ablations"
            raise ConfigError(f"{folder}: holds {what}; name another folder with --out")
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / MARK, json.dumps({"format": FORMAT}) + "\n")

    def of(self, run: PlannedRun) -> Path:
        """The folder of a run."""
        return self.folder / "runs" / run.key

    def failure(self, run: PlannedRun) -> str | None:
        """Why a run failed when it was last tried; None where it did not."""
        file = self.of(run) / FAILED
        return str(read_json(file).get("reason")) if file.exists() else None


def require_same(folder: Path, config: RunConfig) -> None:
    """Raises ConfigError where a folder holds another run; its puzzle table may have grown."""
    if not (folder / CONFIG).exists():
        return
    with trusting(names_in(run_to_dict(config))):
        found = open_run(folder)
    if with_table(config, found.model.num_puzzles) != found:
        raise ConfigError(f"{folder}: holds another run than its name says; move it away, or name another --out")


def read_result(folder: Path) -> dict[str, Any] | None:
    """The result of the finished run in a folder; None before that."""
    if not (folder / RESULT).exists():
        return None
    result = read_json(folder / RESULT)
    if not isinstance(result.get("tests"), dict):
        raise ConfigError(f"{folder / RESULT}: damaged; remove it and its run")
    return result


def write_result(folder: Path, result: dict[str, Any]) -> None:
    """Keeps the result of a run."""
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / RESULT, json.dumps(result, indent=1) + "\n")


def note_failure(folder: Path, reason: str | None) -> None:
    """Keeps why a run failed; None forgets it."""
    if reason is None:
        (folder / FAILED).unlink(missing_ok=True)
    else:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / FAILED, json.dumps({"reason": reason}) + "\n")
