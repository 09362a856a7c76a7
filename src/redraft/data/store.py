"""A store: the examples of one task as arrays, and their folder on disk (`inputs.npy`, ..., `store.json`)."""

from __future__ import annotations

import json
import reprlib
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from redraft.arrays import Arrays, read_array
from redraft.contents import read_object
from redraft.errors import DataError
from redraft.files import partial_of
from redraft.naming import unversioned
from redraft.tasks.arc.augmentations import Views
from redraft.trust import remember, require_consent

VIEWS = "views.npz"
FORMAT = 2
MAPPED = 256 << 20  # bytes: larger arrays are memory-mapped
_ARRAYS: Arrays = {
    "inputs": (np.int16, 2),
    "labels": (np.int16, 2),
    "puzzle_ids": (np.int32, 1),
    "ratings": (np.float32, 1),
    "groups": (np.int32, 1),
    "puzzles": (np.int32, 1),
}


class Identifiers(NamedTuple):
    """Puzzle ids of a data set: rows of a table for all of them, and a fingerprint of their meaning, "" if unknown."""

    rows: int
    fingerprint: str


@dataclass(frozen=True, kw_only=True)
class Store:
    """Examples of one task.

    Rows of a group stand together, and so do those of a puzzle within it. A group must not be split between training
    and test, an ARC task for example; its puzzles are augmentations of one another, of which an epoch of training takes
    one. Mostly each example is a puzzle and a group of its own.

    Attributes:
        task: as in `Task.spec`.
        inputs, labels: tokens (N, L) int16; a label of -100 does not count.
        puzzle_ids: (N,) int32, the row of the puzzle-embedding table each example uses.
        ratings: (N,) float32 difficulty, NaN where unknown.
        groups, puzzles: (N,) int32, from 0, each equal to the one before or one more.
        views: the augmentations of every puzzle, where each has a puzzle id of its own (ARC).
        named: puzzle ids of the whole set of published data; see `identifiers`.
        source: where the examples came from, in words.
    """

    task: str | dict[str, Any]
    inputs: NDArray[np.int16]
    labels: NDArray[np.int16]
    puzzle_ids: NDArray[np.int32]
    ratings: NDArray[np.float32]
    groups: NDArray[np.int32]
    puzzles: NDArray[np.int32]
    views: Views | None = None
    named: Identifiers | None = None
    source: str = ""

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def identifiers(self) -> Identifiers | None:
        """Puzzle ids of the data set; None if all examples share id 0, which stands for no puzzle.

        With equal fingerprints, a row of a puzzle-embedding table means the same in both sets.
        """
        if self.views is not None:
            return Identifiers(len(self.views) + 1, self.views.fingerprint())
        most = int(self.puzzle_ids.max(initial=0)) + 1
        if self.named is not None:
            return self.named._replace(rows=max(self.named.rows, most))
        return Identifiers(most, "") if most > 1 else None

    @property
    def num_puzzle_ids(self) -> int:
        """Rows a puzzle-embedding table needs for these examples and all their augmentations."""
        return 1 if self.identifiers is None else self.identifiers.rows

    def rows(self, index: NDArray[np.integer] | slice) -> Store:
        """The store of these rows, in this order; groups and puzzles are numbered from 0 again."""
        arrays = {name: getattr(self, name)[index] for name in _ARRAYS}
        arrays["puzzles"], arrays["groups"] = numbered(arrays["puzzles"]), numbered(arrays["groups"])
        return replace(self, **arrays)

    def save(self, folder: Path) -> None:
        """Writes the store to a new folder, complete or not at all; raises DataError if the folder exists."""
        with new_folder(folder) as partial:
            self.write(partial)

    def write(self, folder: Path, *, there: Collection[str] = ()) -> None:
        """Writes the store's files into a folder, except for the arrays whose files are `there`."""
        for name in _ARRAYS:
            if name not in there:
                np.save(folder / f"{name}.npy", getattr(self, name))
        if self.views is not None:
            self.views.save(folder / VIEWS)
        meta: dict[str, Any] = {"format": FORMAT, "task": self.task, "source": self.source, "examples": len(self)}
        if self.named is not None:
            meta["identifiers"] = self.named._asdict()
        (folder / "store.json").write_text(json.dumps(meta, indent=2) + "\n")

    @classmethod
    def open(
        cls, folder: Path, *, task: str | dict[str, Any] | None = None, mmap: bool | None = None, trust: bool = False
    ) -> Store:
        """Opens a folder written by `save`; raises DataError if it is damaged or of another task than `task`.

        With `mmap` the arrays are memory-mapped, read-only; by default the large ones are (`MAPPED`). Without `task`,
        raises TrustError if the store names code without consent (`trust.py`).
        """
        file = folder / "store.json"
        meta = _read_meta(file)
        if meta.get("format") != FORMAT:
            raise DataError(
                f"{folder}: store format {reprlib.repr(meta.get('format'))}, expected {FORMAT}; build it again"
            )
        if task is None:
            task = _task(file, meta, trust=trust)
        elif unversioned(meta.get("task")) != (task := unversioned(task)):
            raise DataError(f"{folder}: holds examples of {called(meta.get('task'))}, expected {called(task)}")
        arrays = {}
        for name, (dtype, axes) in _ARRAYS.items():
            array = folder / f"{name}.npy"
            mapped = (array.is_file() and array.stat().st_size >= MAPPED) if mmap is None else mmap
            arrays[name] = read_array(array, dtype, axes, mapped=mapped)
        sizes = {name: len(array) for name, array in arrays.items()}
        if any(size != meta.get("examples") for size in sizes.values()):
            raise DataError(
                f"{folder}: expected {reprlib.repr(meta.get('examples'))} examples in every array, got {sizes}"
            )
        if arrays["inputs"].shape != arrays["labels"].shape:
            raise DataError(
                f"{folder}: inputs {arrays['inputs'].shape} and labels {arrays['labels'].shape} differ in shape"
            )
        for name in ("groups", "puzzles"):
            numbers = arrays[name]
            if len(numbers) and (numbers[0] != 0 or not np.isin(np.diff(numbers), (0, 1)).all()):
                raise DataError(
                    f"{folder / name}.npy: expected numbers from 0, each equal to the one before or one more"
                )
        views = Views.open(folder / VIEWS) if (folder / VIEWS).exists() else None
        named = None
        if "identifiers" in meta:
            try:
                named = Identifiers(int(meta["identifiers"]["rows"]), str(meta["identifiers"]["fingerprint"]))
            except (KeyError, TypeError, ValueError, OverflowError):
                raise DataError(
                    f"{file}: identifiers: expected rows and fingerprint, got {reprlib.repr(meta['identifiers'])}"
                ) from None
        return cls(task=task, source=str(meta.get("source", "")), views=views, named=named, **arrays)


def _read_meta(file: Path) -> dict[str, Any]:
    return read_object(file, DataError, expected="the folder of a store")


def _task(file: Path, meta: dict[str, Any], *, trust: bool = False) -> str | dict[str, Any]:
    """The task in `store.json`; raises DataError, and TrustError for code it names without consent."""
    spec = meta.get("task")
    if not isinstance(spec, str | dict):
        raise DataError(f"{file}: expected the name of a task, got {reprlib.repr(spec)}")
    require_consent(file, meta, trust=trust)
    return cast("str | dict[str, Any]", unversioned(spec))


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder to fill, which a `with` block that ends well renames; raises DataError if `folder` exists."""
    require_new(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_of(folder)
    partial.mkdir()
    try:
        yield partial
        try:
            partial.rename(folder)
        except OSError:
            require_new(folder)  # another process may have made it meanwhile
            raise
        for file in folder.glob("**/store.json"):
            remember(file, _read_meta(file))
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def require_new(folder: Path) -> None:
    """Raises DataError if the folder exists."""
    if folder.exists():
        raise DataError(f"{folder}: already exists; name another folder")


def numbered(names: NDArray[np.integer]) -> NDArray[np.int32]:
    """Numbers (N,) from 0 for names (N,) of which equal ones stand together."""
    return np.cumsum(np.concatenate([[0], names[1:] != names[:-1]])[: len(names)]).astype(np.int32)


def called(spec: Any) -> str:
    """The name of a task's `spec`, for people to read."""
    return str(spec.get("name", spec.get("kind")) if isinstance(spec, dict) else spec)


def task_in(folder: Path) -> str | dict[str, Any]:
    """The task of a store, as in `Task.spec`; raises DataError, and TrustError for code it names without consent."""
    return _task(folder / "store.json", _read_meta(folder / "store.json"))


def is_store(folder: Path) -> bool:
    """Whether the folder claims to be a store."""
    return (folder / "store.json").is_file()
