"""The folder of a run: found, kept from other processes, begun, and cleared away where nothing came of it."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from redraft.errors import ConfigError, DataError, WeightsError
from redraft.files import OURS, SAFETENSORS, sweep, write_text
from redraft.locks import holder, locked
from redraft.models.io import read_json
from redraft.train.checkpoint import STATE
from redraft.train.config import RunConfig, run_to_dict
from redraft.train.log import METRICS, TENSORBOARD
from redraft.train.processes import Processes

CONFIG, LOCK = "config.json", "lock"
BEST, LAST = "best", "last"
STARTED = "started_in"  # what config.json says besides: the folder that relative paths start from, seen from the run's


@contextmanager
def own_run(folder: Path, group: Processes) -> Iterator[None]:
    """Within it nobody else may train the run in a folder, which is made where there is none.

    Raises ConfigError where another process does. What a new run leaves when it fails before its first checkpoint is
    deleted; that of one which was killed may be written over (`begin_run`).
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()] if group.first else []
    new = not (folder / CONFIG).exists()
    try:
        with locked(folder / LOCK) if group.first else nullcontext(True) as ours:
            other = group.from_first(None if ours else holder(folder / LOCK))
            if other is not None:
                raise ConfigError(f"{folder}: is being trained by {other}; stop that first, or wait for its end")
            if group.first:
                for place in (folder, folder / BEST, folder / LAST):
                    sweep(place, OURS, SAFETENSORS, older_than=0)
            try:
                yield
            except BrokenPipeError:  # the reader of our output went away: no fault of the run
                raise
            except BaseException:
                if group.first and new and not has_weights(folder):
                    _clear(folder)
                raise
    finally:
        for path in made:
            with suppress(OSError):  # it is in use
                path.rmdir()


def begin_run(folder: Path, config: RunConfig) -> None:
    """Writes a new run into a folder; raises ConfigError where it holds another that has come to a checkpoint."""
    if (folder / CONFIG).exists() and (has_weights(folder) or not _is_start(read_json(folder / CONFIG))):
        raise ConfigError(f"{folder}: holds a run already; resume it with --resume, or choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        here = os.path.relpath(Path.cwd(), folder.resolve())
    except ValueError:  # on Windows, where it is on another drive
        here = str(Path.cwd())
    _write(folder, config, here)


def change_run(folder: Path, config: RunConfig) -> None:
    """Writes what a run has become, by values that may change as it is resumed."""
    _write(folder, config, read_json(folder / CONFIG).get(STARTED))


def run_values(folder: Path) -> dict[str, Any]:
    """The run in a folder as `run_to_dict` gave it."""
    return {name: value for name, value in read_json(folder / CONFIG).items() if name != STARTED}


def data_in(folder: Path, source: str, *, flag: str) -> str:
    """Where a run's data lies: as its path says from here, or from where the run was started.

    Raises DataError naming the flag that says where it lies otherwise.
    """
    if _exists(source):
        return source
    started = read_json(folder / CONFIG).get(STARTED)
    there = Path(os.path.normpath(folder.resolve() / started / source)) if isinstance(started, str) else Path(source)
    if not there.exists():
        raise DataError(f"{source}: no such file or folder; if it was moved, name its place with {flag} PATH")
    return str(there)


def path_from(folder: Path, source: str) -> str:
    """A path named here as the run in a folder is to keep it: so that it means the same from where it was started."""
    started = read_json(folder / CONFIG).get(STARTED)
    here = isinstance(started, str) and (folder.resolve() / started).resolve() == Path.cwd().resolve()
    return str(Path(source).resolve()) if Path(source).exists() and not here else source


def _exists(source: str) -> bool:
    """Whether there is such a file or folder, or none is meant, as by `make:100@1`."""
    return Path(source).exists() or re.match(r"[a-z]{2,}:", source) is not None


def find_run(path: Path) -> Path:
    """The folder of the run that a path names: itself, or the one that the file lies in.

    Raises ConfigError naming the right folder where it is one of a run's weights, or holds runs.
    """
    folder = path.parent if path.is_file() else path
    if _holds_run(folder):
        return folder
    above = [parent for parent in (folder.parent, folder.resolve().parent) if _holds_run(parent)]
    if above:
        raise ConfigError(f"{path}: holds weights of a run; resume the run itself: redraft train --resume {above[0]}")
    if (folder / CONFIG).exists():
        raise ConfigError(f"{path}: holds weights, not a run; start a new run from them: --init {folder}")
    below = sorted(child for child in folder.iterdir() if _holds_run(child)) if folder.is_dir() else []
    if below:
        which = f"the run {below[0]}" if len(below) == 1 else f"{len(below)} runs: {', '.join(map(str, below[:10]))}"
        raise ConfigError(f"{path}: is not a run, but holds {which}; resume one: redraft train --resume {below[0]}")
    raise WeightsError(f"{folder / CONFIG}: no such file; expected the folder of a run")


def has_weights(folder: Path) -> bool:
    """Whether a run has come to a checkpoint, or to weights worth keeping."""
    return any((folder / name).exists() for name in (STATE, BEST, LAST))


def _holds_run(folder: Path) -> bool:
    """Whether there is the configuration of a run, be it damaged; that of weights says in which format they are."""
    try:
        return "format" not in read_json(folder / CONFIG)
    except WeightsError:
        return (folder / CONFIG).exists()


def _is_start(values: dict[str, Any]) -> bool:
    return {"recipe", "task", "model", "data", "steps"} <= set(values)


def _write(folder: Path, config: RunConfig, started: Any) -> None:
    values = run_to_dict(config) | ({} if started is None else {STARTED: started})
    write_text(folder / CONFIG, json.dumps(values, indent=2) + "\n")


def _clear(folder: Path) -> None:
    """Deletes what a run writes before its first checkpoint."""
    for name in (CONFIG, METRICS):
        with suppress(OSError):
            (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / TENSORBOARD, ignore_errors=True)
