"""Folders of examples in the layout of the published HRM and TRM code, read as stores; `export.py` writes them.

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

from redraft.arrays import read_array
from redraft.contents import read_json, read_object
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
class Split:
    """One split of a published folder, its inputs and labels still on disk.

    Attributes:
        folder: of the split.
        task: as in `Task.spec`.
        seq_len, vocab_size, num_puzzle_identifiers, ignore_label_id: of its dataset.json; the counts that this also
            holds follow from the arrays.
        sets: the arrays of each set by the prefix of their files, checked except for the tokens, which `blocks` checks.
    """

    folder: Path
    task: Spec
    seq_len: int
    vocab_size: int
    num_puzzle_identifiers: int
    ignore_label_id: int | None
    sets: dict[str, dict[str, NDArray[np.integer]]]

    def __len__(self) -> int:
        return sum(len(arrays["inputs"]) for arrays in self.sets.values())

    def blocks(self) -> Iterator[Pair]:
        """All inputs and labels (B, L) int16, labels that do not count as IGNORE; raises DataError for other tokens."""
        tokens = range(self.vocab_size)
        for prefix, arrays in self.sets.items():
            for start in range(0, len(arrays["inputs"]), BLOCK):
                rows = np.arange(start, min(start + BLOCK, len(arrays["inputs"])))
                inputs, labels = arrays["inputs"][rows], arrays["labels"][rows]
                counted = labels != self.ignore_label_id
                require_tokens(f"{prefix}inputs.npy", inputs, rows, tokens)
                require_tokens(f"{prefix}labels.npy", labels, rows, tokens, counted)
                yield inputs.astype(np.int16), np.where(counted, labels.astype(np.int16), np.int16(IGNORE))

    def store(self, inputs: NDArray[np.int16], labels: NDArray[np.int16], names: Sequence[str] | None = None) -> Store:
        """The store of these tokens (N, L) with puzzle ids, puzzles and groups from the indices.

        `names`: of all puzzle ids, if known.
        """
        sizes = np.concatenate([np.diff(arrays["puzzle_indices"]) for arrays in self.sets.values()])
        ids = np.concatenate([arrays["puzzle_identifiers"] for arrays in self.sets.values()])
        counts = np.concatenate([np.diff(arrays["group_indices"]) for arrays in self.sets.values()])
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
            named=Identifiers(self.num_puzzle_identifiers, "" if names is None else _fingerprint(names)),
            source=str(self.folder),
        )


def require_tokens(
    place: str,
    tokens: NDArray[np.integer],
    rows: NDArray[np.integer],
    expected: range,
    counted: NDArray[np.bool_] | bool = True,
) -> None:
    """Raises DataError for the first token (B, L) of these rows (B,) that is not `expected`, where `counted`."""
    wrong = ((tokens < expected.start) | (tokens >= expected.stop)) & counted
    if wrong.any():
        row, cell = np.argwhere(wrong)[0]
        raise DataError(
            f"{place}: row {rows[row]}, position {cell}: expected a token from {expected.start} to "
            f"{expected.stop - 1}, got {tokens[row, cell]}"
        )


def import_to(
    folder: Path, out: Path, *, task: Spec | None = None, report: Callable[[int], None] = lambda rows: None
) -> dict[str, Store]:
    """Writes a published folder as a new folder of stores, `OUT/train` and `OUT/test`, and returns them by split.

    No more than a block of rows is in memory; the folder is complete or not there. The names of puzzle ids and the
    tasks to be solved are copied beside the stores. `report` is called with the number of rows done. `task` as in
    `open_split`; raises DataError.
    """
    splits = open_splits(folder, task=task)
    names = read_identifiers(folder)
    for split, found in splits.items():
        if names is not None and len(names) < found.num_puzzle_identifiers:
            raise DataError(
                f"{folder / IDENTIFIERS}: expected a name for each of the {found.num_puzzle_identifiers} puzzle "
                f"ids of {split}, got {len(names)}"
            )
    with new_folder(out) as partial:
        before = 0
        for split, found in splits.items():
            place = partial / split
            place.mkdir()
            files = (place / "inputs.npy", place / "labels.npy")
            write_arrays(files, (len(found), found.seq_len), np.int16, reported(found.blocks(), before, report))
            inputs, labels = (np.load(file, mmap_mode="r") for file in files)
            found.store(inputs, labels, names).write(place, there=("inputs", "labels"))
            before += len(found)
        for name in (IDENTIFIERS, TEST_PUZZLES):
            if (folder / name).exists():
                shutil.copyfile(folder / name, partial / name)
    return {split: Store.open(out / split, mmap=True, trust=True) for split in splits}


def open_splits(folder: Path, *, task: Spec | None = None) -> dict[str, Split]:
    """The splits there are in a published folder; raises DataError if there is none, or one is damaged."""
    found = {split: open_split(folder, split, task=task) for split in SPLITS if (folder / split / META).exists()}
    if not found:
        raise DataError(f"{folder}: expected a published data folder, with train/{META} or test/{META}")
    return found


def open_split(folder: Path, split: str, *, task: Spec | None = None) -> Split:
    """One split of a published folder; everything but the tokens is read and checked.

    `task` is a spec for `get_task`; by default the numbers of cells and tokens decide. Raises DataError with the file
    for anything missing or contradictory.
    """
    file = folder / split / META
    meta = _read_meta(file)
    spec = _task_of(file, meta["seq_len"], meta["vocab_size"], task)
    prefixes = [f"{folder / split / name}__" for name in meta.pop("sets")]
    sets = {prefix: _read_set(prefix, meta["seq_len"], meta["num_puzzle_identifiers"]) for prefix in prefixes}
    return Split(folder=folder / split, task=spec, sets=sets, **meta)


def read_identifiers(folder: Path) -> list[str] | None:
    """The names of puzzle ids in a folder, or None if it has none; raises DataError for a damaged file."""
    file = folder / IDENTIFIERS
    names = read_json(file, DataError) if file.exists() else None
    if names is not None and not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise DataError(f"{file}: expected a JSON list of names")
    return names


def _fingerprint(names: Sequence[str]) -> str:
    """A fingerprint of the puzzle ids of these names; of ARC's, that of the same augmentations built here."""
    try:
        return Views.from_identifiers(names).fingerprint()
    except DataError:  # names of another kind
        return hashlib.blake2b("\n".join(names).encode(), digest_size=8).hexdigest()


def reported(blocks: Iterable[Pair], done: int, report: Callable[[int], None]) -> Iterator[Pair]:
    """The same blocks; after each, `report` is called with its last row's number, counted on from `done`."""
    for block in blocks:
        yield block
        done += len(block[0])
        report(done)


def write_arrays(files: Sequence[Path], shape: tuple[int, int], dtype: DTypeLike, blocks: Iterable[Pair]) -> None:
    """Writes .npy files of this shape and type block by block.

    A process that writes a memory map is killed when the disk is full; this raises OSError.
    """
    header = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": shape}
    with files[0].open("wb") as first, files[1].open("wb") as second:
        for opened in (first, second):
            np.lib.format.write_array_header_1_0(opened, header)
        for block in blocks:
            for opened, tokens in zip((first, second), block, strict=True):
                opened.write(np.ascontiguousarray(tokens, dtype).data)


def _read_meta(file: Path) -> dict[str, Any]:
    """The fields of `Split` in dataset.json, and the names of the sets; raises DataError."""
    found = read_object(file, DataError)
    values: dict[str, Any] = {}
    for name in ("seq_len", "vocab_size", "num_puzzle_identifiers"):
        values[name] = found.get(name)
        if type(values[name]) is not int or values[name] < 1:
            raise DataError(f"{file}: {name}: expected a whole number of at least 1, got {values[name]!r}")
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
    return {**values, "ignore_label_id": ignored, "sets": sets}


def _task_of(file: Path, cells: int, tokens: int, spec: Spec | None) -> Spec:
    """The spec of the task; raises DataError if it is unknown or does not fit."""
    if spec is None and (cells, tokens) not in SHAPES:
        raise DataError(f"{file}: no known task has {cells} cells and {tokens} tokens; name the task with --task")
    task = get_task(SHAPES[cells, tokens] if spec is None else spec)
    if (task.seq_len, task.vocab_size) != (cells, tokens):
        raise DataError(
            f"{file}: {cells} cells and {tokens} tokens do not fit {task.name}, "
            f"which has {task.seq_len} and {task.vocab_size}"
        )
    return task.spec


def _read_set(prefix: str, cells: int, num_ids: int) -> dict[str, NDArray[np.integer]]:
    """The arrays of a set by name, inputs and labels memory-mapped; raises DataError for contradictions."""
    axes = {"inputs": 2, "labels": 2, "puzzle_identifiers": 1, "puzzle_indices": 1, "group_indices": 1}
    arrays = {
        name: read_array(Path(f"{prefix}{name}.npy"), np.integer, number, mapped=number == 2)
        for name, number in axes.items()
    }
    rows, puzzles = len(arrays["inputs"]), len(arrays["puzzle_indices"]) - 1
    for name in ("inputs", "labels"):
        if arrays[name].shape != (rows, cells):
            raise DataError(f"{prefix}{name}.npy: expected {rows} rows of {cells} cells, got {arrays[name].shape}")
    _require_bounds(f"{prefix}puzzle_indices.npy", arrays["puzzle_indices"], rows, "rows")
    _require_bounds(f"{prefix}group_indices.npy", arrays["group_indices"], puzzles, "puzzles")
    ids = arrays["puzzle_identifiers"]
    if len(ids) != puzzles:
        raise DataError(f"{prefix}puzzle_identifiers.npy: expected {puzzles} puzzles, got {len(ids)}")
    wrong = np.flatnonzero((ids < 0) | (ids >= num_ids))
    if len(wrong):
        raise DataError(
            f"{prefix}puzzle_identifiers.npy: puzzle {wrong[0]}: expected an id from 0 to "
            f"{num_ids - 1}, got {ids[wrong[0]]}"
        )
    return arrays


def _require_bounds(file: str, bounds: NDArray[np.integer], end: int, unit: str) -> None:
    """Raises DataError unless the numbers begin at 0, always grow, and end at `end`, the number of `unit`."""
    if not len(bounds) or bounds[0] != 0 or bounds[-1] != end:
        ends = f"{bounds[0]} and {bounds[-1]}" if len(bounds) else "none"
        raise DataError(f"{file}: expected first and last number 0 and {end}, the number of {unit}, got {ends}")
    stuck = np.flatnonzero(bounds[1:] <= bounds[:-1])
    if len(stuck):
        i = stuck[0]
        raise DataError(f"{file}: entry {i + 1}: expected more than {bounds[i]}, got {bounds[i + 1]}")
