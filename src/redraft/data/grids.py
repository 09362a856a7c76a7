"""Files of your own pairs of grids as stores for training and test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from redraft.data.build import from_examples
from redraft.data.store import new_folder, require_new
from redraft.errors import DataError
from redraft.hardware import free_memory
from redraft.tasks import Examples
from redraft.tasks.grids.files import Survey, blank_of, encode, place_of, sorted_symbols
from redraft.tasks.grids.symmetries import Symmetries, keys
from redraft.tasks.grids.task import Grids, GridSpec, split_of

TRIED = 256  # pairs on which declared symmetries are tried, if there is a checker
BYTES_PER_CELL = 20  # of a pair: int8 grids, int16 tokens, copies of both while they are sorted and split


@dataclass(frozen=True, kw_only=True)
class Built:
    """Summary of `build_grids`.

    Attributes:
        spec: the task, as found in the pairs.
        rows: pairs read.
        duplicates: repeated pairs, which were dropped.
        contradictions: questions with several different answers.
        withheld: pairs left out of training because their question, or a symmetry of it, is in the test file.
        groups: units of the split: pairs of one group, or with equal questions up to the symmetries.
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
        """The same as lines of text."""
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
            found.append(f"dropped {self.duplicates:,} pairs as duplicates")
        if self.withheld:
            found.append(f"left {self.withheld:,} pairs out of training: their questions are in the test")
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
    report: Callable[[str], None] = lambda stage: None,
) -> Built:
    """Writes FOLDER/train and FOLDER/test from the pairs of `source`, both or none.

    The test is the file `test`, or `source`'s own test file if it is a folder with train and test files, else a share
    of the groups drawn by `seed`. Pairs of one group stay together, and so do questions equal up to the declared
    symmetries. The task is called `name`, by default like the folder. `blank` is the symbol of cells to fill, found
    automatically if answers keep all other cells; `shape` folds grids written in a single row. `report` is called with
    the name of each stage.

    Raises DataError with file and line for pairs that cannot be read, wrong answers (by the checker), contradictions
    unless they are allowed, and symmetries that make right answers wrong; ConfigError for an unknown symmetry.
    """
    require_new(folder)
    if not 0 < test_share < 1 and test is None:
        raise DataError(f"{source}: expected a test share between 0 and 1, got {test_share:g}")
    if limit is not None and limit < 1:
        raise DataError(f"{source}: expected a limit of at least 1 pair, got {limit}")
    if test is None and source.is_dir() and (own := split_of(source, "test")) and (train := split_of(source, "train")):
        source, test = train, own
    report(f"reading {source}" + (f" and {test}" if test else ""))
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

    report(f"encoding {sum(counts):,} pairs" + (", and judging their answers" if task.judges else ""))
    files = [source] if test is None else [source, test]
    pairs = _read(task, files, counts, shape)
    task = Grids(replace(spec, blank=_blank(blank, pairs, spec.alphabet, source)))
    same = keys(np.concatenate([pairs.questions, pairs.answers], axis=1), Symmetries(), varies=False)
    kept = np.concatenate([_firsts(same[: counts[0]]), counts[0] + _firsts(same[counts[0] :])])
    contradictions = _contradictions(pairs, same, files, counts[0], allowed=allow_contradictions)
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
            raise DataError(f"{source}: every question is also in {test}; nothing is left to train on")
    report(f"writing {len(training) + len(testing):,} pairs to {folder}")
    with new_folder(folder) as partial:
        for split, rows in (("train", training), ("test", testing)):
            examples = replace(pairs[rows], groups=units[rows])
            origin = f"{' and '.join(map(str, files))} ({split})"
            from_examples(task, examples, source=origin).save(partial / split)
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


def _blank(stated: str | None, pairs: Examples, alphabet: Sequence[str], source: Path) -> str | None:
    """The blank, as stated or as found; raises DataError if the pairs contradict the stated one."""
    found = blank_of(pairs, alphabet)
    if stated is not None and stated != found:
        others = f"; {found!r} is one" if found is not None else ""
        expected = "a symbol that answers never hold, while they keep all other cells of their question"
        raise DataError(f"{source}: blank: expected {expected}, got {stated!r}{others}")
    return found


def _read(task: Grids, files: Sequence[Path], counts: Sequence[int], shape: tuple[int, int] | None) -> Examples:
    """All pairs, those of the test file last; raises DataError for answers the checker calls wrong."""
    parts: list[Examples] = []
    names: list[dict[str, int]] = []
    for file, count in zip(files, counts, strict=True):
        part, named = encode(
            file, count, alphabet=task.about.alphabet, height=task.height, width=task.width, shape=shape
        )
        task.require_right(part, file)
        parts.append(part)
        names.append(named)
    if len(parts) == 1:
        return parts[0]
    if shared := sorted(names[0].keys() & names[1].keys()):
        raise DataError(
            f"group {shared[0]!r} is both in {files[0]} and in {files[1]}; a group may not be split: "
            "keep it in one of them, or give different names"
        )
    if bool(names[0]) != bool(names[1]):
        raise DataError(f"{files[0]} and {files[1]}: expected groups in both or in neither, got them in one")
    groups = None
    if parts[0].groups is not None and parts[1].groups is not None:
        groups = np.concatenate([parts[0].groups, parts[1].groups + len(names[0])])
    columns = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in ("questions", "answers", "ratings")
    }
    return Examples(**columns, groups=groups)


def _firsts(numbers: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Places of the first of each of equal numbers, in order."""
    return np.sort(np.unique(numbers, return_index=True)[1])


def _contradictions(
    pairs: Examples, same: NDArray[np.uint64], files: Sequence[Path], first: int, *, allowed: bool
) -> int:
    """Number of questions with several different answers; raises DataError unless they are allowed.

    `same` (N,): equal for equal pairs; `first`: pairs of the first file.
    """
    different = _firsts(same)
    questions = keys(pairs.questions[different], Symmetries(), varies=False)
    _, number, count = np.unique(questions, return_inverse=True, return_counts=True)
    several = int((count > 1).sum())
    if several and not allowed:
        rows = different[number == number[count[number] > 1][0]]
        places = " and ".join(
            place_of(files[0], row) if row < first else place_of(files[1], row - first) for row in rows[:2].tolist()
        )
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
    """Numbers (N,), equal for pairs that must stay together: those linked by equal questions or by a group."""
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
    """Mask (N,) of the pairs for the test: whole units drawn by `seed`, at least one and never all."""
    _, number, count = np.unique(units, return_inverse=True, return_counts=True)
    if len(count) < 2:
        reason = f"all {len(units)} pairs belong together" if len(units) > 1 else "there is only one pair"
        raise DataError(f"{source}: {reason}; nothing would be left to train on, so give a test file of its own")
    order = np.random.default_rng(seed).permutation(len(count))
    drawn = np.zeros(len(count), bool)
    # a unit is drawn while there are fewer pairs than wanted before it
    drawn[order] = np.cumsum(count[order]) - count[order] < share * len(units)
    drawn[order[0]], drawn[order[-1]] = True, False
    return drawn[number]


def _require_memory(pairs: int, cells: int, source: Path) -> None:
    """Raises DataError if the arrays of `pairs` pairs would not fit into free memory."""
    needed, free = pairs * (cells * BYTES_PER_CELL + 200), free_memory()
    if free is not None and needed > free:
        raise DataError(
            f"{source}: {pairs:,} pairs of {cells} cells need about {needed / 1e9:.1f} GB of memory, "
            f"{free / 1e9:.1f} GB are free; use --limit, at most {int(pairs * free / needed):,} pairs"
        )
