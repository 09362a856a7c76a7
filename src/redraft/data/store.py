"""A store: the examples of one task as arrays, and their folder on disk (`inputs.npy`, ..., `store.json`)."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from redraft.errors import DataError

FORMAT = 1
_ARRAYS = ("inputs", "labels", "puzzle_ids", "ratings")


@dataclass(frozen=True, kw_only=True)
class Store:
    """Examples of one task, un-augmented.

    Attributes:
        task: name of the task.
        inputs, labels: tokens (N, L) int16; a label of -100 does not count.
        puzzle_ids: (N,) int32, the row of the puzzle-embedding table each example uses.
        ratings: (N,) float32 difficulty, NaN where unknown.
        source: where the examples came from, in words.
    """

    task: str
    inputs: NDArray[np.int16]
    labels: NDArray[np.int16]
    puzzle_ids: NDArray[np.int32]
    ratings: NDArray[np.float32]
    source: str = ""

    def __len__(self) -> int:
        return len(self.inputs)

    def rows(self, index: NDArray[np.integer] | slice) -> Store:
        """The store of the rows named by `index`, in that order."""
        return Store(
            task=self.task, source=self.source, **{name: getattr(self, name)[index] for name in _ARRAYS}
        )

    def save(self, folder: Path) -> None:
        """Writes the store to a new folder, complete or not at all; raises DataError where one exists already."""
        if folder.exists():
            raise DataError(f"{folder}: already exists")
        partial = folder.with_name(folder.name + ".tmp")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for name in _ARRAYS:
            np.save(partial / f"{name}.npy", getattr(self, name))
        meta = {"format": FORMAT, "task": self.task, "source": self.source, "examples": len(self)}
        (partial / "store.json").write_text(json.dumps(meta, indent=2) + "\n")
        partial.rename(folder)

    @classmethod
    def open(cls, folder: Path, *, task: str) -> Store:
        """Opens a folder written by `save`; raises DataError where it is damaged or of another task."""
        try:
            meta = json.loads((folder / "store.json").read_text())
            arrays = {name: np.load(folder / f"{name}.npy", allow_pickle=False) for name in _ARRAYS}
        except (OSError, ValueError, EOFError) as error:
            raise DataError(f"{folder}: not a readable redraft store ({error})") from error
        if meta.get("format") != FORMAT:
            raise DataError(f"{folder}: store format {meta.get('format')}, expected {FORMAT}")
        if meta["task"] != task:
            raise DataError(f"{folder}: holds examples of {meta['task']}, expected {task}")
        sizes = {name: len(array) for name, array in arrays.items()}
        if set(sizes.values()) != {meta["examples"]}:
            raise DataError(f"{folder}: expected {meta['examples']} examples in every array, got {sizes}")
        return cls(task=task, source=meta["source"], **arrays)


def is_store(folder: Path) -> bool:
    """Whether the folder claims to be a store."""
    return (folder / "store.json").is_file()
