"""The folder of a run: finding it, locking it, starting a run there, and cleaning up after a start that failed."""

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
from redraft.train.checkpoint import STATE
from redraft.train.config import RunConfig, run_to_dict
from redraft.train.log import METRICS, TENSORBOARD
from redraft.train.processes import Processes
from redraft.trust import remember
from redraft.weights.format import read_json

CONFIG, LOCK = "config.json", "lock"
BEST, LAST = "best", "last"
STARTED = "started_in"  # key of config.json beside the run's: the folder of relative paths, relative to the run's


@contextmanager
def own_run(folder: Path, group: Processes) -> Iterator[None]:
    """Within it no other process may train the run in a folder, which is made where there is none.

    Raises ConfigError where another process trains it. A new run that fails before its first checkpoint leaves nothing
    behind; what is left of one that was killed may be overwritten (`begin_run`).
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
            except BrokenPipeError:  # no fault of the run, which can be resumed
                raise
            except BaseException:
                if group.first and new and not has_weights(folder):
                    _clear(folder)
                raise
    finally:
        for path in made:
            with suppress(OSError):  # it is in use
                path.rmdir()


def begin_run(folder: Path, config: RunConfig, task: str | dict[str, Any]) -> None:
    """Writes the configuration of a new run, and remembers the code that it and its task name (`redraft.trust`).

    Raises ConfigError where the folder holds a run with a checkpoint.
    """
    if (folder / CONFIG).exists() and (has_weights(folder) or not _is_start(read_json(folder / CONFIG))):
        raise ConfigError(f"{folder}: holds a run already; resume it with --resume, or choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        here = os.path.relpath(Path.cwd(), folder.resolve())
    except ValueError:  # on Windows, where it is on another drive
        here = str(Path.cwd())
    _write(folder, config, here)
    remember(folder / CONFIG, run_to_dict(config), {"task": task})


def change_run(folder: Path, config: RunConfig) -> None:
    """Writes the configuration of a run that is resumed, if its values have changed."""
    if json.loads(json.dumps(run_to_dict(config))) != run_values(folder):
        _write(folder, config, read_json(folder / CONFIG).get(STARTED))


def run_values(folder: Path) -> dict[str, Any]:
    """The run in a folder as plain values, as of `run_to_dict`."""
    return {name: value for name, value in read_json(folder / CONFIG).items() if name != STARTED}


def data_in(folder: Path, source: str, *, flag: str) -> str:
    """The path of a run's data, relative to the current folder or else to the one in which the run was started.

    Raises DataError naming the flag for a new path where there is nothing in either place.
    """
    if _exists(source):
        return source
    started = read_json(folder / CONFIG).get(STARTED)
    there = Path(os.path.normpath(folder.resolve() / started / source)) if isinstance(started, str) else Path(source)
    if not there.exists():
        raise DataError(f"{source}: no such file or folder; if it was moved, name its place with {flag} PATH")
    return str(there)


def path_from(folder: Path, source: str) -> str:
    """A path given now as `config.json` is to keep it: absolute, unless the run was started in the current folder."""
    started = read_json(folder / CONFIG).get(STARTED)
    here = isinstance(started, str) and (folder.resolve() / started).resolve() == Path.cwd().resolve()
    return str(Path(source).resolve()) if Path(source).exists() and not here else source


def _exists(source: str) -> bool:
    """Whether there is such a file or folder, or the source is none, such as `make:100@1`."""
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
    """Whether there is a checkpoint, or weights worth keeping."""
    return any((folder / name).exists() for name in (STATE, BEST, LAST))


def _holds_run(folder: Path) -> bool:
    """Whether there is the configuration of a run, even a damaged one; that of weights has the key `format`."""
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
    """Deletes the files that a run writes before its first checkpoint."""
    for name in (CONFIG, METRICS):
        with suppress(OSError):
            (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / TENSORBOARD, ignore_errors=True)
