"""The folder of a run: its configuration, its checkpoints, its lock, and finding, starting and clearing one.

A checkpoint is the state of a run in one file: weights, average, optimiser, slots and counters, enough to resume to the
bit.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
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
from redraft.errors import ConfigError, DataError, WeightsError
from redraft.files import OURS, SAFETENSORS, sweep, write_text
from redraft.locks import holder, locked
from redraft.train.config import MOST_THREADS, RunConfig, run_from_dict, run_to_dict
from redraft.train.log import METRICS, TENSORBOARD
from redraft.train.processes import Processes
from redraft.trust import remember, require_consent
from redraft.weights.format import read_json, unpack_tables
from redraft.weights.io import write_tensors

CONFIG, LOCK, STATE = "config.json", "lock", "state.safetensors"
BEST, LAST = "best", "last"
STARTED = "started_in"  # key of config.json beside the run's: the folder of relative paths, relative to the run's
_BLOCK = 1 << 14  # rows of a store checked at a time


@contextmanager
def own_run(folder: Path, group: Processes) -> Iterator[None]:
    """Within it no other process may train the run in a folder, which is made if missing.

    Raises ConfigError where another process trains it. A new run that fails before its first checkpoint leaves nothing
    behind; the files of one that was killed may be overwritten (`begin_run`).
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
    """Writes the configuration of a new run, and remembers the code named by it and its task (`redraft.trust`).

    Raises ConfigError where the folder holds a run with a checkpoint.
    """
    starts = {"recipe", "task", "model", "data", "steps"}  # keys of a run's configuration
    if (folder / CONFIG).exists() and (has_weights(folder) or not starts <= set(read_json(folder / CONFIG))):
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


def open_run(folder: Path) -> RunConfig:
    """The configuration of the run in a folder; raises TrustError where it names code without the user's consent."""
    values = run_values(folder)
    require_consent(folder / CONFIG, values)
    return run_from_dict(values, where=str(folder / CONFIG))


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
    """A path as `config.json` keeps it: absolute, unless the run was started in the current folder."""
    started = read_json(folder / CONFIG).get(STARTED)
    here = isinstance(started, str) and (folder.resolve() / started).resolve() == Path.cwd().resolve()
    return str(Path(source).resolve()) if Path(source).exists() and not here else source


def _exists(source: str) -> bool:
    """Whether there is such a file or folder, or the source is not one, such as `make:100@1`."""
    return Path(source).exists() or re.match(r"[a-z]{2,}:", source) is not None


def find_run(path: Path) -> Path:
    """The folder of the run that a path names: itself, or that of the file.

    Raises ConfigError with the right folder where the path is one of a run's weights, or holds runs.
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
    """Whether there is a run's configuration, even a damaged one; that of weights has the key `format`."""
    try:
        return "format" not in read_json(folder / CONFIG)
    except WeightsError:
        return (folder / CONFIG).exists()


def _write(folder: Path, config: RunConfig, started: Any) -> None:
    values = run_to_dict(config) | ({} if started is None else {STARTED: started})
    write_text(folder / CONFIG, json.dumps(values, indent=2) + "\n")


def _clear(folder: Path) -> None:
    """Deletes the files that a run writes before its first checkpoint."""
    for name in (CONFIG, METRICS):
        with suppress(OSError):
            (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / TENSORBOARD, ignore_errors=True)


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
        for start in range(0, len(array), _BLOCK):  # in parts, because the arrays may be larger than memory
            checksum = zlib.crc32(array[start : start + _BLOCK].tobytes(), checksum)
    return checksum


def save_state(folder: Path, parts: dict[str, dict[str, Tensor]], progress: Progress) -> None:
    """Writes all tensors as `part/name` in one file, which replaces the last one whole or not at all."""
    tensors = {f"{part}/{name}": tensor for part, named in parts.items() for name, tensor in named.items()}
    write_tensors(folder / STATE, tensors, {"progress": json.dumps(asdict(progress))})


def load_state(folder: Path) -> tuple[dict[str, dict[str, Tensor]], Progress]:
    """The tensors of `save_state`, puzzle tables whole again, and the progress.

    Raises WeightsError where the file is missing or damaged.
    """
    parts: dict[str, dict[str, Tensor]] = {}
    with _opened_state(folder) as opened:
        for key in opened.keys():  # noqa: SIM118 (not a dictionary)
            part, name = key.split("/", 1)
            parts.setdefault(part, {})[name] = opened.get_tensor(key)
        parts["tables"] = unpack_tables(parts.get("tables", {}), torch.zeros)
    return parts, read_progress(folder)


def read_progress(folder: Path) -> Progress:
    """The progress alone of `save_state`; raises WeightsError likewise."""
    with _opened_state(folder) as opened:
        values = parse_json(opened.metadata()["progress"])
        progress = from_dict(Progress, values, where=f"{folder / STATE}: progress")
        if min(progress.step, progress.seconds, progress.evaluated) < 0 or not 1 <= progress.threads <= MOST_THREADS:
            raise ValueError(progress)
    return progress


@contextmanager
def _opened_state(folder: Path) -> Iterator[Any]:
    """The opened file; errors of reading it within the block become WeightsError."""
    file = folder / STATE
    try:
        with safe_open(file, framework="pt") as opened:
            yield opened
    except FileNotFoundError:
        raise WeightsError(f"{file}: no such file; nothing to resume") from None
    except (SafetensorError, OSError, KeyError, IndexError, TypeError, ValueError) as error:
        raise WeightsError(f"{file}: damaged ({error})") from error


def save_slots(folder: Path, tensors: dict[str, Tensor], *, rank: int, step: int) -> None:
    """Writes the slots of a process other than the first, for the checkpoint of a step."""
    write_tensors(_slots_file(folder, rank, step), tensors)


def load_slots(folder: Path, *, rank: int, step: int) -> dict[str, Tensor]:
    """The tensors of `save_slots`; raises WeightsError where the file is missing or damaged."""
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
