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

from redraft.arrays import read_array
from redraft.contents import read_object
from redraft.errors import DataError
from redraft.files import partial_of
from redraft.naming import unversioned
from redraft.tasks.arc.augmentations import Views
from redraft.trust import remember, require_consent

VIEWS = "views.npz"
FORMAT = 2
MAPPED = 256 << 20  # bytes from which on an array stays in its file until it is looked at
_ARRAYS: dict[str, tuple[type, int]] = {  # dtype and number of axes
    "inputs": (np.int16, 2),
    "labels": (np.int16, 2),
    "puzzle_ids": (np.int32, 1),
    "ratings": (np.float32, 1),
    "groups": (np.int32, 1),
    "puzzles": (np.int32, 1),
}


class Identifiers(NamedTuple):
    """The puzzle ids of a data set: the `rows` of a table for all of them, and what they stand for, "" if unknown."""

    rows: int
    fingerprint: str


@dataclass(frozen=True, kw_only=True)
class Store:
    """Examples of one task.

    Rows of a group stand together, and so do those of a puzzle within it. A group is what must not be torn apart
    between training and test, an ARC task for example; its puzzles are views of the same, of which an epoch of
    training takes one. Mostly each example is a puzzle and a group of its own.

    Attributes:
        task: what the task is, as in `Task.spec`.
        inputs, labels: tokens (N, L) int16; a label of -100 does not count.
        puzzle_ids: (N,) int32, the row of the puzzle-embedding table each example uses.
        ratings: (N,) float32 difficulty, NaN where unknown.
        groups, puzzles: (N,) int32, never decreasing from 0 in steps of 0 or 1.
        views: where every puzzle has views of its own with a puzzle id each (ARC), what they are.
        named: of published data, the puzzle ids of the whole set; see `identifiers`.
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
        """The puzzle ids of the data set, None where all examples share id 0, which stands for no puzzle.

        Equal fingerprints: a row of a puzzle-embedding table means the same in both.
        """
        if self.views is not None:
            return Identifiers(len(self.views) + 1, self.views.fingerprint())
        most = int(self.puzzle_ids.max(initial=0)) + 1
        if self.named is not None:
            return self.named._replace(rows=max(self.named.rows, most))
        return Identifiers(most, "") if most > 1 else None

    @property
    def num_puzzle_ids(self) -> int:
        """Rows a puzzle-embedding table needs for these examples, under all their views."""
        return 1 if self.identifiers is None else self.identifiers.rows

    def rows(self, index: NDArray[np.integer] | slice) -> Store:
        """The store of the rows named by `index`, in that order; groups and puzzles are counted anew."""
        arrays = {name: getattr(self, name)[index] for name in _ARRAYS}
        # a puzzle lies within a group, so numbering by first occurrence keeps both in step
        arrays["puzzles"], arrays["groups"] = numbered(arrays["puzzles"]), numbered(arrays["groups"])
        return replace(self, **arrays)

    def save(self, folder: Path) -> None:
        """Writes the store to a new folder, complete or not at all; raises DataError where one exists already."""
        with new_folder(folder) as partial:
            self.write(partial)

    def write(self, folder: Path, *, there: Collection[str] = ()) -> None:
        """Writes the files of the store into a folder, except the arrays whose files are `there` already."""
        for name in _ARRAYS:
            if name not in there:
                np.save(folder / f"{name}.npy", getattr(self, name))
        if self.views is not None:
            self.views.save(folder / VIEWS)
        meta: dict[str, Any] = {
            "format": FORMAT,
            "task": self.task,
            "source": self.source,
            "examples": len(self),
        }
        if self.named is not None:
            meta["identifiers"] = self.named._asdict()
        (folder / "store.json").write_text(json.dumps(meta, indent=2) + "\n")

    @classmethod
    def open(
        cls, folder: Path, *, task: str | dict[str, Any] | None = None, mmap: bool | None = None, trust: bool = False
    ) -> Store:
        """Opens a folder written by `save`; raises DataError where it is damaged or of another task than `task`.

        With `mmap` the arrays stay in their files, read-only, and only what is looked at is read; by default the
        large ones do (`MAPPED`). Where no `task` is expected, and the store's names code that is not to be trusted,
        it raises TrustError, see `trust.py`.
        """
        file = folder / "store.json"
        meta = _read_meta(file)
        if meta.get("format") != FORMAT:
            raise DataError(
                f"{folder}: store format {reprlib.repr(meta.get('format'))}, expected {FORMAT}; build it anew"
            )
        if task is None:
            task = _task(file, meta, trust=trust)
        elif unversioned(meta.get("task")) != (task := unversioned(task)):
            raise DataError(f"{folder}: holds examples of {_called(meta.get('task'))}, expected {_called(task)}")
        arrays = {name: _read_array(folder / f"{name}.npy", mmap) for name in _ARRAYS}
        for name, array in arrays.items():
            dtype, axes = _ARRAYS[name]
            if array.dtype != dtype or array.ndim != axes:
                raise DataError(
                    f"{folder / name}.npy: expected {np.dtype(dtype)} with {axes} axes, "
                    f"got {array.dtype} with {array.ndim}"
                )
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
            if not _steps_by_one(arrays[name]):
                raise DataError(f"{folder / name}.npy: expected numbers from 0 that never fall and grow by 1")
        views = Views.open(folder / VIEWS) if (folder / VIEWS).exists() else None
        named = None
        if "identifiers" in meta:
            try:
                named = Identifiers(int(meta["identifiers"]["rows"]), str(meta["identifiers"]["fingerprint"]))
            except (KeyError, TypeError, ValueError, OverflowError):
                raise DataError(
                    f"{file}: identifiers: expected their rows and fingerprint, got {reprlib.repr(meta['identifiers'])}"
                ) from None
        return cls(task=task, source=str(meta.get("source", "")), views=views, named=named, **arrays)


def _read_meta(file: Path) -> dict[str, Any]:
    return read_object(file, DataError, expected="the folder of a store")


def _task(file: Path, meta: dict[str, Any], *, trust: bool = False) -> str | dict[str, Any]:
    """The task of a store, if there is consent to the code it names."""
    spec = meta.get("task")
    if not isinstance(spec, str | dict):
        raise DataError(f"{file}: expected the name of a task, got {reprlib.repr(spec)}")
    require_consent(file, meta, trust=trust)
    return cast("str | dict[str, Any]", unversioned(spec))


def _read_array(file: Path, mmap: bool | None) -> NDArray[Any]:
    mapped = (file.is_file() and file.stat().st_size >= MAPPED) if mmap is None else mmap
    return read_array(file, DataError, mapped=mapped)


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """An empty folder to fill, which becomes `folder` at the end of the `with` block, if that ends well.

    Raises DataError where `folder` exists already.
    """
    if folder.exists():
        raise DataError(f"{folder}: already exists; name another folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_of(folder)
    partial.mkdir()
    try:
        yield partial
        try:
            partial.rename(folder)
        except OSError:
            if folder.exists():  # made by another process meanwhile
                raise DataError(f"{folder}: already exists; name another folder") from None
            raise
        for file in folder.glob("**/store.json"):
            remember(file, _read_meta(file))
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def numbered(names: NDArray[np.integer]) -> NDArray[np.int32]:
    """Numbers (N,) from 0 for names (N,) of which equal ones stand together."""
    return np.cumsum(np.concatenate([[0], names[1:] != names[:-1]])[: len(names)]).astype(np.int32)


def _steps_by_one(numbers: NDArray[np.int32]) -> bool:
    return not len(numbers) or (numbers[0] == 0 and bool(np.isin(np.diff(numbers), (0, 1)).all()))


def _called(spec: object) -> object:
    return spec.get("name") if isinstance(spec, dict) else spec


def task_in(folder: Path) -> str | dict[str, Any]:
    """What the task of a store is, as in `Task.spec`, without reading more than that.

    Raises DataError, and TrustError where the task names code without consent.
    """
    return _task(folder / "store.json", _read_meta(folder / "store.json"))


def is_store(folder: Path) -> bool:
    """Whether the folder claims to be a store."""
    return (folder / "store.json").is_file()
