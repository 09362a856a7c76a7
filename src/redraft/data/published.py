"""Folders of examples in the layout of the published HRM and TRM code, read as stores; `data/export.py` writes them.

    FOLDER/identifiers.json                  the name of every puzzle id
    FOLDER/test_puzzles.json                 of ARC: the tasks to be solved
    FOLDER/{train,test}/dataset.json         sizes and special tokens
    FOLDER/{train,test}/SET__inputs.npy      (rows, cells), and SET__labels.npy
    FOLDER/{train,test}/SET__puzzle_indices.npy      (puzzles + 1,) row where each puzzle begins, and the last ends
    FOLDER/{train,test}/SET__puzzle_identifiers.npy  (puzzles,) puzzle id
    FOLDER/{train,test}/SET__group_indices.npy       (groups + 1,) puzzle where each group begins, and the last ends

The only set there is today is called `all`.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from redraft import contents
from redraft.arrays import read_array
from redraft.data.store import Identifiers, Store, new_folder
from redraft.errors import DataError
from redraft.tasks import get_task
from redraft.tasks.arc.augmentations import Views
from redraft.tasks.base import IGNORE

SPLITS = ("train", "test")
META, IDENTIFIERS, TEST_PUZZLES = "dataset.json", "identifiers.json", "test_puzzles.json"
SHAPES = {(81, 11): "sudoku-9x9", (900, 6): "maze-30x30", (900, 12): "arc"}  # task of (cells, tokens)
BLOCK = 1 << 12  # rows held in memory at once

Spec = str | dict[str, Any]
Pair = tuple[NDArray[np.integer], NDArray[np.integer]]  # inputs and labels (B, L)


@dataclass(frozen=True, kw_only=True)
class Meta:
    """What a split's dataset.json must say; the counts it also holds are read off the arrays instead."""

    seq_len: int
    vocab_size: int
    num_puzzle_identifiers: int
    ignore_label_id: int | None
    sets: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Set:
    """The arrays of one set of a split, checked but for the tokens, which `blocks` checks on the way."""

    prefix: str  # of its files
    meta: Meta
    inputs: NDArray[np.integer]
    labels: NDArray[np.integer]
    puzzle_identifiers: NDArray[np.integer]
    puzzle_indices: NDArray[np.integer]
    group_indices: NDArray[np.integer]

    def blocks(self) -> Iterator[Pair]:
        """Inputs and labels (B, L) int16, labels that do not count as IGNORE; raises DataError for other tokens."""
        for start in range(0, len(self.inputs), BLOCK):
            rows = slice(start, start + BLOCK)
            inputs, labels = np.asarray(self.inputs[rows]), np.asarray(self.labels[rows])
            ignored = None if self.meta.ignore_label_id is None else labels == self.meta.ignore_label_id
            self._require_tokens("inputs", inputs, start, None)
            self._require_tokens("labels", labels, start, ignored)
            inputs, labels = inputs.astype(np.int16), labels.astype(np.int16)
            if ignored is not None:
                labels[ignored] = IGNORE
            yield inputs, labels

    def _require_tokens(
        self, name: str, tokens: NDArray[np.integer], start: int, ignored: NDArray[np.bool_] | None
    ) -> None:
        if tokens.min() >= 0 and tokens.max() < self.meta.vocab_size:
            return
        wrong = (tokens < 0) | (tokens >= self.meta.vocab_size)
        if ignored is not None:
            wrong &= ~ignored
        if wrong.any():
            row, cell = np.argwhere(wrong)[0]
            raise DataError(
                f"{self.prefix}{name}.npy: row {start + row}, position {cell}: expected a token from 0 to "
                f"{self.meta.vocab_size - 1}, got {tokens[row, cell]}"
            )


@dataclass(frozen=True, kw_only=True)
class Split:
    """One split of a published folder, its inputs and labels still on disk."""

    folder: Path
    task: Spec
    meta: Meta
    sets: tuple[Set, ...]

    def __len__(self) -> int:
        return sum(len(each.inputs) for each in self.sets)

    def blocks(self) -> Iterator[Pair]:
        """All rows in order, as `Set.blocks` gives them."""
        for each in self.sets:
            yield from each.blocks()

    def store(self, inputs: NDArray[np.int16], labels: NDArray[np.int16], names: Sequence[str] | None = None) -> Store:
        """The store of these tokens (N, L): a puzzle id, a puzzle and a group for each row as the indices say.

        `names`: of all puzzle ids, where they are known.
        """
        sizes = np.concatenate([np.diff(each.puzzle_indices) for each in self.sets])
        ids = np.concatenate([each.puzzle_identifiers for each in self.sets])
        counts = np.concatenate([np.diff(each.group_indices) for each in self.sets])
        puzzles = np.arange(len(sizes), dtype=np.int32)
        groups = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
        return Store(
            task=self.task,
            inputs=inputs,
            labels=labels,
            puzzle_ids=np.repeat(ids, sizes).astype(np.int32),
            ratings=np.full(len(inputs), np.nan, np.float32),
            groups=np.repeat(groups, sizes),
            puzzles=np.repeat(puzzles, sizes),
            named=Identifiers(self.meta.num_puzzle_identifiers, "" if names is None else _fingerprint(names)),
            source=str(self.folder),
        )


def import_published(folder: Path, split: str, *, task: Spec | None = None) -> Store:
    """A split of a published folder as a store in memory; raises DataError. `task` as in `open_split`."""
    found = open_split(folder, split, task=task)
    inputs, labels = (np.empty((len(found), found.meta.seq_len), np.int16) for _ in range(2))
    done = 0
    for block in found.blocks():
        rows = slice(done, done := done + len(block[0]))
        inputs[rows], labels[rows] = block
    return found.store(inputs, labels, read_identifiers(folder))


def import_to(
    folder: Path, out: Path, *, task: Spec | None = None, tell: Callable[[int], None] | None = None
) -> dict[str, Store]:
    """Writes a published folder as a new folder of stores, `OUT/train` and `OUT/test`, and gives them by split.

    Never more than a block of rows is in memory, and the folder is complete or not there. The names of puzzle ids and
    the tasks to be solved are copied beside the stores. `tell` hears how many rows are done. `task` as in
    `open_split`; raises DataError.
    """
    splits = open_splits(folder, task=task)
    names = read_identifiers(folder)
    for split, found in splits.items():
        if names is not None and len(names) < found.meta.num_puzzle_identifiers:
            raise DataError(
                f"{folder / IDENTIFIERS}: expected a name for each of the {found.meta.num_puzzle_identifiers} puzzle "
                f"ids of {split}, got {len(names)}"
            )
    with new_folder(out) as partial:
        before = 0
        for split, found in splits.items():
            place = partial / split
            place.mkdir()
            files = (place / "inputs.npy", place / "labels.npy")
            blocks = counted(found.blocks(), before, tell)
            write_arrays(files, (len(found), found.meta.seq_len), np.int16, blocks)
            inputs, labels = (read_array(file, DataError, mapped=True) for file in files)
            found.store(inputs, labels, names).write(place, there=("inputs", "labels"))
            before += len(found)
        for name in (IDENTIFIERS, TEST_PUZZLES):
            if (folder / name).exists():
                shutil.copyfile(folder / name, partial / name)
    return {split: Store.open(out / split, mmap=True, trust=True) for split in splits}


def open_splits(folder: Path, *, task: Spec | None = None) -> dict[str, Split]:
    """The splits there are in a published folder; raises DataError where there is none, or one is damaged."""
    found = {split: open_split(folder, split, task=task) for split in SPLITS if (folder / split / META).exists()}
    if not found:
        raise DataError(f"{folder}: expected a published data folder, with train/{META} or test/{META}")
    return found


def open_split(folder: Path, split: str, *, task: Spec | None = None) -> Split:
    """One split of a published folder, of which all but the tokens is read and checked.

    `task` says whose examples they are, a spec for `get_task`; without it, numbers of cells and tokens tell. Raises
    DataError with the file for anything missing or contradictory.
    """
    meta = _read_meta(folder / split / META)
    return Split(
        folder=folder / split,
        task=_task_of(folder / split / META, meta, task),
        meta=meta,
        sets=tuple(_open_set(f"{folder / split / name}__", meta) for name in meta.sets),
    )


def read_identifiers(folder: Path) -> list[str] | None:
    """The names of puzzle ids in a folder, or None where it has none; raises DataError for a damaged file."""
    file = folder / IDENTIFIERS
    names = read_json(file) if file.exists() else None
    if names is not None and not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise DataError(f"{file}: expected a JSON list of names")
    return names


def _fingerprint(names: Sequence[str]) -> str:
    """What puzzle ids of these names stand for: of ARC's, what views built here under the same ids have, too."""
    try:
        return Views.from_identifiers(names).fingerprint()
    except DataError:  # names of another kind
        return hashlib.blake2b("\n".join(names).encode(), digest_size=8).hexdigest()


def read_json(file: Path) -> Any:
    """What a JSON file holds; raises DataError."""
    return contents.read_json(file, DataError)


def counted(blocks: Iterable[Pair], done: int, tell: Callable[[int], None] | None) -> Iterator[Pair]:
    """The same blocks; `tell` hears how many rows they make together with those `done` before."""
    for block in blocks:
        yield block
        done += len(block[0])
        if tell is not None:
            tell(done)


def write_arrays(files: Sequence[Path], shape: tuple[int, int], dtype: DTypeLike, blocks: Iterable[Pair]) -> None:
    """Writes .npy files of this shape and type block by block.

    Unlike a memory map, whose writer is killed when the disk is full, this raises OSError then.
    """
    header = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": shape}
    with files[0].open("wb") as first, files[1].open("wb") as second:
        for opened in (first, second):
            np.lib.format.write_array_header_1_0(opened, header)
        for block in blocks:
            for opened, tokens in zip((first, second), block, strict=True):
                opened.write(np.ascontiguousarray(tokens, dtype).data)


def _read_meta(file: Path) -> Meta:
    found = read_json(file)
    if not isinstance(found, dict):
        raise DataError(f"{file}: expected a JSON object")
    values: dict[str, Any] = {}
    for name, least in (("seq_len", 1), ("vocab_size", 1), ("num_puzzle_identifiers", 1)):
        values[name] = found.get(name)
        if type(values[name]) is not int or values[name] < least:
            raise DataError(f"{file}: {name}: expected a whole number of at least {least}, got {values[name]!r}")
    if values["vocab_size"] > np.iinfo(np.int16).max:
        raise DataError(f"{file}: vocab_size: expected at most {np.iinfo(np.int16).max}, got {values['vocab_size']}")
    ignored = found.get("ignore_label_id")
    if ignored is not None and type(ignored) is not int:
        raise DataError(f"{file}: ignore_label_id: expected a whole number or null, got {ignored!r}")
    if found.get("pad_id", 0) != 0:
        raise DataError(f"{file}: pad_id: expected 0, got {found['pad_id']!r}")
    sets = found.get("sets")
    if not (isinstance(sets, list) and sets and all(isinstance(name, str) and name for name in sets)):
        raise DataError(f'{file}: sets: expected a list of names, mostly ["all"], got {sets!r}')
    return Meta(ignore_label_id=ignored, sets=tuple(sets), **values)


def _task_of(file: Path, meta: Meta, spec: Spec | None) -> Spec:
    """The spec of the task; raises DataError where it is not known or does not fit."""
    size = (meta.seq_len, meta.vocab_size)
    if spec is None:
        if size not in SHAPES:
            raise DataError(
                f"{file}: {size[0]} cells and {size[1]} tokens are of no known task; say with --task whose they are"
            )
        return SHAPES[size]
    if SHAPES.get(size) == spec:
        return spec
    task = get_task(spec)
    if (task.seq_len, task.vocab_size) != size:
        raise DataError(
            f"{file}: {size[0]} cells and {size[1]} tokens do not fit {task.name}, "
            f"which has {task.seq_len} and {task.vocab_size}"
        )
    return task.spec


def _open_set(prefix: str, meta: Meta) -> Set:
    tokens = {name: _read_array(f"{prefix}{name}.npy", axes=2, mapped=True) for name in ("inputs", "labels")}
    for name, array in tokens.items():
        if array.shape != (len(tokens["inputs"]), meta.seq_len):
            raise DataError(
                f"{prefix}{name}.npy: expected {len(tokens['inputs'])} rows of {meta.seq_len} cells, got {array.shape}"
            )
    indices = ("puzzle_identifiers", "puzzle_indices", "group_indices")
    ids, puzzles, groups = (_read_array(f"{prefix}{name}.npy", axes=1) for name in indices)
    _require_bounds(f"{prefix}puzzle_indices.npy", puzzles, len(tokens["inputs"]), "rows")
    _require_bounds(f"{prefix}group_indices.npy", groups, len(puzzles) - 1, "puzzles")
    if len(ids) != len(puzzles) - 1:
        raise DataError(f"{prefix}puzzle_identifiers.npy: expected {len(puzzles) - 1} puzzles, got {len(ids)}")
    wrong = np.flatnonzero((ids < 0) | (ids >= meta.num_puzzle_identifiers))
    if len(wrong):
        raise DataError(
            f"{prefix}puzzle_identifiers.npy: puzzle {wrong[0]}: expected an id from 0 to "
            f"{meta.num_puzzle_identifiers - 1}, got {ids[wrong[0]]}"
        )
    return Set(prefix=prefix, meta=meta, puzzle_identifiers=ids, puzzle_indices=puzzles, group_indices=groups, **tokens)


def _require_bounds(file: str, bounds: NDArray[np.integer], end: int, what: str) -> None:
    """Raises DataError unless the numbers begin at 0, always grow, and end at `end`."""
    if not len(bounds) or bounds[0] != 0 or bounds[-1] != end:
        ends = f"{bounds[0]} and {bounds[-1]}" if len(bounds) else "none"
        raise DataError(f"{file}: expected first and last number 0 and {end}, the number of {what}, got {ends}")
    stuck = np.flatnonzero(bounds[1:] <= bounds[:-1])
    if len(stuck):
        i = stuck[0]
        raise DataError(f"{file}: entry {i + 1}: expected more than {bounds[i]}, got {bounds[i + 1]}")


def _read_array(file: str, *, axes: int, mapped: bool = False) -> NDArray[np.integer]:
    array = read_array(Path(file), DataError, mapped=mapped)
    if array.ndim != axes or array.dtype.kind not in "iu":
        raise DataError(f"{file}: expected whole numbers with {axes} axes, got {array.dtype} with {array.ndim}")
    return array
