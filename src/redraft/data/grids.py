"""Turns files of your own pairs of grids into stores to train on and to test with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from redraft.data.build import from_examples
from redraft.data.store import new_folder
from redraft.errors import DataError
from redraft.hardware import free_memory
from redraft.tasks import Examples
from redraft.tasks.grids.survey import Survey, blank_of, encode, place_of, sorted_symbols
from redraft.tasks.grids.symmetries import Symmetries, keys
from redraft.tasks.grids.task import Grids, GridSpec, split_of

TRIED = 256  # pairs on which declared symmetries are tried where a checker can judge them
BYTES_A_CELL = 20  # of a pair: int8 grids, int16 tokens, copies of both while they are sorted and split


@dataclass(frozen=True, kw_only=True)
class Built:
    """What `build_grids` found and wrote.

    Attributes:
        spec: the task, as far as the pairs tell.
        rows: pairs read.
        duplicates: pairs that stood there before and were dropped.
        contradictions: questions with several different answers.
        withheld: pairs kept out of training because their question, or a symmetry of it, is one of the test file's.
        groups: what was split as a whole: pairs of one group, or with equal questions up to the symmetries.
        train, test: pairs in each store.
    """

    spec: GridSpec
    rows: int
    duplicates: int
    contradictions: int
    withheld: int
    groups: int
    train: int
    test: int

    def lines(self) -> list[str]:
        """The same in words, a line each."""
        spec = self.spec
        size = f"{'up to ' * spec.varies}{spec.height} x {spec.width} cells"
        found = [
            f"{spec.name}: {self.rows:,} pairs of grids of {size}",
            f"alphabet: {' '.join(spec.alphabet)} ({len(spec.alphabet)} symbols)",
            f"symmetries: {', '.join(spec.symmetries) or 'none'}; checker: {spec.checker or 'none'}"
            + (f"; cells to fill: {spec.blank}" if spec.blank else ""),
            f"train: {self.train:,} pairs, test: {self.test:,}, split by {self.groups:,} groups",
        ]
        if self.duplicates:
            found.append(f"dropped {self.duplicates:,} pairs that stood there twice")
        if self.withheld:
            found.append(f"kept {self.withheld:,} pairs out of training: their questions are in the test")
        if self.contradictions:
            found.append(f"{self.contradictions:,} questions have several different answers")
        return found


def build_grids(
    source: Path,
    folder: Path,
    *,
    name: str | None = None,
    test: Path | None = None,
    test_share: float = 0.1,
    seed: int = 0,
    alphabet: Sequence[str] | None = None,
    symmetries: Sequence[str] = (),
    scopes: Sequence[str] = (),
    checker: str | None = None,
    blank: str | None = None,
    shape: tuple[int, int] | None = None,
    limit: int | None = None,
    allow_contradictions: bool = False,
    tell: Callable[[str], None] | None = None,
) -> Built:
    """Writes FOLDER/train and FOLDER/test from the pairs of `source`, both or none.

    The test is `test`, a file of its own, or `source`'s own test file where it is a folder with train and test files;
    else a share of the groups drawn by `seed`. Pairs of one group are never torn apart, nor are equal questions, up
    to the declared symmetries. The task is called `name`, else like the folder. `blank` is the symbol of cells that are
    yet to be filled, found by itself where answers keep all other cells; `shape` folds grids that are written in a
    single row. `tell` is called with what is being done.

    Raises DataError with file and line for pairs that cannot be read, wrong answers (by the checker), contradictions
    unless they are allowed, and symmetries that make right answers wrong; ConfigError for an unknown symmetry.
    """
    if folder.exists():
        raise DataError(f"{folder}: already exists; name another folder")
    if not 0 < test_share < 1 and test is None:
        raise DataError(f"{source}: expected a test share between 0 and 1, got {test_share:g}")
    if limit is not None and limit < 1:
        raise DataError(f"{source}: expected a limit of at least 1 pair, got {limit}")
    if test is None and source.is_dir() and (own := split_of(source, "test")) and (train := split_of(source, "train")):
        source, test = train, own
    tell = tell or (lambda doing: None)
    tell(f"reading {source}" + (f" and {test}" if test else ""))
    survey = Survey(alphabet=None if alphabet is None else tuple(alphabet), shape=shape)
    counts = [survey.add(source, limit=limit)] + ([] if test is None else [survey.add(test)])
    survey.require_plausible(source)
    spec = GridSpec(
        name=name or folder.name,
        alphabet=tuple(alphabet) if alphabet is not None else sorted_symbols(survey.symbols),
        height=survey.height,
        width=survey.width,
        varies=survey.varies,
        symmetries=tuple(symmetries),
        scopes=tuple(scopes),
        checker=checker,
    )
    task = Grids(spec)
    _require_memory(sum(counts), task.seq_len, source)

    tell(f"encoding {sum(counts):,} pairs" + (", and judging their answers" if task.judges else ""))
    pairs, sources = _read(task, source, test, counts, shape)
    task = Grids(replace(spec, blank=_blank(blank, pairs, spec.alphabet, source)))
    same = keys(np.concatenate([pairs.questions, pairs.answers], axis=1), Symmetries(), varies=False)
    kept = np.concatenate([_firsts(same[part]) + part.start for part in sources.parts()])
    contradictions = _contradictions(pairs, same, sources, allowed=allow_contradictions)
    if task.judges:
        _require_symmetries(task, pairs[kept[:TRIED]], source)
    questions = keys(pairs.questions, task.symmetries, varies=spec.varies)
    units = _units(questions, pairs.groups)
    if test is None:
        in_test = _drawn(units[kept], test_share, seed, source)
        training, testing, withheld = kept[~in_test], kept[in_test], 0
    else:
        of_test = kept >= counts[0]
        seen = ~of_test & np.isin(questions[kept], questions[kept[of_test]])
        training, testing, withheld = kept[~of_test & ~seen], kept[of_test], int(seen.sum())
        if not len(training):
            raise DataError(f"{source}: every question is also in {test}; nothing is left to learn from")
    tell(f"writing {len(training) + len(testing):,} pairs to {folder}")
    words = str(source) if test is None else f"{source} and {test}"
    _write(task, folder, pairs, units, {"train": training, "test": testing}, words)
    return Built(
        spec=task.about,
        rows=sum(counts),
        duplicates=len(pairs) - len(kept),
        contradictions=contradictions,
        withheld=withheld,
        groups=len(np.unique(units[kept])),
        train=len(training),
        test=len(testing),
    )


@dataclass(frozen=True, kw_only=True)
class _Sources:
    """The file of the first `first` of all pairs, and the test file of those after them."""

    source: Path
    test: Path | None
    first: int
    rows: int

    def parts(self) -> list[slice]:
        return [slice(0, self.first), slice(self.first, self.rows)]

    def place(self, row: int) -> str:
        """Where a pair stands, in words."""
        if self.test is not None and row >= self.first:
            return place_of(self.test, row - self.first)
        return place_of(self.source, row)


def _blank(stated: str | None, pairs: Examples, alphabet: Sequence[str], source: Path) -> str | None:
    """The blank, as stated or as found; raises DataError where the pairs contradict the one that is stated."""
    found = blank_of(pairs, alphabet)
    if stated is not None and stated != found:
        others = f"; {found!r} is one" if found is not None else ""
        expected = "a symbol that answers never hold, while they keep all other cells of their question"
        raise DataError(f"{source}: blank: expected {expected}, got {stated!r}{others}")
    return found


def _read(
    task: Grids, source: Path, test: Path | None, counts: Sequence[int], shape: tuple[int, int] | None
) -> tuple[Examples, _Sources]:
    """All pairs, those of the test file last; every answer is right by the checker, where there is one."""
    files = [source] if test is None else [source, test]
    parts: list[Examples] = []
    names: list[dict[str, int]] = []
    for file, count in zip(files, counts, strict=True):
        part, named = encode(
            file, count, alphabet=task.about.alphabet, height=task.height, width=task.width, shape=shape
        )
        task.require_right(part, file)
        parts.append(part)
        names.append(named)
    sources = _Sources(source=source, test=test, first=counts[0], rows=sum(counts))
    if test is None:
        return parts[0], sources
    if shared := sorted(names[0].keys() & names[1].keys()):
        raise DataError(
            f"group {shared[0]!r} is both in {source} and in {test}; a group may not be torn apart: "
            "keep it in one of them, or give different names"
        )
    if bool(names[0]) != bool(names[1]):
        raise DataError(f"{source} and {test}: one names the groups of its pairs, the other does not; expected both")
    groups = [part.groups for part in parts if part.groups is not None]
    if groups:
        groups[1] = groups[1] + len(names[0])
    joined = Examples(
        questions=np.concatenate([part.questions for part in parts]),
        answers=np.concatenate([part.answers for part in parts]),
        ratings=np.concatenate([part.ratings for part in parts]),
        groups=np.concatenate(groups) if groups else None,
    )
    return joined, sources


def _firsts(numbers: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Places of the first of each of equal numbers, in order."""
    return np.sort(np.unique(numbers, return_index=True)[1])


def _contradictions(pairs: Examples, same: NDArray[np.uint64], sources: _Sources, *, allowed: bool) -> int:
    """How many questions have several different answers; raises DataError unless that is allowed."""
    different = _firsts(same)
    questions = keys(pairs.questions[different], Symmetries(), varies=False)
    _, number, count = np.unique(questions, return_inverse=True, return_counts=True)
    several = int((count > 1).sum())
    if several and not allowed:
        rows = different[number == number[count[number] > 1][0]]
        places = f"{sources.place(rows[0])} and {sources.place(rows[1])}"
        found = f"{several} questions have" if several > 1 else "a question has"
        raise DataError(
            f"{places}: the same question with different answers ({found} several); "
            "keep one of them, or allow contradictions where a puzzle may have several right answers"
        )
    return several


def _require_symmetries(task: Grids, sample: Examples, source: Path) -> None:
    """Raises DataError naming a declared symmetry that makes a right answer wrong, by the checker."""
    inputs, labels = task.encode(sample.questions), task.encode_labels(sample.answers)
    for name in task.about.symmetries:
        alone = Grids(replace(task.about, symmetries=(name,)))
        moved = (alone.decode(tokens) for tokens in alone.augment(inputs, labels, np.random.default_rng(0)))
        for question, answer in zip(*moved, strict=True):
            if not (verdict := alone.check(question, answer)):
                raise DataError(
                    f"{source}: the symmetry {name} makes a right answer wrong ({verdict.reason}): "
                    f"question {alone.format(question)}, answer {alone.format(answer)}"
                )


def _units(questions: NDArray[np.uint64], groups: NDArray[np.int32] | None) -> NDArray[np.int32]:
    """What may not be torn apart (N,): numbers, equal for pairs linked by equal questions or by a group."""
    _, question = np.unique(questions, return_inverse=True)
    unit = question.astype(np.int32)
    while groups is not None:
        before = unit
        for link in (groups, question):
            least = np.full(int(link.max()) + 1, len(unit), np.int32)
            np.minimum.at(least, link, unit)
            unit = least[link]
        if np.array_equal(unit, before):
            break
    return unit


def _drawn(units: NDArray[np.int32], share: float, seed: int, source: Path) -> NDArray[np.bool_]:
    """Which pairs (N,) are for the test: whole units, drawn by `seed`, at least one, and never all."""
    _, number, count = np.unique(units, return_inverse=True, return_counts=True)
    if len(count) < 2:
        what = f"all {len(units)} pairs belong together" if len(units) > 1 else "there is only one pair"
        raise DataError(f"{source}: {what}; nothing would be left to learn from, so give a test file of its own")
    order = np.random.default_rng(seed).permutation(len(count))
    drawn = np.zeros(len(count), bool)
    # a unit is drawn while fewer pairs than wanted stand before it
    drawn[order] = np.cumsum(count[order]) - count[order] < share * len(units)
    drawn[order[0]], drawn[order[-1]] = True, False
    return drawn[number]


def _write(
    task: Grids,
    folder: Path,
    pairs: Examples,
    units: NDArray[np.int32],
    splits: dict[str, NDArray[np.int64]],
    source: str,
) -> None:
    """Writes a store for each split into a new folder, all of them or nothing."""
    with new_folder(folder) as partial:
        for split, rows in splits.items():
            examples = replace(pairs[rows], groups=units[rows])
            from_examples(task, examples, source=f"{source} ({split})").save(partial / split)


def _require_memory(pairs: int, cells: int, source: Path) -> None:
    """Raises DataError where the arrays of so many pairs would not fit into the memory that is free."""
    needed, free = pairs * (cells * BYTES_A_CELL + 200), free_memory()
    if free is not None and needed > free:
        raise DataError(
            f"{source}: {pairs:,} pairs of {cells} cells need about {needed / 1e9:.1f} GB of memory, "
            f"{free / 1e9:.1f} GB are free; use --limit, at most {int(pairs * free / needed):,} pairs"
        )
