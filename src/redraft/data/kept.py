"""Made puzzles are kept on disk, so that the next run that needs the same ones starts at once.

In the folder that REDRAFT_CACHE names (empty: nothing is kept), by default `redraft` in the user's cache.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import numpy as np

import redraft.tasks
from redraft.errors import RedraftError
from redraft.files import replacing
from redraft.tasks import Examples, Task

LEAST = 50  # fewer are made as fast as read


def make(task: Task, count: int, seed: int) -> Examples:
    """The examples of `task.make(count, seed)`, from disk if they were made before.

    A file's name holds the version of the task's generator, and NumPy's, whose random streams may change. Tasks of
    other packages are not kept, because their generators may change without a new version.
    """
    folder = _folder()
    if folder is None or count < LEAST or not type(task).__module__.startswith(redraft.tasks.__name__ + "."):
        return task.make(count, seed)
    file = folder / f"{task.id}-{count}-{seed}-numpy{np.__version__}.npz"
    examples = _read(file)
    if examples is None or len(examples) != count:
        examples = task.make(count, seed)
        with suppress(RedraftError, OSError):  # no place to write: made again next time
            _write(file, examples)
    return examples


def _folder() -> Path | None:
    named = os.environ.get("REDRAFT_CACHE")
    if named is not None:
        return Path(named) if named else None
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "redraft"
    except RuntimeError:  # a user without a home
        return None


def _read(file: Path) -> Examples | None:
    """The examples in a file; None if it is missing or damaged."""
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as arrays:
            return Examples(**{name: arrays[name] for name in arrays.files})
    except Exception:  # a damaged file can raise anything
        return None


def _write(file: Path, examples: Examples) -> None:
    """Whole or not at all, also if several processes write the same puzzles."""
    file.parent.mkdir(parents=True, exist_ok=True)
    arrays = {"questions": examples.questions, "answers": examples.answers, "ratings": examples.ratings}
    if examples.groups is not None:
        arrays["groups"] = examples.groups
    with replacing(file) as partial, partial.open("wb") as opened:
        np.savez(opened, **arrays)  # type: ignore[arg-type]
